//! `fealty health`: asks a running server whether it is ready, for containers that have no other client. It opens no data.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{FOUND, Failure};
use crate::settings::File;

#[derive(Args)]
pub struct Health {
    /// Where the server listens [default: 127.0.0.1:8787]
    #[arg(long, env = "FEALTY_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Ask only whether it lives, not whether it takes requests
    #[arg(long)]
    live: bool,
    /// Settings file
    #[arg(long, env = "FEALTY_SETTINGS", value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// Connecting, writing and reading, each.
const WAIT_MAX: Duration = Duration::from_secs(2);

impl Health {
    pub fn run(self) -> Result<u8, Failure> {
        let listen = match self.listen {
            Some(listen) => listen,
            None => File::read(self.settings.as_deref())?.listen.unwrap_or(([127, 0, 0, 1], 8787).into()),
        };
        let (path, address) = (if self.live { "/livez" } else { "/readyz" }, reachable(listen));
        let said = ask(address, path).map_err(|e| {
            Failure::new(FOUND, format!("no answer from {address}{path}"), e)
                .fix("is the server running, and is --listen where it listens?")
        })?;
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or((&said, ""));
        if head.split(' ').nth(1) != Some("200") {
            let what = format!("{address}{path} says no");
            return Err(Failure::new(FOUND, what, body).fix("its log says more"));
        }
        println!("{}", body.trim());
        Ok(0)
    }
}

/// Who listens everywhere is asked on the loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, WAIT_MAX)?;
    stream.set_read_timeout(Some(WAIT_MAX))?;
    stream.set_write_timeout(Some(WAIT_MAX))?;
    let ask = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes())?;
    let mut said = String::new();
    stream.take(64 * 1024).read_to_string(&mut said)?;
    Ok(said)
}
