//! One input as far as its own bytes tell: which type, its payload in slots, its keys, the order that it is about.
//! Not here: anything of the past (`door`).

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::batch::Plans;
use crate::bind::{self, Bound};
use crate::canonical;
use crate::decide::Kind;
use crate::event::{self, Event, Input, MemberNo};
use crate::key::Key;
use crate::outcome::Reason;
use crate::own::{self, Own};
use crate::plan::{Canon, Plan};
use crate::snapshot::PastRow;
use crate::value::{Fields, Value};

/// One input, or one waiting row that is set free, read as far as its own bytes go.
pub struct Job<'a> {
    pub event: JobEvent<'a>,
    /// Index of the input.
    pub input: Option<usize>,
    pub body_hash: [u8; 32],
    /// Who claimed it, for a guest's.
    pub claimed_by: Option<MemberNo>,
    pub kind: Kind,
    pub canon: Canon,
    pub bound: Result<Bound, Reason>,
    pub event_key: Key,
    /// Order that it is about, and the keys of its rows and of those that wait for it.
    pub order: Option<(Box<str>, Key, Key)>,
}

pub enum JobEvent<'a> {
    Input(&'a Arc<Event>),
    Waited(Arc<PastRow>),
    /// Made by the core: what time does, and what follows for another member.
    Made(Box<Input>),
}

impl<'a> Job<'a> {
    pub fn of_input(plans: &Plans, at: usize, input: &'a Input) -> Job<'a> {
        Job::new(plans, JobEvent::Input(&input.event), Some(at), input.body_hash, None)
    }

    pub fn of_waiting(plans: &Plans, row: Arc<PastRow>, claimed_by: Option<MemberNo>) -> Job<'a> {
        let body_hash = row.body_hash;
        Job::new(plans, JobEvent::Waited(row), None, body_hash, claimed_by)
    }

    pub fn made(plans: &Plans, event: Event) -> Job<'a> {
        let body_hash = Sha256::digest(&event.data).into();
        let origin = event::CLOCK_SOURCE.into();
        Job::new(
            plans,
            JobEvent::Made(Box::new(Input { event: event.into(), body_hash, origin })),
            None,
            body_hash,
            None,
        )
    }

    fn new(
        plans: &Plans,
        event: JobEvent<'a>,
        input: Option<usize>,
        body_hash: [u8; 32],
        claimed_by: Option<MemberNo>,
    ) -> Job<'a> {
        let plan = &*plans.current;
        let of = match &event {
            JobEvent::Input(event) => event,
            JobEvent::Waited(row) => &*row.event,
            JobEvent::Made(input) => &input.event,
        };
        let kind = kind(plan, of);
        let canon = match kind {
            Kind::Type(no) => plan.types[usize::from(no)].canon,
            _ => Canon::Other,
        };
        let bound = bind::bind(fields(plan, kind), &of.data).and_then(|bound| bound.whole(canon));
        let order = bound.as_ref().ok().and_then(|bound| order_id(canon, &bound.record)).map(|id| {
            let keys = (plans.keys.order(id), plans.keys.order_waiting(id));
            (id.into(), keys.0, keys.1)
        });
        let event_key = plans.keys.event(&of.source, &of.id);
        Job { event, input, body_hash, claimed_by, kind, canon, bound, event_key, order }
    }

    pub fn event(&self) -> &Event {
        match &self.event {
            JobEvent::Input(event) => event,
            JobEvent::Waited(row) => &row.event,
            JobEvent::Made(input) => &input.event,
        }
    }

    pub fn is_made(&self) -> bool {
        matches!(self.event, JobEvent::Made(_))
    }

    pub fn is_due(&self) -> bool {
        self.kind == Kind::Own(Own::Due)
    }

    pub fn waited_at(&self) -> Option<u64> {
        match &self.event {
            JobEvent::Input(_) | JobEvent::Made(_) => None,
            JobEvent::Waited(row) => Some(row.pos),
        }
    }
}

fn kind(plan: &Plan, event: &Event) -> Kind {
    if event.kind.starts_with(event::RESERVED) {
        return match own::of_type(&event.kind) {
            Some(own) if own.is_made() && &*event.source == event::CLOCK_SOURCE => Kind::Own(own),
            Some(own) if !own.is_made() && &*event.source == event::API_SOURCE => Kind::Own(own),
            _ => Kind::Reserved,
        };
    }
    match plan.type_by_name.get(&event.kind) {
        Some(no) if plan.types[usize::from(*no)].canon.comes_in() => Kind::Type(*no),
        Some(_) => Kind::Reserved,
        None => Kind::Unknown,
    }
}

pub fn fields(plan: &Plan, kind: Kind) -> &Fields {
    match kind {
        Kind::Type(no) => &plan.types[usize::from(no)].fields,
        Kind::Own(own) => own.fields(),
        Kind::Unknown | Kind::Reserved => &NO_FIELDS,
    }
}

static NO_FIELDS: Fields = Fields(Vec::new());

fn order_id(canon: Canon, payload: &Value) -> Option<&str> {
    let slot = match canon {
        Canon::OrderPaid | Canon::OrderUpdated => canonical::order::ID,
        Canon::OrderRefunded => canonical::refund::ORDER,
        Canon::OrderCancelled | Canon::OrderFulfilled => canonical::delivery::ORDER,
        _ => return None,
    };
    match payload {
        Value::Record(slots) => match &slots[slot] {
            Value::Text(id) => Some(id),
            _ => None,
        },
        _ => None,
    }
}
