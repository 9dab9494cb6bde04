//! Keys of what points are spent on, and of what leads further: achievements, referrals, households, workflows.

use super::effects::{DISCOUNT_KEYS, EARN, EMIT, GIVE, PLACE, REDEEM};
use super::rules::{ACTIVE, LIMITS, ON, ON_TYPES, WHEN};
use super::sections::{NAME, NOTE};
use super::{Form, Key, optional, or, required};

const CODE_KEYS: &[Key] = &[
    optional("pool", Form::Id, "codes that were imported under this name"),
    optional("pattern", Form::Text, "each `#` becomes a random letter or digit"),
];
const GIVES_KEYS: &[Key] = &[
    optional(
        "code",
        Form::Keys(CODE_KEYS),
        "a code: `{ pool = \"…\" }` or `{ pattern = \"FREE-########\" }`",
    ),
    optional("discount", Form::Keys(DISCOUNT_KEYS), "money off"),
    optional("product", Form::Text, "a thing"),
    optional("value", Form::Amount, "money, of one"),
    optional("earn", Form::Names(&Form::Amount), "points, of one"),
    optional("custom", Form::Names(&Form::Any), "a table for the till"),
];

pub const REWARD: &[Key] = &[
    optional("cost", Form::Names(&Form::Amount), "`cost.WALLET`: points, of one; free without"),
    required(
        "gives",
        Form::Keys(GIVES_KEYS),
        "what the member gets, one of `code`, `discount`, `product`, `value`, `earn`, `custom`: `gives.product = \"mug\"`",
    ),
    WHEN,
    ACTIVE,
    LIMITS,
    optional("stock", Form::Whole(0, 1_000_000_000_000), "so many in all"),
    or("valid", Form::TermOrPath, "\"never\"", "how long what was given can be used"),
    or("hold", Form::Duration, "\"15 minutes\"", "how long a reservation holds"),
    or("quantity_max", Form::NumberOrPath, "1", "at most so many at once"),
    or("quantity_step", Form::NumberOrPath, "1", "in steps of so many"),
    NAME,
    NOTE,
];

pub const ACHIEVEMENT: &[Key] = &[
    required("needs", Form::Names(&Form::NumberOrPath), "counters and numbers: all must be reached"),
    or(
        "repeat",
        Form::Bool,
        "false",
        "true: at each further multiple, of a streak in each run; false: once per window",
    ),
    WHEN,
    ACTIVE,
    LIMITS,
    EARN,
    GIVE,
    REDEEM,
    PLACE,
    EMIT,
    NAME,
    NOTE,
];

pub const REFERRALS: &[Key] = &[
    ON_TYPES,
    WHEN,
    ACTIVE,
    or("after", Form::DurationOrPath, "\"0 days\"", "so much later, unless the order was refunded in full"),
    or("claim", Form::Duration, "\"30 days\"", "how long after enrolment a code may be claimed"),
    NAME,
    NOTE,
];

pub const HOUSEHOLDS: &[Key] = &[
    optional("share", Form::List(&Form::Id), "wallets that are one for all its members"),
    or("members_max", Form::Whole(2, 100), "6", "at most so many"),
    or("stay", Form::Duration, "\"0 days\"", "how long one must remain"),
    NAME,
    NOTE,
];

const WAIT_FOR_KEYS: &[Key] = &[
    ON_TYPES,
    optional("when", Form::Condition, "which of them"),
    optional("at_most", Form::DurationOrPath, "goes on after so long"),
];
const STEP: Form = Form::Keys(&[
    optional("id", Form::Id, "its name in `steps.ID.came`"),
    optional("when", Form::Condition, "else the step is left out"),
    EARN,
    GIVE,
    REDEEM,
    PLACE,
    EMIT,
    optional(
        "wait",
        Form::Either(&[Form::TermOrPath, Form::Keys(WAIT_FOR_KEYS)]),
        "a term, or an event: whether it came is `steps.ID.came`",
    ),
    optional("stop", Form::Bool, "ends the workflow"),
    NAME,
    NOTE,
]);

pub const WORKFLOW: &[Key] = &[
    ON,
    WHEN,
    ACTIVE,
    or("paused", Form::Bool, "false", "starts no more"),
    optional("again", Form::Duration, "least time between two starts; without it, once in a life"),
    optional("exit", Form::OneOrMore(&Form::EventType), "ends it at once"),
    required("steps", Form::List(&STEP), "what happens, in order"),
    NAME,
    NOTE,
];
