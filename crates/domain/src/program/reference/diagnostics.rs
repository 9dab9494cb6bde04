//! Every code of `fealty check`, with what it says.

use super::{head, row};
use crate::condition::Code;
use crate::program::diag::code_name;

/// In the order in which a file is read.
pub const CODES: [Code; 37] = [
    Code::TomlSyntax,
    Code::ExpressionSyntax,
    Code::UnknownSection,
    Code::UnknownKey,
    Code::MissingKey,
    Code::BadId,
    Code::Duplicate,
    Code::WrongType,
    Code::BadTerm,
    Code::BadType,
    Code::UnknownName,
    Code::UnknownEvent,
    Code::UnknownVariable,
    Code::UnknownField,
    Code::NotHere,
    Code::TypeMismatch,
    Code::UnknownWord,
    Code::MayBeAbsent,
    Code::NeverAbsent,
    Code::MayBeZero,
    Code::Circle,
    Code::UndeclaredParam,
    Code::RegionType,
    Code::UnevenLevels,
    Code::HighestNeedsValue,
    Code::CurrencyMixed,
    Code::TooLong,
    Code::TooDeep,
    Code::TooCostly,
    Code::TooMany,
    Code::TestFailed,
    Code::NeverTrue,
    Code::Ended,
    Code::Unused,
    Code::NoEnd,
    Code::OutOfReach,
    Code::Untested,
];

/// What it says, and what to do.
fn says(code: Code) -> &'static str {
    use Code::*;
    match code {
        TomlSyntax => "the file cannot be read as TOML; what was expected stands beside it",
        ExpressionSyntax => "an expression cannot be read: a bracket, a quote or an operator is missing",
        UnknownSection => "no section of this name; the nearest one is told",
        UnknownKey => "no such key here, or one that does not go with another; the nearest one is told",
        MissingKey => "a key that must be there is not",
        BadId => "an id is `[a-z][a-z0-9_]{0,39}` and no word of the language",
        Duplicate => "defined twice; both places are shown",
        WrongType => "another type of value: a text in place of a number, a number below what makes sense",
        BadTerm => "a duration, term, window or unit that cannot be read",
        BadType => "a type of a field that does not exist, or that would not always be there",
        UnknownName => "no wallet, counter, rule, reward … of this name",
        UnknownEvent => "no event type of this name: declare it in `events`",
        UnknownVariable => "no variable of this name",
        UnknownField => "the record has no such field",
        NotHere => "it exists, but not in this place",
        TypeMismatch => "two types that do not go together",
        UnknownWord => "a word or level that was not declared",
        MayBeAbsent => "it may be absent: guard it with `has(…)`, or give a value with `.or(…)`",
        NeverAbsent => "it is always there and needs no guard",
        MayBeZero => "a divisor that may be 0: guard it, or take `max(x, 1)`",
        Circle => "rules, formulas or campaigns that refer to each other",
        UndeclaredParam => "a param that is not declared in `params`",
        RegionType => "a region or environment gives a param another type, or other keys",
        UnevenLevels => "a level lacks a value that another gives, or gives it in another type",
        HighestNeedsValue => "`pay = \"highest\"` compares several wallets: give each a `value`",
        CurrencyMixed => {
            "money of several currencies would be added up: convert it by a param that the regions set"
        }
        TooLong => "an expression above 2,000 bytes, or files above 1 MiB",
        TooDeep => "an expression that is nested too deeply",
        TooCostly => "an expression that may take more than 1,000,000 steps",
        TooMany => "more of something than a program may have",
        TestFailed => "an expectation of a test did not hold; what was seen is told",
        NeverTrue => "a condition that never holds, or a schedule that ends before it begins",
        Ended => "a schedule that has ended",
        Unused => "a param, formula, event or campaign that nothing uses",
        NoEnd => "a level is held for ever, though the counter that it needs starts anew",
        OutOfReach => "a limit or a need that nothing can reach, because another limit is below it",
        Untested => "no test makes this rule pay",
    }
}

pub fn diagnostics(out: &mut String) {
    let doc = "What `fealty check` tells, all at once. From `never_true` on they are warnings: the program can be published.";
    head("Diagnostics", doc, &["code", "says"], out);
    for code in CODES {
        row(&[&format!("`{}`", code_name(code)), says(code)], out);
    }
}
