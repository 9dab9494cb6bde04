//! When a message is tried again, and when an endpoint is left alone for a while.

use std::time::Duration;

const S: u64 = 1;
const MIN: u64 = 60;
const H: u64 = 3_600;
/// After the first attempt failed, and so on; after the last it is a dead letter.
const WAITS: [u64; 9] = [5 * S, 5 * MIN, 30 * MIN, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H];
/// Attempts in a row that fail before the endpoint is left alone.
const FAILURES_MAX: u32 = 5;
const REST: Duration = Duration::from_secs(5);
const REST_MAX: Duration = Duration::from_secs(300);
/// The same of a topic, and at most.
const AGAIN: Duration = Duration::from_millis(500);
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// It has taken nothing for so long: it is switched off.
pub const FAILING_MAX_MS: i64 = 5 * 24 * 3_600 * 1_000;
/// No endpoint is waited for longer, whatever it asks for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * H);

/// How long after so many attempts the next one comes; none: it is dead. `dice` from 0 to 1 makes it up to a fifth
/// later, so that what failed together does not come again together.
pub fn wait(attempts: u32, dice: f64) -> Option<Duration> {
    let seconds = WAITS.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    Some(Duration::from_secs(*seconds).mul_f64(1.0 + dice / 5.0))
}

/// How long after so many failures in a row a topic is tried again: what waits there is everything.
pub fn again(failures: u32) -> Duration {
    AGAIN.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(AGAIN_MAX)
}

/// How long an endpoint is left alone after so many failures in a row.
pub fn rest(failures: u32) -> Option<Duration> {
    let over = failures.checked_sub(FAILURES_MAX)?;
    Some(REST.saturating_mul(1 << over.min(16)).min(REST_MAX))
}

/// Nothing where it has passed.
pub fn until(ms: i64, now: i64) -> Duration {
    Duration::from_millis(ms.saturating_sub(now).max(0).cast_unsigned())
}

pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[test]
fn the_schedule_is_the_published_one() {
    let waits: Vec<u64> = (1..=9).filter_map(|n| wait(n, 0.0)).map(|wait| wait.as_secs()).collect();
    assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    assert_eq!((wait(10, 0.0), wait(1, 1.0)), (None, Some(Duration::from_secs(6))));
    let rests: Vec<_> = (4..=12).map(|n| rest(n).map(|rest| rest.as_secs())).collect();
    assert_eq!(rests[..4], [None, Some(5), Some(10), Some(20)]);
    assert_eq!(rests.last(), Some(&Some(300)));
    let again: Vec<_> = [1, 2, 3, 7, 8, 99].map(|n| again(n).as_millis()).into();
    assert_eq!(again, [500, 1_000, 2_000, 32_000, 60_000, 60_000]);
}
