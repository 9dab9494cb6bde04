//! Starting the things that are measured: the release binary, our own bare programs, servers that say where they
//! listen. Servers are stopped by their own process id.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("bench lies in the root").to_path_buf()
}

pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// An empty folder for this run.
pub fn fresh(name: &str) -> PathBuf {
    let folder = target().join("bench").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("can make a folder under target");
    folder
}

pub fn fealty() -> Command {
    let mut command = Command::new(target().join("release/fealty"));
    command.current_dir(root()).stdin(Stdio::null()).env("RUST_LOG", "warn");
    command
}

/// Where the data of a program are: a folder, or the url of a database.
fn place(data: &Path) -> &'static str {
    if data.starts_with("postgres:") { "--database" } else { "--data" }
}

/// `fealty import` to its end.
pub fn import(program: &str, data: &Path, events: &Path) -> Run {
    let mut command = fealty();
    command.args(["import", "--program", program, place(data)]).arg(data).arg(events);
    watched(command)
}

/// A server with that program and data, which listens when this returns.
pub fn serve(program: &str, data: &Path, key: &str, port: u16) -> Server {
    let mut command = fealty();
    command.args(["serve", "--program", program, "--listen", &format!("127.0.0.1:{port}"), place(data)]);
    // What one key may ask is not what is measured.
    command.arg(data).env("FEALTY_API_KEY", key).env("FEALTY_REQUESTS_PER_SECOND", "1000000");
    Server::start(command, port)
}

/// Runs to the end and gives the seconds it took and what it printed.
pub fn timed(mut command: Command) -> (f64, String) {
    let start = Instant::now();
    let output = command.stderr(Stdio::inherit()).output().expect("can be started");
    let seconds = start.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    (seconds, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a run took.
pub struct Run {
    pub seconds: f64,
    pub cpu_seconds: f64,
    /// At most, resident.
    pub memory_mib: u64,
}

/// Runs to the end and looks on.
pub fn watched(command: Command) -> Run {
    watched_output(command).0
}

/// The same, with what it printed. What a process used of CPU and memory is told by /proc as long as it
/// lives.
#[allow(clippy::zombie_processes)] // It is waited for as soon as it is a zombie: until then /proc tells of it.
pub fn watched_output(mut command: Command) -> (Run, String) {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("can be started");
    let mut pipe = child.stdout.take().expect("piped above");
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut pipe, &mut text).map(|_| text)
    });
    let mut run = Run { seconds: 0.0, cpu_seconds: 0.0, memory_mib: 0 };
    let ended = loop {
        let is_over = told(child.id(), "stat").contains(") Z ");
        run.cpu_seconds = run.cpu_seconds.max(cpu_seconds(child.id()));
        run.memory_mib = run.memory_mib.max(memory_mib(child.id()));
        if is_over {
            break child.wait().expect("it ended");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    run.seconds = begun.elapsed().as_secs_f64();
    let text = said.join().expect("reading does not panic").expect("what it prints is text");
    assert!(ended.success(), "{command:?}: {ended}\n{text}");
    (run, text)
}

fn told(pid: u32, name: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default()
}

/// What a process has used by now, for itself and in the kernel.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = told(pid, "stat");
    let after = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    after.skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The same with what its children use and have used.
pub fn family_cpu_seconds(pid: u32) -> f64 {
    let stat = told(pid, "stat");
    let after = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ended = after.skip(13).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 100.0;
    let children = told(pid, &format!("task/{pid}/children"));
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    cpu_seconds(pid) + ended + children.map(cpu_seconds).sum::<f64>()
}

/// What it had at most, resident.
pub fn memory_mib(pid: u32) -> u64 {
    let status = told(pid, "status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    peak.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Runs an example of a crate in release and gives what it printed; it is shown too.
pub fn cargo_example(package: &str, example: &str, args: &[&str]) -> String {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args([
        "run",
        "--quiet",
        "--release",
        "-p",
        package,
        "--example",
        example,
        "--",
    ]);
    command.args(args);
    timed(command).1
}

/// A server that runs until it is dropped.
pub struct Server(Child);

impl Server {
    /// Waits until something listens on `port` of the loopback address.
    pub fn start(mut command: Command, port: u16) -> Server {
        let child = command.stdout(Stdio::null()).spawn().expect("can be started");
        let mut server = Server(child);
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.0.try_wait().is_ok_and(|ended| ended.is_none()), "{command:?} ended");
            assert!(start.elapsed() < Duration::from_secs(30), "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}
