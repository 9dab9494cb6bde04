//! The plan: a program compiled for `decide`. Everything is a number into a table; names are kept for what is stored
//! and shown. A plan is immutable and shared; every version that ever earned stays loadable, for order edits.

use std::collections::HashMap;
use std::sync::Arc;

use crate::condition::{Expr, Read};
use crate::num::{Num, Round};
use crate::term::{Term, Wait};
use crate::time::{Schedule, Span, Unit, Window};
use crate::value::Text;
use crate::value::{Fields, Value};

pub type WalletNo = u16;
pub type CounterNo = u16;
pub type RuleNo = u16;
pub type CampaignNo = u16;
pub type TypeNo = u16;
pub type RegionNo = u16;
pub type LadderNo = u16;
pub type RewardNo = u16;
pub type AchievementNo = u16;
pub type WorkflowNo = u16;

#[derive(Clone)]
pub struct Plan {
    pub id: Text,
    /// 1, 2, 3 … as published on this server.
    pub version: u32,
    /// SHA-256 of the canonical JSON of the program.
    pub hash: [u8; 32],
    /// When it was published: clocks ring for what ends after it.
    pub since: jiff::Timestamp,
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
    pub ladders: Vec<Ladder>,
    pub rewards: Vec<Reward>,
    pub achievements: Vec<Achievement>,
    pub workflows: Vec<Workflow>,
    pub segments: Vec<Segment>,
    pub referrals: Option<Referrals>,
    pub households: Option<Households>,
    /// Rules that hear a clock.
    pub clocks: Vec<RuleNo>,
}

impl Plan {
    /// The type of this canon, if any rule, counter or workflow hears it.
    pub fn hearing(&self, canon: Canon) -> Option<TypeNo> {
        let no = self.types.iter().position(|ty| ty.canon == canon)? as TypeNo;
        let ty = &self.types[usize::from(no)];
        let step =
            |step: &Step| matches!(&step.act, Act::WaitFor { trigger, .. } if trigger.on.contains(&no));
        let flow = |flow: &Workflow| {
            flow.trigger.on.contains(&no) || flow.exit.contains(&no) || flow.steps.iter().any(step)
        };
        let heard = !ty.rules.is_empty() || !ty.counters.is_empty() || self.workflows.iter().any(flow);
        heard.then_some(no)
    }

    /// Whether households share this wallet.
    pub fn shares(&self, wallet: &str) -> bool {
        self.wallets.iter().any(|w| w.shared && *w.id == *wallet)
    }

    /// While one event is carried out, it may show that more must be loaded: its writing is then thrown away.
    pub fn may_ask_late(&self) -> bool {
        !self.rewards.is_empty()
            || !self.achievements.is_empty()
            || !self.workflows.is_empty()
            || !self.clocks.is_empty()
            || self.referrals.is_some()
            || [Canon::PointsEarned, Canon::TierChanged].iter().any(|canon| self.hearing(*canon).is_some())
    }
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
    /// A cart: judged, never stored.
    OrderQuoted,
    TierChanged,
    AchievementCompleted,
    ReferralClaimed,
    ReferralQualified,
    RedemptionConfirmed,
    RedemptionCancelled,
    PointsEarned,
    PointsReleased,
    PointsExpiring,
    PointsExpired,
    /// Time itself: what rules on a clock and steps of workflows hear.
    Clock,
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
    /// Rules, counters, or what they call, read a ladder: its levels are recorded too.
    pub reads_tiers: bool,
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
    pub expires: Setting<Term>,
    /// What an idle term counts as activity; empty: every earning and spending.
    pub activity: Vec<TypeNo>,
    pub pending: Pending,
    /// So long before a lot ends, `points.expiring` says so.
    pub warn: Option<Span>,
    /// Members may give points to each other.
    pub transfer: bool,
    /// One for all members of a household.
    pub shared: bool,
}

/// How long a grant waits before it can be spent.
#[derive(Clone, Debug, PartialEq)]
pub enum Pending {
    None,
    /// So long, or to a day.
    For(Setting<Wait>),
    /// For an event of the same order, and so long after it; at most so long in all. Without an order: not at all.
    Until {
        on: TypeNo,
        after: Option<Setting<Span>>,
        at_most: Option<Setting<Span>>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenShort {
    Debt,
    Forgive,
    Negative,
}

/// A value in the file, or a path to one of its type: read when it is needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting<T> {
    Is(T),
    Param(u16),
    /// A key of a table of params: (param, slot).
    ParamSlot(u16, u16),
    /// A value on the level that the member holds: (ladder, slot of `Ladder::keys`).
    Level(LadderNo, u16),
}

pub type Amount = Setting<Num>;

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
    Expr(Expr),
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

#[derive(Clone, Debug, PartialEq)]
pub enum Clock {
    /// At the end of each period, with the state as of its last instant; run so long after it.
    Every {
        unit: Unit,
        after: Option<Span>,
    },
    /// On the day of a date of the member (slot), so long before it, at (hour, minute).
    Yearly {
        field: u16,
        before: Option<Span>,
        at: (i8, i8),
    },
    /// Once per silence of these types.
    Idle {
        span: Span,
        of: Vec<TypeNo>,
    },
    Once {
        at: jiff::civil::DateTime,
    },
}

#[derive(Clone)]
pub struct Give {
    pub reward: RewardNo,
    pub amount: Expr,
}

#[derive(Clone)]
pub struct PlaceOn {
    pub ladder: LadderNo,
    pub level: LevelOf,
    /// In place of the level's own.
    pub keep: Option<Setting<Term>>,
    /// Also lowers.
    pub down: bool,
}

#[derive(Clone)]
pub enum LevelOf {
    Is(u16),
    /// A text that is one of the ladder's levels.
    Path(Expr),
}

#[derive(Clone)]
pub struct Discount {
    pub off: Off,
    /// Items for which this holds; without it: the `item` of `each`, or the subtotal.
    pub items: Option<Expr>,
    /// Of so many units, the cheapest ones.
    pub cheapest: Option<Expr>,
    pub at_most: Option<Expr>,
}

#[derive(Clone)]
pub enum Off {
    /// 0 to 100
    Percent(Expr),
    /// Money, of the whole.
    Amount(Expr),
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
    /// With `per = "tiers.L"`: what exceeds the needs starts the next level, at most this.
    pub carry: Amount,
}

#[derive(Clone)]
pub enum CounterKind {
    /// Adds `add` (1 if None) for each event (or each item) that the trigger picks.
    Sum { trigger: Trigger, add: Option<Expr> },
    /// Length of the present run of such periods; so many gaps are forgiven in a run.
    Streak { trigger: Trigger, unit: Unit, forgive: Forgive },
    /// Number of different values, at most 1,000.
    Distinct { trigger: Trigger, of: Expr },
    /// Points granted in the wallet, by one rule or by all.
    Earned { wallet: WalletNo, rule: Option<RuleNo>, count_pending: bool },
}

/// Gaps in a streak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgive {
    /// So many in a run.
    Gaps(u32),
    /// Each takes 1 from this wallet when its period ends.
    Wallet(WalletNo),
}

/// A ladder of levels, lowest first; the first is everyone's.
#[derive(Clone)]
pub struct Ladder {
    pub id: Text,
    pub name: Option<Text>,
    pub levels: Vec<Level>,
    pub keep: Setting<Term>,
    pub lapse: Lapse,
    pub grace: Option<Span>,
    /// Values that each level gives, sorted by name: `tiers.L.KEY`.
    pub keys: Vec<(Text, crate::value::Type)>,
    /// First of its slots among `Place::Tier`: see `tier_slots`.
    pub base: u16,
}

/// Slots of a ladder in `Place::Tier`, from its `base`; the values of its keys follow.
pub mod tier_slots {
    /// Index of the level held, as a number.
    pub const LEVEL: u16 = 0;
    pub const SINCE: u16 = 1;
    /// May be absent.
    pub const UNTIL: u16 = 2;
    pub const BENEFITS: u16 = 3;
    pub const KEYS: u16 = 4;
}

#[derive(Clone)]
pub struct Level {
    pub id: Text,
    pub name: Option<Text>,
    /// Any of these holds: all of its counters reach their numbers. Empty: reached only by being placed (or the first).
    pub needs: Vec<Vec<(CounterNo, Amount)>>,
    /// In place of the ladder's.
    pub keep: Option<Setting<Term>>,
    pub benefits: Vec<Text>,
    /// In the order of `Ladder::keys`; never a path to a level.
    pub values: Vec<Setting<Value>>,
}

/// What happens at the end of a level whose needs are not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// To the highest level whose needs are met.
    Requalify,
    OneDown,
    Stay,
}

#[derive(Clone)]
pub struct Reward {
    pub id: Text,
    pub name: Option<Text>,
    /// Of one, by wallet; free if empty.
    pub cost: Vec<(WalletNo, Expr)>,
    pub gives: Gives,
    pub when: Vec<Expr>,
    pub active: Option<Schedule>,
    pub limits: Vec<Limit>,
    pub stock: Option<i64>,
    pub valid: Setting<Term>,
    pub hold: Span,
    pub quantity_max: Amount,
    pub quantity_step: Amount,
    /// `when`, `cost` or what it gives mentions `order`: a cart is required.
    pub needs_order: bool,
}

#[derive(Clone)]
pub enum Gives {
    /// From codes that were imported for this pool.
    CodeImported(Text),
    /// Made: each `#` becomes a random letter or digit.
    CodePattern(Text),
    Discount(Box<Discount>),
    Product(Text),
    /// Money, of one.
    Value(Expr),
    Earn(Vec<(WalletNo, Expr)>),
    /// A table for the till.
    Custom(serde_json::Value),
}

#[derive(Clone)]
pub struct Achievement {
    pub id: Text,
    pub name: Option<Text>,
    pub needs: Vec<(CounterNo, Amount)>,
    pub repeat: bool,
    /// What follows, with its `when`, `active`, `limit` and effects.
    pub rule: RuleNo,
}

#[derive(Clone)]
pub struct Segment {
    pub id: Text,
    pub name: Option<Text>,
    pub when: Expr,
}

#[derive(Clone)]
pub struct Referrals {
    pub trigger: Trigger,
    pub after: Option<Setting<Span>>,
    pub claim: Span,
}

#[derive(Clone)]
pub struct Households {
    pub members_max: u32,
    pub stay: Option<Span>,
}

#[derive(Clone)]
pub struct Workflow {
    pub id: Text,
    pub name: Option<Text>,
    /// What starts it: `trigger.on`, or a clock.
    pub trigger: Trigger,
    pub clock: Option<Clock>,
    /// Least time between two starts; None: once in a life.
    pub again: Option<Span>,
    pub exit: Vec<TypeNo>,
    pub paused: bool,
    pub steps: Vec<Step>,
}

#[derive(Clone)]
pub struct Step {
    pub id: Option<Text>,
    pub when: Vec<Expr>,
    pub act: Act,
}

#[derive(Clone)]
pub enum Act {
    Effects(RuleNo),
    Wait(Setting<Term>),
    /// Whether it came is `steps.ID.came`: `Place::Extra` of the step's index.
    WaitFor {
        trigger: Trigger,
        at_most: Option<Setting<Span>>,
    },
    Stop,
}
