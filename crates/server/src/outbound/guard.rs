//! Where no connection may go: this machine, private networks, and what is no place at all. Each address is looked at
//! after the name is resolved, just before the connection, so that a name cannot say one thing and then another.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::net::Net;

const CONNECT_MAX: Duration = Duration::from_secs(5);

/// `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, bits)| (a, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| format!("`{address}` is no address"))?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| {
            let bits: u8 = bits.parse().map_err(|_| format!("`{bits}` is no number of bits"))?;
            if bits <= most { Ok(bits) } else { Err(format!("there are only {most} bits")) }
        })?;
        Ok(Network { first, bits })
    }
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        let (a, b, size) = match (self.first, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            _ => return false,
        };
        let rest = size - u32::from(self.bits);
        a.checked_shr(rest).unwrap_or(0) == b.checked_shr(rest).unwrap_or(0)
    }
}

/// Private networks that the operator opened.
#[derive(Clone, Default)]
pub struct Guard {
    pub allowed: Arc<[Network]>,
}

impl Guard {
    /// For addresses that the operator wrote himself.
    pub fn open() -> Guard {
        let all = |first: IpAddr| Network { first, bits: 0 };
        Guard { allowed: [all(Ipv4Addr::UNSPECIFIED.into()), all(Ipv6Addr::UNSPECIFIED.into())].into() }
    }

    pub fn lets(&self, address: IpAddr) -> bool {
        let plain = plain(address);
        is_public(plain) || self.allowed.iter().any(|network| network.holds(plain) || network.holds(address))
    }
}

/// An IPv4 address within an IPv6 one to which the packet goes as such: `::ffff:a.b.c.d`, and behind NAT64
/// `64:ff9b::a.b.c.d`. Other ways to write one (`::a.b.c.d`, 6to4, Teredo) lead through tunnels, and are closed.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            Ipv4Addr::from_bits(v6.to_bits() as u32).into()
        }
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        // Azure's own, though it looks like anybody's.
        || v4 == Ipv4Addr::new(168, 63, 129, 16);
    !special
}

/// Only what is handed out for the world: 2000::/3 without tunnels, tests and examples.
fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [a, b, ..] = v6.segments();
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    (0x2000..0x4000).contains(&a) && !special
}

/// Resolves a name, and connects to an address of it that may be connected to.
#[derive(Clone)]
pub struct Guarded {
    guard: Guard,
    net: Arc<dyn Net>,
}

impl Guarded {
    pub fn new(guard: Guard, net: Arc<dyn Net>) -> Guarded {
        Guarded { guard, net }
    }

    /// The addresses of a name that may be connected to; an error is why there is none.
    pub async fn find(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let mut open = Vec::new();
        let mut none = format!("{host} has no address");
        for address in self.net.resolve(host, port).await? {
            let ip = address.ip();
            if self.guard.lets(ip) {
                open.push(address);
            } else {
                none = format!(
                    "{host} is {ip}, in a private network: `allow_networks` under [delivery] opens one"
                );
            }
        }
        if open.is_empty() { Err(io::Error::other(none)) } else { Ok(open) }
    }

    /// To an address that was let pass, whatever the name leads to by now.
    async fn connect(&self, uri: &Uri) -> io::Result<TcpStream> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let mut last = io::Error::other(format!("{host} has no address"));
        for address in self.find(host, port).await? {
            match self.net.connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Service<Uri> for Guarded {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let guarded = self.clone();
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_MAX, guarded.connect(&uri)).await;
            let stream = connected
                .unwrap_or_else(|_| Err(io::Error::other("it could not be reached in 5 seconds")))?;
            let _ = stream.set_nodelay(true);
            Ok(TokioIo::new(stream))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        let guard = Guard::default();
        for closed in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "4000::1",
            "5f00::1",
        ] {
            assert!(!guard.lets(closed.parse().unwrap()), "{closed}");
        }
        for open in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(guard.lets(open.parse().unwrap()), "{open}");
        }
    }

    #[test]
    fn the_operator_opens_networks() {
        let guard =
            Guard { allowed: ["127.0.0.0/8", "fd00::/8", "10.1.2.3"].map(|n| n.parse().unwrap()).into() };
        for open in ["127.9.9.9", "::ffff:127.0.0.1", "fd12::1", "10.1.2.3"] {
            assert!(guard.lets(open.parse().unwrap()), "{open}");
        }
        for closed in ["10.1.2.4", "fc00::1", "::1"] {
            assert!(!guard.lets(closed.parse().unwrap()), "{closed}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "x/8", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.holds("9.9.9.9".parse().unwrap()) && !all.holds("::1".parse().unwrap()));
    }
}
