//! Keys of what judges events: triggers, schedules, limits, counters, rules, campaigns.

use super::sections::{NAME, NOTE};
use super::{Form, Key, later, optional, or, required};

pub const SCHEDULE: &[Key] = &[
    optional("from", Form::DateTime, "first day, or first instant"),
    optional("through", Form::DateTime, "last day, which is included"),
    optional("days", Form::List(&Form::Weekday), "days of the week"),
    optional("hours", Form::Hours, "`\"14:00-17:00\"`: the end is excluded; may pass midnight"),
];

const LIMIT_KEYS: &[Key] = &[
    optional("times", Form::Whole(1, 1_000_000_000), "events in which the rule applied"),
    or("per", Form::Window, "\"life\"", "the time in which it holds"),
    optional("across", Form::Words(&["members"], &["household"]), "one budget for all members"),
    or("partial", Form::Bool, "true", "true: pay what is left; false: all or nothing"),
];
const LIMIT: Form = Form::KeysAnd(LIMIT_KEYS, "wallet", &Form::NumberOrPath);
const ACTIVE: Key =
    optional("active", Form::Keys(SCHEDULE), "schedule, judged at the event's time in the region's zone");
const WHEN: Key = optional("when", Form::Condition, "condition; with `each` it picks the items");
const EACH: Key = optional("each", Form::Expression, "path to a list of records, seen one by one as `item`");
const LIMITS: Key = optional("limit", Form::OneOrMore(&LIMIT), "one limit, or a list of which all hold");

/// Event types, or a clock.
const CLOCK_KEYS: &[Key] = &[
    later("every", "the end of each period"),
    later("yearly", "a day of each year"),
    later("idle", "silence of some length"),
    later("once", "one day"),
    later("after", "later than its period ends"),
    later("before", "earlier than its day"),
    later("at", "an hour of its day"),
    later("of", "which events end a silence"),
];

const EARN_KEYS: &[Key] = &[
    required("amount", Form::Amount, "how many points"),
    later("expires", "when these points end"),
    later("pending", "how long these points wait"),
];
const EMIT_KEYS: &[Key] = &[
    required("type", Form::EventType, "`\"noun.verb\"`"),
    optional("data", Form::Names(&Form::Amount), "names and expressions"),
];

pub const RULE: &[Key] = &[
    required(
        "on",
        Form::Either(&[Form::OneOrMore(&Form::EventType), Form::Keys(CLOCK_KEYS)]),
        "event type, or types that share their noun",
    ),
    EACH,
    WHEN,
    ACTIVE,
    optional("campaign", Form::Id, "the campaign in which it stands"),
    or("to", Form::Words(&["member"], &["referrer"]), "\"member\"", "who is paid"),
    optional("once_per", Form::Expression, "business key: pays once for each member and value, for ever"),
    LIMITS,
    or("paused", Form::Bool, "false", "does nothing"),
    optional(
        "earn",
        Form::Names(&Form::Either(&[Form::Amount, Form::Keys(EARN_KEYS)])),
        "`earn.WALLET`: an amount; less than 0 is 0",
    ),
    optional(
        "emit",
        Form::Either(&[Form::EventType, Form::Keys(EMIT_KEYS)]),
        "a message in the feed; rules do not hear it",
    ),
    later("give", "rewards without cost"),
    later("redeem", "redemptions made by a rule"),
    later("place", "levels set by a rule"),
    later("discount", "money off in quotes"),
    NAME,
    NOTE,
];

pub const CAMPAIGN: &[Key] = &[
    ACTIVE,
    optional("when", Form::Condition, "condition on the member: the audience"),
    optional("limit", Form::OneOrMore(&LIMIT), "shared by its rules; with `across = \"members\"` the budget"),
    or(
        "pay",
        Form::Either(&[Form::Words(&["all", "highest"], &[]), Form::List(&Form::Id)]),
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
    optional(
        "on",
        Form::Either(&[Form::OneOrMore(&Form::EventType), Form::Keys(CLOCK_KEYS)]),
        "event type, or types that share their noun",
    ),
    EACH,
    WHEN,
    ACTIVE,
    or("add", Form::Amount, "1", "summed"),
    optional("streak", Form::Unit, "length of the present run of such periods"),
    or(
        "forgive",
        Form::Either(&[Form::Whole(0, 1_000), Form::Text]),
        "0",
        "with `streak`: so many gaps are forgiven in a run",
    ),
    optional("distinct", Form::Expression, "number of different values, at most 1,000"),
    optional("earned", Form::Expression, "points granted: `\"wallets.W\"`, or by one rule: `\"rules.R.W\"`"),
    or("per", Form::Window, "\"life\"", "the time in which it counts"),
    later("carry", "what exceeds a level's needs"),
    later("count_pending", "whether points count before they are released"),
    NAME,
    NOTE,
];
