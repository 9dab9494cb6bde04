//! Where a member stands: counters, levels, goals, segments, and the members around.

use super::{Amount, CounterNo, LadderNo, RuleNo, Setting, Trigger, WalletNo};
use crate::condition::Expr;
use crate::term::Term;
use crate::time::{Span, Unit, Window};
use crate::value::{Text, Value};

#[derive(Clone)]
pub struct Counter {
    pub id: Text,
    pub kind: CounterKind,
    pub per: Window,
    /// With `per = "tiers.L"`: what exceeds the needs starts the next level, at most this.
    pub carry: Amount,
}

impl Counter {
    /// It adds up amounts, of which a return takes back a share.
    pub fn is_sum(&self) -> bool {
        matches!(self.kind, CounterKind::Sum { .. } | CounterKind::Earned { .. })
    }
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
    Path(Box<Expr>),
}

#[derive(Clone)]
pub struct Achievement {
    pub id: Text,
    pub needs: Vec<(CounterNo, Amount)>,
    pub repeat: bool,
    /// What follows, with its `when`, `active`, `limit` and effects.
    pub rule: RuleNo,
}

#[derive(Clone)]
pub struct Segment {
    pub id: Text,
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
