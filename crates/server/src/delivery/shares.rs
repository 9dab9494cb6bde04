//! Where several processes share the database, each looks after some of the endpoints: those that it holds a lease on.
//! What another process has changed, that process looks after from then on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::Deliveries;

/// A process that is not heard of for so long has its endpoints taken away.
pub const HOLD_MS: i64 = 4_000;
/// Leases are renewed this often.
const EVERY: Duration = Duration::from_secs(1);

/// Until the feed is closed.
pub async fn keep(all: Arc<Deliveries>) {
    let mut closing = all.feed.closing();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // An error: whoever would tell is gone.
        tokio::select! {
            biased;
            _ = closing.wait_for(|end| *end) => return,
            _ = ticks.tick() => {}
        }
        let _alone = all.changing.lock().await;
        let known = |all: &Deliveries| all.running().keys().copied().collect::<HashSet<u64>>();
        let mine = all.with_store(|reader, admin| {
            let numbers: Vec<u64> = reader.endpoint_list()?.iter().map(|row| row.no).collect();
            admin.endpoint_share(&numbers, HOLD_MS)
        });
        match mine.await {
            Ok((mut mine, fair)) => {
                let before = known(&all);
                let beyond = mine.split_off(fair.min(mine.len()));
                // All at once: a slow one keeps no other's lease from being renewed.
                let gone = before.iter().filter(|no| !mine.contains(no));
                futures_util::future::join_all(gone.map(|no| all.pause(*no))).await;
                // Only now, when what they took is saved.
                if !beyond.is_empty()
                    && let Err(error) = all.write(move |admin| admin.endpoint_release(&beyond)).await
                {
                    tracing::warn!(%error, "endpoints are not released to other processes yet");
                }
                mine.into_iter().filter(|no| !before.contains(no)).for_each(|no| all.run(no));
            }
            // What is held is held on to: if another has taken it, nothing can be saved.
            Err::<_, store::StoreError>(error) => {
                tracing::warn!(%error, "it is not known which endpoints are this process's");
            }
        }
    }
}
