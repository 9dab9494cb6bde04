//! A small world for tests of the core: a program, and a store in memory that keeps everything in its stored form (JSON)
//! and forgets its cache after every batch, so that nothing can lean on what is only in the snapshot.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::batch::{self, Answer, Batch, Plans};
use domain::event::{Event, Input, MemberNo, Subject};
use domain::identity::Identity;
use domain::key::{Key, KeyMaker};
use domain::member::Member;
use domain::num::Num;
use domain::outcome::{Account, Decision, Status};
use domain::program::{self, Source};
use domain::snapshot::{PastRow, Snapshot, Want};

pub struct World {
    pub plans: Plans,
    rows: Vec<(Arc<Event>, [u8; 32], String, Vec<Key>)>,
    members: HashMap<MemberNo, String>,
    pages: BTreeMap<(MemberNo, u32), String>,
    /// Members are loaded with all their lots, rather than page by page.
    pub whole: bool,
    /// So many pages were asked for.
    pub asked: Cell<u32>,
    identities: HashMap<Identity, MemberNo>,
    budgets: HashMap<Box<str>, Vec<(i64, i64)>>,
    erasures: Vec<batch::Erasure>,
    pub now: jiff::Timestamp,
    next_id: u32,
}

pub fn plan(toml: &str, version: u32) -> Arc<domain::plan::Plan> {
    let main = Source { name: "program.toml".into(), text: toml.into() };
    match program::read(main, &mut |_| Err("no includes here".into()), None, version) {
        Ok(program) => Arc::new(program.plan),
        Err(rejected) => {
            panic!("{}", program::diag::render(&rejected.diagnostics, &rejected.sources, false))
        }
    }
}

pub fn time(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

/// `order.paid` of ada at noon of 1 March 2027, unless said otherwise.
pub fn event(kind: &str, id: &str, data: &str) -> Event {
    Event {
        source: "shop".into(),
        id: id.into(),
        kind: kind.into(),
        subject: Some(who("email:ada@example.com")),
        also: Vec::new(),
        time: time("2027-03-01T12:00:00Z"),
        data: data.as_bytes().into(),
    }
}

pub fn who(identity: &str) -> Subject {
    Subject::Identity(Identity::parse(identity).unwrap())
}

pub fn nobody(mut event: Event) -> Event {
    event.subject = None;
    event
}

pub fn of(identity: &str, mut event: Event) -> Event {
    event.subject = Some(who(identity));
    event
}

pub fn at(text: &str, mut event: Event) -> Event {
    event.time = time(text);
    event
}

pub fn api(mut event: Event) -> Event {
    event.source = domain::event::API_SOURCE.into();
    event
}

impl World {
    pub fn new(toml: &str) -> World {
        World {
            plans: Plans { current: plan(toml, 1), older: Vec::new(), keys: KeyMaker([7; 16]) },
            rows: Vec::new(),
            members: HashMap::new(),
            pages: BTreeMap::new(),
            whole: false,
            asked: Cell::new(0),
            identities: HashMap::new(),
            budgets: HashMap::new(),
            erasures: Vec::new(),
            now: time("2027-06-01T00:00:00Z"),
            next_id: 0,
        }
    }

    pub fn publish(&mut self, toml: &str) {
        let next = plan(toml, self.plans.current.version + 1);
        let old = std::mem::replace(&mut self.plans.current, next);
        self.plans.older.push(old);
    }

    fn row(&self, pos: usize) -> Arc<PastRow> {
        let (event, body_hash, decision, _) = &self.rows[pos - 1];
        let decision = Arc::new(serde_json::from_str::<Decision>(decision).unwrap());
        Arc::new(PastRow { pos: pos as u64, event: event.clone(), body_hash: *body_hash, decision })
    }

    fn fetch(&self, snapshot: &mut Snapshot, wants: &[Want]) {
        for want in wants {
            match want {
                Want::Identity(name) => {
                    snapshot.identities.insert(name.clone(), self.identities.get(name).copied());
                }
                Want::Member(no) => {
                    let state = self.members.contains_key(no).then(|| self.read(*no, self.whole));
                    snapshot.members.insert(*no, state.map(Arc::new));
                }
                Want::Page(no, page) => {
                    self.asked.set(self.asked.get() + 1);
                    snapshot.put_page(*no, *page, self.pages[&(*no, *page)].clone());
                }
                Want::Rows(key) => {
                    let at = (1..=self.rows.len()).filter(|pos| self.rows[pos - 1].3.contains(key));
                    snapshot.rows.insert(*key, at.map(|pos| self.row(pos)).collect());
                }
            }
        }
    }

    /// Everything in one batch.
    pub fn send_all(&mut self, events: &[Event]) -> Vec<Answer> {
        self.run(events, &[])
    }

    /// Time passes for everybody.
    pub fn pass(&mut self, to: &str) {
        self.now = time(to);
        let mut all: Vec<MemberNo> = self.members.keys().copied().collect();
        all.sort_unstable();
        self.run(&[], &all);
    }

    fn run(&mut self, events: &[Event], wakes: &[MemberNo]) -> Vec<Answer> {
        let input = |event: &Event| {
            let mut body_hash = [0_u8; 32];
            for (at, byte) in event.data.iter().chain(event.kind.as_bytes()).enumerate() {
                body_hash[at % 32] = u8::wrapping_add(body_hash[at % 32].rotate_left(3), *byte);
            }
            Input { event: event.clone().into(), body_hash, origin: "test".into() }
        };
        let inputs: Vec<Input> = events.iter().map(input).collect();
        let mut snapshot = Snapshot {
            budgets: self.budgets.clone(),
            next_member: self.members.len() as u64 + 1,
            next_pos: self.rows.len() as u64 + 1,
            now: self.now,
            ..Snapshot::default()
        };
        let mut fetch = |snapshot: &mut Snapshot, wants: &[Want]| -> Result<(), ()> {
            self.fetch(snapshot, wants);
            Ok(())
        };
        let batch = batch::process(&self.plans, &mut snapshot, &inputs, wakes, self.now, &mut fetch).unwrap();
        self.keep(&inputs, &snapshot, batch)
    }

    fn keep(&mut self, inputs: &[Input], snapshot: &Snapshot, batch: Batch) -> Vec<Answer> {
        assert_eq!(batch.answers.len(), inputs.len());
        for row in &batch.rows {
            assert_eq!(row.pos, self.rows.len() as u64 + 1, "rows follow each other");
            let (event, hash) = match (row.input, row.again) {
                (Some(at), None) => {
                    let input = if at < inputs.len() { &inputs[at] } else { &batch.made[at - inputs.len()] };
                    (input.event.clone(), input.body_hash)
                }
                (None, Some(pos)) => (self.rows[pos as usize - 1].0.clone(), self.rows[pos as usize - 1].1),
                _ => panic!("a row is of an input or of a row that waited"),
            };
            let json = serde_json::to_string(&*row.decision).unwrap();
            assert_eq!(
                serde_json::from_str::<Decision>(&json).unwrap(),
                *row.decision,
                "stored and read back"
            );
            self.rows.push((event, hash, json, row.keys.clone()));
        }
        for name in batch.erased.iter().flat_map(|erasure| &erasure.names) {
            self.identities.remove(name);
        }
        self.erasures.extend(batch.erased);
        for (name, no) in batch.identities {
            if let Some(before) = self.identities.insert(name.clone(), no) {
                let before = snapshot.members[&before].as_ref().unwrap();
                let left = before.no == no || !before.identities.contains(&name);
                assert!(left, "an identity belongs to one member");
            }
        }
        for no in batch.members {
            let member = snapshot.members[&no].as_ref().unwrap();
            self.members.insert(no, serde_json::to_string(&**member).unwrap());
            for page in member.gone_pages() {
                self.pages.remove(&(no, *page)).unwrap();
            }
            for (page, lots) in member.new_pages() {
                assert!(self.pages.insert((no, page), serde_json::to_string(lots).unwrap()).is_none());
            }
        }
        for id in batch.budgets {
            let parts = snapshot.budgets[&id].clone();
            self.budgets.insert(id, parts);
        }
        self.audit();
        batch.answers
    }

    pub fn send(&mut self, event: Event) -> Answer {
        self.send_all(&[event]).pop().unwrap()
    }

    /// `order.paid` of ada for `data`, applied.
    pub fn pay(&mut self, data: &str) -> Arc<Decision> {
        self.next_id += 1;
        let answer = self.send(event("order.paid", &format!("paid-{}", self.next_id), data));
        assert_eq!(answer.decision.status, Status::Applied, "{:?}", answer.decision.reason);
        answer.decision
    }

    pub fn refund(&mut self, data: &str) -> Arc<Decision> {
        self.next_id += 1;
        self.send(nobody(event("order.refunded", &format!("refund-{}", self.next_id), data))).decision
    }

    pub fn member(&self, identity: &str) -> Member {
        self.by_no(self.identities[&Identity::parse(identity).unwrap()])
    }

    pub fn by_no(&self, no: MemberNo) -> Member {
        self.read(no, true)
    }

    fn read(&self, no: MemberNo, whole: bool) -> Member {
        let mut member: Member = serde_json::from_str(&self.members[&no]).unwrap();
        member.leave_pages();
        if whole {
            let pages = self.pages.range((no, 0)..(no + 1, 0));
            member.put_pages(pages.map(|((_, page), text)| (*page, text.clone())).collect()).unwrap();
        }
        member
    }

    /// What the store was told to take out of rows.
    pub fn erasures(&self) -> &[batch::Erasure] {
        &self.erasures
    }

    pub fn ada(&self) -> Member {
        self.member("email:ada@example.com")
    }

    /// (available, debt) of ada's only wallet, in smallest parts.
    pub fn points(&self) -> (i64, i64) {
        self.ada().wallets.first().map_or((0, 0), |w| (w.available, w.debt))
    }

    pub fn counter(&self, id: &str) -> Num {
        let ada = self.ada();
        let counter = ada.counters.iter().find(|c| &*c.id == id);
        counter.map_or(Num::ZERO, |c| c.parts.iter().fold(Num::ZERO, |sum, part| sum.add(part.1).unwrap()))
    }

    pub fn used(&self, limit: &str) -> i64 {
        let own = self.ada().limits.iter().find(|l| &*l.id == limit).map(|l| l.parts.clone());
        own.or_else(|| self.budgets.get(limit).cloned()).unwrap_or_default().iter().map(|p| p.1).sum()
    }

    pub fn rows(&self) -> Vec<Arc<PastRow>> {
        (1..=self.rows.len()).map(|pos| self.row(pos)).collect()
    }

    /// The ledger from its transfers alone: every account of every member, and every lot.
    pub fn audit(&self) {
        let mut accounts: HashMap<(MemberNo, domain::value::Text, &str), i64> = HashMap::new();
        let mut changes: HashMap<MemberNo, u64> = HashMap::new();
        for row in self.rows() {
            let Some(no) = row.decision.member else { continue };
            let count = domain::change::count(&row.decision);
            let before = changes.entry(no).or_default();
            assert_eq!(
                row.decision.seq,
                if count > 0 { *before + 1 } else { 0 },
                "changes are numbered without gap"
            );
            *before += count;
            for t in &row.decision.transfers {
                assert!(t.amount > 0 && t.debit != t.credit);
                let no = t.of.unwrap_or(no);
                for (account, amount) in [(t.debit, -t.amount), (t.credit, t.amount)] {
                    match account {
                        Account::Available => {
                            *accounts.entry((no, t.wallet.clone(), "available")).or_default() += amount
                        }
                        Account::Pending => {
                            *accounts.entry((no, t.wallet.clone(), "pending")).or_default() += amount
                        }
                        // Debt is owed: entering it pays it.
                        Account::Debt => {
                            *accounts.entry((no, t.wallet.clone(), "debt")).or_default() -= amount
                        }
                        _ => {}
                    }
                }
                assert_eq!(t.after, accounts.get(&(no, t.wallet.clone(), "available")).copied().unwrap_or(0));
            }
            if let Some(order) = &row.decision.order {
                for grant in &order.grants {
                    assert!(grant.reversed >= 0 && grant.reversed <= grant.granted);
                    assert!(grant.shares.is_empty() || grant.shares.iter().sum::<i64>() == grant.granted);
                }
            }
        }
        for (no, json) in &self.members {
            let member = self.by_no(*no);
            self.audit_household(&member);
            assert_eq!(member.changes, changes.get(no).copied().unwrap_or(0));
            // A new version is looked at when something happens to him.
            let due = domain::decide::due::next(&self.plans.current, &member);
            assert!(member.due == due || !self.plans.older.is_empty(), "what is due next is known");
            for wallet in &member.wallets {
                wallet.check();
                let account = |name| accounts.get(&(*no, wallet.id.clone(), name)).copied().unwrap_or(0);
                assert_eq!((wallet.available, wallet.debt), (account("available"), account("debt")));
            }
            assert!(json.len() < 64_000, "a member's document is bounded");
        }
    }

    /// He and his household agree that he is in it; its lots are of those who are in it, and what it uses of a limit is
    /// what they use.
    fn audit_household(&self, member: &Member) {
        if let Some(home) = &member.home {
            let residents = self.by_no(home.no).household.unwrap().residents;
            assert!(residents.iter().any(|one| one.no == member.no && one.since == home.since));
        }
        let Some(household) = &member.household else { return };
        let residents: Vec<Member> = household.residents.iter().map(|one| self.by_no(one.no)).collect();
        assert!(residents.iter().all(|one| one.home.as_ref().is_some_and(|home| home.no == member.no)));
        for lot in member.wallets.iter().flat_map(|wallet| wallet.lots.iter()) {
            assert!(residents.iter().any(|one| lot.by == Some(one.no)), "{lot:?} is nobody's");
        }
        for limit in &member.limits {
            for (window, used) in &limit.parts {
                let own = residents.iter().flat_map(|one| &one.limits).filter(|own| own.id == limit.id);
                let own = own.flat_map(|own| &own.parts).filter(|part| part.0 == *window);
                assert_eq!(own.map(|part| part.1).sum::<i64>(), *used, "{} of {window}", limit.id);
            }
        }
    }
}
