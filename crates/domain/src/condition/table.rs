//! Bands of params: `[[from, value], …]`, ascending, the first from 0; as a value, a list of lists of two numbers.

use super::code::BandsCall;
use crate::num::{Num, OutOfRange};
use crate::value::Value;

fn pair(band: &Value) -> (Num, Num) {
    if let Value::List(two) = band
        && let [Value::Num(from), Value::Num(value)] = two[..]
    {
        return (from, value);
    }
    panic!("law broken: a band was promised and found {band:?}")
}

/// What lies below 0 belongs to the first band.
pub(super) fn bands(call: BandsCall, bands: &[Value], x: Num) -> Result<Num, OutOfRange> {
    let reached = bands.iter().take_while(|b| pair(b).0 <= x).count().max(1);
    let at = |i: usize| pair(&bands[i]);
    match call {
        BandsCall::Band => Ok(at(reached - 1).1),
        BandsCall::Volume => x.mul(at(reached - 1).1),
        BandsCall::Graduated => {
            let mut sum = Num::ZERO;
            for i in 0..reached {
                let (from, value) = at(i);
                let to = if i + 1 < reached { at(i + 1).0 } else { x };
                sum = sum.add(to.sub(from)?.mul(value)?)?;
            }
            Ok(sum)
        }
    }
}
