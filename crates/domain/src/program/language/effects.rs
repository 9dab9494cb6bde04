//! Keys of what follows: effects of rules, achievements and steps of workflows.

use super::{Form, Key, optional, or, required};

pub const PENDING_KEYS: &[Key] = &[
    required("until", Form::EventType, "an event of the same order"),
    optional("after", Form::DurationOrPath, "so long after it"),
    optional("at_most", Form::DurationOrPath, "and no longer than this in all"),
];
pub const PENDING: Form = Form::Either(&[Form::WaitOrPath, Form::Keys(PENDING_KEYS)]);

const EARN_KEYS: &[Key] = &[
    required("amount", Form::Amount, "how many points"),
    optional("expires", Form::TermOrPath, "when these points end, in place of the wallet's"),
    optional("pending", PENDING, "how long these points wait, in place of the wallet's"),
];
const PLACE_KEYS: &[Key] = &[
    required("level", Form::Text, "a level, or a path to words that are all levels"),
    optional("keep", Form::TermOrPath, "how long it is held, in place of the level's own"),
    or("down", Form::Bool, "false", "also lowers"),
];
const EMIT_KEYS: &[Key] = &[
    required("type", Form::Message, "`\"noun.verb\"`"),
    optional("data", Form::Names(&Form::Amount), "names, each with a number or an expression of any type"),
];
pub const DISCOUNT_KEYS: &[Key] = &[
    optional("percent", Form::Amount, "percent off"),
    optional("amount", Form::Amount, "money off"),
    optional("items", Form::Expression, "a condition: of the items for which it holds"),
    optional("cheapest", Form::Amount, "of so many units, the cheapest ones"),
    optional("at_most", Form::Amount, "at most so much money"),
];

pub const EARN: Key = optional(
    "earn",
    Form::Names(&Form::Either(&[Form::Amount, Form::Keys(EARN_KEYS)])),
    "`earn.WALLET`: an amount; less than 0 is 0",
);
pub const GIVE: Key =
    optional("give", Form::Names(&Form::Amount), "`give.REWARD`: so many, without cost or conditions");
pub const REDEEM: Key =
    optional("redeem", Form::Names(&Form::Amount), "`redeem.REWARD`: so many, as if the member had asked");
pub const PLACE: Key = optional(
    "place",
    Form::Names(&Form::Either(&[Form::Text, Form::Keys(PLACE_KEYS)])),
    "`place.LADDER`: lifts to a level, and renews it",
);
pub const EMIT: Key = optional(
    "emit",
    Form::Either(&[Form::Message, Form::Keys(EMIT_KEYS)]),
    "a message in the feed; rules do not hear it",
);
pub const DISCOUNT: Key =
    optional("discount", Form::Keys(DISCOUNT_KEYS), "money off, only with `on = \"order.quoted\"`");
