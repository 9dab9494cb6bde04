//! What the language has and this version has not: known by its right name, refused with a code of its own.

use super::*;

#[test]
fn what_is_not_built_yet() {
    says(
        r#"tiers.status = {}"#,
        &[
            r#"not_yet `tiers`: `tiers` is not built yet: levels, what they need, and how long they are kept | "#,
        ],
    );
    says(
        r#"wallets.cash = { expires = "never" }"#,
        &[r#"not_yet `expires`: `expires` is not built yet: when points end | "#],
    );
    says(
        r#"rules.a = { on = "order.quoted", earn.points = 1 }"#,
        &[r#"not_yet `"order.quoted"`: `order.quoted` is not built yet | "#],
    );
    says(
        r#"rules.a = { on = { every = "quarter" }, earn.points = 1 }"#,
        &[r#"not_yet `every`: `every` is not built yet: the end of each period | "#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, limit = { times = 1, per = "tiers.status" } }"#,
        &[r#"not_yet `"tiers.status"`: `tiers` is not built yet: the time since the present level began | "#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, limit = { times = 1, across = "household" } }"#,
        &[r#"not_yet `"household"`: `household` is not built yet | it can be members"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, to = "referrer" }"#,
        &[r#"not_yet `"referrer"`: `referrer` is not built yet | it can be member"#],
    );
    says(
        r#"counters.c = { on = "order.paid", streak = "week", add = 1, forgive = "wallets.points" }"#,
        &[
            r#"unknown_key `streak`: `streak` does not go with `add` | one of `on` or `earned`; with `on`, one of `add`, `streak`, `distinct`"#,
            r#"not_yet `"wallets.points"`: gaps paid from a wallet are not built yet | a number of gaps is"#,
        ],
    );
    says(
        r#"wallets.w = { balance_max = 'params.x' }
wallets.v = { balance_max = 'tiers.status.max' }
wallets.u = { balance_max = 'much' }"#,
        &[
            r#"unknown_name `'params.x'`: there is no param `x` | "#,
            r#"not_yet `'tiers.status.max'`: `tiers` is not built yet: values of levels | "#,
            r#"wrong_type `'much'`: `much` is not a number | a number, or a path to one: `'params.x'`, `'params.x.y'`"#,
        ],
    );
    says(
        r#"counters.c = { on = "order.paid", carry = 3, per = "week" }
rules.a = { on = "order.paid", earn.points = 'counters.c.ago(3)', give.x = 1 }"#,
        &[
            r#"not_yet `carry`: `carry` is not built yet: what exceeds a level's needs | "#,
            r#"not_yet `give`: `give` is not built yet: rewards without cost | "#,
        ],
    );
}
