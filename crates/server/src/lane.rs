//! Lanes for reads, each with few places: more at once only push each other, and want more connections than are kept
//! warm. What may take long has threads of its own, so that it holds up nobody. What is short is read by the thread that
//! serves the request, as long as the data lie here: handing it to another and back costs more than the read.
//! Not here: what is read, and which lane it takes.
//!
//! Invariant: within a lane, who comes first is served first; one lane never waits for another; there are more threads
//! that serve requests than places in the short lane, so that some go on while others wait for the disk.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, available_parallelism};

use store::{Reader, StoreError};
use tokio::sync::{Semaphore, oneshot};

type Job = Box<dyn FnOnce() + Send>;

pub struct Lane {
    reader: Reader,
    way: Way,
}

enum Way {
    Here(Semaphore),
    Threads(Arc<Queue>),
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    came: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    is_closed: bool,
}

/// Threads that serve requests.
pub fn servers() -> usize {
    cores() + short_places()
}

fn cores() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}

fn short_places() -> usize {
    (2 * cores()).max(4)
}

impl Lane {
    /// For reads that take much less than a millisecond, unless they wait for the disk.
    pub fn short(reader: Reader) -> io::Result<Lane> {
        if reader.is_here() {
            return Ok(Lane { reader, way: Way::Here(Semaphore::new(short_places())) });
        }
        Lane::threads(reader, 2 * short_places())
    }
    /// For those that may look at thousands of rows.
    pub fn long(reader: Reader) -> io::Result<Lane> {
        Lane::threads(reader, cores().max(2))
    }
    fn threads(reader: Reader, threads: usize) -> io::Result<Lane> {
        let queue = Arc::<Queue>::default();
        let lane = Lane { reader, way: Way::Threads(queue.clone()) };
        for _ in 0..threads {
            let queue = queue.clone();
            Builder::new().name("read".into()).spawn(move || queue.work())?;
        }
        Ok(lane)
    }

    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let broke = || StoreError::Corrupt("a read broke off".into());
        let queue = match &self.way {
            Way::Here(places) => {
                let _place = places.acquire().await.map_err(|_| broke())?;
                return catch_unwind(AssertUnwindSafe(|| read(&self.reader)))
                    .unwrap_or_else(|_| Err(broke()));
            }
            Way::Threads(queue) => queue,
        };
        let (answer, answered) = oneshot::channel();
        let reader = self.reader.clone();
        queue.push(Box::new(move || {
            // Whoever asked may have gone.
            if !answer.is_closed() {
                let _gone = answer.send(read(&reader));
            }
        }));
        answered.await.unwrap_or_else(|_| Err(broke()))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Way::Threads(queue) = &self.way {
            queue.jobs().is_closed = true;
            queue.came.notify_all();
        }
    }
}

impl Queue {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn push(&self, job: Job) {
        self.jobs().waiting.push_back(job);
        self.came.notify_one();
    }
    /// None: there will be no more.
    fn next(&self) -> Option<Job> {
        let mut jobs = self.jobs();
        loop {
            match jobs.waiting.pop_front() {
                Some(job) => return Some(job),
                None if jobs.is_closed => return None,
                None => jobs = self.came.wait(jobs).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
    fn work(&self) {
        while let Some(job) = self.next() {
            // Its asker is told by the answer that never comes; others go on.
            let _broke = catch_unwind(AssertUnwindSafe(job));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;

    fn lane(threads: usize) -> (tempfile::TempDir, Lane) {
        let folder = tempfile::tempdir().unwrap();
        let lane = Lane::threads(Reader::beside(folder.path()), threads).unwrap();
        (folder, lane)
    }

    /// Does not wait for the answer.
    fn ask<T>(read: &mut Pin<Box<impl Future<Output = T>>>) {
        assert!(read.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    #[tokio::test]
    async fn so_many_at_once_in_the_order_in_which_they_came() {
        let (_folder, lane) = lane(2);
        let (began, begun) = mpsc::channel();
        let (mut go, mut reads) = (Vec::new(), Vec::new());
        for n in 0..5 {
            let (began, (free, wait)) = (began.clone(), mpsc::channel::<()>());
            go.push(free);
            let mut read = Box::pin(lane.read(move |_| {
                began.send(n).unwrap();
                let _freed = wait.recv();
                Ok(n)
            }));
            ask(&mut read);
            reads.push(read);
        }
        let mut first = [begun.recv().unwrap(), begun.recv().unwrap()];
        first.sort_unstable();
        assert_eq!(first, [0, 1]);
        assert!(begun.try_recv().is_err(), "a third has begun");
        for (n, (free, read)) in go.into_iter().zip(reads).enumerate() {
            drop(free);
            assert_eq!(read.await.unwrap(), n);
            if n < 3 {
                assert_eq!(begun.recv().unwrap(), n + 2);
            }
        }
    }

    #[tokio::test]
    async fn who_has_gone_is_passed_over_and_a_break_is_told() {
        let (_folder, lane) = lane(1);
        let (free, wait) = mpsc::channel::<()>();
        let mut held = Box::pin(lane.read(move |_| Ok(wait.recv().is_err())));
        ask(&mut held);
        {
            let mut gone = Box::pin(lane.read(|_| -> Result<(), _> { panic!("nobody asks for it") }));
            ask(&mut gone);
        }
        drop(free);
        assert!(held.await.unwrap());
        assert!(lane.read(|_| -> Result<(), _> { panic!("as it shall be") }).await.is_err());
        assert_eq!(lane.read(|_| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_is_short_is_read_where_it_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let lane = Lane::short(Reader::beside(folder.path())).unwrap();
        let here = std::thread::current().id();
        assert_eq!(lane.read(|_| Ok(std::thread::current().id())).await.unwrap(), here);
        assert!(lane.read(|_| -> Result<(), _> { panic!("as it shall be") }).await.is_err());
        let Way::Here(places) = &lane.way else { panic!("the file is here") };
        let taken = places.acquire_many(short_places() as u32).await.unwrap();
        let mut next = Box::pin(lane.read(|_| Ok(7)));
        ask(&mut next);
        drop(taken);
        assert_eq!(next.await.unwrap(), 7);
        assert!(servers() > short_places());
    }
}
