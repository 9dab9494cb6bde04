//! The one statement by which the head goes on, and all that is written with it.
//!
//! Invariant: every part of it selects from `gone_on`. Whoever was overtaken finds no row there, and nothing is written.

use postgres::types::ToSql;

use super::connect::Conn;
use super::head::{CHANNEL, server_ms};
use super::rows::int;
use super::shared::Shared;
use crate::StoreError;
use crate::flight::Flight;

type Given<'v> = Box<dyn ToSql + Sync + 'v>;

pub struct Statement<'v> {
    text: String,
    values: Vec<Given<'v>>,
}

/// The values of a part, in the order of its `$1`, `$2`, …
macro_rules! given {
    ($($value:expr),*) => { [$(Box::new($value) as Box<dyn postgres::types::ToSql + Sync + '_>),*] };
}
pub(super) use given;

impl<'v> Statement<'v> {
    /// Under that fence, from where the batch was decided to its last row, which has this hash.
    pub fn new(shared: &Shared, fence: i64, lease_ms: i64, flight: &Flight, hash: Option<&'v [u8]>) -> Self {
        let write = &flight.write;
        let newest_member = write.members.last().map_or(0, |member| int(member.no));
        let now_ms = (!write.batch.rows.is_empty()).then_some(write.now_ms);
        let told = format!("{}:{}", shared.channel, flight.last_pos);
        let (next, first) = (int(flight.last_pos) + 1, int(flight.first_pos));
        let text = concat!(
            "WITH gone_on AS (UPDATE head SET until_ms = ",
            server_ms!(),
            " + $1, next_pos = $2, next_member = greatest(next_member, $3), now_ms = coalesce($4, now_ms),
                hash = coalesce($5, hash)
                WHERE holder = $6 AND fence = $7 AND next_pos = $8
                RETURNING waiting, $9::TEXT AS channel, $10::TEXT AS told)"
        );
        let values =
            given![lease_ms, next, newest_member + 1, now_ms, hash, shared.me, fence, first, CHANNEL, told];
        Statement { text: text.to_owned(), values: values.into() }
    }

    /// `sql` selects from `gone_on`, and counts its values from `$1` to `$9`.
    pub fn add<const N: usize>(&mut self, name: &str, sql: &str, values: [Given<'v>; N]) {
        self.text.push_str(", ");
        self.text.push_str(name);
        self.text.push_str(" AS (");
        let mut pieces = sql.split('$');
        self.text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (digit, rest) = piece.split_at(1);
            let number = self.values.len() + digit.parse::<usize>().expect("a value has a number");
            self.text.push_str(&format!("${number}{rest}"));
        }
        self.text.push(')');
        self.values.extend(values);
    }

    /// None: it is not our turn any more; otherwise whether others wait for it.
    pub fn run(mut self, conn: &Conn) -> Result<Option<bool>, StoreError> {
        self.text.push_str(" SELECT waiting, pg_notify(channel, told) FROM gone_on");
        let values: Vec<&(dyn ToSql + Sync)> = self.values.iter().map(|value| &**value as _).collect();
        let waiting = conn.query(&self.text, &values)?.first().map(|row| row.get(0));
        conn.is_kept()?;
        Ok(waiting)
    }
}
