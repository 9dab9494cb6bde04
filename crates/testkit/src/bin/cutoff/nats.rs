//! A NATS server that is killed and started again on its store, and a reader of it in a process of its own (the Python
//! client), which writes down each message before it acknowledges it, one at a time: with several on their way, those of a
//! reader that was killed would come again after later ones.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SUBJECT: &str = "cutoff.changes";
const READER: &str = r#"
import asyncio, nats, os, sys

async def main():
    out = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    client = await nats.connect(sys.argv[1], max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=quiet)
    stream = client.jetstream()
    while True:
        try:
            reader = await stream.pull_subscribe("", durable="reader", stream="CUTOFF")
            break
        except (nats.errors.Error, asyncio.TimeoutError):
            await asyncio.sleep(0.1)
    while True:
        try:
            got = await reader.fetch(1, timeout=1)
        except (nats.errors.Error, asyncio.TimeoutError):
            continue
        for one in got:
            os.write(out, one.headers["Nats-Msg-Id"].encode() + b" " + one.data + b"\n")
            try:
                await one.ack()
            except nats.errors.Error:
                pass

async def quiet(_):
    pass

asyncio.run(main())
"#;
/// The stream as it lies there, without a consumer's redeliveries.
const LIES: &str = r#"
import asyncio, nats, sys
from nats.js.api import ConsumerConfig

async def main():
    client = await nats.connect(sys.argv[1])
    stream = client.jetstream()
    left = (await stream.stream_info("CUTOFF")).state.messages
    reader = await stream.pull_subscribe("", stream="CUTOFF", config=ConsumerConfig(ack_policy="none"))
    while left > 0:
        for one in await reader.fetch(min(left, 500), timeout=10):
            print(one.headers["Nats-Msg-Id"], one.data.decode())
            left -= 1
    await client.close()

asyncio.run(main())
"#;
const MAKE: &str = r#"
import asyncio, nats, sys
from nats.js.api import ConsumerConfig

async def main():
    client = await nats.connect(sys.argv[1])
    stream = client.jetstream()
    await stream.add_stream(name="CUTOFF", subjects=["cutoff.>"])
    await stream.add_consumer("CUTOFF", ConsumerConfig(durable_name="reader", ack_policy="explicit", ack_wait=1, max_ack_pending=1))
    await client.close()

asyncio.run(main())
"#;

pub struct Nats {
    python: PathBuf,
    folder: PathBuf,
    pub address: String,
    server: Option<Child>,
    reader: Option<Child>,
}

impl Nats {
    pub fn start(python: PathBuf, folder: PathBuf) -> Result<Nats, String> {
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).map_err(|e| e.to_string())?;
        let store = folder.join("store");
        let config = format!(
            "listen: \"{free}\"\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
            store.display()
        );
        std::fs::write(folder.join("nats.conf"), config).map_err(|e| e.to_string())?;
        let mut nats = Nats { python, folder, address: free.to_string(), server: None, reader: None };
        nats.start_server()?;
        let made = nats.script(MAKE, &format!("nats://{}", nats.address)).status();
        match made {
            Ok(status) if status.success() => Ok(nats),
            other => Err(format!("the stream cannot be made: {other:?}")),
        }
    }
    pub fn url(through: &str) -> String {
        format!("nats://{through}/{SUBJECT}")
    }

    pub fn start_server(&mut self) -> Result<(), String> {
        let binary = self.python.with_file_name("nats-server");
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("nats.log"));
        let log = log.map_err(|e| e.to_string())?;
        let mut command = Command::new(&binary);
        command
            .arg("-c")
            .arg(self.folder.join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.server = Some(command.spawn().map_err(|e| format!("{}: {e}", binary.display()))?);
        let begun = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("NATS does not start".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
    pub fn kill_server(&mut self) {
        kill(&mut self.server);
    }
    pub fn start_reader(&mut self, through: &str) -> Result<(), String> {
        let mut command = self.script(READER, &format!("nats://{through}"));
        command
            .arg(self.folder.join("read"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.reader = Some(command.spawn().map_err(|e| e.to_string())?);
        Ok(())
    }
    pub fn kill_reader(&mut self) {
        kill(&mut self.reader);
    }

    /// What the reader wrote down: ids and changes.
    pub fn read(&self) -> Vec<Value> {
        changes(&std::fs::read_to_string(self.folder.join("read")).unwrap_or_default())
    }
    /// What lies in the stream.
    pub fn stored(&self) -> Result<Vec<Value>, String> {
        let script =
            self.script(LIES, &format!("nats://{}", self.address)).output().map_err(|e| e.to_string())?;
        Ok(changes(&String::from_utf8_lossy(&script.stdout)))
    }

    fn script(&self, script: &str, url: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-c", script, url]);
        command
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill_reader();
        self.kill_server();
    }
}

fn kill(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn changes(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line.split_once(' ')?.1).ok()).collect()
}

/// The feed as SQL tells it, by a client that is not ours: [[row, the member's own count, type], ...].
pub fn ledger(python: &Path, database: &Path) -> Result<Value, String> {
    let script = "import json, sqlite3, sys; print(json.dumps(sqlite3.connect(sys.argv[1]).execute(\
        'SELECT pos, member_seq, type FROM feed ORDER BY pos, member_seq').fetchall()))";
    let output =
        Command::new(python).args(["-c", script]).arg(database).output().map_err(|e| e.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
}
