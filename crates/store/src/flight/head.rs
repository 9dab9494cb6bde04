//! Where the journal and everything with it ends, batches in flight included.

use std::collections::HashMap;

use domain::event::MemberNo;
use domain::snapshot::Snapshot;

use super::Flight;
use crate::StoreError;

pub struct Head {
    pub next_pos: u64,
    pub next_member: MemberNo,
    pub now_ms: i64,
    /// Of the last row on disk.
    pub hash: [u8; 32],
    pub budgets: HashMap<Box<str>, Vec<(i64, i64)>>,
}

impl Head {
    /// A snapshot that knows nothing yet learns where it stands.
    pub fn begin(&self, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        (snapshot.next_pos, snapshot.next_member) = (self.next_pos, self.next_member);
        let newest = jiff::Timestamp::from_millisecond(self.now_ms)
            .map_err(|e| StoreError::Corrupt(format!("the newest row has an impossible time: {e}")))?;
        snapshot.now = snapshot.now.max(newest);
        snapshot.budgets.clone_from(&self.budgets);
        Ok(())
    }
    pub fn advance(&mut self, flight: &Flight) {
        self.next_pos = flight.last_pos + 1;
        if !flight.write.batch.rows.is_empty() {
            self.now_ms = flight.write.now_ms;
        }
        let newest = flight.write.members.last().map_or(0, |member| member.no);
        self.next_member = self.next_member.max(newest + 1);
        self.budgets.extend(flight.write.budgets.iter().cloned());
    }
}
