//! Starting the things that are measured: the release binary, our own bare programs, servers that say where they
//! listen. Servers are stopped by their own process id.

use std::path::PathBuf;
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

/// Runs to the end and gives the seconds it took and what it printed.
pub fn timed(mut command: Command) -> (f64, String) {
    let start = Instant::now();
    let output = command.stderr(Stdio::inherit()).output().expect("can be started");
    let seconds = start.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    (seconds, String::from_utf8_lossy(&output.stdout).into_owned())
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
    let (_, text) = timed({
        command.args(args);
        command
    });
    print!("{text}");
    text
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
