//! The sections of a program file, and the keys of those that declare data.

use super::effects::PENDING;
use super::rewards::{ACHIEVEMENT, HOUSEHOLDS, REFERRALS, REWARD, WORKFLOW};
use super::rules::{CAMPAIGN, COUNTER, RULE};
use super::steps::TESTS;
use super::tiers::LADDER;
use super::{Form, Key, Need, Section, Shape, optional, or, required};

pub(super) const NAME: Key = optional("name", Form::Text, "what people are shown in its place");
pub(super) const NOTE: Key =
    optional("note", Form::Text, "why it is so; kept when published, unlike comments");

const PROGRAM: &[Key] = &[
    required("id", Form::ProgramId, "the program's id; may hold hyphens"),
    required("currency", Form::Currency, "ISO 4217"),
    required("timezone", Form::Zone, "IANA zone"),
    or("language", Form::Whole(1, 1), "1", "version of this language"),
    or(
        "enrol",
        Form::Words(&["automatic", "explicit"]),
        "\"automatic\"",
        "unknown subjects become members, or guests",
    ),
    or("claim_window", Form::Duration, "\"30 days\"", "how long a guest's events can be claimed"),
    or("week_starts", Form::Weekday, "\"mon\"", "first day of a week"),
    or("year_starts", Form::Whole(1, 12), "1", "first month of a year; quarters and half years follow"),
    or("sandbox", Form::Bool, "false", "the clock may be moved"),
    NAME,
    NOTE,
];

const REGION: &[Key] = &[
    required("currency", Form::Currency, "ISO 4217"),
    or("timezone", Form::Zone, "the program's", "IANA zone"),
    optional("params", Form::Names(&Form::Param), "declared names; each replaces the whole value"),
    NAME,
    NOTE,
];

const ENVIRONMENT: &[Key] = &[
    optional("sandbox", Form::Bool, "the clock may be moved"),
    optional("params", Form::Names(&Form::Param), "declared names; each replaces the whole value"),
    NAME,
    NOTE,
];

const WALLET: &[Key] = &[
    or("decimals", Form::Whole(0, 6), "0", "smallest part of a point"),
    or(
        "round",
        Form::Words(&["down", "nearest", "up"]),
        "\"down\"",
        "applied once per rule and event; nearest is half away from zero",
    ),
    or(
        "when_short",
        Form::Words(&["debt", "forgive", "negative"]),
        "\"debt\"",
        "when a refund takes more than is there",
    ),
    optional("balance_max", Form::NumberOrPath, "earning stops there"),
    optional("value", Form::Number, "money worth of one point"),
    or("expires", Form::TermOrPath, "\"never\"", "when points end; read when they are granted"),
    optional(
        "activity",
        Form::OneOrMore(&Form::EventType),
        "what an idle term counts as activity; every earning and spending, and points given by hand, without",
    ),
    optional("pending", PENDING, "points wait before they can be spent"),
    optional("warn", Form::Duration, "`points.expiring` so long before points end"),
    or("transfer", Form::Bool, "false", "members may give points to each other"),
    NAME,
    NOTE,
];

pub static SECTIONS: &[Section] = &[
    Section {
        name: "program",
        shape: Shape::One(Form::Keys(PROGRAM)),
        need: Need::Required,
        most: 0,
        doc: "what the whole program is",
    },
    Section {
        name: "include",
        shape: Shape::One(Form::List(&Form::Text)),
        need: Need::Optional,
        most: 0,
        doc: "patterns of further files, added by union; main file only",
    },
    Section {
        name: "params",
        shape: Shape::Named(Form::Param),
        need: Need::Optional,
        most: 1_000,
        doc: "what may differ by region or environment: number, text, bool, date, list of texts, bands, table",
    },
    Section {
        name: "regions",
        shape: Shape::Named(Form::Keys(REGION)),
        need: Need::Optional,
        most: 200,
        doc: "currency, time zone and params of a region; logic never differs",
    },
    Section {
        name: "environments",
        shape: Shape::Named(Form::Keys(ENVIRONMENT)),
        need: Need::Optional,
        most: 200,
        doc: "params of a staging or test server, chosen by the setting `environment`",
    },
    Section {
        name: "member",
        shape: Shape::Named(Form::FieldType),
        need: Need::Optional,
        most: 1_000,
        doc: "further fields of a member",
    },
    Section {
        name: "order",
        shape: Shape::Named(Form::FieldType),
        need: Need::Optional,
        most: 1_000,
        doc: "further fields of an order; a canonical text may be narrowed to words",
    },
    Section {
        name: "item",
        shape: Shape::Named(Form::FieldType),
        need: Need::Optional,
        most: 1_000,
        doc: "further fields of an element of `order.items`",
    },
    Section {
        name: "events",
        shape: Shape::Events(Form::Names(&Form::FieldType)),
        need: Need::Optional,
        most: 1_000,
        doc: "`events.\"noun.verb\"` declares an event type by its fields; rules see them as `noun`",
    },
    Section {
        name: "wallets",
        shape: Shape::Named(Form::Keys(WALLET)),
        need: Need::Optional,
        most: 50,
        doc: "numbers that are spent",
    },
    Section {
        name: "counters",
        shape: Shape::Named(Form::Keys(COUNTER)),
        need: Need::Optional,
        most: 200,
        doc: "numbers that are only counted",
    },
    Section {
        name: "formulas",
        shape: Shape::Named(Form::Expression),
        need: Need::Optional,
        most: 1_000,
        doc: "named expressions, expanded where they are used and typed there",
    },
    Section {
        name: "segments",
        shape: Shape::Named(Form::Condition),
        need: Need::Optional,
        most: 1_000,
        doc: "named conditions on the member alone",
    },
    Section {
        name: "rules",
        shape: Shape::Named(Form::Keys(RULE)),
        need: Need::Optional,
        most: 2_000,
        doc: "on an event type, when a condition holds, effects follow",
    },
    Section {
        name: "campaigns",
        shape: Shape::Named(Form::Keys(CAMPAIGN)),
        need: Need::Optional,
        most: 200,
        doc: "rules that have something in common: a schedule, an audience, a budget, a choice",
    },
    Section {
        name: "tiers",
        shape: Shape::Named(Form::Keys(LADDER)),
        need: Need::Optional,
        most: 10,
        doc: "ladders of levels: what they need, and how long they are kept",
    },
    Section {
        name: "rewards",
        shape: Shape::Named(Form::Keys(REWARD)),
        need: Need::Optional,
        most: 1_000,
        doc: "what points are spent on",
    },
    Section {
        name: "achievements",
        shape: Shape::Named(Form::Keys(ACHIEVEMENT)),
        need: Need::Optional,
        most: 200,
        doc: "goals, and what follows when they are reached",
    },
    Section {
        name: "referrals",
        shape: Shape::One(Form::Keys(REFERRALS)),
        need: Need::Optional,
        most: 0,
        doc: "members who bring members",
    },
    Section {
        name: "households",
        shape: Shape::One(Form::Keys(HOUSEHOLDS)),
        need: Need::Optional,
        most: 0,
        doc: "members who share wallets",
    },
    Section {
        name: "workflows",
        shape: Shape::Named(Form::Keys(WORKFLOW)),
        need: Need::Optional,
        most: 200,
        doc: "steps with waits between them",
    },
    Section {
        name: "tests",
        shape: Shape::Named(TESTS),
        need: Need::Optional,
        most: 1_000,
        doc: "steps in virtual time and what is expected after each; they gate publication",
    },
];
