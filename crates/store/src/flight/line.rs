//! The two threads behind the decider: what is handed over is encoded by one, written by the other. Nothing waits between
//! the stages: while one batch is written, one is encoded and one decided, and all else gathers before the decider, where
//! batches form.
//!
//! Invariant: everything handed over is settled before the line is gone.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::encode::{Encoded, Encoder, Job, Task};
use super::failures::Failures;
use crate::StoreError;

pub struct Line<J> {
    /// None: no more comes.
    tasks: Option<SyncSender<Task<J>>>,
    jobs: SyncSender<J>,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Job + Send + 'static> Line<J> {
    /// The hash of the last row is `head`. `write` takes jobs until it is told to stop, and gives buffers back.
    pub fn start(
        failures: Arc<Failures>,
        head: [u8; 32],
        write: impl FnOnce(&Receiver<J>, SyncSender<Encoded>) + Send + 'static,
    ) -> Result<Line<J>, StoreError> {
        let (jobs, jobs_in) = sync_channel(0);
        let (tasks, tasks_in) = sync_channel(0);
        let (encoder, back) = Encoder::new(failures, head, jobs.clone());
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.into()).spawn(run);
            thread.map_err(|e| StoreError::Unavailable(format!("cannot start {name}: {e}")))
        };
        let threads = vec![
            start("store-encoder", Box::new(move || encoder.run(&tasks_in)))?,
            start("store-writer", Box::new(move || write(&jobs_in, back)))?,
        ];
        Ok(Line { tasks: Some(tasks), jobs, threads })
    }
    pub fn send(&self, task: Task<J>) {
        let sent = self.tasks.as_ref().map(|tasks| tasks.send(task));
        assert!(sent.is_some_and(|sent| sent.is_ok()), "the encoder ends only after its owner");
    }
    /// For the writer, past the encoder.
    pub fn jobs(&self) -> SyncSender<J> {
        self.jobs.clone()
    }
    /// Until everything handed over is settled.
    pub fn wait(&self) {
        let (send, receive) = sync_channel(1);
        self.send(Task::Pass(J::barrier(send)));
        assert!(receive.recv().is_ok(), "the writer ends only after its owner");
    }
}

impl<J> Drop for Line<J> {
    fn drop(&mut self) {
        drop(self.tasks.take());
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}
