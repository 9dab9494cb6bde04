//! The plan: a program compiled for `decide`. Everything is a number into a table; names are kept for what is stored
//! and shown. A plan is immutable and shared; every version that ever earned stays loadable, for order edits.

mod flow;
mod rewards;
mod rules;
mod standing;

use std::collections::HashMap;
use std::sync::Arc;

use crate::condition::{Read, Scope};
use crate::num::{Num, Round};
use crate::term::{Term, Wait};
use crate::time::Span;
use crate::value::Text;
use crate::value::{Fields, Value};

pub use flow::*;
pub use rewards::*;
pub use rules::*;
pub use standing::*;

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
    /// How long a guest's events can be claimed.
    pub claim_window: Span,
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
    /// Clocks that an older version had already, by `rules.R` or `workflows.F`: since when.
    pub kept_clocks: Vec<(Text, jiff::Timestamp)>,
    /// Of what happens here (`points.earned`, `tier.changed` …), what is heard.
    pub heard: Vec<(Canon, TypeNo)>,
    /// What conditions on a member may mention: those who are told of changes ask with the same words.
    pub audience: Arc<Scope>,
}

impl Plan {
    /// The type of this canon of what happens here, if any rule, counter or workflow hears it.
    pub fn hearing(&self, canon: Canon) -> Option<TypeNo> {
        self.heard.iter().find(|heard| heard.0 == canon).map(|heard| heard.1)
    }

    /// Notes what of all that happens here is heard, so that nobody looks for it after every event.
    pub fn note_heard(&mut self) {
        let heard = |no: TypeNo| {
            let ty = &self.types[usize::from(no)];
            let step =
                |step: &Step| matches!(&step.act, Act::WaitFor { trigger, .. } if trigger.on.contains(&no));
            let flow = |flow: &Workflow| {
                flow.trigger.on.contains(&no) || flow.exit.contains(&no) || flow.steps.iter().any(step)
            };
            !ty.rules.is_empty() || !ty.counters.is_empty() || self.workflows.iter().any(flow)
        };
        let made = (0..self.types.len() as TypeNo).map(|no| (self.types[usize::from(no)].canon, no));
        self.heard = made.filter(|(canon, no)| !canon.comes_in() && heard(*no)).collect();
    }

    /// The plan as it is published after this one: clocks ring for what ends from now on.
    pub fn published(mut self, at: jiff::Timestamp, before: &Plan) -> Plan {
        self.since = at;
        self.keep_clocks(before);
        self
    }

    pub fn first_published(mut self, at: jiff::Timestamp) -> Plan {
        self.since = at;
        self
    }

    /// A clock that the version before had too goes on ticking.
    pub fn keep_clocks(&mut self, before: &Plan) {
        let kept = self.ticking().filter(|one| before.ticking().any(|old| old == *one));
        self.kept_clocks = kept.map(|one| (one.name(), before.rings_since(one))).collect();
    }

    /// Since when this clock rings: for what ends after it.
    pub fn rings_since(&self, one: Ticking<'_>) -> jiff::Timestamp {
        self.kept_clocks.iter().find(|(kept, _)| one.is(kept)).map_or(self.since, |(_, since)| *since)
    }

    /// Everything that hears a clock.
    pub fn ticking(&self) -> impl Iterator<Item = Ticking<'_>> {
        let rules = self.clocks.iter().map(|no| &self.rules[usize::from(*no)]);
        let rules = rules.filter_map(|rule| Ticking::of("rules", &rule.id, rule.clock.as_ref()));
        let flows = self.workflows.iter();
        rules.chain(flows.filter_map(|flow| Ticking::of("workflows", &flow.id, flow.clock.as_ref())))
    }

    /// Whether households share this wallet.
    pub fn shares(&self, wallet: &str) -> bool {
        self.wallets.iter().any(|w| w.shared && *w.id == *wallet)
    }

    /// While one event is carried out, it may show that more must be loaded: its writing is then thrown away.
    pub fn may_ask_late(&self) -> bool {
        !self.rewards.is_empty()
            || !self.workflows.is_empty()
            || !self.clocks.is_empty()
            || self.referrals.is_some()
            || FOLLOWING.iter().any(|canon| self.hearing(*canon).is_some())
    }
}

/// A rule or a workflow and the clock that it hears. Asked for after every event, so its name is made only to be kept.
#[derive(Clone, Copy, PartialEq)]
pub struct Ticking<'p> {
    section: &'static str,
    pub id: &'p Text,
    pub clock: &'p Clock,
}

impl<'p> Ticking<'p> {
    fn of(section: &'static str, id: &'p Text, clock: Option<&'p Clock>) -> Option<Ticking<'p>> {
        Some(Ticking { section, id, clock: clock? })
    }

    /// `rules.R` or `workflows.F`
    pub fn name(self) -> Text {
        format!("{}.{}", self.section, self.id).into()
    }

    pub fn is(self, name: &str) -> bool {
        let id = name.strip_prefix(self.section).and_then(|rest| rest.strip_prefix('.'));
        id == Some(&**self.id)
    }

    pub fn is_rule(self) -> bool {
        self.section == "rules"
    }
}

/// What may follow any event.
const FOLLOWING: [Canon; 5] = [
    Canon::PointsEarned,
    Canon::PointsReleased,
    Canon::PointsExpiring,
    Canon::PointsExpired,
    Canon::TierChanged,
];

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
    /// Under which names they are recorded: those of `reads`, then those of `member_reads`.
    pub seen_names: Vec<Text>,
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
    /// What an idle term counts as activity; empty: every earning and spending, and points given by hand.
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
