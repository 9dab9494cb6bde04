//! One seed, one world: clients that send until they are told, a server that is stopped between any two steps and
//! started again, and at the end the auditor. One thread, virtual time, every choice from the seed.

mod disk;
pub(crate) mod input;
pub(crate) mod marks;
pub(crate) mod memory;
mod server;
pub(crate) mod story;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::audit::Row;
use crate::rng::Rng;
use crate::world::{self, Message};
use disk::Disk;
pub use marks::Marks;
use server::{Answered, Server};
use story::Story;

#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    /// None: every 8th seed runs on the real store.
    pub real: Option<bool>,
    /// All of them on a real PostgreSQL.
    pub on_postgres: bool,
    pub trace: bool,
}

pub struct Report {
    pub seed: u64,
    pub messages: usize,
    pub rows: usize,
    pub marks: Marks,
    /// Of everything that was decided; the same for the same seed.
    pub digest: u64,
    pub trace: Vec<String>,
    pub failure: Option<String>,
}

/// How often the server and its way to the clients fail, per mille of steps.
#[derive(Clone, Debug)]
struct Faults {
    crash: u32,
    lose_answer: u32,
    lose_read: u32,
    fail_commit: u32,
    forget: u32,
    clock: u32,
    /// How often the server looks at what is due; at 0 only an event of the member makes it happen.
    wake: u32,
    batch: i64,
    flights: usize,
}

impl Faults {
    fn draw(rng: &mut Rng) -> Faults {
        Faults {
            crash: rng.swarm(80),
            lose_answer: rng.swarm(300),
            lose_read: rng.swarm(40),
            fail_commit: rng.swarm(60),
            forget: rng.swarm(400),
            clock: rng.swarm(50),
            wake: rng.swarm(1000),
            batch: *rng.pick(&[1, 4, 16, 64]),
            flights: rng.between(1, 3) as usize,
        }
    }
}

/// What a client was told about (source, id, body).
struct Told {
    pos: u64,
    conflict: bool,
    waiting: bool,
    decision: Value,
}

impl Told {
    /// It was turned away for its form, its type or its time, and may be looked at again under its name.
    fn open(&self) -> bool {
        let code = self.decision["why"]["code"].as_str().unwrap_or("");
        LEAVE_THE_NAME.contains(&code)
    }
}

/// Of a decision, what stays when the member is erased.
fn lasting(decision: &Value) -> Value {
    let mut decision = decision.clone();
    if let Some(all) = decision.as_object_mut() {
        ["linked", "unnamed", "taken", "was", "once", "before"].iter().for_each(|key| drop(all.remove(*key)));
    }
    decision["why"]["message"] = Value::Null;
    for message in decision["msg"].as_array_mut().into_iter().flatten() {
        message["data"] = Value::Null;
    }
    decision
}

/// Of those that happen in these worlds.
pub const LEAVE_THE_NAME: [&str; 5] =
    ["wrong_type", "money_digits", "quantity_invalid", "event_from_future", "type_unknown"];

struct Sim {
    rng: Rng,
    story: Box<dyn Story>,
    faults: Faults,
    messages: Vec<Message>,
    /// (when, number of the sending) -> message
    inbox: BTreeMap<(i64, u64), usize>,
    sendings: u64,
    clock: i64,
    skew: i64,
    server: Server,
    told: HashMap<usize, Told>,
    /// Message by name, for those that were sent with several bodies: first of each body.
    same: Vec<usize>,
    publish_at: BTreeSet<u64>,
    steps: u64,
    marks: Marks,
    trace: Option<Vec<String>>,
    digest: u64,
}

/// Runs one seed to its end. A panic inside is a failure like any other.
pub fn run(seed: u64, choice: Choice) -> Report {
    let outcome = std::panic::catch_unwind(move || {
        let mut sim = Sim::new(seed, choice);
        let verdict = sim.play().and_then(|()| sim.audit());
        (sim, verdict)
    });
    match outcome {
        Ok((mut sim, verdict)) => Report {
            seed,
            messages: sim.messages.len(),
            rows: sim.server.disk.rows().map_or(0, |rows| rows.len()),
            marks: sim.marks,
            digest: sim.digest,
            trace: sim.trace.unwrap_or_default(),
            failure: verdict.err(),
        },
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
            let failure = Some(format!("panicked: {}", text.unwrap_or_default()));
            Report {
                seed,
                messages: 0,
                rows: 0,
                marks: Marks::default(),
                digest: 0,
                trace: Vec::new(),
                failure,
            }
        }
    }
}

impl Sim {
    fn new(seed: u64, choice: Choice) -> Sim {
        let mut rng = Rng::new(seed);
        let mut story = story::draw(seed, &mut rng);
        let programs = story.programs();
        let messages = story.messages();
        let faults = Faults::draw(&mut rng);
        let real = choice.real.unwrap_or([7, 10, 16].contains(&(seed % 24)));
        let publish_at =
            (1..programs.len()).map(|_| rng.between(1, messages.len() as i64 / 2) as u64).collect();
        let mut first = HashMap::new();
        let name = |m: &Message| (m.source.clone(), m.id.clone(), input::hash(m));
        let same = messages.iter().enumerate().map(|(at, m)| *first.entry(name(m)).or_insert(at)).collect();
        let inbox = messages.iter().enumerate().map(|(at, m)| ((m.arrives, at as u64), at)).collect();
        Sim {
            clock: messages[0].arrives,
            skew: 0,
            server: Server::new(Disk::new(real, choice.on_postgres), &programs),
            told: HashMap::new(),
            same,
            inbox,
            sendings: messages.len() as u64,
            publish_at,
            steps: 0,
            marks: Marks::default(),
            trace: choice.trace.then(Vec::new),
            digest: 0xcbf2_9ce4_8422_2325,
            faults,
            rng,
            story,
            messages,
        }
    }
    fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>6} {}", self.steps, text()));
        }
    }
    /// Faults on, until every message was answered.
    fn play(&mut self) -> Result<(), String> {
        while !(self.inbox.is_empty() && self.server.flights.is_empty()) {
            self.steps += 1;
            if self.inbox.is_empty() {
                self.settle_one()?;
                continue;
            }
            if self.steps > 200_000 {
                return Err("the world does not come to an end".to_owned());
            }
            if self.publish_at.remove(&self.steps) && self.server.publish() {
                self.marks.hit("program published in the middle");
                self.note(|| "a new version of the program".to_owned());
            }
            if self.rng.chance(self.faults.clock) {
                self.skew = self.rng.between(-3600, 600);
                self.marks.hit("clock jumped");
            }
            let batch = self.take();
            self.round(&batch)?;
        }
        self.catch_up()
    }
    /// Faults off: whatever is due by now happens, and once more after a long time without a word.
    fn catch_up(&mut self) -> Result<(), String> {
        self.skew = 0;
        for more in [0, 500] {
            self.clock += more * world::DAY;
            while let overdue = self.server.overdue(self.clock, 8)
                && !overdue.is_empty()
            {
                self.steps += 1;
                if self.steps > 200_000 {
                    return Err(format!("at {} there is always something due for {overdue:?}", self.clock));
                }
                let decided = self.server.decide(Vec::new(), &overdue, self.clock, None);
                self.server.hand_over(decided.ok_or("the past cannot be read")?, &[]);
                self.server.disk.settle()?;
                self.server.flights.clear();
            }
        }
        Ok(())
    }
    /// The next few messages; the clock goes on to the last of them.
    fn take(&mut self) -> Vec<usize> {
        let count = self.rng.between(1, self.faults.batch) as usize;
        let mut batch = Vec::new();
        while batch.len() < count {
            let Some(((when, _), at)) = self.inbox.pop_first() else { break };
            // Far apart, they do not come in one batch.
            if !batch.is_empty() && when > self.clock + 5 * world::DAY {
                self.send_again(at, when);
                break;
            }
            self.clock = self.clock.max(when);
            batch.push(at);
        }
        batch
    }
    fn send_again(&mut self, at: usize, when: i64) {
        self.sendings += 1;
        self.inbox.insert((when, self.sendings), at);
    }
    fn retry(&mut self, lost: Vec<usize>) {
        for at in lost {
            let when = self.clock + self.rng.between(1, 7200);
            self.send_again(at, when);
        }
    }
    /// One batch through the server, with whatever goes wrong on the way.
    fn round(&mut self, batch: &[usize]) -> Result<(), String> {
        if self.rng.chance(self.faults.crash) {
            self.crash("crash before anything", batch.to_vec());
            return Ok(());
        }
        let lose_read = self.rng.chance(self.faults.lose_read).then(|| self.rng.index(3) as u32);
        let mut names: Vec<usize> = batch.iter().map(|at| self.same[*at]).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            self.marks.hit("batch with the same event twice");
        }
        let inputs: Vec<_> = batch.iter().map(|at| input::of(&self.messages[*at])).collect();
        let now = self.clock + self.skew;
        let wakes = match self.rng.chance(self.faults.wake) {
            true => self.server.overdue(now, self.faults.batch as usize),
            false => Vec::new(),
        };
        let Some(decided) = self.server.decide(inputs, &wakes, now, lose_read) else {
            if self.rng.chance(500) {
                self.crash("crash while the past was read", batch.to_vec());
            } else {
                self.retry(batch.to_vec());
            }
            return Ok(());
        };
        if self.rng.chance(self.faults.crash) {
            self.crash("crash after the decision, before the commit", batch.to_vec());
            return Ok(());
        }
        self.server.hand_over(decided, batch);
        self.note(|| format!("handed over {batch:?}"));
        let unsettled = self.server.flights.len();
        if unsettled > 1 && self.rng.chance(self.faults.crash) {
            self.crash("crash with two batches in flight", Vec::new());
            return Ok(());
        }
        if self.rng.chance(self.faults.fail_commit) && !self.server.disk.is_real() {
            return self.fail_commit();
        }
        while self.server.flights.len() >= self.faults.flights {
            self.settle_one()?;
        }
        if self.rng.chance(self.faults.forget) {
            self.server.forget(&mut self.rng);
        }
        Ok(())
    }
    /// The oldest batch becomes durable, and its senders are told, unless that goes wrong too.
    fn settle_one(&mut self) -> Result<(), String> {
        self.server.disk.settle()?;
        let flight = self.server.flights.remove(0);
        if self.rng.chance(self.faults.crash) {
            let lost = flight.answers.iter().map(|(at, _)| *at).collect();
            self.crash("crash after commit, before the answer", lost);
            return Ok(());
        }
        for (at, answer) in flight.answers {
            self.digest(&answer);
            self.hear(at, answer)?;
        }
        Ok(())
    }
    fn fail_commit(&mut self) -> Result<(), String> {
        if self.rng.chance(500) {
            self.marks.hit("commit failed and had happened");
            self.server.disk.settle()?;
        } else {
            self.marks.hit("commit failed and had not happened");
        }
        self.restart(Vec::new());
        Ok(())
    }
    fn crash(&mut self, mark: &'static str, lost: Vec<usize>) {
        self.marks.hit(mark);
        self.note(|| mark.to_owned());
        self.restart(lost);
    }
    fn restart(&mut self, mut lost: Vec<usize>) {
        for flight in std::mem::take(&mut self.server.flights) {
            lost.extend(flight.answers.iter().map(|(at, _)| *at));
        }
        self.server.restart();
        self.retry(lost);
    }
    /// A client is told. He may not hear it and ask again; what he hears never changes.
    fn hear(&mut self, at: usize, answer: Answered) -> Result<(), String> {
        if self.rng.chance(self.faults.lose_answer) {
            self.retry(vec![at]);
        }
        marks::of_answer(&mut self.marks, &answer);
        let message = &self.messages[at];
        let name = format!("{} {}", message.source, message.id);
        let decision = serde_json::to_value(&*answer.decision).map_err(|e| e.to_string())?;
        let what = format!("{} at {}", message.subject, message.time);
        self.note(|| {
            let Answered { pos, conflict, .. } = answer;
            format!("{name} of {what} is told row {pos} {conflict} {decision}")
        });
        if let Some(before) = self.told.get(&self.same[at])
            && !before.open()
        {
            let waited = before.waiting && answer.duplicate;
            let forgets = self.story.forgets();
            let kept = |decision: &Value| if forgets { lasting(decision) } else { decision.clone() };
            if before.conflict != answer.conflict
                || (!waited && (before.pos != answer.pos || kept(&before.decision) != kept(&decision)))
            {
                return Err(format!(
                    "{name} was told row {} {}, and later row {} {decision}",
                    before.pos, before.decision, answer.pos
                ));
            }
            if !answer.duplicate && !answer.conflict {
                return Err(format!(
                    "{name} was acknowledged as new twice: rows {} and {}",
                    before.pos, answer.pos
                ));
            }
            return Ok(());
        }
        let more = match answer.conflict {
            true => Vec::new(),
            false => self.story.told(&self.messages[at], &decision, self.clock),
        };
        for next in more {
            let no = self.messages.len();
            self.same.push(no);
            self.send_again(no, next.arrives.max(self.clock));
            self.messages.push(next);
        }
        let waiting = decision["s"] == "waiting";
        self.told
            .insert(self.same[at], Told { pos: answer.pos, conflict: answer.conflict, waiting, decision });
        Ok(())
    }
    fn digest(&mut self, answer: &Answered) {
        // Public names of redemptions hang on the secret of the store.
        let text = serde_json::to_string(&*answer.decision).unwrap_or_default();
        let mut parts = text.split("red_");
        let first = parts.next().unwrap_or("").bytes();
        let bytes = first.chain(parts.flat_map(|part| part.bytes().skip(13)));
        for byte in bytes.chain(answer.pos.to_le_bytes()) {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    /// Faults off: what is durable, against the model.
    fn audit(&mut self) -> Result<(), String> {
        self.server.restart();
        let rows = self.journal()?;
        for told in self.told.iter().filter(|(_, told)| !told.conflict) {
            let message = &self.messages[*told.0];
            let row = rows.get(told.1.pos as usize - 1);
            let same = |m: &Message| {
                m.source == message.source && m.id == message.id && input::hash(m) == input::hash(message)
            };
            if !row.and_then(|row| row.message.as_ref()).is_some_and(same) {
                return Err(format!(
                    "{} {} was acknowledged and is not in row {}",
                    message.source, message.id, told.1.pos
                ));
            }
        }
        let mut auditor = self.story.auditor();
        for row in &rows {
            auditor.row(row, &mut self.marks)?;
        }
        let state = self.server.disk.state()?;
        auditor.finish(&state, self.clock)?;
        self.server.disk.prove()?;
        self.replay(rows.len(), &state.0)
    }
    fn journal(&mut self) -> Result<Vec<Row>, String> {
        let mut named: HashMap<(&str, &str), Vec<&Message>> = HashMap::new();
        for message in &self.messages {
            named.entry((&message.source, &message.id)).or_default().push(message);
        }
        let rows = self.server.disk.rows()?.into_iter().map(|read| {
            let of_name = named.get(&(&*read.event.source, &*read.event.id)).map_or(&[][..], |all| all);
            let message = of_name.iter().find(|m| input::hash(m) == read.body_hash).map(|m| (*m).clone());
            let message = message.or_else(|| input::made(&read.event, read.decision["m"].as_u64()));
            let message = message.ok_or_else(|| format!("row {} holds what nobody sent", read.pos))?;
            let message = (!read.free).then_some(message);
            Ok(Row {
                pos: read.pos,
                message,
                again: read.again,
                now: read.now_ms.div_euclid(1000),
                decision: read.decision,
            })
        });
        rows.collect()
    }
    /// Everything once more, in any order: nothing may change.
    fn replay(&mut self, rows: usize, members: &BTreeMap<u64, Value>) -> Result<(), String> {
        // But for what may be looked at again, and what else came under such a name.
        let name = |at: usize| (&self.messages[at].source, &self.messages[at].id);
        let open: BTreeSet<_> =
            self.told.iter().filter(|told| told.1.open()).map(|told| name(*told.0)).collect();
        let mut all: Vec<usize> = (0..self.messages.len()).filter(|at| !open.contains(&name(*at))).collect();
        self.rng.shuffle(&mut all);
        for part in all.chunks(97) {
            let inputs = part.iter().map(|at| input::of(&self.messages[*at])).collect();
            let decided =
                self.server.decide(inputs, &[], self.clock, None).ok_or("the past cannot be read")?;
            if let Some(at) = decided.batch.answers.iter().position(|a| !a.duplicate && !a.conflict) {
                let message = &self.messages[part[at]];
                return Err(format!("sent again, {} {} counted as new", message.source, message.id));
            }
            if !decided.batch.rows.is_empty() || !decided.batch.members.is_empty() {
                return Err("sent again, known messages changed something".to_owned());
            }
        }
        let state = self.server.disk.state()?;
        if self.server.disk.rows()?.len() != rows || state.0 != *members {
            return Err("the state is another after a replay".to_owned());
        }
        Ok(())
    }
}
