//! Pools of codes: what a pool says it holds is what came in, less what was given out and what is promised.

use std::collections::{BTreeMap, HashMap};

use domain::redemption::{Redemption, Stage};
use domain::value::Text;

use super::Report;

#[derive(Default)]
pub struct Pools {
    pools: BTreeMap<Text, Pool>,
    /// Open reservations, by row and number: the pool, and how many codes they were promised.
    open: HashMap<(u64, u16), (Text, i64)>,
}

#[derive(Default)]
struct Pool {
    rows: i64,
    brought: i64,
    given: i64,
    held: i64,
}

impl Pools {
    /// A row says that it brought so many, as the pool's so-and-so-many'th.
    pub fn brought(&mut self, pos: u64, pool: &str, (row, count): (i64, i64), report: &mut Report) {
        let pool = self.pools.entry(pool.into()).or_default();
        (pool.rows, pool.brought) = (pool.rows + 1, pool.brought + count);
        if row != pool.rows || count <= 0 {
            report.row(
                "pool",
                pos,
                format!("it brought {count} codes as row {row}, and is row {}", pool.rows),
            );
        }
    }

    pub fn redemption(&mut self, pos: u64, one: &Redemption) {
        let Some(pool) = &one.pool else { return };
        self.open.remove(&(one.pos, one.n));
        if one.stage == Stage::Reserved {
            let units = one.quantity.ceil().to_int().unwrap_or(0);
            self.open.insert((one.pos, one.n), (pool.clone(), units));
        }
        if one.confirmed == Some(pos) {
            self.pools.entry(pool.clone()).or_default().given += one.codes.len() as i64;
        }
    }

    pub fn finish(mut self, budgets: &BTreeMap<String, Vec<(i64, i64)>>, report: &mut Report) {
        for (pool, units) in self.open.into_values() {
            self.pools.entry(pool).or_default().held += units;
        }
        for (name, pool) in self.pools {
            let parts = budgets.get(&domain::decide::rewards::pool_id(&name)).map_or(&[][..], |parts| parts);
            let count = |key| parts.iter().find(|part| part.0 == key).map_or(0, |part| part.1);
            let (is, must) =
                ((count(0), count(1), count(2)), (pool.brought - pool.given, pool.held, pool.rows));
            if is != must {
                let what = format!("{name} holds {is:?} (left, promised, rows), and {must:?} by its rows");
                report.file("pool", what);
            }
        }
    }
}
