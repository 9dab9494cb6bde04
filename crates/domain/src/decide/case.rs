//! One event beside the member whom it is about: everything that expressions may read, gathered once.
//! The member's state is read through `State`: as it is now (`Present`), or as a row recorded it (`Recorded`).

use jiff::Zoned;

use super::counters;
use super::limits::Moment;
use super::tiers;
use crate::bind;
use crate::canonical;
use crate::condition::{Env, EventAttributes, Read, State};
use crate::event::Event;
use crate::household::{Balance, Who};
use crate::member::Member;
use crate::num::Num;
use crate::plan::{Canon, EventType, Plan, Region, RuleNo, WalletNo};
use crate::planted;
use crate::time::Calendar;
use crate::value::Text;
use crate::value::Value;

pub struct Case<'a> {
    pub plan: &'a Plan,
    pub ty: &'a EventType,
    pub event: &'a Event,
    pub payload: &'a Value,
    pub member: &'a Member,
    /// The household whose wallets he shares.
    pub home: Option<&'a Member>,
    /// The member's fields by slot; empty if nothing here reads them.
    pub values: Vec<Value>,
    /// What ladders show at the event's own time.
    pub tiers: Vec<Value>,
    pub region: &'a Region,
    /// The event's own time in the region's zone.
    pub now: Zoned,
    /// The same in the program's zone, which cuts windows.
    pub moment: Moment,
    /// Totals of the order's items: how a grant is shared that follows no item.
    pub totals: Vec<Num>,
    /// What one place alone can read: a reward's quantity, what came in a workflow.
    pub extra: Vec<Value>,
}

impl<'a> Case<'a> {
    pub fn new(
        plan: &'a Plan,
        ty: &'a EventType,
        event: &'a Event,
        payload: &'a Value,
        Who { member, home }: Who<'a>,
        region: &'a Region,
        at: jiff::Timestamp,
    ) -> Case<'a> {
        let moment = moment(plan, member, at);
        let now = if std::ptr::eq(region, &plan.regions[0]) {
            moment.at.clone()
        } else {
            at.to_zoned(region.zone.clone())
        };
        let values = if !ty.member_reads.is_empty() {
            bind::member_values(&plan.member_fields, member, &plan.regions[0].zone)
        } else {
            Vec::new()
        };
        let totals = match ty.canon {
            Canon::OrderPaid | Canon::OrderUpdated => item_totals(payload),
            _ => Vec::new(),
        };
        let tiers = tiers::values(plan, member, region, at);
        Case {
            plan,
            ty,
            event,
            payload,
            member,
            home,
            values,
            tiers,
            region,
            now,
            moment,
            totals,
            extra: Vec::new(),
        }
    }

    /// Whatever may be read of the member, though no rule of this type reads it.
    pub fn read_member(&mut self) {
        if self.values.is_empty() {
            self.values =
                bind::member_values(&self.plan.member_fields, self.member, &self.plan.regions[0].zone);
        }
    }

    /// The member's state as it is.
    pub fn present(&self) -> Present<'_> {
        Present { plan: self.plan, who: self.who(), moment: &self.moment }
    }

    /// The same, for many rules.
    pub fn known(&self) -> Known<'_> {
        let (present, reads) = (self.present(), &self.ty.reads[..]);
        let numbers = reads.iter().map(|read| present.read(*read)).collect();
        Known { present, reads, numbers }
    }

    pub fn who(&self) -> Who<'a> {
        Who { member: self.member, home: self.home }
    }

    pub fn env<'e>(&'e self, state: &'e dyn State, item: Option<&'e Value>) -> Env<'e> {
        Env {
            payload: self.payload,
            item,
            member: &self.values,
            params: &self.region.params,
            tiers: &self.tiers,
            extra: &self.extra,
            state,
            event: EventAttributes { id: &self.event.id, source: &self.event.source, kind: &self.event.kind },
            now: &self.now,
        }
    }

    /// What the rules of this type read, as it is now: recorded with the event.
    pub fn seen(&self, state: &dyn State) -> Vec<(Text, serde_json::Value)> {
        let (reads, slots) = (&self.ty.reads, &self.ty.member_reads);
        let numbers = reads.iter().map(|read| bind::number(state.read(*read)));
        let fields = slots.iter().map(|slot| {
            let slot = usize::from(*slot);
            bind::to_json(&self.values[slot], &self.plan.member_fields.0[slot].ty)
        });
        let seen = self.ty.seen_names.iter().cloned().zip(numbers.chain(fields));
        if self.ty.reads_tiers {
            return seen.chain(tiers::seen(self.plan, &self.tiers)).collect();
        }
        seen.collect()
    }

    /// Puts the member's fields and levels back to what a row recorded.
    pub fn recall(&mut self, seen: &[(Text, serde_json::Value)]) {
        for (name, json) in seen {
            let Some(slot) = name.strip_prefix("member.").and_then(|n| self.plan.member_fields.slot(n))
            else {
                continue;
            };
            if let Some(place) = self.values.get_mut(slot) {
                *place = bind::from_json(json, &self.plan.member_fields.0[slot].ty).unwrap_or(Value::Absent);
            }
        }
        tiers::recall(self.plan, self.region, &mut self.tiers, seen);
    }
}

pub fn moment(plan: &Plan, member: &Member, at: jiff::Timestamp) -> Moment {
    let zone = &plan.regions[0].zone;
    let calendar = Calendar {
        week_starts: plan.week_starts,
        year_starts: plan.year_starts,
        enrolled_on: member.enrolled_at.to_zoned(zone.clone()).date(),
    };
    let since = |ladder: &crate::plan::Ladder| tiers::held(ladder, member, at).window;
    Moment::new(at.to_zoned(zone.clone()), calendar, plan.ladders.iter().map(since).collect())
}

/// The list of an order's items, from its payload.
pub fn items(payload: &Value) -> &[Value] {
    match payload {
        Value::Record(slots) => match slots.get(canonical::order::ITEMS) {
            Some(Value::List(items)) => items,
            _ => &[],
        },
        _ => &[],
    }
}

pub fn slot_num(record: &Value, slot: usize) -> Num {
    match record {
        Value::Record(slots) => match slots.get(slot) {
            Some(Value::Num(n)) => *n,
            _ => Num::ZERO,
        },
        _ => Num::ZERO,
    }
}

pub fn slot_text(record: &Value, slot: usize) -> &str {
    match record {
        Value::Record(slots) => match slots.get(slot) {
            Some(Value::Text(t)) => t,
            _ => "",
        },
        _ => "",
    }
}

pub fn slot_time(record: &Value, slot: usize) -> Option<jiff::Timestamp> {
    match record {
        Value::Record(slots) => match slots.get(slot) {
            Some(Value::Time(time)) => Some(*time),
            _ => None,
        },
        _ => None,
    }
}

fn item_totals(payload: &Value) -> Vec<Num> {
    items(payload).iter().map(|item| slot_num(item, canonical::item::TOTAL)).collect()
}

/// As written in a program.
pub fn read_name(plan: &Plan, read: Read) -> Text {
    let wallet = |w: u16| &plan.wallets[usize::from(w)].id;
    match read {
        Read::WalletAvailable(w) => format!("wallets.{}.available", wallet(w)),
        Read::WalletPending(w) => format!("wallets.{}.pending", wallet(w)),
        Read::WalletDebt(w) => format!("wallets.{}.debt", wallet(w)),
        Read::Counter(c, 0) => format!("counters.{}", plan.counters[usize::from(c)].id),
        Read::Counter(c, ago) => format!("counters.{}.ago({ago})", plan.counters[usize::from(c)].id),
        Read::Achieved(a) => format!("achievements.{}", plan.achievements[usize::from(a)].id),
        Read::Granted(r, w) => format!("rules.{}.{}", plan.rules[usize::from(r)].id, wallet(w)),
    }
    .into()
}

/// The member's state as it is.
pub struct Present<'a> {
    pub plan: &'a Plan,
    pub who: Who<'a>,
    pub moment: &'a Moment,
}

impl State for Present<'_> {
    fn read(&self, what: Read) -> Num {
        let wallet = |no: u16, amount: fn(Balance) -> i64| {
            let w = &self.plan.wallets[usize::from(no)];
            Num::minor(amount(self.who.balance(w)), w.decimals)
        };
        let member = self.who.member;
        match what {
            Read::WalletAvailable(w) => wallet(w, |s| s.available),
            Read::WalletPending(w) => wallet(w, |s| s.pending),
            Read::WalletDebt(w) => wallet(w, |s| s.debt),
            Read::Counter(c, ago) => {
                let counter = &self.plan.counters[usize::from(c)];
                let n = counters::value(counter, counters::state(member, &counter.id), self.moment, ago);
                if planted::is("counter_after_event") { n.add(Num::ONE).unwrap_or(n) } else { n }
            }
            Read::Achieved(a) => {
                let id = &self.plan.achievements[usize::from(a)].id;
                let times = member.achieved.iter().find(|a| a.id == *id).map_or(0, |a| a.times);
                Num::int(i64::from(times)).unwrap_or(Num::ZERO)
            }
            Read::Granted(..) => Num::ZERO,
        }
    }
}

/// The same, with what the rules of the type read found out once.
pub struct Known<'a> {
    present: Present<'a>,
    reads: &'a [Read],
    numbers: Vec<Num>,
}

impl State for Known<'_> {
    fn read(&self, what: Read) -> Num {
        match self.reads.iter().position(|read| *read == what) {
            Some(at) => self.numbers[at],
            None => self.present.read(what),
        }
    }
}

/// The member's state as a row recorded it.
pub struct Recorded(Vec<(Read, Num)>);

impl Recorded {
    pub fn new(plan: &Plan, ty: &EventType, seen: &[(Text, serde_json::Value)]) -> Recorded {
        let value = |read: &Read| {
            let name = read_name(plan, *read);
            let json = &seen.iter().find(|(n, _)| *n == name)?.1;
            match bind::from_json(json, &crate::value::Type::Num) {
                Some(Value::Num(n)) => Some((*read, n)),
                _ => None,
            }
        };
        Recorded(ty.reads.iter().filter_map(value).collect())
    }
}

impl State for Recorded {
    fn read(&self, what: Read) -> Num {
        self.0.iter().find(|(read, _)| *read == what).map_or(Num::ZERO, |(_, n)| *n)
    }
}

/// What rules granted so far in this event, on top of the state before it.
pub struct WithGrants<'a> {
    pub before: &'a dyn State,
    pub plan: &'a Plan,
    pub granted: &'a [(RuleNo, WalletNo, i64)],
}

impl State for WithGrants<'_> {
    fn read(&self, what: Read) -> Num {
        let Read::Granted(rule, wallet) = what else { return self.before.read(what) };
        let sum = self.granted.iter().filter(|g| g.0 == rule && g.1 == wallet).map(|g| g.2).sum();
        Num::minor(sum, self.plan.wallets[usize::from(wallet)].decimals)
    }
}
