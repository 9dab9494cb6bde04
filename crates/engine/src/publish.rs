//! A new version of the program goes through the same door as events, so each event is judged by exactly one version
//! and everybody can tell which.

use std::sync::Arc;

use domain::plan::Plan;
use tokio::sync::oneshot;

use crate::intake::{Failure, Intake, Message};

/// A checked program, compiled as the version that is to follow the present one.
pub struct Publish {
    pub plan: Plan,
    /// Canonical JSON, from which it is compiled again after a restart.
    pub json: String,
    /// Who did it, for the audit.
    pub origin: Box<str>,
    pub(crate) reply: Option<oneshot::Sender<Result<Published, Failure>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It counts for everything decided from now on.
    New { version: u32 },
    /// The present version says the same.
    Same { version: u32 },
    /// Another version came first: compile as the one after `version` and try again.
    Overtaken { version: u32 },
}

impl Publish {
    pub fn new(plan: Plan, json: String, origin: &str) -> Publish {
        Publish { plan, json, origin: origin.into(), reply: None }
    }
}

pub struct PendingPublish(oneshot::Receiver<Result<Published, Failure>>);

impl PendingPublish {
    pub async fn answer(self) -> Result<Published, Failure> {
        self.0.await.unwrap_or(Err(Failure::Stopped))
    }
    pub fn wait(self) -> Result<Published, Failure> {
        self.0.blocking_recv().unwrap_or(Err(Failure::Stopped))
    }
}

impl Intake {
    pub fn publish(&self, mut publish: Publish) -> Result<PendingPublish, Failure> {
        let (reply, answer) = oneshot::channel();
        publish.reply = Some(reply);
        self.sender.send(Message::Publish(Box::new(publish))).map_err(|_| Failure::Stopped)?;
        Ok(PendingPublish(answer))
    }
}

/// What a publication means beside the present plan.
pub(crate) fn judge(present: &Arc<Plan>, next: &Plan) -> Published {
    if present.hash == next.hash {
        Published::Same { version: present.version }
    } else if next.version == present.version + 1 {
        Published::New { version: next.version }
    } else {
        Published::Overtaken { version: present.version }
    }
}
