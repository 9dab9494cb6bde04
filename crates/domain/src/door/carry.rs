//! Deciding one job and writing down what it did: the member and the household are taken out, weighed, changed, put back;
//! a row is appended. If something turns out to be missing on the way, everything is as before.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Door, Wants, Way, made};
use crate::batch::{Answer, Erasure, NewRow};
use crate::codes;
use crate::decide::households::Move;
use crate::decide::rewards::codes::{self as pools, Import};
use crate::decide::{self, Book, Kind, Made, Matter, Scene, Verdict, Work, members};
use crate::event::{Input, MemberNo};
use crate::identity::Identity;
use crate::job::{Job, JobEvent, fields};
use crate::key::Key;
use crate::lots;
use crate::member::Member;
use crate::order::Order;
use crate::outcome::{Decision, Emitted, Reason, Status};
use crate::own::Own;
use crate::plan::{Payee, Plan, Region};
use crate::planted;
use crate::snapshot::{PastRow, Want};
use crate::value::Value;

/// What carrying out an event gave.
struct Carried {
    decision: Decision,
    home: Option<Arc<Member>>,
    made: Vec<Made>,
}

/// What becomes of a member's names, beside those that the event gives.
enum Names {
    OfEvent,
    ByHand(Vec<Identity>),
    /// With him whom this one absorbs, or back to whom they belonged.
    Moved(Vec<Identity>),
    /// They go, and what was told in these histories.
    Erased(Vec<(MemberNo, u64)>, Vec<Identity>),
}

impl Names {
    fn of(work: &Work, member: &Member) -> Names {
        match work {
            Work::Link(names) => Names::ByHand(names.clone()),
            Work::TakeOver(from) | Work::Part(from) => Names::Moved(from.identities.clone()),
            Work::Erase(histories) => Names::Erased(histories.clone(), member.identities.clone()),
            _ => Names::OfEvent,
        }
    }
}

impl<'a> Door<'a> {
    pub(super) fn decide(
        &mut self,
        job: &Job<'_>,
        known: Option<MemberNo>,
        order: Option<Arc<PastRow>>,
        first: Option<Arc<PastRow>>,
        frees: Vec<Arc<PastRow>>,
    ) -> Result<Vec<Job<'a>>, Wants> {
        let no = known.unwrap_or(self.snapshot.next_member);
        let taken = self.snapshot.members.get_mut(&no).and_then(Option::take);
        let new = taken.is_none();
        let mut member = taken.unwrap_or_else(|| Arc::new(Member::new(no, job.event().time)));
        let done = self.weigh_and_carry_out(job, &mut member, new, (order, first), &frees);
        // Who is new is there from now on only if it was done.
        if !new || matches!(done, Ok(Ok(_))) {
            self.snapshot.members.insert(no, Some(member));
        }
        let Carried { decision, home, made } = match done? {
            Ok(carried) => carried,
            Err(reason) => {
                self.append(job, known, refused(self.plans.current.version, reason), Vec::new());
                return Ok(Vec::new());
            }
        };
        let keys = self.keys(job, no, &decision);
        self.batch.identities.extend(decision.linked.iter().map(|name| (name.clone(), no)));
        if new {
            self.snapshot.next_member += 1;
        }
        if let Some(home) = home {
            self.batch.members.push(home.no);
            self.paged.extend(home.has_pages().then_some(home.no));
            self.snapshot.next_member = self.snapshot.next_member.max(home.no + 1);
            self.snapshot.members.insert(home.no, Some(home));
        }
        self.freed.extend(&decision.frees);
        let jobs = self.jobs(job, no, frees, made);
        self.append(job, Some(no), decision, keys);
        Ok(jobs)
    }

    /// Err: this must be loaded first; within: it is refused. In both cases everything is as before.
    fn weigh_and_carry_out(
        &mut self,
        job: &Job<'_>,
        member: &mut Arc<Member>,
        new: bool,
        (order, first): (Option<Arc<PastRow>>, Option<Arc<PastRow>>),
        frees: &[Arc<PastRow>],
    ) -> Result<Result<Carried, Reason>, Wants> {
        let bound = match &job.bound {
            Ok(bound) => bound,
            Err(reason) => return Ok(Err(reason.clone())),
        };
        let order = order.as_ref().and_then(|row| row.decision.order.as_ref());
        let matter = Matter {
            plans: self.plans,
            event: job.event(),
            kind: job.kind,
            bound,
            member,
            order: order
                .map(|order: &Order| (order, first.as_ref().map_or(&[][..], |row| &row.decision.seen))),
            snapshot: self.snapshot,
            payee: Payee::Member,
            granted: &[],
        };
        let work = match unless_missed(|| decide::weigh(&matter)).flatten()? {
            Verdict::Do(work) => *work,
            Verdict::Refused(reason) => return Ok(Err(reason)),
        };
        let region = decide::place(&self.plans.current, &matter);
        self.carry_out(job, (work, region), member, new, frees).map(Ok)
    }

    /// Keys under which the row of this decision is found again.
    fn keys(&mut self, job: &Job<'_>, no: MemberNo, decision: &Decision) -> Vec<Key> {
        let mut keys = Vec::with_capacity(2 + decision.once.len());
        if let (Some(_), Some((_, key, _))) = (&decision.order, &job.order) {
            keys.push(*key);
        }
        // What a referrer got for an order of someone else's.
        if let (Some(order), None) = (&decision.order, &job.order) {
            keys.push(self.plans.keys.order(&order.id));
        }
        keys.extend(decision.once.iter().map(|(rule, value)| self.plans.keys.once(rule, no, value)));
        for one in &decision.redemptions {
            // New here, so nothing lies under it yet; every other key was looked at.
            let own = self.plans.keys.redemption(one.pos, one.n);
            if one.pos == self.snapshot.next_pos {
                self.snapshot.rows.entry(own).or_default();
            }
            keys.extend(one.keys(&self.plans.keys, self.snapshot.next_pos));
        }
        keys
    }

    /// What comes right after: rows of other members, and what was set free.
    fn jobs(&self, job: &Job<'_>, no: MemberNo, frees: Vec<Arc<PastRow>>, made: Vec<Made>) -> Vec<Job<'a>> {
        let pos = self.snapshot.next_pos;
        let follow = |(n, one): (usize, Made)| {
            let data = one.data.to_string();
            let id = format!("{pos}.{n}").into();
            Job::made(self.plans, self::made(id, one.kind, one.member, job.event().time, data.as_bytes()))
        };
        // First what this does to others: what waited for it may do more to them.
        let mut jobs: Vec<Job<'a>> = made.into_iter().enumerate().map(follow).collect();
        // A guest's row and what waits for an order become this member's.
        let at = if planted::is("freed_before_told") { 0 } else { jobs.len() };
        jobs.splice(at..at, frees.into_iter().map(|row| Job::of_waiting(self.plans, row, Some(no))));
        jobs
    }

    /// As if this event had never been looked at.
    fn undo(&mut self, undo: Vec<(Box<str>, Option<Vec<(i64, i64)>>)>) {
        for (id, parts) in undo {
            match parts {
                Some(parts) => self.snapshot.budgets.insert(id, parts),
                None => self.snapshot.budgets.remove(&id),
            };
        }
    }

    fn carry_out(
        &mut self,
        job: &Job<'_>,
        (work, region): (Work, &Region),
        member: &mut Arc<Member>,
        new: bool,
        frees: &[Arc<PastRow>],
    ) -> Result<Carried, Wants> {
        let plan = &*self.plans.current;
        let Ok(bound) = &job.bound else { return Err(Wants::new()) };
        // A reservation may outlive the rewards of its program.
        let late = |member: &Member| !member.held.is_empty() || member.pages_away().next().is_some();
        let mut home = self.take_home(&work, member);
        let late = plan.may_ask_late() || late(member) || home.as_deref().is_some_and(late);
        let (before, home_before) = (late.then(|| member.clone()), home.clone().filter(|_| late));
        if let Work::Household(Move::Found(_)) = &work {
            home = Some(Arc::new(Member::new(self.snapshot.next_member, job.event().time)));
        }
        let mut decision = Decision::new(Status::Applied, plan.version);
        decision.enrolled = new;
        decision.frees = frees.iter().map(|row| row.pos).collect();
        let names = Names::of(&work, member);
        let mut book = Book {
            plan,
            member: Arc::make_mut(member),
            budgets: &mut self.snapshot.budgets,
            decision: &mut decision,
            at: job.event().time,
            region,
            pos: self.snapshot.next_pos,
            n: 0,
            changed_budgets: &mut self.budgets,
            undo: Vec::new(),
            home: home.as_mut().map(Arc::make_mut),
            heard: VecDeque::new(),
            on: (&*job.event().kind).into(),
            depth: 0,
            made: Vec::new(),
            gifts: VecDeque::new(),
        };
        let scene = Scene {
            plans: self.plans,
            event: job.event(),
            kind: job.kind,
            bound,
            fields: fields(plan, job.kind),
            rows: &self.snapshot.rows,
        };
        let done = unless_missed(|| {
            let done = decide::carry_out(work, &mut book, &scene);
            done.inspect(|()| note_due(plan, job, book.member, book.home.as_deref_mut()))
        });
        let (undo, made) = (std::mem::take(&mut book.undo), std::mem::take(&mut book.made));
        if let Err(wants) = done.flatten() {
            self.undo(undo);
            *member = before.expect("only plans that may ask late do, and lots that are away");
            self.snapshot.members.extend(home_before.map(|home| (home.no, Some(home))));
            return Err(wants);
        }
        let member = Arc::make_mut(member);
        self.link(job, member, names, &mut decision);
        number(&mut decision, member);
        let done = job.kind != Kind::Own(Own::Due) || member.due.is_none_or(|due| due > job.event().time);
        assert!(done, "what was due is done");
        Ok(Carried { decision, home, made })
    }

    /// His household, or the one into which he goes: it was looked at before.
    fn take_home(&mut self, work: &Work, member: &Member) -> Option<Arc<Member>> {
        let no = match work {
            Work::Household(Move::In(home)) => *home,
            _ => member.home.as_ref()?.no,
        };
        self.snapshot.members.get_mut(&no)?.take()
    }

    /// His names are free, also those that this batch gave him.
    fn erase(&mut self, histories: Vec<(MemberNo, u64)>, names: Vec<Identity>) {
        self.batch.identities.retain(|(name, _)| !names.contains(name));
        for name in &names {
            self.snapshot.identities.insert(name.clone(), None);
        }
        self.batch.erased.push(Erasure { pos: self.snapshot.next_pos, histories, names });
    }

    /// Codes for a pool, about no member.
    pub(super) fn codes(&self, payload: &Value) -> Result<Way, Wants> {
        let (plans, snapshot) = (self.plans, &*self.snapshot);
        let version = plans.current.version;
        let import = pools::import(payload, version, &plans.keys, &snapshot.rows, &snapshot.budgets)?;
        Ok(match import {
            Ok(import) => Way::Codes(Box::new(import)),
            Err(reason) => Way::Aside { status: Status::Refused, reason, member: None, wait: Vec::new() },
        })
    }

    /// Codes for a pool: the pool counts them, the row holds them.
    pub(super) fn bring(&mut self, job: &Job<'_>, import: Import) -> Vec<Job<'a>> {
        let Import { pool, decision, keys } = import;
        if let Some((_, count)) = decision.brought {
            let parts = self.snapshot.budgets.entry(pool.clone()).or_default();
            if !self.budgets.iter().any(|(kept, _)| *kept == pool) {
                self.budgets.push((pool, parts.clone()));
            }
            pools::add(parts, count);
        }
        self.append(job, None, decision, keys);
        Vec::new()
    }

    pub(super) fn tell(&mut self, job: &Job<'_>, message: Emitted) -> Vec<Job<'a>> {
        let mut decision = Decision::new(Status::Applied, self.plans.current.version);
        decision.emitted.push(message);
        self.append(job, None, decision, Vec::new());
        Vec::new()
    }

    fn link(&mut self, job: &Job<'_>, member: &mut Member, names: Names, decision: &mut Decision) {
        let by_hand = if let Names::ByHand(names) = &names { &names[..] } else { &[] };
        if !members::is_about_order(job.canon) {
            members::link(member, members::names(job.event()).chain(by_hand), self.snapshot, decision);
        }
        match names {
            Names::Moved(names) => {
                for name in names {
                    self.snapshot.identities.insert(name.clone(), Some(member.no));
                    member.identities.push(name.clone());
                    decision.linked.push(name);
                }
            }
            Names::Erased(histories, names) => self.erase(histories, names),
            Names::OfEvent | Names::ByHand(_) => {}
        }
    }

    /// Appends a row, by which the member's history grows.
    pub(super) fn append(
        &mut self,
        job: &Job<'_>,
        no: Option<MemberNo>,
        mut decision: Decision,
        mut keys: Vec<Key>,
    ) {
        let pos = self.snapshot.next_pos;
        self.snapshot.next_pos += 1;
        keys.push(job.event_key);
        if let JobEvent::Waited(row) = &job.event {
            // Under the keys where it waited, so that it is known not to wait any more.
            keys.extend(job.order.as_ref().map(|(_, _, key)| *key));
            keys.extend(members::names(&row.event).map(|name| self.plans.keys.guest(name.as_str())));
            keys.retain(|key| self.snapshot.rows.contains_key(key));
            decision.again = Some(row.pos);
        }
        keys.sort_unstable();
        keys.dedup();
        decision.member = no;
        let mut prev_pos = 0;
        if let Some(Some(member)) = no.and_then(|no| self.snapshot.members.get_mut(&no)) {
            prev_pos = std::mem::replace(&mut Arc::make_mut(member).last_pos, pos);
            self.batch.members.push(member.no);
            self.paged.extend(member.has_pages().then_some(member.no));
        }
        let decision = Arc::new(decision);
        let event = Arc::clone(match &job.event {
            JobEvent::Input(event) => event,
            JobEvent::Waited(row) => &row.event,
            JobEvent::Made(input) => &input.event,
        });
        let row = PastRow { pos, event, body_hash: job.body_hash, decision: Arc::clone(&decision) };
        let row = Arc::new(row);
        for key in &keys {
            // Nobody looked at the name of a row that was made: what else lies under its key is not known, so it stays so.
            let Some(rows) = self.snapshot.rows.get_mut(key) else {
                assert!(
                    job.is_made() && *key == job.event_key,
                    "a row is written under keys that were looked at"
                );
                continue;
            };
            rows.push(Arc::clone(&row));
        }
        if job.input.is_some() {
            let decision = Arc::clone(&decision);
            self.batch.answers.push(Answer { pos, duplicate: false, conflict: false, decision });
        }
        let (mut input, again) = (job.input, job.waited_at());
        if let JobEvent::Made(made) = &job.event {
            input = Some(self.inputs + self.batch.made.len());
            self.batch.made.push(Input::clone(made));
        }
        self.batch.rows.push(NewRow { pos, input, again, member: no, prev_pos, decision, keys });
    }
}

/// What `work` gives, if it looked at no page of lots that is away.
pub(super) fn unless_missed<T>(work: impl FnOnce() -> T) -> Result<T, Wants> {
    let (done, missed) = lots::watch(work);
    if missed.is_empty() {
        Ok(done)
    } else {
        Err(missed.into_iter().map(|(no, page)| Want::Page(no, page)).collect())
    }
}

/// What is due next, for him and his household.
fn note_due(plan: &Plan, job: &Job<'_>, member: &mut Member, home: Option<&mut Member>) {
    if job.kind == Kind::Own(Own::Due) {
        let done = job.event().time;
        member.clock = Some(member.clock.map_or(done, |before| before.max(done)));
    }
    member.due = decide::due::next(plan, member);
    if let Some(home) = home {
        home.due = decide::due::next(plan, home);
    }
}

/// Changes of a member are numbered.
fn number(decision: &mut Decision, member: &mut Member) {
    let changes = crate::change::count(decision);
    if changes > 0 {
        decision.seq = member.changes + 1;
        member.changes += changes;
    }
}

/// What was told before is no refusal.
fn refused(version: u32, reason: Reason) -> Decision {
    let told_before = [codes::REFUND_ALREADY_APPLIED, codes::ORDER_UPDATE_STALE];
    let status = if told_before.contains(&&*reason.code) { Status::Ignored } else { Status::Refused };
    let mut decision = Decision::new(status, version);
    decision.reason = Some(reason);
    decision
}
