//! Reading the feed beside other work: a read is never cut off and begun again.

use std::pin::Pin;

use store::StoreError;

use super::{Live, Next};

type Read = Result<Option<Next>, StoreError>;

pub struct Beside {
    /// None while it is being read from.
    live: Option<Live>,
    reading: Option<Pin<Box<dyn Future<Output = (Live, Read)> + Send>>>,
}

impl Beside {
    pub fn new(live: Live) -> Beside {
        Beside { live: Some(live), reading: None }
    }

    /// What comes next is read, or waited for, unless that is under way.
    pub fn begin(&mut self) {
        if let Some(mut live) = self.live.take() {
            self.reading = Some(Box::pin(async move {
                let next = live.next().await;
                (live, next)
            }));
        }
    }

    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// What was begun; None when the server stops. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Read {
        let Some(reading) = &mut self.reading else { return std::future::pending().await };
        let (live, next) = reading.await;
        (self.live, self.reading) = (Some(live), None);
        next
    }
}
