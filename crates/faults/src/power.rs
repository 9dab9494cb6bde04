//! Power cuts: what a disk could hold at a moment under load is written to a plain folder, opened there, and asked for
//! everything that was acknowledged before that moment.
//!
//! Two kinds of load. The store with small thresholds, so that checkpoints, sealed and merged runs are cut in their
//! midst; each image is checked in this process. And `fealty serve` as it is shipped, over HTTP; each image is verified,
//! and every few are served again by the same binary.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use testkit::rng::Rng;
use testkit::server::{self, Launch};

use crate::disk::{Cut, Disk, Image};
use crate::mount::{Cutter, Mounted};
use crate::orders::{self, Acked, PROGRAM};
use crate::shop;
use crate::shots::{Closing, Shot, Shots};

/// Who tells the disk less than the truth, or is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    None,
    /// SQLite with synchronous=NORMAL.
    Normal,
    /// A disk that says it synced the log, and did not.
    LyingDisk,
}

#[derive(Default)]
pub struct Tally {
    /// By what was left: images, and those that broke the promise.
    pub by_cut: BTreeMap<Cut, (u32, u32)>,
    /// Orders that were acknowledged before a cut, over all images.
    pub acked: u64,
    pub served: u32,
    /// While pages were on their way from the log into the database.
    pub in_checkpoint: u32,
    pub example: Option<String>,
    pub seconds: f64,
}

impl Tally {
    pub fn images(&self) -> u32 {
        self.by_cut.values().map(|counts| counts.0).sum()
    }
    pub fn broken(&self) -> u32 {
        self.by_cut.values().map(|counts| counts.1).sum()
    }
    fn add(&mut self, shot: &Shot, result: Result<(), String>) {
        let counts = self.by_cut.entry(shot.cut).or_default();
        counts.0 += 1;
        self.acked += shot.acked as u64;
        self.in_checkpoint += u32::from(shot.in_checkpoint);
        if let Err(why) = result {
            counts.1 += 1;
            self.example.get_or_insert(format!("{:?} after {} acknowledged: {why}", shot.cut, shot.acked));
        }
    }
    pub fn show(&self, name: &str) {
        println!(
            "{name}: {:.0} s, {} acknowledged before the cuts, {} cuts within a checkpoint",
            self.seconds, self.acked, self.in_checkpoint
        );
        println!("  {:<9} {:>7} {:>7}", "unsynced", "images", "broken");
        for (cut, (images, broken)) in &self.by_cut {
            println!("  {:<9} {images:>7} {broken:>7}", format!("{cut:?}").to_lowercase());
        }
        if let Some(example) = &self.example {
            println!("  first: {example}");
        }
    }
}

/// Images of one life of a disk; then a new one, so that first starts are cut too and data stay small.
const LIFE: u32 = 50;
const CLIENTS: u64 = 3;
/// What is old is large, and takes long to look at.
const OLD_LIFE: u32 = 8;
/// A checkpoint of the server begins at 8,000 pages in its log, each of them two writes.
const WRITES_TO_CHECKPOINT: i64 = 15_900;

/// The store alone, by `child` (this crate's binary) in a process of its own.
pub fn store(child: &Path, images: u32, seed: u64, control: Control) -> Result<Tally, String> {
    let (mut tally, mut rng, begun) = (Tally::default(), Rng::new(seed), Instant::now());
    while tally.images() < images {
        let before = tally.images();
        store_life(child, LIFE.min(images - before), &mut rng, control, &mut tally)?;
        if tally.images() == before {
            return Err("the store went before power was cut".into());
        }
    }
    tally.seconds = begun.elapsed().as_secs_f64();
    Ok(tally)
}

fn store_life(
    child: &Path,
    count: u32,
    rng: &mut Rng,
    control: Control,
    tally: &mut Tally,
) -> Result<(), String> {
    let (at, image) = (server::folder("power"), server::folder("power-image"));
    let mounted = Mounted::new(disk(control), &at).map_err(|e| format!("FUSE: {e}"))?;
    let acked = Acked::default();
    let shots = begin_cuts(&mounted, &acked, rng, &[3, 30, 300], 1);
    let mut command = Command::new(child);
    command.arg("pour").arg(&at).arg((control == Control::Normal).to_string()).arg(rng.word().to_string());
    let mut load = command.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let heard = load.stdout.take();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _closing = Closing(&shots);
            for line in BufReader::new(heard.expect("piped above")).lines().map_while(Result::ok) {
                if let Some((n, told)) = line.split_once(' ') {
                    acked.lock().push((n.parse().expect("it says numbers"), told.to_owned()));
                }
            }
        });
        for shot in std::iter::from_fn(|| shots.take()).take(count as usize) {
            let known = acked.lock()[..shot.acked].to_vec();
            let result = lay_out(&shot.image, &image).and_then(|()| shop::check(&image, &known));
            tally.add(&shot, result);
        }
        shots.close();
        let _gone = load.kill();
        let _gone = load.wait();
    });
    drop(mounted);
    remove(&[&at, &image]);
    Ok(())
}

/// The server. Every image is verified here, every `serve_every`th is served by the binary again.
pub fn server(images: u32, seed: u64, control: Control, serve_every: u32) -> Result<Tally, String> {
    let (mut tally, mut rng, begun) = (Tally::default(), Rng::new(seed), Instant::now());
    let mut lives = 0;
    while tally.images() < images {
        let before = tally.images();
        // Some get as old as their first checkpoint.
        lives += 1;
        let old = lives % 5 == 2;
        server_life(LIFE.min(images - before), &mut rng, control, serve_every, old, &mut tally)?;
        if tally.images() == before {
            return Err("the server went before power was cut".into());
        }
    }
    tally.seconds = begun.elapsed().as_secs_f64();
    Ok(tally)
}

fn server_life(
    count: u32,
    rng: &mut Rng,
    control: Control,
    serve_every: u32,
    old: bool,
    tally: &mut Tally,
) -> Result<(), String> {
    let launch = Launch::new(server::binary()).with_program(PROGRAM);
    let after = Launch::new(server::binary()).with_program(PROGRAM);
    let (at, image) = (launch.data.join("data"), after.data.join("data"));
    std::fs::create_dir(&at).map_err(|e| e.to_string())?;
    let mounted = Mounted::new(disk(control), &at).map_err(|e| format!("FUSE: {e}"))?;
    let acked = Acked::default();
    let mut running = launch.start()?;
    let (first, count) = if old { (WRITES_TO_CHECKPOINT, count.min(OLD_LIFE)) } else { (1, count) };
    let shots = begin_cuts(&mounted, &acked, rng, &[10, 60, 400], first);
    std::thread::scope(|scope| {
        let _closing = Closing(&shots);
        for no in 0..CLIENTS {
            let (client, acked, mut rng) = (running.client(), acked.clone(), rng.fork());
            let shots = &shots;
            scope.spawn(move || {
                let _closing = Closing(shots);
                orders::pour(client, &acked, no, CLIENTS, &mut rng)
            });
        }
        for shot in std::iter::from_fn(|| shots.take()).take(count as usize) {
            let known = acked.lock()[..shot.acked].to_vec();
            let serve = tally.images().is_multiple_of(serve_every);
            tally.served += u32::from(serve);
            let result = lay_out(&shot.image, &image).and_then(|()| {
                if serve { serve_again(&after, &known) } else { shop::check_rows(&image, &known) }
            });
            tally.add(&shot, result);
        }
        shots.close();
        running.kill();
    });
    drop(mounted);
    launch.remove();
    after.remove();
    Ok(())
}

/// `fealty verify` as it lies, a start, everything sent again twice, `fealty verify` again.
fn serve_again(launch: &Launch, acked: &[(u64, String)]) -> Result<(), String> {
    verify(launch)?;
    let mut server = launch.start()?;
    let all = acked.iter().map(|(n, _)| n + 1).max().unwrap_or(0) + 20;
    orders::settle(&mut server.client(), acked, all)?;
    server.kill();
    verify(launch)
}

fn verify(launch: &Launch) -> Result<(), String> {
    match launch.run(&["verify"]) {
        (Some(0), _) => Ok(()),
        (code, printed) => Err(format!("fealty verify ended with {code:?}: {printed}")),
    }
}

fn disk(control: Control) -> Disk {
    Disk::new((control == Control::LyingDisk).then_some("-wal"))
}

fn begin_cuts(
    mounted: &Mounted,
    acked: &Acked,
    rng: &mut Rng,
    apart: &'static [i64],
    first: i64,
) -> Arc<Shots> {
    let (to, acked) = (Arc::<Shots>::default(), acked.clone());
    let rng = rng.fork();
    mounted.cut(Cutter { rng, first, apart, acked: Box::new(move || acked.len()), to: Arc::clone(&to) });
    to
}

/// Only what was left is in the folder.
fn lay_out(image: &Image, at: &Path) -> Result<(), String> {
    let lay = || -> std::io::Result<()> {
        let _none = std::fs::remove_dir_all(at);
        std::fs::create_dir_all(at)?;
        for (path, bytes) in image {
            let path = at.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(at))?;
            std::fs::write(path, bytes)?;
        }
        Ok(())
    };
    lay().map_err(|e| format!("the image cannot be laid out: {e}"))
}

fn remove(folders: &[&Path]) {
    for folder in folders {
        let _gone = std::fs::remove_dir_all(folder);
    }
}
