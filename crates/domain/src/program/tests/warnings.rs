//! What is no mistake and yet is told, word for word.

use super::*;

#[test]
fn warnings() {
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, limit = { points = 500 }, campaign = "c" }
campaigns.c = { limit = { points = 300 } }"#,
        &[
            r#"out_of_reach `{ points = 500 }`: the limit of 500 is never reached within the budget of 300 | "#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, limit = [{ points = 500, across = "household" }, { points = 300 }] }
households.share = ["points"]"#,
        &[],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, limit = { points = 10, per = "year" } }
counters.a = { earned = "rules.a.points", per = "year" }
counters.b = { on = "order.paid", distinct = 'order.store' }
achievements.a = { needs = { a = 11, b = 1000 }, earn.points = 1 }
tiers.t = { keep = "never", levels = [{ id = "x" }, { id = "y", needs = [{ a = 10 }, { b = 1001 }] }] }"#,
        &[
            r#"out_of_reach `{ a = 11, b = 1000 }`: `counters.a` never reaches 11: it is at most 10 | "#,
            r#"out_of_reach `[{ a = 10 }, { b = 1001 }]`: `counters.b` never reaches 1001: it is at most 1000 | "#,
        ],
    );
    says(
        r#"counters.a = { on = "order.paid", when = 'false' }
rewards.r = { gives.product = "x", when = 'false' }
rules.a = { on = "order.paid", give.r = 'counters.a' }"#,
        &[
            r#"never_true `'false'`: this condition never holds | to switch a rule off, write `paused = true`"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, when = 'false' }"#,
        &[
            r#"never_true `'false'`: this condition never holds | to switch a rule off, write `paused = true`"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, when = 'order.channel == "a" && order.channel == "b"' }"#,
        &[
            r#"never_true `'order.channel == "a" && order.channel == "b"'`: `order.channel` is never "a" and "b" at once | all of a condition must hold; one or the other is `||`"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, active = { from = 2027-01-02, through = 2027-01-01 } }"#,
        &[
            r#"never_true `{ from = 2027-01-02, through = 2027-01-01 }`: the schedule ends before it begins | `from` and `through` are both included"#,
        ],
    );
    says(
        r#"params.x = 1
formulas.y = '1'
events."a.b" = {}
campaigns.c = {}"#,
        &[
            r#"unused `x`: `params.x` is not used | nothing mentions it"#,
            r#"unused `y`: `formulas.y` is not used | nothing mentions it"#,
            r#"unused `"a.b"`: `events."a.b"` is not used | nothing hears it"#,
            r#"unused `c`: `campaigns.c` is not used | no rule stands in it"#,
        ],
    );
}
