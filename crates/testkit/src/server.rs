//! The real `fealty serve` as a child process: started on a free port in a folder of its own, killed, started again.
//! The folder goes with it, unless the test panics: then it is kept and named.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::http::Client;

/// How a server is started. The same launch can be started again after a kill: the data are kept.
#[derive(Clone)]
pub struct Launch {
    pub binary: PathBuf,
    pub data: PathBuf,
    /// PostgreSQL, where the data are not in the folder.
    pub database: Option<String>,
    /// A program file; without one the server takes its starter program.
    pub program: Option<PathBuf>,
    /// More arguments of `serve`, such as `--settings FILE`.
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Becomes the owner's key at the first start.
    pub key: String,
}

pub struct Server {
    pub launch: Launch,
    /// `127.0.0.1:PORT`; another after each start.
    pub address: String,
    /// From the start of the process until `/readyz` said yes.
    pub ready: Duration,
    child: Child,
    printed: Arc<Mutex<Vec<String>>>,
}

/// How long a server may take to be ready.
const READY_MAX: Duration = Duration::from_secs(60);

impl Launch {
    /// The binary that cargo built, data in a new folder.
    pub fn new(binary: impl Into<PathBuf>) -> Launch {
        Launch {
            binary: binary.into(),
            data: folder("server"),
            database: None,
            program: None,
            args: Vec::new(),
            env: Vec::new(),
            key: "fk_testkit_owner_key_0000000000000000".into(),
        }
    }
    /// With this text as its program.
    pub fn with_program(mut self, text: &str) -> Launch {
        let file = self.data.join("program.toml");
        std::fs::write(&file, text).expect("the folder is ours");
        self.program = Some(file);
        self
    }
    /// As arguments: where the data are.
    fn place(&self) -> [OsString; 2] {
        match &self.database {
            Some(url) => ["--database".into(), url.into()],
            None => ["--data".into(), self.data.join("data").into()],
        }
    }
    /// Starts the server and waits until it is ready. The error holds what it printed.
    pub fn start(&self) -> Result<Server, String> {
        let begun = Instant::now();
        let mut command = Command::new(&self.binary);
        command.arg("serve").args(self.place()).args(["--listen", "127.0.0.1:0"]);
        if let Some(program) = &self.program {
            command.arg("--program").arg(program);
        }
        command.args(&self.args).envs(self.env.iter().map(|(k, v)| (k, v)));
        command.env("FEALTY_API_KEY", &self.key).current_dir(&self.data);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{}: {e}", self.binary.display()))?;
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (found, address) = mpsc::channel();
        listen(child.stdout.take(), Arc::clone(&printed), found.clone());
        listen(child.stderr.take(), Arc::clone(&printed), found);
        let mut server = Server {
            launch: self.clone(),
            address: String::new(),
            ready: Duration::ZERO,
            child,
            printed: Arc::clone(&printed),
        };
        server.address = match address.recv_timeout(READY_MAX) {
            Ok(address) => address,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(format!("no address was printed:\n{}", server.printed()));
            }
        };
        server.wait_ready(begun)?;
        Ok(server)
    }
    /// Runs another command of the same binary on the same data (`verify`), with its exit code and what it printed.
    pub fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(&self.binary)
            .args(args)
            .args(self.place())
            .current_dir(&self.data)
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) => {
                let out = String::from_utf8_lossy(&output.stdout).into_owned();
                (output.status.code(), out + &String::from_utf8_lossy(&output.stderr))
            }
            Err(error) => (None, error.to_string()),
        }
    }
    pub fn remove(&self) {
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

impl Server {
    pub fn client(&self) -> Client {
        Client::new(&self.address, &self.launch.key)
    }
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
    /// kill -9, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self) {
        self.ask_to_stop();
        let _ = self.wait();
    }
    /// SIGTERM.
    pub fn ask_to_stop(&self) {
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
    }
    /// Until it has ended; its exit code, none where it was killed.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().ok().and_then(|status| status.code())
    }
    /// An error, with what it printed, where it has ended by itself.
    pub fn is_running(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            ended => Err(format!("the server ended ({ended:?}):\n{}", self.printed())),
        }
    }
    /// Everything printed so far.
    pub fn printed(&self) -> String {
        self.printed.lock().map(|lines| lines.join("\n")).unwrap_or_default()
    }
    fn wait_ready(&mut self, begun: Instant) -> Result<(), String> {
        let mut client = Client::new(&self.address, "");
        loop {
            if client.get("/readyz").is_ok_and(|answer| answer.status == 200) {
                self.ready = begun.elapsed();
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended ({status}):\n{}", self.printed()));
            }
            if begun.elapsed() > READY_MAX {
                return Err(format!("not ready after {READY_MAX:?}:\n{}", self.printed()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Collects what a pipe gives, and tells the first address in it.
fn listen(
    pipe: Option<impl Read + Send + 'static>,
    into: Arc<Mutex<Vec<String>>>,
    found: mpsc::Sender<String>,
) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if let Some(address) = address(&line) {
                let _ = found.send(address);
            }
            if let Ok(mut lines) = into.lock() {
                lines.push(line);
            }
        }
    });
}

/// `127.0.0.1:PORT` out of a line that holds `http://127.0.0.1:PORT`.
fn address(line: &str) -> Option<String> {
    let rest = &line[line.find("http://127.0.0.1:")? + "http://".len()..];
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(rest.len());
    let port: u16 = rest[..end].trim_end_matches(['.', ':']).rsplit(':').next()?.parse().ok()?;
    (port != 0).then(|| format!("127.0.0.1:{port}"))
}

/// A new empty folder under the system's temporary one.
pub fn folder(name: &str) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let no = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("fealty-{name}-{}-{no}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the temporary folder can be written");
    path
}

/// The binary that `cargo build` puts beside the one that runs now, or `FEALTY`.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("FEALTY") {
        let path = PathBuf::from(path);
        // It is started in another folder.
        return std::path::absolute(&path).unwrap_or(path);
    }
    let here = std::env::current_exe().expect("a running program has a path");
    let mut at: &Path = &here;
    while let Some(parent) = at.parent() {
        if parent.join("fealty").is_file() {
            return parent.join("fealty");
        }
        at = parent;
    }
    PathBuf::from("fealty")
}

#[test]
fn an_address_is_found_in_what_is_printed() {
    assert_eq!(address("listening on http://127.0.0.1:4417/ now").as_deref(), Some("127.0.0.1:4417"));
    assert_eq!(address("  http://127.0.0.1:80.").as_deref(), Some("127.0.0.1:80"));
    assert_eq!(address("http://127.0.0.1:0"), None);
    assert_eq!(address("nothing here"), None);
}
