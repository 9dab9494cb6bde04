//! kill -9 of the real server under load, round after round, on the same data; `cargo xtask kill` builds and starts it.
//!
//! What must hold: whatever was acknowledged is there with the same outcome, nothing counts twice, `fealty verify`
//! finds nothing, and the server is ready again soon. The expectation is worked out here, from the distinct orders and
//! returns that were sent.

mod redemptions;

use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::http::Client;
use testkit::rng::Rng;
use testkit::server::{self, Launch, Server};

use redemptions::Redemptions;

const PROGRAM: &str = r#"
program = { id = "kill", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
wallets.gems = { pending = "1 hour" }
counters.orders = { on = "order.paid" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.items = { on = "order.paid", each = 'order.items', when = 'item.category == "tea"', earn.points = 'item.total * 2' }
rules.gems = { on = "order.paid", earn.gems = 10 }
rewards.badge = { cost.gems = 7, hold = "2 seconds", stock = 1000000, gives.custom = { kind = "badge" } }
"#;
const CLIENTS: usize = 4;
const MEMBERS: i64 = 60;
/// What an order gives, an hour after it was paid: by the clock of the server, that is at once, in a row of its own.
const GEMS: i64 = 10;

/// One thing to tell: its body never changes.
#[derive(Clone)]
struct Thing {
    id: String,
    body: Value,
    member: i64,
    /// What it adds to the member's points, worked out when it is made.
    points: i64,
    gems: i64,
}

#[derive(Default)]
struct World {
    next: u64,
    /// Not acknowledged; told again until they are.
    open: Vec<Thing>,
    /// By id: the thing and what was answered.
    acked: BTreeMap<String, (Thing, Value)>,
    /// Orders that can still be returned: (id, member, total in cents, points).
    orders: Vec<(String, i64, i64, i64)>,
    redemptions: Redemptions,
    troubles: Vec<String>,
}

struct Args {
    rounds: u32,
    seed: u64,
    verify_every: u32,
}

fn main() -> ExitCode {
    let mut args = Args { rounds: 200, seed: 1, verify_every: 1 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = words.next().and_then(|n| n.parse::<u64>().ok());
        match (word.as_str(), number) {
            ("--rounds", Some(n)) => args.rounds = n as u32,
            ("--seed", Some(n)) => args.seed = n,
            ("--verify-every", Some(n)) => args.verify_every = n.max(1) as u32,
            _ => {
                eprintln!("kill [--rounds N] [--seed N] [--verify-every N]");
                return ExitCode::from(2);
            }
        }
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("FAILED: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let launch = Launch::new(server::binary()).with_program(PROGRAM);
    println!("{}, data in {}", launch.binary.display(), launch.data.display());
    let world = Mutex::new(World::default());
    let mut rng = Rng::new(args.seed);
    let mut table = Table::default();
    println!(
        "{:>5} {:>7} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "round", "kill ms", "acked", "open", "again", "ready ms", "verify ms"
    );
    for round in 1..=args.rounds {
        let mut server = launch.start()?;
        let ready = server.ready;
        let again = settle(&server, &world, &mut rng)?;
        balances(&server, &world)?;
        let wait = rng.between(20, 500) as u64;
        load(&mut server, &world, &mut rng, Duration::from_millis(wait));
        if let Some(trouble) = lock(&world).troubles.pop() {
            return Err(format!("round {round}: {trouble}"));
        }
        let verified = if round % args.verify_every == 0 || round == args.rounds {
            Some(verify(&launch, &["verify"])?)
        } else {
            None
        };
        let counts = |world: &World| (world.acked.len(), world.open.len());
        let (acked, open) = counts(&lock(&world));
        table.row(ready, verified);
        if round <= 10 || round % 10 == 0 {
            let verified = verified.map_or("-".to_owned(), |v| v.as_millis().to_string());
            println!(
                "{round:>5} {wait:>7} {acked:>8} {open:>8} {again:>8} {:>9} {verified:>9}",
                ready.as_millis()
            );
        }
    }
    let server = launch.start()?;
    settle(&server, &world, &mut rng)?;
    let everything: Vec<Thing> = lock(&world).acked.values().map(|(thing, _)| thing.clone()).collect();
    for part in everything.chunks(500) {
        tell(&mut server.client(), &world, part, true)?;
    }
    if let Some(trouble) = lock(&world).troubles.pop() {
        return Err(trouble);
    }
    balances(&server, &world)?;
    drop(server);
    // What many clients, retries and kills have left comes out the same when it is decided again, one by one.
    verify(&launch, &["verify", "--replay"])?;
    launch.remove();
    println!(
        "{} rounds: {} acknowledged and {} redemptions, none lost, none counted twice; ready in {} ms at the median, {} at most; {} times verified",
        args.rounds,
        everything.len(),
        lock(&world).redemptions.counts().0,
        table.median(),
        table.ready.iter().max().map_or(0, Duration::as_millis),
        table.verified
    );
    Ok(())
}

#[derive(Default)]
struct Table {
    ready: Vec<Duration>,
    verified: u32,
}

impl Table {
    fn row(&mut self, ready: Duration, verified: Option<Duration>) {
        self.ready.push(ready);
        self.verified += u32::from(verified.is_some());
    }
    fn median(&self) -> u128 {
        let mut sorted = self.ready.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).map_or(0, Duration::as_millis)
    }
}

fn lock(world: &Mutex<World>) -> std::sync::MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// After a start: tells again what is open, and some of what was acknowledged. How many were told again.
fn settle(server: &Server, world: &Mutex<World>, rng: &mut Rng) -> Result<usize, String> {
    let mut client = server.client();
    redemptions::settle(&mut client, world)?;
    let open = std::mem::take(&mut lock(world).open);
    for part in open.chunks(200) {
        tell(&mut client, world, part, true)?;
    }
    let some: Vec<Thing> = {
        let world = lock(world);
        let all: Vec<&Thing> = world.acked.values().map(|(thing, _)| thing).collect();
        let newest = all.iter().rev().take(300).map(|t| (*t).clone());
        let picked = (0..all.len().min(200)).map(|_| (*rng.pick(&all)).clone());
        newest.chain(picked).collect()
    };
    for part in some.chunks(200) {
        tell(&mut client, world, part, true)?;
    }
    Ok(open.len() + some.len())
}

/// Clients send until the server is gone.
fn load(server: &mut Server, world: &Mutex<World>, rng: &mut Rng, wait: Duration) {
    let stop = AtomicBool::new(false);
    let clients: Vec<(Client, Rng)> = (0..CLIENTS).map(|_| (server.client(), rng.fork())).collect();
    std::thread::scope(|scope| {
        for (mut client, mut rng) in clients {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let things = lock(world).make(&mut rng);
                    let mut told = tell(&mut client, world, &things, false);
                    if told.is_ok() && rng.chance(500) {
                        told = redemptions::ask(&mut client, world, &mut rng, things[0].member);
                    }
                    if let Err(why) = told {
                        lock(world).troubles.push(why);
                        return;
                    }
                }
            });
        }
        let begun = Instant::now();
        std::thread::sleep(wait.saturating_sub(begun.elapsed()));
        server.kill();
        stop.store(true, Ordering::Relaxed);
    });
}

/// Sends things in one request and notes what is answered. If nothing comes back they stay open, unless `must`.
fn tell(client: &mut Client, world: &Mutex<World>, things: &[Thing], must: bool) -> Result<(), String> {
    let body = Value::Array(things.iter().map(|t| t.body.clone()).collect()).to_string();
    let answer = client.post("/v1/events", "application/cloudevents-batch+json", body.as_bytes());
    let answer = match answer {
        Ok(answer) if answer.status < 300 => answer.json(),
        Ok(answer) if answer.status == 503 || answer.status == 429 => {
            lock(world).open.extend_from_slice(things);
            return if must { Err(format!("{} {}", answer.status, answer.body)) } else { Ok(()) };
        }
        Ok(answer) => return Err(format!("{} {}", answer.status, answer.body)),
        Err(why) => {
            lock(world).open.extend_from_slice(things);
            return if must { Err(why.to_string()) } else { Ok(()) };
        }
    };
    let outcomes = answer.as_array().filter(|all| all.len() == things.len());
    let outcomes = outcomes.ok_or_else(|| format!("{} things were answered with {answer}", things.len()))?;
    for (thing, outcome) in things.iter().zip(outcomes) {
        lock(world).ack(thing, outcome)?;
    }
    Ok(())
}

impl World {
    fn make(&mut self, rng: &mut Rng) -> Vec<Thing> {
        let count = *rng.pick(&[1, 1, 2, 5, 20]);
        let mut things: Vec<Thing> = (0..count).map(|_| self.thing(rng)).collect();
        // Some are told twice at once, some again that are known.
        if rng.chance(150) {
            let twice = rng.pick(&things).clone();
            things.push(twice);
        }
        if rng.chance(200) && !self.acked.is_empty() {
            let at = rng.index(self.acked.len());
            things.extend(self.acked.values().nth(at).map(|(thing, _)| thing.clone()));
        }
        things
    }
    fn thing(&mut self, rng: &mut Rng) -> Thing {
        self.next += 1;
        if rng.chance(120) && !self.orders.is_empty() {
            let at = rng.index(self.orders.len());
            let (order, member, total, points) = self.orders.swap_remove(at);
            return self.refund(rng, &order, member, total, points);
        }
        let (id, member) = (format!("o{:08}", self.next), rng.between(1, MEMBERS));
        let (mut total, mut tea, mut items) = (0, 0, Vec::new());
        for no in 0..rng.between(1, 3) {
            let (cents, is_tea) = (rng.between(1, 9000), rng.chance(400));
            total += cents;
            tea += if is_tea { cents } else { 0 };
            let category = if is_tea { "tea" } else { "mugs" };
            items.push(json!({"id": format!("i{no}"), "category": category, "quantity": 1, "total": cents_text(cents)}));
        }
        let points = total / 100 + tea * 2 / 100;
        // A return may overtake its order: it is made at once.
        self.orders.push((id.clone(), member, total, points));
        let data = json!({"id": id, "currency": "EUR", "total": cents_text(total), "subtotal": cents_text(total), "items": items});
        self.event(&id, "order.paid", Some(member), member, points, data)
    }
    fn refund(&mut self, rng: &mut Rng, order: &str, member: i64, total: i64, points: i64) -> Thing {
        let id = format!("r{:08}", self.next);
        let mut data = json!({"id": id, "order": order, "currency": "EUR"});
        if rng.chance(500) {
            data["amount"] = Value::String(cents_text(total));
        }
        self.event(&id, "order.refunded", None, member, -points, data)
    }
    fn event(
        &self,
        id: &str,
        kind: &str,
        subject: Option<i64>,
        member: i64,
        points: i64,
        data: Value,
    ) -> Thing {
        let mut body = json!({
            "specversion": "1.0", "id": id, "source": "kill", "type": kind,
            "time": format!("2026-03-{:02}T12:00:00Z", self.next % 28 + 1), "data": data,
        });
        if let Some(no) = subject {
            body["subject"] = Value::String(format!("email:m{no}@example.com"));
        }
        let gems = if kind == "order.paid" { GEMS } else { -GEMS };
        Thing { id: id.to_owned(), body, member, points, gems }
    }
    fn ack(&mut self, thing: &Thing, outcome: &Value) -> Result<(), String> {
        let mut kept = outcome.clone();
        if let Some(fields) = kept.as_object_mut() {
            fields.remove("duplicate");
        }
        if outcome["id"] != *thing.id {
            return Err(format!("{} was answered with {outcome}", thing.id));
        }
        let status = outcome["status"].as_str().unwrap_or("");
        if !["applied", "waiting"].contains(&status) {
            return Err(format!("{} became {outcome}", thing.id));
        }
        if let Some((_, before)) = self.acked.get(&thing.id) {
            if before["status"] != "waiting" && *before != kept {
                return Err(format!("{} was answered {before}, and later {kept}", thing.id));
            }
            if outcome["duplicate"] != true {
                return Err(format!("{} was acknowledged before, and is no duplicate: {outcome}", thing.id));
            }
        }
        self.acked.insert(thing.id.clone(), (thing.clone(), kept));
        Ok(())
    }
}

/// Every member has what the distinct orders and returns give him.
fn balances(server: &Server, world: &Mutex<World>) -> Result<(), String> {
    let mut client = server.client();
    let mut expected: HashMap<i64, (i64, i64)> = HashMap::new();
    {
        let world = lock(world);
        for (thing, _) in world.acked.values() {
            // A return counts once its order is there.
            let order = thing.body["data"]["order"].as_str();
            if order.is_none_or(|order| world.acked.contains_key(order)) {
                let sums = expected.entry(thing.member).or_default();
                *sums = (sums.0 + thing.points, sums.1 + thing.gems);
            }
        }
    }
    for (no, (points, gems)) in expected {
        let answer =
            client.get(&format!("/v1/members/email%3Am{no}%40example.com")).map_err(|e| e.to_string())?;
        let member = answer.json();
        let wallet = &member["wallets"]["points"];
        let (available, debt) = (amount(&wallet["available"]), amount(&wallet["debt"]));
        if answer.status != 200 || available - debt != points {
            return Err(format!("member {no} should have {points}: {} {}", answer.status, answer.body));
        }
        redemptions::balance(server, world, no, gems)?;
    }
    Ok(())
}

fn amount(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok())).unwrap_or(0)
}

fn verify(launch: &Launch, command: &[&str]) -> Result<Duration, String> {
    let begun = Instant::now();
    match launch.run(command) {
        (Some(0), _) => Ok(begun.elapsed()),
        (code, printed) => Err(format!("verify ended with {code:?}:\n{printed}")),
    }
}

fn cents_text(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
