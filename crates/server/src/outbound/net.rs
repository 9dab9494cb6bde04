//! The network as the outbound client sees it: names are asked for, and connections made. A seam, so that it can be tested
//! against every answer that a resolver could give.

use std::io;
use std::net::SocketAddr;

use connectors::Soon;
use tokio::net::TcpStream;

pub trait Net: Send + Sync {
    fn resolve(&self, host: &str, port: u16) -> Soon<io::Result<Vec<SocketAddr>>>;
    fn connect(&self, to: SocketAddr) -> Soon<io::Result<TcpStream>>;
}

/// That of the machine.
pub struct System;

impl Net for System {
    fn resolve(&self, host: &str, port: u16) -> Soon<io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }

    fn connect(&self, to: SocketAddr) -> Soon<io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(to))
    }
}
