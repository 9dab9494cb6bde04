//! Running a test: each step's event goes through the one door in memory, then what is expected is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::memory::Memory;
use super::{Failure, Fields, Step, Test, When};
use crate::bind;
use crate::condition::{Env, EventAttributes};
use crate::decide::{Present, env_state, moment, tier_values};
use crate::event::{API_SOURCE, Event, Input, Subject};
use crate::identity::Identity;
use crate::outcome::{Decision, Status};
use crate::own;
use crate::plan::{Plan, Region, RuleNo, WalletNo};
use crate::program::Program;
use crate::value::{Text, Value};

/// Ids of the rules that paid or emitted in the test.
pub type Paid = BTreeSet<Text>;

pub fn run(program: &Program, test: &Test) -> Result<Paid, Box<Failure>> {
    let environment = test.environment.as_deref();
    let plan = match environment {
        None => program.plan.clone(),
        // Params are the same in number and type, so what was compiled fits both.
        Some(_) => {
            crate::program::read_json(&program.json, environment, program.plan.version)
                .unwrap_or_else(|_| panic!("law broken: a program checks in each of its environments"))
                .plan
        }
    };
    run_under(&Arc::new(plan), test)
}

/// The test under a plan that was compiled from the same program.
pub fn run_under(plan: &Arc<Plan>, test: &Test) -> Result<Paid, Box<Failure>> {
    let mut run = Run {
        plan: plan.clone(),
        test,
        memory: Memory::new(plan.clone()),
        now: Timestamp::UNIX_EPOCH,
        newest: Timestamp::UNIX_EPOCH,
        enrolled: BTreeSet::new(),
        paid: Paid::new(),
        redeemed: Vec::new(),
    };
    for (number, step) in test.steps.iter().enumerate() {
        run.step(number, step)?;
    }
    Ok(run.paid)
}

pub(super) struct Run<'t> {
    pub(super) plan: Arc<Plan>,
    pub(super) test: &'t Test,
    pub(super) memory: Memory,
    /// The present step's instant; may lie before an earlier one's (a late event).
    pub(super) now: Timestamp,
    newest: Timestamp,
    enrolled: BTreeSet<Box<str>>,
    paid: Paid,
    /// Which step redeemed, and the name of its redemption.
    pub(super) redeemed: Vec<(usize, Text)>,
}

/// What a step did, as tests see it.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) decisions: Vec<Arc<Decision>>,
    /// Money taken off a cart.
    pub(super) discount: crate::num::Num,
    /// Rules that took it off.
    pub(super) quoted: Vec<Text>,
}

impl Run<'_> {
    fn step(&mut self, number: usize, step: &Step) -> Result<(), Box<Failure>> {
        let region = self.region(step);
        self.advance(step, &region.zone.clone());
        let mut seen = Seen::default();
        self.pass(&step.member, &mut seen);
        if number == 0 {
            for (member, _) in &self.test.members {
                if *member != step.member {
                    self.enrol(member);
                }
            }
        }
        let own = step.event.as_ref().is_some_and(|(kind, _)| &**kind == "member.enrolled");
        if !own && !self.enrolled.contains(&step.member) {
            seen.decisions.extend(self.enrol(&step.member));
        }
        if let Some((kind, data)) = &step.event {
            let data = self.complete(kind, data, number, step);
            let id = format!("step-{}", number + 1);
            seen.decisions.extend(self.submit(&id, kind, &step.member, data));
            self.enrolled.insert(step.member.clone());
        }
        if let Some(with) = &step.join {
            seen.decisions.extend(self.join(number, step, with));
        }
        if let Some(redeem) = &step.redeem {
            seen.decisions.extend(self.redeem(number, step, redeem));
        }
        if let Some(cart) = &step.quote {
            self.quote(step, cart, &mut seen);
        }
        for (of, act) in [(step.confirm, "confirm"), (step.cancel, "cancel")] {
            if let Some(of) = of {
                seen.decisions.extend(self.act(number, step, of, act));
            }
        }
        self.pass(&step.member, &mut seen);
        self.paid.extend(seen.quoted.drain(..));
        let paid = seen.decisions.iter().flat_map(|d| {
            let earned = d
                .effects
                .iter()
                .filter(|e| e.granted > 0 && ["earn", "place", "give", "redeem"].contains(&&*e.kind))
                .map(|e| e.rule.clone());
            earned.chain(d.emitted.iter().map(|e| e.rule.clone()))
        });
        self.paid.extend(paid);
        self.expect(number, step, &seen)
    }

    /// Local time is that of the step's region.
    fn advance(&mut self, step: &Step, zone: &TimeZone) {
        let instant = match &step.when {
            When::At(at) => at.to_zoned(zone.clone()).map(|z| z.timestamp()).unwrap_or(self.now),
            When::After(spans) => {
                let start = self.now.to_zoned(zone.clone());
                spans.iter().fold(start, |at, span| span.after(&at)).timestamp()
            }
        };
        self.now = instant;
        self.newest = self.newest.max(instant);
    }

    /// Everything that is due by now happens, in order and for all members. Seen is what it does to this one, and what
    /// this one's time does to others.
    fn pass(&mut self, member: &str, seen: &mut Seen) {
        while let Some((woken, batch)) = self.memory.wake(self.newest) {
            let no = identity(member).and_then(|name| self.memory.member(&name)).map(|member| member.no);
            let rows = batch.rows.into_iter().map(|row| row.decision);
            seen.decisions.extend(rows.filter(|d| d.member == no || no == Some(woken)));
        }
    }

    /// Into the household of another member, who founds one if he is in none.
    fn join(&mut self, number: usize, step: &Step, with: &str) -> Vec<Arc<Decision>> {
        let mut rows = if self.enrolled.contains(with) { Vec::new() } else { self.enrol(with) };
        let with = identity(with).and_then(|name| self.memory.member(&name)).map(|member| member.no);
        let data = serde_json::json!({"with": with});
        rows.extend(self.send(API_SOURCE, number, own::JOIN, &step.member, &data));
        rows
    }

    pub(super) fn region(&self, step: &Step) -> &Region {
        let fields = self.test.members.iter().find(|(id, _)| *id == step.member).map(|(_, fields)| fields);
        let own = fields.and_then(|f| f.get("region")).and_then(Json::as_str);
        let ordered = step.event.as_ref().and_then(|(_, data)| data.get("region")).and_then(Json::as_str);
        let id = step.region.as_deref().or(ordered).or(own).or(self.test.region.as_deref());
        let all = &self.plan.regions;
        all.iter().find(|r| id == Some(&*r.id)).unwrap_or(&all[0])
    }

    fn enrol(&mut self, member: &str) -> Vec<Arc<Decision>> {
        let fields = self.test.members.iter().find(|(id, _)| **id == *member).map(|(_, fields)| fields);
        let mut data = fields.cloned().unwrap_or_default();
        if let (Some(region), false) = (&self.test.region, data.contains_key("region")) {
            data.insert("region".into(), Json::from(&**region));
        }
        self.enrolled.insert(member.into());
        self.submit(&format!("enrol-{member}"), "member.enrolled", member, data)
    }

    /// One event; with it come the rows that it set free.
    fn submit(&mut self, id: &str, kind: &str, member: &str, data: Fields) -> Vec<Arc<Decision>> {
        self.event("test", id, kind, member, &Json::Object(data))
    }

    /// What the API would do in this step.
    pub(super) fn send(
        &mut self,
        source: &str,
        number: usize,
        kind: &str,
        member: &str,
        data: &Json,
    ) -> Vec<Arc<Decision>> {
        self.event(source, &format!("step-{}", number + 1), kind, member, data)
    }

    fn event(&mut self, source: &str, id: &str, kind: &str, member: &str, data: &Json) -> Vec<Arc<Decision>> {
        let data = data.to_string().into_bytes();
        let event = Event {
            source: source.into(),
            id: id.into(),
            kind: kind.into(),
            subject: identity(member).map(Subject::Identity),
            also: Vec::new(),
            time: self.now,
            data: data.clone().into(),
        };
        let input =
            Input { event: event.into(), body_hash: Sha256::digest(&data).into(), origin: "test".into() };
        let batch = self.memory.submit(&[input], self.newest);
        batch.rows.into_iter().map(|row| row.decision).collect()
    }

    /// An order needs only what matters: the core fills in the rest, as in life.
    fn complete(&self, kind: &str, data: &Fields, number: usize, step: &Step) -> Fields {
        let mut order = data.clone();
        // Members of a test are known by one word.
        if let ("referral.claimed", Some(Json::String(by))) = (kind, order.get_mut("by"))
            && let Some(name) = identity(by)
        {
            *by = name.as_str().to_owned();
        }
        if !["order.paid", "order.updated"].contains(&kind) {
            return order;
        }
        let mut put = |key: &str, value: String| {
            order.entry(key).or_insert(Json::String(value));
        };
        put("id", format!("o{}", number + 1));
        put("currency", self.region(step).currency.to_string());
        if let Some(region) = &step.region {
            put("region", region.to_string());
        }
        order
    }

    fn expect(&self, number: usize, step: &Step, seen: &Seen) -> Result<(), Box<Failure>> {
        if step.expect.is_empty() {
            return Ok(());
        }
        let fail = |expected: &str, found: String| {
            let (test, event) = (self.test.id.clone(), super::show::event(step, &seen.decisions, &self.plan));
            let (source, byte) = (step.source, step.byte);
            Err(Box::new(Failure {
                test,
                step: number + 1,
                source,
                byte,
                expected: expected.into(),
                seen: found,
                event,
            }))
        };
        let member = identity(&step.member).and_then(|i| self.memory.member(&i));
        let Some(member) = member else {
            return fail(&step.expect[0].source, format!("{} is no member", step.member));
        };
        let region = self.region(step);
        let now = self.now.to_zoned(region.zone.clone());
        let moment = moment(&self.plan, member, self.now);
        let present = Present { plan: &self.plan, who: self.memory.who(member), moment: &moment };
        let granted = self.granted(&seen.decisions);
        let state = env_state(&present, &self.plan, &granted);
        let values = bind::member_values(&self.plan.member_fields, member, &self.plan.regions[0].zone);
        let tiers = tier_values(&self.plan, member, region, self.now);
        let extra = extra(seen);
        let env = Env {
            payload: &Value::Absent,
            item: None,
            member: &values,
            params: &region.params,
            tiers: &tiers,
            extra: &extra,
            state: &state,
            event: EventAttributes::default(),
            now: &now,
        };
        for expected in &step.expect {
            if expected.holds(&env) == Ok(true) {
                continue;
            }
            let leaves = expected.seen(&env);
            let found: Vec<String> =
                leaves.iter().map(|(what, v)| format!("{what} is {}", super::show::value(v))).collect();
            let found = if found.is_empty() { "it does not hold".to_owned() } else { found.join(", ") };
            return fail(&expected.source, found);
        }
        Ok(())
    }

    fn granted(&self, decisions: &[Arc<Decision>]) -> Vec<(RuleNo, WalletNo, i64)> {
        let earned = decisions.iter().flat_map(|d| &d.effects).filter(|e| &*e.kind == "earn");
        let number = |effect: &crate::outcome::Effect| {
            let rule = self.plan.rules.iter().position(|r| r.id == effect.rule)?;
            let wallet = self.plan.wallets.iter().position(|w| w.id == effect.wallet)?;
            Some((u16::try_from(rule).ok()?, u16::try_from(wallet).ok()?, effect.granted))
        };
        earned.filter_map(number).collect()
    }
}

/// `refused`, `emitted`, `given`, `discount`, in the order of their numbers.
fn extra(seen: &Seen) -> [Value; 4] {
    let decisions = &seen.decisions;
    // What is due at the same instant runs behind the step's own rows.
    let last = decisions.iter().rfind(|d| d.status == Status::Refused);
    let refused = last.and_then(|d| d.reason.as_ref()).map_or("", |r| &r.code);
    let emitted = decisions.iter().flat_map(|d| &d.emitted).map(|e| Value::Text(e.kind.clone())).collect();
    [
        Value::Text(refused.into()),
        Value::List(emitted),
        super::redeem::given(decisions),
        Value::Num(seen.discount),
    ]
}

pub(super) fn identity(member: &str) -> Option<Identity> {
    Identity::parse(&format!("test:{member}")).ok()
}
