//! Keys of what judges events: triggers, schedules, limits, counters, rules, campaigns.

use super::effects::{DISCOUNT, EARN, EMIT, GIVE, PLACE, REDEEM};
use super::sections::{NAME, NOTE};
use super::{Form, Key, optional, or, required};

pub const SCHEDULE: &[Key] = &[
    optional("from", Form::DateTime, "first day, or first instant"),
    optional("through", Form::DateTime, "last day, which is included"),
    optional("days", Form::List(&Form::Weekday), "days of the week"),
    optional("hours", Form::Hours, "`\"14:00-17:00\"`: the end is excluded; may pass midnight"),
];

const LIMIT_KEYS: &[Key] = &[
    optional("times", Form::Whole(1, 1_000_000_000), "events in which the rule applied"),
    or("per", Form::Window, "\"life\"", "the time in which it holds"),
    optional(
        "across",
        Form::Words(&["members", "household"]),
        "one budget for all members, or for a household",
    ),
    or("partial", Form::Bool, "true", "true: pay what is left; false: all or nothing"),
];
const LIMIT: Form = Form::KeysAnd(LIMIT_KEYS, "wallet", &Form::NumberOrPath);
pub const ACTIVE: Key =
    optional("active", Form::Keys(SCHEDULE), "schedule, judged at the event's time in the region's zone");
pub const WHEN: Key = optional("when", Form::Condition, "condition; with `each` it picks the items");
const EACH: Key = optional("each", Form::Expression, "path to a list of records, seen one by one as `item`");
pub const LIMITS: Key = optional("limit", Form::OneOrMore(&LIMIT), "one limit, or a list of which all hold");

const TYPES: Form = Form::OneOrMore(&Form::EventType);
/// One of `every`, `yearly`, `idle`, `once`.
const CLOCK_KEYS: &[Key] = &[
    optional("every", Form::Unit, "at the end of each period, with the state as of its last instant"),
    optional("yearly", Form::Text, "on the day of a date of the member: `\"member.birthday\"`"),
    optional("idle", Form::Duration, "once per silence of this length"),
    optional("once", Form::DateTime, "one day, or instant"),
    optional("after", Form::Duration, "with `every`: run so much later"),
    optional("before", Form::Duration, "with `yearly`: so much earlier"),
    or("at", Form::TimeOfDay, "\"00:00\"", "with `yearly`: the hour"),
    optional("of", TYPES, "with `idle`: silence of these types"),
];
pub const ON: Key = required(
    "on",
    Form::Either(&[TYPES, Form::Keys(CLOCK_KEYS)]),
    "event type, types that share their noun, or a clock: `{ every = \"month\" }`",
);
pub const ON_TYPES: Key = required("on", TYPES, "event type, or types that share their noun");

pub const RULE: &[Key] = &[
    ON,
    EACH,
    WHEN,
    ACTIVE,
    optional("campaign", Form::Id, "the campaign in which it stands"),
    or("to", Form::Words(&["member", "referrer"]), "\"member\"", "who is paid, and whose state is read"),
    optional("once_per", Form::Expression, "business key: pays once for each member and value, for ever"),
    LIMITS,
    or("paused", Form::Bool, "false", "does nothing"),
    EARN,
    GIVE,
    REDEEM,
    PLACE,
    DISCOUNT,
    EMIT,
    NAME,
    NOTE,
];

pub const CAMPAIGN: &[Key] = &[
    ACTIVE,
    optional("when", Form::Condition, "condition on the member: the audience"),
    optional("limit", Form::OneOrMore(&LIMIT), "shared by its rules; with `across = \"members\"` the budget"),
    or(
        "pay",
        Form::Either(&[Form::Words(&["all", "highest"]), Form::List(&Form::Id)]),
        "\"all\"",
        "which of its rules pay: all, the highest, or the first of a list that applies",
    ),
    optional("campaign", Form::Id, "the campaign in which it stands; there it counts as one rule"),
    or("holdout", Form::Between(0, 1), "0", "share of members who never get it"),
    or("paused", Form::Bool, "false", "its rules do nothing"),
    NAME,
    NOTE,
];

pub const COUNTER: &[Key] = &[
    optional("on", TYPES, "event type, or types that share their noun"),
    EACH,
    WHEN,
    ACTIVE,
    or("add", Form::Amount, "1", "summed"),
    optional("streak", Form::Unit, "length of the present run of such periods"),
    or(
        "forgive",
        Form::Either(&[Form::Whole(0, 1_000), Form::Text]),
        "0",
        "with `streak`: so many gaps are forgiven in a run, or each takes 1 from `\"wallets.W\"`",
    ),
    optional("distinct", Form::Expression, "number of different values, at most 1,000"),
    optional("earned", Form::Expression, "points granted: `\"wallets.W\"`, or by one rule: `\"rules.R.W\"`"),
    or("per", Form::Window, "\"life\"", "the time in which it counts"),
    or("carry", Form::NumberOrPath, "0", "what exceeds a level's needs starts the next, at most this"),
    or("count_pending", Form::Bool, "true", "with `earned`: from the event on, or from the release"),
    NAME,
    NOTE,
];
