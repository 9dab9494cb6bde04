//! A compiled expression: one enum for each type, so that nothing is looked up or checked when it runs.

use std::sync::Arc;

use super::Read;
use super::ast::{Compare, NumOp};
use crate::num::Num;
use crate::value::Value;

#[derive(Clone, Debug)]
pub(super) enum Code {
    Num(NumCode),
    Text(TextCode),
    Bool(BoolCode),
    Date(DateCode),
    Time(TimeCode),
    List(ListCode),
    /// A record, a table or bands: only found, never computed.
    Whole(Ref),
}

/// Where a value lies.
#[derive(Clone, Debug)]
pub(super) enum Ref {
    Slot(Slot),
    Lookup(Box<Lookup>),
}

#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub base: Base,
    /// From record to record.
    pub path: Box<[u16]>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    Payload,
    Item,
    Member(u16),
    Param(u16),
    Tier(u16),
    Extra(u16),
    /// The element that a macro is at; 0 is the outermost.
    Local(u8),
}

/// `params.rate[x]`
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub table: Slot,
    pub keys: Arc<[Box<str>]>,
    pub index: TextCode,
}

#[derive(Clone, Debug)]
pub(super) enum NumCode {
    Const(Num),
    Ref(Ref),
    OrElse(Box<(Ref, NumCode)>),
    Read(Read),
    Chain(Box<NumCode>, Box<[(NumOp, NumCode)]>),
    Call(NumCall, Box<NumCode>),
    Min(Box<[NumCode]>),
    Max(Box<[NumCode]>),
    If(Box<(BoolCode, NumCode, NumCode)>),
    TextSize(Box<TextCode>),
    ListSize(Box<ListCode>),
    Count(Box<Each<BoolCode>>),
    Sum(Box<Each<NumCode>>),
    SinceDate(Span, Box<DateCode>),
    SinceTime(Span, Box<TimeCode>),
    DatePart(DatePart, Box<DateCode>),
    TimePart(TimePart, Box<TimeCode>),
    Bands(BandsCall, Ref, Box<NumCode>),
}

/// A list, and what is computed for each element, which is local `local`.
#[derive(Clone, Debug)]
pub(super) struct Each<T> {
    pub list: ListCode,
    pub local: u8,
    pub body: T,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum NumCall {
    Neg,
    Floor,
    Ceil,
    Round,
    Abs,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Span {
    Days,
    Months,
    Years,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum DatePart {
    Year,
    Month,
    Day,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum TimePart {
    Hour,
    Minute,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum BandsCall {
    /// The value at x.
    Band,
    /// x times the value at x.
    Volume,
    /// Each part of x at its own value.
    Graduated,
}

#[derive(Clone, Debug)]
pub(super) enum TextCode {
    Const(Box<str>),
    Ref(Ref),
    OrElse(Box<(Ref, TextCode)>),
    EventId,
    EventSource,
    EventType,
    Lower(Box<TextCode>),
    Join(Box<[TextCode]>),
    If(Box<(BoolCode, TextCode, TextCode)>),
    Weekday(Box<DateCode>),
    /// The name of a level, by its number.
    Level(Box<NumCode>, Arc<[Box<str>]>),
}

#[derive(Clone, Debug)]
pub(super) enum BoolCode {
    Const(bool),
    Ref(Ref),
    OrElse(Box<(Ref, BoolCode)>),
    And(Box<[BoolCode]>),
    Or(Box<[BoolCode]>),
    Not(Box<BoolCode>),
    If(Box<(BoolCode, BoolCode, BoolCode)>),
    Has(Ref),
    /// The commonest comparisons by themselves: a slot with a constant.
    SlotNum(Slot, Compare, Num),
    SlotText(Slot, bool, Box<str>),
    Num(Compare, Box<(NumCode, NumCode)>),
    /// Are they equal? `false`: are they not?
    Text(bool, Box<(TextCode, TextCode)>),
    Bool(bool, Box<(BoolCode, BoolCode)>),
    Date(Compare, Box<(DateCode, DateCode)>),
    Time(Compare, Box<(TimeCode, TimeCode)>),
    TextTest(TextTest, Box<(TextCode, TextCode)>),
    /// `x in [a, b]`: is one of them equal?
    TextIn(Box<TextCode>, Box<[TextCode]>),
    NumIn(Box<NumCode>, Box<[NumCode]>),
    In(Box<(Code, ListCode)>),
    KeyIn(Box<TextCode>, Arc<[Box<str>]>),
    Exists(Box<Each<BoolCode>>),
    All(Box<Each<BoolCode>>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Debug)]
pub(super) enum DateCode {
    Const(jiff::civil::Date),
    Today,
    Ref(Ref),
    OrElse(Box<(Ref, DateCode)>),
    OfTime(Box<TimeCode>),
    If(Box<(BoolCode, DateCode, DateCode)>),
}

#[derive(Clone, Debug)]
pub(super) enum TimeCode {
    Now,
    Ref(Ref),
    OrElse(Box<(Ref, TimeCode)>),
    If(Box<(BoolCode, TimeCode, TimeCode)>),
}

#[derive(Clone, Debug)]
pub(super) enum ListCode {
    Const(Box<[Value]>),
    Ref(Ref),
    OrElse(Box<(Ref, ListCode)>),
    Of(Box<[Code]>),
    Filter(Box<Each<BoolCode>>),
    If(Box<(BoolCode, ListCode, ListCode)>),
}

impl Code {
    /// Where it lies, if it is not computed.
    pub fn place(&self) -> Option<&Ref> {
        match self {
            Code::Num(NumCode::Ref(r))
            | Code::Text(TextCode::Ref(r))
            | Code::Bool(BoolCode::Ref(r))
            | Code::Date(DateCode::Ref(r))
            | Code::Time(TimeCode::Ref(r))
            | Code::List(ListCode::Ref(r))
            | Code::Whole(r) => Some(r),
            _ => None,
        }
    }
}

impl Slot {
    pub fn new(base: Base) -> Slot {
        Slot { base, path: Box::default() }
    }
    /// A field of the record that lies here.
    pub fn field(&self, slot: usize) -> Slot {
        let slot = u16::try_from(slot).expect("records have few fields");
        Slot { base: self.base, path: self.path.iter().copied().chain([slot]).collect() }
    }
}
