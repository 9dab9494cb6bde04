//! How one input finds its way: seen before, understood, about whom, about which order; decided now or waiting.
//! Not here: what it does (`decide`). `look` reads and says what must be loaded; `step` writes to the snapshot.

mod carry;
mod seen;

use std::sync::Arc;

use crate::batch::{Answer, Batch, Plans};
use crate::codes::{self, reason};
use crate::decide::rewards::codes::Import;
use crate::decide::{self, Kind, members};
use crate::event::{self, Event, FUTURE_SECONDS_MAX, MemberNo, Subject};
use crate::identity::Identity;
use crate::job::Job;
use crate::key::Key;
use crate::outcome::{Decision, Emitted, Reason, Status};
use crate::own::{self, Own};
use crate::plan::{Canon, Enrol};
use crate::planted;
use crate::snapshot::{PastRow, Snapshot, Want};

/// Where an input goes.
pub enum Way {
    /// Seen before.
    Known(Answer),
    /// A row without effect: ignored, refused, or waiting under these keys.
    Aside { status: Status, reason: Reason, member: Option<MemberNo>, wait: Vec<Key> },
    /// Codes for a pool.
    Codes(Box<Import>),
    /// A row about no member that only says something.
    Told(Emitted),
    Decide {
        member: Option<MemberNo>,
        order: Option<Arc<PastRow>>,
        first: Option<Arc<PastRow>>,
        frees: Vec<Arc<PastRow>>,
    },
}

pub struct Door<'a> {
    plans: &'a Plans,
    pub snapshot: &'a mut Snapshot,
    batch: Batch,
    /// How many inputs were given; those made here are counted on.
    inputs: usize,
    budgets: Vec<(Box<str>, Vec<(i64, i64)>)>,
    /// Rows that were set free in this batch: once, though each name of theirs may be claimed on the way.
    freed: Vec<u64>,
    /// Of those that changed, members with pages of lots.
    paged: Vec<MemberNo>,
}

pub type Wants = Vec<Want>;

/// No shop has data of before: such a time is a mistake of units or a clock that was never set.
const EARLIEST: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

/// Why a job cannot be decided yet; nothing has changed.
pub enum Pause<'a> {
    /// This must be loaded first.
    Load(Wants),
    /// This is due for its member before.
    First(Box<Job<'a>>),
}

impl From<Wants> for Pause<'_> {
    fn from(wants: Wants) -> Self {
        Pause::Load(wants)
    }
}

impl<'a> Door<'a> {
    pub fn new(plans: &'a Plans, snapshot: &'a mut Snapshot, inputs: usize) -> Door<'a> {
        let batch = Batch {
            answers: Vec::with_capacity(inputs),
            rows: Vec::with_capacity(inputs),
            members: Vec::with_capacity(inputs),
            ..Batch::default()
        };
        Door { plans, snapshot, batch, inputs, budgets: Vec::new(), freed: Vec::new(), paged: Vec::new() }
    }

    /// The batch, and the budgets that it changed as they were before.
    pub fn finish(self) -> (Batch, Vec<(Box<str>, Vec<(i64, i64)>)>) {
        let mut batch = self.batch;
        batch.members.sort_unstable();
        batch.members.dedup();
        let mut paged = self.paged;
        paged.sort_unstable();
        paged.dedup();
        for no in &paged {
            if let Some(Some(member)) = self.snapshot.members.get_mut(no) {
                Arc::make_mut(member).number_pages();
            }
        }
        batch.budgets = self.budgets.iter().map(|(id, _)| id.clone()).collect();
        (batch, self.budgets)
    }

    /// What an input names and the snapshot does not know yet, as far as that can be told now.
    pub fn ask(&self, job: &Job<'_>, wants: &mut Wants) {
        self.rows(job.event_key, wants);
        let mut members = [None; 2];
        if let Some((id, order, waiting)) = &job.order {
            self.rows(*waiting, wants);
            let order = newest(self.rows(*order, wants), id).and_then(|row| row.decision.order.as_ref());
            members[0] = order.map(|order| order.member);
        }
        for name in members::names(job.event()) {
            match self.snapshot.identities.get(name) {
                Some(Some(no)) => members[1] = members[1].or(Some(*no)),
                // He may be new; then guests may wait for him.
                Some(None) => {
                    self.rows(self.plans.keys.guest(name.as_str()), wants);
                }
                None => wants.push(Want::Identity(name.clone())),
            }
        }
        let unknown = members.into_iter().flatten().filter(|no| !self.snapshot.members.contains_key(no));
        wants.extend(unknown.map(Want::Member));
    }

    /// The rows under a key; none, if they are missing.
    fn rows(&self, key: Key, missing: &mut Wants) -> &[Arc<PastRow>] {
        let rows = self.snapshot.rows.get(&key);
        missing.extend(rows.is_none().then_some(Want::Rows(key)));
        rows.map_or(&[], |rows| rows)
    }

    /// Reads only. Err: this must be loaded first.
    pub fn look(&self, job: &Job<'_>) -> Result<Way, Wants> {
        let event = job.event();
        let mut missing = Wants::new();
        // What the core makes is never told twice.
        let told = if job.is_made() { &[] } else { self.rows(job.event_key, &mut missing) };
        // Whom the first name means, and whom the first name that is known.
        let (mut first, mut any) = (None, None);
        for (at, name) in members::names(event).enumerate() {
            match self.snapshot.identities.get(name) {
                Some(owner) => {
                    first = if at == 0 { *owner } else { first };
                    any = any.or(*owner);
                }
                None => missing.push(Want::Identity(name.clone())),
            }
        }
        let order_rows =
            job.order.as_ref().map(|(_, key, _)| self.rows(*key, &mut missing)).unwrap_or_default();
        let waiting = job.order.as_ref().map(|(_, _, key)| self.rows(*key, &mut missing)).unwrap_or_default();
        if !missing.is_empty() {
            return Err(missing);
        }
        if job.waited_at().is_none()
            && let Some(answer) = seen::answered(
                self.remembered(told),
                event,
                &job.body_hash,
                self.plans.current.version,
                self.early(event),
            )
        {
            return Ok(Way::Known(answer));
        }
        let order = job.order.as_ref().and_then(|(id, ..)| newest(order_rows, id));
        let subject = match &event.subject {
            Some(Subject::Member(no)) if job.kind == Kind::Own(Own::Part) => Some(*no),
            Some(Subject::Member(no)) => Some(self.stands_for(*no)?),
            Some(Subject::Identity(_)) => first,
            None => None,
        };
        let named = job.claimed_by.or(subject).or(any);
        let member = match order.and_then(|row| row.decision.order.as_ref()) {
            Some(order) if job.canon != Canon::OrderPaid => Some(self.stands_for(order.member)?),
            _ => named,
        };
        let mut known_member = false;
        if let Some(no) = member {
            match self.snapshot.members.get(&no) {
                None => return Err(vec![Want::Member(no)]),
                Some(state) => {
                    known_member = state.is_some();
                    if let Some(home) = state.as_ref().and_then(|member| member.home.as_ref())
                        && !self.snapshot.members.contains_key(&home.no)
                    {
                        return Err(vec![Want::Member(home.no)]);
                    }
                }
            }
        }
        let found =
            Found { order, order_rows, subject, member: member.filter(|_| known_member), named, waiting };
        let way = self.way(job, &found)?;
        if let (Way::Decide { .. }, Some(order)) = (&way, order)
            && job.canon == Canon::OrderUpdated
        {
            return Ok(self.with_first(way, order, order_rows));
        }
        Ok(way)
    }

    /// An absorbed member's number stands for him who absorbed him.
    fn stands_for(&self, mut no: MemberNo) -> Result<MemberNo, Wants> {
        loop {
            match self.snapshot.members.get(&no) {
                None => return Err(vec![Want::Member(no)]),
                Some(Some(state)) if state.merged_into.is_some() => no = state.merged_into.unwrap_or(no),
                Some(_) => return Ok(no),
            }
        }
    }

    /// Whether its time lies further ahead than clocks differ.
    fn early(&self, event: &Event) -> bool {
        event.time.as_second().saturating_sub(self.snapshot.now.as_second()) > FUTURE_SECONDS_MAX
    }

    /// All of them.
    fn remembered<'r>(&self, rows: &'r [Arc<PastRow>]) -> &'r [Arc<PastRow>] {
        let old = |row: &&Arc<PastRow>| row.pos + 40 < self.snapshot.next_pos;
        if planted::is("dedupe_window") { &rows[rows.iter().take_while(old).count()..] } else { rows }
    }

    /// The row that paid the order, where an edit needs what it saw.
    fn with_first(&self, way: Way, order: &PastRow, rows: &[Arc<PastRow>]) -> Way {
        let paid_at = order.decision.order.as_ref().map(|order| order.pos);
        let paid = rows.iter().find(|row| Some(row.pos) == paid_at).cloned();
        match way {
            Way::Decide { member, order, frees, .. } => Way::Decide { member, order, first: paid, frees },
            way => way,
        }
    }

    fn way(&self, job: &Job<'_>, found: &Found<'_>) -> Result<Way, Wants> {
        let aside =
            |status, reason| Ok(Way::Aside { status, reason, member: found.member, wait: Vec::new() });
        let refused = |code: &str, said: &str| aside(Status::Refused, reason(code, said));
        if let Some((status, reason)) = self.turned_away(job, found) {
            return aside(status, reason);
        }
        if let Some((id, _, waiting_key)) = &job.order {
            if id.is_empty() {
                return refused(codes::ORDER_ID_EMPTY, "an order is known by its id, which is empty here");
            }
            let another = found.subject.is_some()
                && found.subject != found.member
                && (!told_by(job, found) || self.is_erased(found.member));
            match (job.canon, found.order) {
                (Canon::OrderPaid, Some(_)) if planted::is("order_paid_twice") => {}
                (Canon::OrderPaid, Some(order)) => return Ok(already_paid(order, found.order_rows)),
                (Canon::OrderPaid, None) => {}
                (_, Some(_)) if another => {
                    return refused(codes::ORDER_OF_ANOTHER_MEMBER, "the order belongs to another member");
                }
                (_, Some(_)) => {}
                (_, None) => {
                    let reason = reason(codes::ORDER_UNKNOWN, format!("waits for order `{id}`"));
                    let wait = vec![*waiting_key];
                    return Ok(Way::Aside { status: Status::Waiting, reason, member: found.member, wait });
                }
            }
        }
        if let (Kind::Own(Own::Codes), Ok(bound)) = (job.kind, &job.bound) {
            return self.codes(&bound.record);
        }
        if let (Kind::Own(Own::Published), Ok(bound)) = (job.kind, &job.bound) {
            return Ok(Way::Told(decide::own::published(&bound.record)));
        }
        if found.member.is_none()
            && let Some(way) = self.stranger(job, found)?
        {
            return Ok(way);
        }
        let mut frees = self.claimed(job)?;
        if job.canon == Canon::OrderPaid {
            let of_order = |row: &&Arc<PastRow>| {
                let waits = Job::of_waiting(self.plans, Arc::clone(row), None);
                waits.order.map(|o| o.0) == job.order.as_ref().map(|o| o.0.clone())
            };
            for row in self.still_waiting(found.waiting).filter(of_order) {
                let of = row.decision.member.map(|no| self.stands_for(no)).transpose()?;
                frees.extend((!self.is_erased(of)).then(|| row.clone()));
            }
            frees.retain(|_| !planted::is("waiting_dropped"));
        }
        frees.sort_by_key(|row| (row.event.time, row.pos));
        frees.dedup_by_key(|row| row.pos);
        Ok(Way::Decide { member: found.member, order: found.order.cloned(), first: None, frees })
    }

    /// What was told of him is gone, though a row that was read before may still say it.
    fn is_erased(&self, no: Option<MemberNo>) -> bool {
        let state = no.and_then(|no| self.snapshot.members.get(&no)).and_then(Option::as_ref);
        state.is_some_and(|state| state.erased)
    }

    /// What nobody takes in, whatever the past of its order.
    fn turned_away(&self, job: &Job<'_>, found: &Found<'_>) -> Option<(Status, Reason)> {
        let event = job.event();
        let refused = |code: &str, said: &str| Some((Status::Refused, reason(code, said)));
        if self.early(event) {
            return refused(
                codes::EVENT_FROM_FUTURE,
                "its time is more than 5 minutes ahead of the server's",
            );
        }
        if event.time < EARLIEST {
            return refused(codes::TIME_OUT_OF_RANGE, "its time lies before 1970");
        }
        match job.kind {
            Kind::Reserved => {
                let said = format!("events of type `{}` are made by Fealty alone", event.kind);
                return refused(codes::TYPE_RESERVED, &said);
            }
            Kind::Unknown => {
                let said = format!("the program does not know the type `{}`", event.kind);
                return Some((Status::Ignored, reason(codes::TYPE_UNKNOWN, said)));
            }
            Kind::Type(_) | Kind::Own(_) => {}
        }
        if let Err(reason) = &job.bound {
            return Some((Status::Refused, reason.clone()));
        }
        let state = found.member.and_then(|no| self.snapshot.members.get(&no)).and_then(Option::as_ref)?;
        if state.household.is_some() && !job.is_made() {
            return refused(codes::MEMBER_UNKNOWN, "this is a household: name one of its members");
        }
        if state.erased && !still_heard(job, found) && !planted::is("erased_still_heard") {
            return refused(codes::MEMBER_ERASED, "the personal data of this member are gone for ever");
        }
        None
    }

    /// Nobody known is meant: None if a member is to be made.
    fn stranger(&self, job: &Job<'_>, found: &Found<'_>) -> Result<Option<Way>, Wants> {
        let refused = |code: &str, said: &str| {
            let reason = reason(code, said);
            Ok(Some(Way::Aside { status: Status::Refused, reason, member: None, wait: Vec::new() }))
        };
        let opens = job.kind == Kind::Own(Own::Open);
        if found.named.is_some() || (matches!(job.kind, Kind::Own(_)) && !opens) {
            return refused(codes::MEMBER_UNKNOWN, "there is no such member");
        }
        let names: Vec<&Identity> = members::names(job.event()).collect();
        if names.is_empty() {
            return refused(codes::SUBJECT_MISSING, "the event does not say who it is about");
        }
        if self.plans.current.enrol == Enrol::Automatic || job.canon == Canon::MemberEnrolled || opens {
            return Ok(None);
        }
        let wait: Vec<Key> = names.iter().map(|name| self.plans.keys.guest(name.as_str())).collect();
        self.loaded(&wait)?;
        let reason = reason(codes::MEMBER_UNKNOWN, "a guest: waits to be claimed by a member");
        Ok(Some(Way::Aside { status: Status::Waiting, reason, member: None, wait }))
    }

    fn loaded(&self, keys: &[Key]) -> Result<(), Wants> {
        let missing = keys.iter().filter(|key| !self.snapshot.rows.contains_key(key));
        let missing: Wants = missing.map(|key| Want::Rows(*key)).collect();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    /// A guest's rows that become the member's, because this event gives the member a name that was free.
    fn claimed(&self, job: &Job<'_>) -> Result<Vec<Arc<PastRow>>, Wants> {
        let by_hand = match (&job.kind, &job.bound) {
            (Kind::Own(Own::Link), Ok(bound)) => members::linked_names(&bound.record).unwrap_or_default(),
            _ => Vec::new(),
        };
        if members::is_about_order(job.canon) {
            return Ok(Vec::new());
        }
        let (claim, window, zone) = {
            let plan = &self.plans.current;
            (job.event().time, plan.claim_window, &plan.regions[0].zone)
        };
        let (mut freed, mut missing) = (Vec::new(), Wants::new());
        for name in members::names(job.event()).chain(&by_hand) {
            match self.snapshot.identities.get(name) {
                Some(Some(_)) => continue,
                Some(None) => {}
                None => missing.push(Want::Identity(name.clone())),
            }
            let key = self.plans.keys.guest(name.as_str());
            let Some(rows) = self.snapshot.rows.get(&key) else {
                missing.push(Want::Rows(key));
                continue;
            };
            let ends = |row: &Arc<PastRow>| window.after(&row.event.time.to_zoned(zone.clone())).timestamp();
            let within = |row: &&Arc<PastRow>| claim <= ends(row);
            let named = |row: &&Arc<PastRow>| members::names(&row.event).any(|n| n == name);
            let other = |row: &&Arc<PastRow>| Some(row.pos) != job.waited_at();
            freed.extend(self.still_waiting(rows).filter(within).filter(named).filter(other).cloned());
        }
        if missing.is_empty() { Ok(freed) } else { Err(missing) }
    }

    /// Rows that wait and were not set free since.
    fn still_waiting<'r>(&self, rows: &'r [Arc<PastRow>]) -> impl Iterator<Item = &'r Arc<PastRow>> {
        rows.iter().filter(|row| {
            row.decision.status == Status::Waiting
                && (!self.freed.contains(&row.pos) || planted::is("guest_twice"))
                && !rows.iter().any(|other| other.decision.again == Some(row.pos))
        })
    }

    /// What is due for this member at `until` or before, as a job; Err: this must be loaded first.
    pub fn due(&self, no: MemberNo, until: jiff::Timestamp) -> Result<Option<Job<'a>>, Wants> {
        let Some(state) = self.snapshot.members.get(&no) else { return Err(vec![Want::Member(no)]) };
        // Worked out anew: the program may have changed since.
        let due = || state.as_ref().and_then(|member| crate::decide::due::next(&self.plans.current, member));
        let due = carry::unless_missed(due)?.filter(|due| *due <= until);
        Ok(due.map(|at| {
            // It names its own row.
            let id = self.snapshot.next_pos.to_string().into();
            Job::made(self.plans, made(id, own::DUE, no, at, b"{}"))
        }))
    }

    /// Decides one job. Ok: what it set free, and what it does to others.
    pub fn step(&mut self, job: &Job<'_>) -> Result<Vec<Job<'a>>, Pause<'a>> {
        match self.look(job)? {
            Way::Known(answer) => {
                self.batch.answers.push(answer);
                Ok(Vec::new())
            }
            Way::Aside { status, reason, member, wait } => {
                let version = self.plans.current.version;
                let decision = Decision { reason: Some(reason), ..Decision::new(status, version) };
                self.append(job, member, decision, wait);
                Ok(Vec::new())
            }
            Way::Codes(import) => Ok(self.bring(job, *import)),
            Way::Told(message) => Ok(self.tell(job, message)),
            Way::Decide { member, order, first, frees } => {
                if let Some(no) = member {
                    let state = self.snapshot.members.get(&no).and_then(Option::as_ref);
                    let home = state.and_then(|state| state.home.as_ref()).map(|home| home.no);
                    let own = (job.kind != Kind::Own(Own::Due)).then_some(no);
                    let after = planted::is("due_after_event");
                    for no in home.into_iter().chain(own).filter(|_| !after) {
                        if let Some(due) = self.due(no, job.event().time)? {
                            return Err(Pause::First(Box::new(due)));
                        }
                    }
                }
                Ok(self.decide(job, member, order, first, frees)?)
            }
        }
    }
}

/// Of an erased member: what his orders still do, and what the core does itself.
fn still_heard(job: &Job<'_>, found: &Found<'_>) -> bool {
    let follows = matches!(job.canon, Canon::OrderRefunded | Canon::OrderCancelled | Canon::OrderFulfilled);
    (found.order.is_some() && follows) || job.is_made() || job.kind == Kind::Own(Own::Erase)
}

/// An event that the core makes.
fn made(id: Box<str>, kind: &str, no: MemberNo, time: jiff::Timestamp, data: &[u8]) -> Event {
    let subject = Some(Subject::Member(no));
    let source = event::CLOCK_SOURCE.into();
    Event { source, id, kind: kind.into(), subject, also: Vec::new(), time, data: data.into() }
}

/// What the snapshot says of those whom an input names.
struct Found<'s> {
    /// Newest row of the order.
    order: Option<&'s Arc<PastRow>>,
    order_rows: &'s [Arc<PastRow>],
    /// The member whom the subject names.
    subject: Option<MemberNo>,
    /// Whom it is about, if he exists.
    member: Option<MemberNo>,
    /// Whom it is about, whether or not there is such a member.
    named: Option<MemberNo>,
    /// Rows under the order's key of those that wait.
    waiting: &'s [Arc<PastRow>],
}

fn newest<'r>(rows: &'r [Arc<PastRow>], order: &str) -> Option<&'r Arc<PastRow>> {
    rows.iter().rev().find(|row| row.decision.order.as_ref().is_some_and(|o| *o.id == *order))
}

/// The order was told under the same name: who has parted with the member since may still be named by it.
fn told_by(job: &Job<'_>, found: &Found<'_>) -> bool {
    let paid_at = found.order.and_then(|row| row.decision.order.as_ref()).map(|order| order.pos);
    let paid = found.order_rows.iter().find(|row| Some(row.pos) == paid_at);
    matches!(job.event().subject, Some(Subject::Identity(_)))
        && paid.is_some_and(|row| row.event.subject == job.event().subject)
}

fn already_paid(newest: &PastRow, rows: &[Arc<PastRow>]) -> Way {
    let order = newest.decision.order.as_ref();
    let paid = rows.iter().find(|row| order.is_some_and(|order| order.pos == row.pos));
    let event = paid.map_or(&newest.event, |row| &row.event);
    let said = format!("this order came before, as event `{}` of `{}`", event.id, event.source);
    let reason = reason(codes::ORDER_ALREADY_PAID, said);
    let member = order.map(|order| order.member);
    Way::Aside { status: Status::Ignored, reason, member, wait: Vec::new() }
}
