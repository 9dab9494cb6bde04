//! Keys of `[tests.T]`.

use super::sections::{NAME, NOTE};
use super::{Form, Key, optional, or, required};

const STEP_KEYS: &[Key] = &[
    optional("at", Form::DateTime, "local time"),
    optional("after", Form::Durations, "durations joined by ` + `, since the step before"),
    or(
        "member",
        Form::Either(&[Form::Id, Form::Any]),
        "\"ada\"",
        "whose step it is; with `member.enrolled` and `member.updated` their fields, and `id`",
    ),
    optional("event", Form::EventType, "what comes in; its payload stands under its noun"),
    optional("region", Form::Id, "the region of this step"),
    optional("expect", Form::Condition, "what holds after the step"),
    optional("quote", Form::Any, "a cart"),
    optional("redeem", Form::Id, "a reward; its cart, if it needs one, is `order`"),
    or("quantity", Form::Number, "1", "how much of the reward"),
    optional("confirm", Form::Whole(1, 100), "the number of the step that redeemed"),
    optional("cancel", Form::Whole(1, 100), "the number of the step that redeemed"),
    optional("join", Form::Id, "the household of this member"),
];
const STEP: Form = Form::KeysAnd(STEP_KEYS, "payload", &Form::Any);

pub const TESTS: Form = Form::Keys(&[
    required("steps", Form::List(&STEP), "what happens, in order"),
    optional("members", Form::Names(&Form::Any), "fields of members; enrolled at the first step"),
    optional("region", Form::Id, "the region of all members that name none"),
    optional("environment", Form::Id, "the environment in which the test runs"),
    NAME,
    NOTE,
]);
