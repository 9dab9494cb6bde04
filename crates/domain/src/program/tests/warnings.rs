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

#[test]
fn what_acts_on_nothing_is_told() {
    says(
        r#"wallets.stars = { warn = "3 days", activity = "order.paid" }
campaigns.c = { limit = { stars = 5 } }
rules.a = { on = "order.paid", earn.points = 1, campaign = "c", limit = [{ times = 1 }, { stars = 5 }] }"#,
        &[
            r#"unused `"3 days"`: `wallets.stars.warn` does nothing | its points never end"#,
            r#"unused `"order.paid"`: `wallets.stars.activity` does nothing | activity matters to a term that is idle: `expires = "12 months idle"`"#,
            r#"unused `{ stars = 5 }`: `campaigns.c.limit` does nothing | a limit on `stars`, and `campaigns.c` itself grants none"#,
            r#"unused `[{ times = 1 }, { stars = 5 }]`: `rules.a.limit` does nothing | a limit on `stars`, and `rules.a` itself grants none"#,
        ],
    );
    says(
        r#"rules.a = { on = "referral.qualified", earn.points = 1 }
counters.b = { on = "tier.changed" }
workflows.c = { on = ["points.released", "points.expired"], steps = [{ emit = "a.b" }] }"#,
        &[
            r#"never_true `"referral.qualified"`: `referral.qualified` never happens | declare when a referral counts: `referrals = { on = "order.paid" }`"#,
            r#"never_true `"tier.changed"`: `tier.changed` never happens | there are no levels"#,
            r#"never_true `["points.released", "points.expired"]`: `points.released` never happens | no points wait: `pending`"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.quoted", discount.percent = 5, limit = { times = 1 }, once_per = 'order.store' }"#,
        &[
            r#"unused `{ times = 1 }`: `rules.a.limit` does nothing | a quote is judged and forgotten: nothing counts what it was given"#,
            r#"unused `'order.store'`: `rules.a.once_per` does nothing | a quote is judged and forgotten: nothing counts what it was given"#,
        ],
    );
    // Nothing is said where it acts.
    says(
        r#"wallets.stars = { expires = "12 months idle", warn = "3 days", activity = "order.paid", pending = "1 day" }
referrals = { on = "order.paid" }
campaigns.outer = { limit = { stars = 5 } }
campaigns.c = { campaign = "outer" }
rules.a = { on = "referral.qualified", earn.stars = 1, campaign = "c" }
rules.b = { on = ["points.released", "points.expired"], earn.points = 1 }
rewards.r = { cost.stars = 1, gives.earn.points = 1, limit = [{ stars = 1 }, { points = 1 }] }"#,
        &[],
    );
}
