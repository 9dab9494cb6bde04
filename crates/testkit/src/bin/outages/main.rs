//! PostgreSQL fails under two running servers, in every way that one can arrange; `cargo xtask outages` builds and starts it.
//!
//! The postmaster is killed again and again, connections are ended every 200 ms, COMMITs are cut off once they are on their
//! way. What must hold: no server ends, every event that was told until it was taken counts exactly once, both serve again
//! within 10 seconds of PostgreSQL's return, and `fealty verify` finds nothing.

mod books;
mod load;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use testkit::http::Client;
use testkit::postgres::Postgres;
use testkit::rng::Rng;
use testkit::server::{self, Launch, Server};
use testkit::wire::Wire;

use load::Load;

const PROGRAM: &str = r#"
program = { id = "outages", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
"#;
const PROCESSES: usize = 2;
/// As long as PostgreSQL may be back before both serve.
const BACK_MAX: Duration = Duration::from_secs(10);
const CUT_EVERY: u64 = 3;

struct Args {
    kills: u64,
    seconds: u64,
    cuts: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let mut args = Args { kills: 10, seconds: 60, cuts: 300, seed: 1 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next().and_then(|n| n.parse::<u64>().ok())) {
            ("--kills", Some(n)) => args.kills = n,
            ("--seconds", Some(n)) => args.seconds = n,
            ("--cuts", Some(n)) => args.cuts = n,
            ("--seed", Some(n)) => args.seed = n,
            _ => {
                eprintln!("outages [--kills N] [--seconds N] [--cuts N] [--seed N]");
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

/// What all the outages happen to.
struct Scene {
    postgres: Postgres,
    database: String,
    launches: Vec<Launch>,
    load: Load,
}

fn run(args: &Args) -> Result<(), String> {
    let postgres = Postgres::start()?;
    let database = postgres.database();
    let launches: Vec<Launch> =
        (0..PROCESSES).map(|_| Launch::new(server::binary()).with_program(PROGRAM)).collect();
    println!(
        "{}: PostgreSQL {}",
        launches[0].binary.display(),
        postgres.sql("postgres", "SHOW server_version")?
    );
    let scene = Scene { postgres, database, launches, load: Load::default() };
    let mut rng = Rng::new(args.seed);
    scene.under_load(None, &mut rng.fork(), || scene.kill(args.kills, &mut rng))?;
    scene.under_load(None, &mut rng.fork(), || scene.terminate(Duration::from_secs(args.seconds)))?;
    let wires: Vec<Wire> = (0..PROCESSES).map(|_| Wire::to(scene.postgres.port)).collect();
    scene.under_load(Some(&wires), &mut rng.fork(), || scene.cut(&wires, args.cuts))?;
    books::verify(&Launch { database: Some(scene.database.clone()), ..scene.launches[0].clone() })?;
    scene.launches.iter().for_each(Launch::remove);
    println!("{} events acknowledged, each counts once; verify finds nothing", scene.load.log().acked.len());
    Ok(())
}

impl Scene {
    /// Two servers, on the database itself or by a wire each, and senders, while this happens; then the books are looked at.
    fn under_load(
        &self,
        wires: Option<&[Wire]>,
        rng: &mut Rng,
        outage: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        let mut servers: Vec<Server> = Vec::new();
        for (no, launch) in self.launches.iter().enumerate() {
            let direct = format!(":{}/", self.postgres.port);
            let by = |wire: &Wire| {
                self.database.replace(&direct, &format!(":{}/", wire.port)) + "?sslmode=disable"
            };
            let database = wires.map_or_else(|| self.database.clone(), |wires| by(&wires[no]));
            servers.push(Launch { database: Some(database), ..launch.clone() }.start()?);
        }
        self.load.begin();
        let before = self.load.log().acked.len();
        std::thread::scope(|scope| {
            for no in 0..PROCESSES * load::SENDERS {
                let clients: Vec<Client> = servers.iter().map(Server::client).collect();
                let rng = rng.fork();
                scope.spawn(move || self.load.send(clients, no % PROCESSES, rng));
            }
            let ended = self.load.serves_since(Instant::now(), PROCESSES, BACK_MAX).and_then(|_| outage());
            self.load.end();
            ended
        })?;
        let log = self.load.log();
        if let Some(trouble) = log.troubles.first() {
            return Err(trouble.clone());
        }
        println!(
            "    {} events; {} requests were told again; the longest took {} ms",
            log.acked.len() - before,
            log.retries,
            log.longest.as_millis()
        );
        for server in &mut servers {
            server.is_running()?;
        }
        books::agree(&self.database, &servers, &log.acked)
    }

    /// kill -9 of the postmaster, so many times, and another start.
    fn kill(&self, times: u64, rng: &mut Rng) -> Result<(), String> {
        println!(
            "{times} times kill -9 of the postmaster; ms from its return until each process took something new"
        );
        println!("{:>5} {:>9} {:>8} {:>8}", "kill", "down ms", "first", "second");
        for no in 1..=times {
            // Somewhere in the middle of whatever goes on.
            std::thread::park_timeout(Duration::from_millis(rng.between(200, 1500) as u64));
            let killed = Instant::now();
            self.postgres.kill();
            self.postgres.again();
            let back = Instant::now();
            let served = self.load.serves_since(back, PROCESSES, BACK_MAX)?;
            let (down, ms) = ((back - killed).as_millis(), |n: usize| served[n].as_millis());
            println!("{no:>5} {down:>9} {:>8} {:>8}", ms(0), ms(1));
        }
        Ok(())
    }

    /// Every connection of a server is ended, every 200 ms.
    fn terminate(&self, so_long: Duration) -> Result<(), String> {
        let begun = Instant::now();
        let (mut times, mut ended) = (0, 0);
        while begun.elapsed() < so_long {
            std::thread::park_timeout(Duration::from_millis(200));
            let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'fealty'";
            let count = self.postgres.sql("postgres", cut)?;
            ended += count.parse::<u64>().map_err(|e| format!("{count}: {e}"))?;
            times += 1;
        }
        println!("{ended} connections ended in {times} strokes, one every 200 ms");
        if ended < times {
            return Err("hardly a connection was there to be ended".into());
        }
        let served = self.load.serves_since(Instant::now(), PROCESSES, BACK_MAX)?;
        println!("    both serve {} ms after the last", served.iter().max().map_or(0, Duration::as_millis));
        Ok(())
    }

    /// COMMITs are cut off, until there were so many.
    fn cut(&self, wires: &[Wire], least: u64) -> Result<(), String> {
        let begun = Instant::now();
        wires.iter().for_each(|wire| wire.cut(CUT_EVERY));
        let (before, after) = loop {
            let cuts =
                wires.iter().map(Wire::cuts).fold((0, 0), |(b, a), (before, after)| (b + before, a + after));
            if cuts.0 + cuts.1 >= least {
                break cuts;
            }
            // So that it ends where nothing is committed any more, and says so.
            self.load.serves_since(Instant::now(), 1, BACK_MAX)?;
        };
        wires.iter().for_each(|wire| wire.cut(0));
        println!(
            "{} COMMITs cut in {:.1} s: {before} before the server had them, {after} after",
            before + after,
            begun.elapsed().as_secs_f64()
        );
        let served = self.load.serves_since(Instant::now(), PROCESSES, BACK_MAX)?;
        println!("    both serve {} ms after the last", served.iter().max().map_or(0, Duration::as_millis));
        Ok(())
    }
}
