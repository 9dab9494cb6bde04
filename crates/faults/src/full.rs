//! A full disk under the real server, round after round: reads go on, writes are answered 503 with Retry-After, and when
//! there is room again it goes on by itself, with everything that it acknowledged.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::http::Client;
use testkit::server::{self, Launch};

use crate::orders::{self, PROGRAM};

/// A disk of some MiB; unmounted at the end.
struct Small(PathBuf);

impl Small {
    fn new(at: PathBuf) -> Result<Small, String> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(&at).output();
        match mount {
            Ok(out) if out.status.success() => Ok(Small(at)),
            Ok(out) => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
            Err(why) => Err(why.to_string()),
        }
    }
}
impl Drop for Small {
    fn drop(&mut self) {
        let _still_mounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Why no small disk can be mounted here.
pub fn missing() -> Option<String> {
    let at = server::folder("full-try");
    let made = Small::new(at.clone());
    drop(at);
    made.err().map(|_| "a small disk can be mounted by root only".to_owned())
}

#[derive(Default)]
pub struct Tally {
    pub rounds: u32,
    pub acked: u64,
    pub refused: u32,
    /// From room to the first write that was taken.
    pub recovery_max: Duration,
}

/// What is left of the disk when it is nearly full.
const ROOM: u64 = 256 * 1024;
/// How long a recovery may take.
const RECOVERY_MAX: Duration = Duration::from_secs(10);

pub fn run(rounds: u32) -> Result<Tally, String> {
    let launch = Launch::new(server::binary()).with_program(PROGRAM);
    let at = launch.data.join("data");
    std::fs::create_dir(&at).map_err(|e| e.to_string())?;
    let disk = Small::new(at.clone())?;
    let (mut tally, mut next, mut acked) = (Tally::default(), 0, Vec::new());
    let mut server = launch.start()?;
    let mut client = server.client();
    recovers(&mut client, &mut next, &mut acked)?;
    for round in 0..rounds {
        let ballast = at.join("ballast");
        fill(&ballast)?;
        refused(&mut client, &mut next, &mut acked, &mut tally)
            .map_err(|why| format!("round {round}: {why}"))?;
        reads(&mut client, &acked).map_err(|why| format!("round {round}: {why}"))?;
        std::fs::remove_file(&ballast).map_err(|e| e.to_string())?;
        let begun = Instant::now();
        recovers(&mut client, &mut next, &mut acked).map_err(|why| format!("round {round}: {why}"))?;
        tally.recovery_max = tally.recovery_max.max(begun.elapsed());
        tally.rounds += 1;
    }
    tally.acked = acked.len() as u64;
    orders::settle(&mut client, &acked, next)?;
    server.stop();
    match launch.run(&["verify"]) {
        (Some(0), _) => {}
        (code, printed) => return Err(format!("fealty verify ended with {code:?}: {printed}")),
    }
    drop(disk);
    launch.remove();
    Ok(tally)
}

/// Until there is room for some orders only.
fn fill(ballast: &std::path::Path) -> Result<(), String> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(ballast).map_err(|e| e.to_string())?;
    for size in [65_536, 4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    let len = file.metadata().map_err(|e| e.to_string())?.len();
    file.set_len(len.saturating_sub(ROOM)).map_err(|e| e.to_string())
}

/// What the log still has room for is taken; then a write is refused as it should be.
fn refused(
    client: &mut Client,
    next: &mut u64,
    acked: &mut Vec<(u64, String)>,
    tally: &mut Tally,
) -> Result<(), String> {
    for _ in 0..20_000 {
        let answer = orders::post(client, &[*next]).map_err(|e| format!("no answer: {e}"))?;
        match answer.status {
            200 => take(&answer, next, acked)?,
            503 if answer.header("retry-after").is_some() => {
                tally.refused += 1;
                return Ok(());
            }
            _ => return Err(format!("a write was answered {} {}", answer.status, answer.body)),
        }
    }
    Err("it never got full".into())
}

fn take(
    answer: &testkit::http::Response,
    next: &mut u64,
    acked: &mut Vec<(u64, String)>,
) -> Result<(), String> {
    let told = orders::outcomes(answer, 1)?.remove(0);
    acked.push((*next, told.1));
    *next += 1;
    Ok(())
}

fn reads(client: &mut Client, acked: &[(u64, String)]) -> Result<(), String> {
    let last = acked.last().map_or(0, |(n, _)| *n);
    let path = format!("/v1/members/{}", orders::subject(last).replace(':', "%3A").replace('@', "%40"));
    let answer = client.get(&path).map_err(|e| e.to_string())?;
    if answer.status == 200 {
        Ok(())
    } else {
        Err(format!("a read was answered {} {}", answer.status, answer.body))
    }
}

fn recovers(client: &mut Client, next: &mut u64, acked: &mut Vec<(u64, String)>) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let answer = orders::post(client, &[*next]).map_err(|e| format!("no answer: {e}"))?;
        match answer.status {
            200 => return take(&answer, next, acked),
            503 if begun.elapsed() < RECOVERY_MAX => {}
            _ => return Err(format!("there is room, and it answers {} {}", answer.status, answer.body)),
        }
    }
}
