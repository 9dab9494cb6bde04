//! What judges events: triggers, rules, limits, campaigns.

use super::{Amount, CampaignNo, Clock, Discount, Give, Pending, PlaceOn, RuleNo, Setting, TypeNo, WalletNo};
use crate::condition::Expr;
use crate::term::Term;
use crate::time::{Schedule, Window};
use crate::value::Text;

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

/// Effects of achievements and of steps of workflows are rules that hear nothing by themselves: their ids are
/// `achievements.A` and `workflows.F#2`, and no rule of the file can have such an id.
#[derive(Clone)]
pub struct Rule {
    pub id: Text,
    pub name: Option<Text>,
    pub trigger: Trigger,
    pub campaign: Option<CampaignNo>,
    pub once_per: OncePer,
    pub limits: Vec<Limit>,
    pub paused: bool,
    /// It hears a clock; then `trigger.on` is empty.
    pub clock: Option<Clock>,
    pub to: Payee,
    pub earn: Vec<Earn>,
    pub emit: Vec<Emit>,
    /// Issued without cost or conditions; stock holds.
    pub give: Vec<Give>,
    /// Redeemed as if the member had asked.
    pub redeem: Vec<Give>,
    pub place: Vec<PlaceOn>,
    /// Only on `order.quoted`.
    pub discount: Option<Discount>,
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
    Expr(Box<Expr>),
}

#[derive(Clone)]
pub struct Earn {
    pub wallet: WalletNo,
    pub amount: Expr,
    /// In place of the wallet's.
    pub expires: Option<Setting<Term>>,
    pub pending: Option<Pending>,
}

/// Who is paid, and whose state is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payee {
    Member,
    Referrer,
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
    pub across: Across,
    /// true: pay what is left; false: all or nothing.
    pub partial: bool,
}

/// Whose use a limit counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Across {
    /// Each member's own.
    Member,
    /// One for all residents of a household.
    Household,
    /// One budget for all.
    Members,
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
