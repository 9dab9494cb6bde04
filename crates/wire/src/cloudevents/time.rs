//! RFC 3339, nothing looser: `2026-11-23T06:31:03.25+01:00`. A time without a zone has no meaning here.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// `None` if it is not RFC 3339. At most nine digits of a second; a leap second is read as the second before.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let b = text.as_bytes();
    let shape = b.len() >= 20 && b[4] == b'-' && b[7] == b'-' && b[13] == b':' && b[16] == b':';
    if !shape || !matches!(b[10], b'T' | b't') {
        return None;
    }
    let year = i16::try_from(digits(&b[0..4])?).ok()?;
    let two = |at: usize| digits(&b[at..at + 2]).and_then(|n| i8::try_from(n).ok());
    let (month, day, hour, minute, second) = (two(5)?, two(8)?, two(11)?, two(14)?, two(17)?);
    let (nanos, zone) = fraction(&b[19..])?;
    if second > 60 {
        return None;
    }
    let civil = DateTime::new(year, month, day, hour, minute, second.min(59), nanos).ok()?;
    offset(zone)?.to_timestamp(civil).ok()
}

fn digits(b: &[u8]) -> Option<i32> {
    b.iter().try_fold(0i32, |n, d| d.is_ascii_digit().then(|| n * 10 + i32::from(d - b'0')))
}

/// Nanoseconds, and what follows them.
fn fraction(b: &[u8]) -> Option<(i32, &[u8])> {
    let Some(rest) = b.strip_prefix(b".") else { return Some((0, b)) };
    let count = rest.iter().take_while(|d| d.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return None;
    }
    let scale = 10i32.pow(9 - u32::try_from(count).ok()?);
    Some((digits(&rest[..count])? * scale, &rest[count..]))
}

fn offset(zone: &[u8]) -> Option<Offset> {
    match zone {
        b"Z" | b"z" => Some(Offset::UTC),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            Offset::from_seconds(if *sign == b'-' { -seconds } else { seconds }).ok()
        }
        _ => None,
    }
}
