//! A TCP proxy that stands between two parties and breaks what it carries: all at once, at whatever byte they are.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Inside {
    /// None: nobody is there.
    target: Mutex<Option<String>>,
    open: Mutex<Vec<TcpStream>>,
    cuts: AtomicU64,
}

#[derive(Clone)]
pub struct Proxy {
    pub address: String,
    inside: Arc<Inside>,
}

impl Proxy {
    pub fn start() -> io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let inside = Arc::<Inside>::default();
        let theirs = inside.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inside = theirs.clone();
                std::thread::spawn(move || inside.carry(stream));
            }
        });
        Ok(Proxy { address, inside })
    }
    /// Where it leads from now on.
    pub fn lead(&self, target: Option<&str>) {
        *lock(&self.inside.target) = target.map(str::to_owned);
    }
    /// Breaks all that is open; how many connections these were.
    pub fn cut(&self) {
        let open = std::mem::take(&mut *lock(&self.inside.open));
        // Two ends each.
        self.inside.cuts.fetch_add(open.len() as u64 / 2, Ordering::Relaxed);
        for stream in open {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
    pub fn cuts(&self) -> u64 {
        self.inside.cuts.load(Ordering::Relaxed)
    }
}

impl Inside {
    fn carry(&self, near: TcpStream) {
        let target = lock(&self.target).clone();
        let Some(far) = target.and_then(|target| TcpStream::connect(target).ok()) else { return };
        let ends = [near.try_clone(), far.try_clone(), near.try_clone(), far.try_clone()];
        let [Ok(near_out), Ok(far_out), Ok(near_kept), Ok(far_kept)] = ends else { return };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        {
            let mut open = lock(&self.open);
            open.retain(|stream| stream.peer_addr().is_ok());
            open.extend([near_kept, far_kept]);
        }
        let there = std::thread::spawn(move || copy(near, far_out));
        copy(far, near_out);
        let _ = there.join();
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

pub fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
