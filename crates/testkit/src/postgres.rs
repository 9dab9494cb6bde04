//! A real PostgreSQL for tests: on a loopback port of its own, in a temporary folder, with every durability setting on.
//!
//! A shell watches over it, so that it ends with the test however the test ends: when nobody holds the pipe any more, the
//! server is stopped by its pid and the folder goes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What is said where it is not installed.
const MISSING: &str = "PostgreSQL is not installed: `apt-get install postgresql` (15 or newer), or set \
    FEALTY_POSTGRES_BIN to the folder of its programs";

/// Told on its standard input what to do: `start`, `stop`, `kill`; answers each with a line.
const WATCH: &str = r#"
trap '' INT TERM
bin=$1 dir=$2 port=$3
shift 3
if [ -n "$FOLLOWS" ]; then
    "$bin/pg_basebackup" -h 127.0.0.1 -p "$FOLLOWS" -U fealty -D "$dir/data" -R -c fast
else
    "$bin/initdb" -D "$dir/data" -U fealty -A trust --locale=C -E UTF8
fi >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
pid=
gone() { [ -z "$pid" ] || { kill "-$1" "$pid"; wait "$pid"; pid=; } 2>/dev/null; }
while read -r what; do
    case $what in
    start)
        for again in 1 2 3 4 5 6 7 8 9; do
            "$bin/postgres" -D "$dir/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
                -c shared_buffers=64MB -c max_connections=200 "$@" >>"$dir/log" 2>&1 &
            pid=$!
            while kill -0 "$pid" 2>/dev/null && ! "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; do sleep 0.05; done
            kill -0 "$pid" 2>/dev/null && break
            sleep 0.2
        done
        kill -0 "$pid" 2>/dev/null && echo "ready" || { tail -3 "$dir/log" | tr '\n' ' '; echo; } ;;
    stop) gone INT; echo stopped ;;
    kill) gone KILL; echo killed ;;
    esac
done
gone INT
rm -rf "$dir"
"#;

/// An authority, and a certificate of its for `localhost`, in this folder and as its owner's.
const CERTIFICATES: &str = r#"
set -e
new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
openssl req -x509 $new -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
openssl req $new -subj /CN=localhost -keyout server.key -out server.csr
echo subjectAltName=DNS:localhost >ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.crt
chmod 600 server.key
chown "$(stat -c %u .)" server.key
"#;

pub struct Postgres {
    pub port: u16,
    dir: PathBuf,
    watch: Mutex<Watch>,
}

struct Watch {
    child: Child,
    say: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

impl Postgres {
    /// One for all tests of a binary.
    pub fn shared() -> &'static Postgres {
        static ONE: OnceLock<Postgres> = OnceLock::new();
        ONE.get_or_init(|| Postgres::start().unwrap_or_else(|why| panic!("{why}")))
    }

    /// One of its own, which may be killed.
    pub fn start() -> Result<Postgres, String> {
        Postgres::make(None, &[])
    }
    /// The same with `name=value` settings.
    pub fn with(settings: &[&str]) -> Result<Postgres, String> {
        Postgres::make(None, settings)
    }
    /// One that follows this one, which from now on answers a commit only when the standby has it.
    pub fn standby(&self) -> Postgres {
        let standby = Postgres::make(Some(self.port), &[]).unwrap_or_else(|why| panic!("{why}"));
        for set in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            self.sql("postgres", set).unwrap_or_else(|why| panic!("{why}"));
        }
        standby
    }

    fn make(follows: Option<u16>, settings: &[&str]) -> Result<Postgres, String> {
        let bin = programs()?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = port.map_err(|e| format!("no port is free: {e}"))?.port();
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("fealty-postgres-{}-{n}", std::process::id()));
        let _left_behind = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        // It does not run as root.
        let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
        let mut command = if root {
            let owned = Command::new("chown").arg("postgres").arg(&dir).status();
            if !owned.is_ok_and(|status| status.success()) {
                return Err("there is no user postgres, as whom PostgreSQL could run".into());
            }
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.args(["-c", WATCH, "sh"]).arg(&bin).arg(&dir).arg(port.to_string()).current_dir("/");
        command.env("FOLLOWS", follows.map(|port| port.to_string()).unwrap_or_default());
        command.args(settings.iter().flat_map(|setting| ["-c", *setting]));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|e| format!("cannot start a shell: {e}"))?;
        let (say, said) = (child.stdin.take(), child.stdout.take());
        let said = BufReader::new(said.ok_or("the shell has no output")?);
        let postgres = Postgres { port, dir, watch: Mutex::new(Watch { child, say, said }) };
        postgres.run("start", "ready")?;
        Ok(postgres)
    }

    fn run(&self, what: &str, done: &str) -> Result<(), String> {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = watch.say.as_mut().map(|say| writeln!(say, "{what}").and_then(|()| say.flush()));
        if !matches!(asked, Some(Ok(()))) {
            return Err("PostgreSQL's shell has ended".into());
        }
        let mut line = String::new();
        let _nothing = watch.said.read_line(&mut line);
        if line.trim_end() == done { Ok(()) } else { Err(format!("PostgreSQL does not {what}: {line}")) }
    }

    /// From now on it also speaks TLS, as `localhost`. Answers the certificate of the authority that says so.
    pub fn encrypt(&self) -> PathBuf {
        let made = Command::new("sh").args(["-c", CERTIFICATES, "sh"]).current_dir(&self.dir).output();
        let made = made.unwrap_or_else(|e| panic!("cannot start a shell: {e}"));
        let why = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "openssl makes no certificates (`apt-get install openssl`): {why}");
        for (setting, value) in [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key")] {
            let file = self.dir.join(value);
            let set = format!("ALTER SYSTEM SET {setting} = '{}'", file.display());
            self.sql("postgres", &set).unwrap_or_else(|why| panic!("{why}"));
        }
        self.sql("postgres", "ALTER SYSTEM SET ssl = on").unwrap_or_else(|why| panic!("{why}"));
        self.stop();
        self.again();
        self.dir.join("ca.crt")
    }

    /// The postmaster, by its id.
    pub fn pid(&self) -> u32 {
        let told = std::fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap_or_default();
        let pid = told.lines().next().and_then(|line| line.trim().parse().ok());
        pid.expect("a postmaster writes down its id")
    }

    /// kill -9 of the postmaster.
    pub fn kill(&self) {
        self.run("kill", "killed").unwrap_or_else(|why| panic!("{why}"));
    }
    pub fn stop(&self) {
        self.run("stop", "stopped").unwrap_or_else(|why| panic!("{why}"));
    }
    /// Again, after it was killed or stopped, with its data.
    pub fn again(&self) {
        self.run("start", "ready").unwrap_or_else(|why| panic!("{why}"));
    }

    /// A new, empty database, by its url.
    pub fn database(&self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("fealty_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}")).unwrap_or_else(|why| panic!("{why}"));
        self.url(&name)
    }
    pub fn url(&self, database: &str) -> String {
        format!("postgres://fealty@127.0.0.1:{}/{database}", self.port)
    }

    /// As `ask`, of one of its databases.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, String> {
        ask(&self.url(database), sql)
    }
}

/// By `psql`: the rows, a line each, columns parted by `|`.
pub fn ask(url: &str, sql: &str) -> Result<String, String> {
    let mut psql = Command::new(programs()?.join("psql"));
    psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
    let out = psql.output().map_err(|e| format!("psql: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        drop(watch.say.take());
        let _gone = watch.child.wait();
    }
}

/// Where the newest is that is installed.
pub fn programs() -> Result<PathBuf, String> {
    if let Some(bin) = std::env::var_os("FEALTY_POSTGRES_BIN") {
        return Ok(bin.into());
    }
    let version = |bin: &Path| -> Option<u32> { bin.parent()?.file_name()?.to_str()?.parse().ok() };
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let bins = installed.map(|one| one.path().join("bin")).filter(|bin| bin.join("postgres").exists());
    bins.max_by_key(|bin| version(bin)).ok_or_else(|| MISSING.to_owned())
}
