//! Expressions: CEL's grammar with exact numbers, typed and total. Parse, check against a `Scope`, compile, evaluate.
//!
//! What checks, runs: no null, no division by zero, no missing key, no unbounded loop. `OutOfRange` is all that is left.

mod ast;
mod calendar;
mod calls;
mod check;
mod code;
mod compare;
mod eval;
mod expand;
mod functions;
mod guards;
mod levels;
mod lex;
mod macros;
mod names;
mod parse;
mod say;
mod seen;
mod table;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::num::{Num, OutOfRange};
use crate::value::{Type, Value};

/// What an expression may mention. The program's checker builds one for each place.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub roots: BTreeMap<String, Entry>,
    /// Names that do not exist here though one might expect them (`item`, `region`, `tiers`): what to say.
    pub not_here: BTreeMap<String, NotHere>,
}

#[derive(Clone, Debug)]
pub struct NotHere {
    pub code: Code,
    pub message: String,
    pub hint: String,
}

#[derive(Clone, Debug)]
pub enum Entry {
    Value {
        ty: Type,
        place: Place,
        /// Needs a guard.
        may_be_absent: bool,
        /// A param that is 0 in no region: fit as a divisor.
        never_zero: bool,
        /// How it was declared, for the hint of `may_be_absent`: `"number?"`.
        declared: Option<String>,
    },
    /// `wallets`, `wallets.points`, `params`: only their members are values.
    Namespace {
        /// Said when a name is unknown: "there is no wallet `point`".
        kind: String,
        names: BTreeMap<String, Entry>,
    },
    /// A ladder: the level held, compared with names of its levels; and what it shows beside, by name.
    Level { levels: Arc<[Box<str>]>, place: Place, names: BTreeMap<String, Entry> },
    /// A counter: a number, and `.ago(N)` where `ago` is so.
    Counter { no: u16, ago: bool },
    /// `formulas.F`, `segments.S`: expanded and typed where it is used.
    Formula { source: String },
    /// Known, but not to be mentioned here (a rule of another event): what to say.
    Refused(NotHere),
}

/// Where a value is found at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The whole payload, a record.
    Payload,
    /// The element that `each` is at, a record.
    Item,
    /// One slot of the member's fields.
    Member(u16),
    Param(u16),
    /// What a ladder shows: see `plan::tier_slots`.
    Tier(u16),
    EventId,
    EventSource,
    EventType,
    Now,
    Today,
    Read(Read),
    /// A variable of the place alone: of a program test (`refused`, `emitted`, `given`, `discount`), of a reward
    /// (`quantity`), of a step of a workflow (`steps.ID.came`).
    Extra(u16),
}

/// A number of the member's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Read {
    WalletAvailable(u16),
    WalletPending(u16),
    WalletDebt(u16),
    /// (counter, windows ago)
    Counter(u16, u8),
    /// Times that an achievement was completed.
    Achieved(u16),
    /// What the rule granted in the wallet in this event: (rule, wallet).
    Granted(u16, u16),
}

/// What an expression is evaluated against.
pub struct Env<'a> {
    pub payload: &'a Value,
    pub item: Option<&'a Value>,
    /// Canonical and declared fields of the member, by slot.
    pub member: &'a [Value],
    pub params: &'a [Value],
    /// What ladders show, by slot.
    pub tiers: &'a [Value],
    pub extra: &'a [Value],
    pub state: &'a dyn State,
    pub event: EventAttributes<'a>,
    /// The event's own time, in the region's zone.
    pub now: &'a jiff::Zoned,
}

#[derive(Clone, Copy, Default)]
pub struct EventAttributes<'a> {
    pub id: &'a str,
    pub source: &'a str,
    pub kind: &'a str,
}

pub trait State {
    fn read(&self, what: Read) -> Num;
}

/// One mistake in one expression; `span` counts bytes of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: Code,
    pub span: Range<usize>,
    pub message: String,
    pub hint: String,
}

/// Stable codes of `fealty check`; append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    TomlSyntax,
    ExpressionSyntax,
    UnknownSection,
    UnknownKey,
    MissingKey,
    BadId,
    Duplicate,
    WrongType,
    BadTerm,
    BadType,
    UnknownName,
    UnknownEvent,
    UnknownVariable,
    UnknownField,
    NotHere,
    TypeMismatch,
    UnknownWord,
    MayBeAbsent,
    NeverAbsent,
    MayBeZero,
    Circle,
    UndeclaredParam,
    RegionType,
    UnevenLevels,
    HighestNeedsValue,
    CurrencyMixed,
    TooLong,
    TooDeep,
    TooCostly,
    TooMany,
    TestFailed,
    NeverTrue,
    Ended,
    Unused,
    NoEnd,
    OutOfReach,
    Untested,
}

/// A checked and compiled expression.
#[derive(Clone)]
pub struct Expr {
    /// As written.
    pub source: Box<str>,
    pub ty: Type,
    /// The member's state that it reads, sorted, without repetition.
    pub reads: Vec<Read>,
    /// Slots of the member's fields that it reads, sorted, without repetition.
    pub member_reads: Vec<u16>,
    /// What it shows of ladders: slots of `Place::Tier`, sorted, without repetition.
    pub tier_reads: Vec<u16>,
    pub uses: Uses,
    code: code::Code,
    trace: seen::Trace,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Uses {
    pub payload: bool,
    pub item: bool,
    pub now: bool,
    pub params: bool,
}

impl Expr {
    /// Reads, checks and compiles `source`, which must be of type `want` (None: any). All faults at once.
    /// `given`: guards that hold already (the rule's `when`, for its amounts), as their sources.
    pub fn compile(
        source: &str,
        want: Option<&Type>,
        scope: &Scope,
        given: &[&str],
    ) -> Result<Expr, Vec<Fault>> {
        let node = expand::read(source, scope).map_err(|fault| vec![*fault])?;
        let mut checker = check::Checker::new(scope);
        for guard in given {
            // Its own mistakes are said where it stands.
            if let Ok(guard) = expand::read(guard, scope) {
                checker.facts.learn(&guard, true, &[]);
            }
        }
        let typed = checker.whole(&node, want);
        let Some(ty) = typed.ty.filter(|_| checker.faults.is_empty()) else {
            return Err(sorted(checker.faults));
        };
        let (mut reads, mut member_reads) = (checker.reads, checker.member_reads);
        let mut tier_reads = checker.tier_reads;
        tier_reads.sort_unstable();
        tier_reads.dedup();
        reads.sort_unstable();
        reads.dedup();
        member_reads.sort_unstable();
        member_reads.dedup();
        let (uses, code, trace) = (checker.uses, typed.code, typed.trace);
        Ok(Expr { source: source.into(), ty, reads, member_reads, tier_reads, uses, code, trace })
    }
    /// A constant of a file, as an expression.
    pub fn number(n: Num) -> Expr {
        Expr {
            source: n.to_string().into(),
            ty: Type::Num,
            reads: Vec::new(),
            member_reads: Vec::new(),
            tier_reads: Vec::new(),
            uses: Uses::default(),
            code: code::Code::Num(code::NumCode::Const(n)),
            trace: seen::Trace::Nothing,
        }
    }
    pub fn eval(&self, env: &Env<'_>) -> Result<Value, OutOfRange> {
        self.code.run(&eval::Frame::new(env))
    }
    /// Of an expression that was compiled as a number.
    pub fn num(&self, env: &Env<'_>) -> Result<Num, OutOfRange> {
        match &self.code {
            code::Code::Num(code) => code.run(&eval::Frame::new(env)),
            _ => panic!("`{}` is no number", self.source),
        }
    }
    /// Of an expression that was compiled as a condition.
    pub fn holds(&self, env: &Env<'_>) -> Result<bool, OutOfRange> {
        match &self.code {
            code::Code::Bool(code) => code.run(&eval::Frame::new(env)),
            _ => panic!("`{}` is no condition", self.source),
        }
    }
    /// For explanations: the leaves that decided, each as written with the value seen (`order.subtotal` is 9.99).
    pub fn seen(&self, env: &Env<'_>) -> Vec<(String, Value)> {
        let mut seen = Vec::new();
        self.trace.walk(&eval::Frame::new(env), &mut seen);
        seen
    }
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expr").field("source", &self.source).field("ty", &self.ty).finish_non_exhaustive()
    }
}

/// In the order of the text; what is said twice of the same words, once.
fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|f| (f.span.start, f.span.end));
    let mut kept: Vec<Fault> = Vec::new();
    for fault in faults {
        let guard = matches!(fault.code, Code::MayBeAbsent | Code::MayBeZero);
        let said =
            |k: &Fault| k.code == fault.code && k.message == fault.message && (guard || k.span == fault.span);
        if !kept.iter().any(said) {
            kept.push(fault);
        }
    }
    kept
}

#[cfg(test)]
mod tests;

pub use functions::{FUNCTIONS, Function};
pub use parse::is_keyword;
