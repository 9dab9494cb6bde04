//! Lanes for reads: a few threads each, apart from those that serve connections, because a read may wait for the disk.
//! Few, because more only push each other, and so that their memory and their connections to the file stay warm.
//! Not here: what is read, and which lane it takes.
//!
//! Invariant: within a lane, who comes first is served first; one lane never waits for another.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, available_parallelism};

use store::{Reader, StoreError};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

pub struct Lane {
    reader: Reader,
    queue: Arc<Queue>,
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

impl Lane {
    /// For reads that take much less than a millisecond, unless they wait for the disk.
    pub fn short(reader: Reader) -> io::Result<Lane> {
        Lane::new(reader, (2 * cores()).max(4))
    }
    /// For those that may look at thousands of rows.
    pub fn long(reader: Reader) -> io::Result<Lane> {
        Lane::new(reader, cores().max(2))
    }
    fn new(reader: Reader, threads: usize) -> io::Result<Lane> {
        let lane = Lane { reader, queue: Arc::default() };
        for _ in 0..threads {
            let queue = lane.queue.clone();
            Builder::new().name("read".into()).spawn(move || queue.work())?;
        }
        Ok(lane)
    }

    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let reader = self.reader.clone();
        self.queue.push(Box::new(move || {
            // Whoever asked may have gone.
            if !answer.is_closed() {
                let _gone = answer.send(read(&reader));
            }
        }));
        answered.await.unwrap_or_else(|_| Err(StoreError::Corrupt("a read broke off".into())))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.queue.jobs().is_closed = true;
        self.queue.came.notify_all();
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

fn cores() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;

    fn lane(threads: usize) -> (tempfile::TempDir, Lane) {
        let folder = tempfile::tempdir().unwrap();
        let lane = Lane::new(Reader::beside(folder.path()), threads).unwrap();
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
}
