//! The plan: a program compiled for `decide`. Everything is a number into a table; names are kept for what is stored
//! and shown. A plan is immutable and shared; every version that ever earned stays loadable, for order edits.

use std::collections::HashMap;
use std::sync::Arc;

use crate::condition::{Expr, Read};
use crate::num::{Num, Round};
use crate::time::{Schedule, Unit, Window};
use crate::value::Text;
use crate::value::{Fields, Value};

pub type WalletNo = u16;
pub type CounterNo = u16;
pub type RuleNo = u16;
pub type CampaignNo = u16;
pub type TypeNo = u16;
pub type RegionNo = u16;

#[derive(Clone)]
pub struct Plan {
    pub id: Text,
    /// 1, 2, 3 … as published on this server.
    pub version: u32,
    /// SHA-256 of the canonical JSON of the program.
    pub hash: [u8; 32],
    pub enrol: Enrol,
    pub claim_seconds: i64,
    pub sandbox: bool,
    pub week_starts: jiff::civil::Weekday,
    /// 1 to 12
    pub year_starts: i8,
    /// `[0]` is the program itself ("none"); the others are `regions.R`, sorted by id.
    pub regions: Vec<Region>,
    pub member_fields: Arc<Fields>,
    pub types: Vec<EventType>,
    pub type_by_name: HashMap<Box<str>, TypeNo>,
    pub wallets: Vec<Wallet>,
    pub counters: Vec<Counter>,
    /// In the order in which they are judged: references first, then ids.
    pub rules: Vec<Rule>,
    /// Inner before outer.
    pub campaigns: Vec<Campaign>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrol {
    Automatic,
    Explicit,
}

#[derive(Clone)]
pub struct Region {
    /// Empty for the program itself.
    pub id: Text,
    pub currency: Text,
    /// Digits of the currency: JPY 0, EUR 2, KWD 3.
    pub exponent: u8,
    pub zone: jiff::tz::TimeZone,
    /// One value for each declared param, in the order of `Place::Param`.
    pub params: Vec<Value>,
}

/// What the core itself does with a type, beside the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canon {
    OrderPaid,
    OrderUpdated,
    OrderFulfilled,
    OrderRefunded,
    OrderCancelled,
    MemberEnrolled,
    MemberUpdated,
    Other,
}

#[derive(Clone)]
pub struct EventType {
    /// `order.paid`
    pub name: Text,
    pub canon: Canon,
    /// The variable that holds the payload: `order`; empty if there is none.
    pub noun: Text,
    pub fields: Arc<Fields>,
    /// Rules that hear it, in order.
    pub rules: Vec<RuleNo>,
    /// Counters that hear it.
    pub counters: Vec<CounterNo>,
    /// What of the member's state any of these rules reads (wallets, counters): recorded with every event, so that
    /// it can be explained and an edited order judged again as of then.
    pub reads: Vec<Read>,
    /// Member fields (slots) that any of these rules reads; recorded likewise.
    pub member_reads: Vec<u16>,
}

#[derive(Clone)]
pub struct Wallet {
    pub id: Text,
    pub decimals: u8,
    pub round: Round,
    pub when_short: WhenShort,
    /// In points; a constant or a param of the region.
    pub balance_max: Option<Amount>,
    /// Money worth of one point.
    pub value: Option<Num>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenShort {
    Debt,
    Forgive,
    Negative,
}

/// A number in the file, or a path to a param.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    Is(Num),
    Param(u16),
    /// A key of a table of params: (param, slot).
    ParamSlot(u16, u16),
}

#[derive(Clone)]
pub struct Trigger {
    pub on: Vec<TypeNo>,
    pub each: Option<Each>,
    pub when: Vec<Expr>,
    pub active: Option<Schedule>,
}

/// Path to a list of records in the payload; its elements are `item`. Slots, outermost first.
#[derive(Clone)]
pub struct Each {
    pub path: Vec<u16>,
    /// As written, for explanations.
    pub source: Text,
    /// These are the items of an order: what they contribute is remembered for returns.
    pub order_items: bool,
}

#[derive(Clone)]
pub struct Rule {
    pub id: Text,
    pub name: Option<Text>,
    pub trigger: Trigger,
    pub campaign: Option<CampaignNo>,
    pub once_per: OncePer,
    pub limits: Vec<Limit>,
    pub paused: bool,
    pub earn: Vec<Earn>,
    pub emit: Vec<Emit>,
    /// Rules whose grants its amounts mention: their items' shares are its own.
    pub refers: Vec<RuleNo>,
}

#[derive(Clone)]
pub enum OncePer {
    /// Order events: `order.id`.
    Order,
    /// Everything else: the event itself, which dedupe guards already.
    Event,
    /// Reads the payload and `event` only.
    Expr(Expr),
}

#[derive(Clone)]
pub struct Earn {
    pub wallet: WalletNo,
    pub amount: Expr,
}

#[derive(Clone)]
pub struct Emit {
    pub kind: Text,
    pub data: Vec<(Text, Expr)>,
}

#[derive(Clone)]
pub struct Limit {
    /// Stable name under which its use is stored: `rules.base#0`, `campaigns.summer#1`.
    pub id: Text,
    pub what: LimitWhat,
    pub most: Amount,
    pub per: Window,
    /// One budget for all members, instead of one for each.
    pub across_members: bool,
    /// true: pay what is left; false: all or nothing.
    pub partial: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitWhat {
    Times,
    Wallet(WalletNo),
}

#[derive(Clone)]
pub struct Campaign {
    pub id: Text,
    pub active: Option<Schedule>,
    pub when: Vec<Expr>,
    pub limits: Vec<Limit>,
    pub pay: Pay,
    pub parent: Option<CampaignNo>,
    /// Share of members who never get it, in millionths.
    pub holdout_ppm: u32,
    pub paused: bool,
}

#[derive(Clone)]
pub enum Pay {
    All,
    Highest,
    /// The first of these that applies.
    FirstOf(Vec<Candidate>),
}

/// What a campaign chooses among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    Rule(RuleNo),
    Campaign(CampaignNo),
}

#[derive(Clone)]
pub struct Counter {
    pub id: Text,
    pub kind: CounterKind,
    pub per: Window,
}

#[derive(Clone)]
pub enum CounterKind {
    /// Adds `add` (1 if None) for each event (or each item) that the trigger picks.
    Sum { trigger: Trigger, add: Option<Expr> },
    /// Length of the present run of such periods; so many gaps are forgiven in a run.
    Streak { trigger: Trigger, unit: Unit, forgive: u32 },
    /// Number of different values, at most 1,000.
    Distinct { trigger: Trigger, of: Expr },
    /// Points granted in the wallet, by one rule or by all.
    Earned { wallet: WalletNo, rule: Option<RuleNo> },
}
