//! A member: one small document that holds all that rules may ask. Its size is bounded: old windows are dropped,
//! old lots with the same dates are joined, and of many lots most lie on pages beside it (`lots/stored`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::MemberNo;
use crate::identity::Identity;
use crate::lots::{Lots, Paging};
use crate::num::Num;
use crate::time::Span;
use crate::value::Text;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub no: MemberNo,
    pub enrolled_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// `region`, `birthday`, `tags`, `referred` and what the program declares, as JSON.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub fields: serde_json::Map<String, serde_json::Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wallets: Vec<WalletState>,
    #[serde(default, skip_serializing_if = "Paging::is_unused")]
    pub pages: Paging,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<CounterState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitState>,
    /// Position of this member's newest row in the journal; each row names the one before it.
    pub last_pos: u64,
    /// Changes so far: `member_seq` of the next is one more.
    pub changes: u64,
    /// What was due up to here has been done; absent: nothing was due since enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Timestamp>,
    /// When the next thing is due, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<TierState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub achieved: Vec<Achieved>,
    /// Reservations that are open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// Workflows that run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
    /// When each workflow was last started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub started: Vec<(Text, Timestamp)>,
    /// Newest activity of each kind that an idle clock listens to: (rule or workflow, when), and whether it has rung since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<Silence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
    /// So many members came by this one's code.
    #[serde(default, skip_serializing_if = "is_zero32")]
    pub brought: u32,
    /// Other members whose names came with this one's events, at most 8: perhaps the same person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub near: Vec<MemberNo>,
    /// The household to which this member belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// This is a household, not a person: it has a number, wallets and a history as a member has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub household: Option<Household>,
    /// Members that this one absorbed, oldest first: their numbers are other names of his.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<Absorbed>,
    /// Absorbed by this member: its number remains as another name of his.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<MemberNo>,
    /// Personal data is gone for ever.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

/// Where a member stands on a ladder; absent: on its first level since he came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TierState {
    pub ladder: Text,
    pub held: Rung,
    /// When it came back because a higher one was lost; absent: it has been held since it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Timestamp>,
    /// What is held again should the level be lost: reached before it and not ended yet, lowest first, at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub below: Vec<Rung>,
    /// Levels before and from when they were held, newest last, at most 4. A late event is judged by the level of its time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<(Text, Timestamp)>,
}

/// A level that was reached, renewed or placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    pub level: Text,
    /// When it began or was renewed.
    pub since: Timestamp,
    /// When it ends, before any grace; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Where counters are kept that count since the level began, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<LevelWindows>,
    /// The order that lifted the member to it: refunded, the level goes if its needs no longer hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
    /// That order went back, and others hold the level: any return asks again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loose: bool,
    /// By a rule or by hand, not reached.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub placed: bool,
    /// Lowered by being placed: it is not climbed from before its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixed: bool,
}

impl Rung {
    /// Reached, by nothing in particular.
    pub fn new(level: &Text, since: Timestamp, until: Option<Timestamp>) -> Rung {
        let (level, windows, by) = (level.clone(), None, None);
        Rung { level, since, until, windows, by, loose: false, placed: false, fixed: false }
    }
}

/// Windows of counters that count since a level began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelWindows {
    /// That of the level before, which led to it.
    pub led: i64,
    pub own: i64,
    /// What of each counter was carried on from the one to the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<(Text, Num)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Achieved {
    pub id: Text,
    /// Completed so often, ever.
    pub times: u32,
    /// By window of its first counter (its start as seconds, or the instant in a rolling one), newest last.
    pub windows: Vec<(i64, u32)>,
}

/// An open reservation: row and number of its redemption, and when it lapses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub pos: u64,
    pub n: u16,
    pub until: Timestamp,
}

/// A workflow that runs: it waits at a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub workflow: Text,
    pub started_at: Timestamp,
    /// Index of the step at which it waits.
    pub step: u16,
    /// The step's id, if it has one: by it the step is found again when the program has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text>,
    /// When the wait began.
    pub since: Timestamp,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Ids of steps whose event came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub came: Vec<Text>,
}

/// When a clock of the form `{ idle = … }` last heard something, and whether it has rung since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// `rules.R` or `workflows.F`
    pub of: Text,
    pub heard_at: Timestamp,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rung: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Referral {
    pub by: MemberNo,
    pub claimed_at: Timestamp,
    /// When it qualifies, once its event came; and the order of that event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Text>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub qualified: bool,
    /// Both turned out to share a name: it never qualifies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub void: bool,
}

/// A member who was absorbed: when, and in which row what he had was taken over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Absorbed {
    pub no: MemberNo,
    pub at: Timestamp,
    pub pos: u64,
    /// Id of that row's event, by which it is found.
    #[serde(default)]
    pub event: Text,
    /// What came of his orders since: it is his, should the two be parted.
    #[serde(default, skip_serializing_if = "Since::is_empty")]
    pub since: Since,
}

/// What events about the orders of an absorbed member changed with the survivor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Since {
    /// By how much counters went up or down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<CounterState>,
    /// How much more, or less, of limits is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitState>,
    /// Lots that they filled, newest last, at most 64: (wallet, row, number).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<(Text, u64, u16)>,
    /// Parts of lots that returns took beyond what the order itself had given, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<(Text, Lot)>,
    /// What returns left to be owed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<(Text, i64)>,
}

impl Since {
    fn is_empty(&self) -> bool {
        *self == Since::default()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Home {
    pub no: MemberNo,
    pub since: Timestamp,
}

/// Who belongs to it, in the order in which they came; nobody, when all have left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Household {
    pub residents: Vec<Resident>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resident {
    pub no: MemberNo,
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WalletState {
    pub id: Text,
    /// Smallest parts. Sum of what remains in the lots that are available; below 0 only with `when_short = "negative"`.
    pub available: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pending: i64,
    /// Owed, not negative.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub debt: i64,
    #[serde(default, skip_serializing_if = "Lots::is_empty")]
    pub lots: Lots,
    /// Grants that cannot be spent yet; they sum to `pending`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// Newest activity, for an idle term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_at: Option<Timestamp>,
    /// The idle term that holds now, and when it began to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<(Text, Timestamp)>,
    /// Ends up to here have been warned of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned: Option<Timestamp>,
}

/// A lot that is not available yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    #[serde(rename = "p")]
    pub pos: u64,
    #[serde(default)]
    pub n: u16,
    #[serde(rename = "r")]
    pub remaining: i64,
    /// When it is released by itself.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// It waits for an event of an order.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub order: Option<ForOrder>,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The rule that granted it.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
}

/// For which event of which order a grant waits, and how long after it. Stored as `[order, type, after]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForOrder {
    pub id: Text,
    pub on: Text,
    pub after: Option<Span>,
}

impl Serialize for ForOrder {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        (&self.id, &self.on, self.after.map(|after| after.to_string())).serialize(s)
    }
}

impl<'de> Deserialize<'de> for ForOrder {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<ForOrder, D::Error> {
        let (id, on, after) = <(Text, Text, Option<String>)>::deserialize(d)?;
        let bad = || serde::de::Error::custom("not a duration");
        let after = after.map(|text| Span::parse(&text).ok_or_else(bad)).transpose()?;
        Ok(ForOrder { id, on, after })
    }
}

/// A dated portion of points that is not used up.
#[derive(Clone, Debug, PartialEq)]
pub struct Lot {
    /// Position of the journal row that made it (the oldest, if lots were joined).
    pub pos: u64,
    /// Which grant of that row.
    pub n: u16,
    pub remaining: i64,
    /// So many younger lots with the same dates were joined into this one.
    pub joined: u32,
    pub expires_at: Option<Timestamp>,
    /// In a household: who put it in, and takes what is left of it when he leaves.
    pub by: Option<MemberNo>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterState {
    pub id: Text,
    /// (start of the window, or the instant in a rolling one, as seconds; value), oldest first.
    pub parts: Vec<(i64, Num)>,
    /// For `distinct`: hashes of the values seen; for `streak`: see decide/counters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<u64>,
    /// What was seen more than once, so that a return takes back one sight: (window, value, how often more). Of a streak:
    /// (period, 0, further marks).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<(i64, u64, u32)>,
    /// Gaps of a streak that were paid for, by the start of their period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<i64>,
}

/// What of a limit is used up, by window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitState {
    pub id: Text,
    pub parts: Vec<(i64, i64)>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero32(n: &u32) -> bool {
    *n == 0
}
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl Member {
    /// Every number that stands for him: his own, and those of whom he absorbed.
    pub fn numbers(&self) -> impl Iterator<Item = MemberNo> {
        std::iter::once(self.no).chain(self.absorbed.iter().map(|one| one.no))
    }

    pub fn has_number(&self, no: MemberNo) -> bool {
        self.numbers().any(|own| own == no)
    }

    /// A new member, not yet known to anyone.
    pub fn new(no: MemberNo, at: Timestamp) -> Member {
        Member {
            no,
            enrolled_at: at,
            identities: Vec::new(),
            fields: serde_json::Map::new(),
            wallets: Vec::new(),
            pages: Paging::default(),
            counters: Vec::new(),
            limits: Vec::new(),
            last_pos: 0,
            changes: 0,
            clock: None,
            due: None,
            tiers: Vec::new(),
            achieved: Vec::new(),
            held: Vec::new(),
            runs: Vec::new(),
            started: Vec::new(),
            silences: Vec::new(),
            referral: None,
            brought: 0,
            near: Vec::new(),
            home: None,
            household: None,
            absorbed: Vec::new(),
            merged_into: None,
            erased: false,
        }
    }
}

impl CounterState {
    pub fn new(id: &str) -> CounterState {
        let (parts, values) = (Vec::new(), Vec::new());
        CounterState { id: id.into(), parts, values, again: Vec::new(), paid: Vec::new() }
    }
}

impl WalletState {
    pub fn new(id: &str) -> WalletState {
        WalletState {
            id: id.into(),
            available: 0,
            pending: 0,
            debt: 0,
            lots: Lots::default(),
            waiting: Vec::new(),
            active_at: None,
            idle: None,
            warned: None,
        }
    }
}
