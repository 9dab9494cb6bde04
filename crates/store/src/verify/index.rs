//! What is found by keys: events, orders, redemptions, what a rule pays once. All of it would grow with the history, so
//! it is checked a share of the keys at a time, each with a pass of its own over the journal.

use std::collections::HashSet;

use domain::event::Event;
use domain::key::KeyMaker;
use domain::outcome::Decision;
use rusqlite::Connection;

use super::Report;
use super::journal::took_its_name;
use super::orders::Orders;
use super::pages;
use crate::sqlite::form;

/// One of so many equal parts of all keys.
#[derive(Clone, Copy)]
pub struct Share {
    pub no: u64,
    pub of: u64,
}

impl Share {
    pub const ALL: Share = Share { no: 0, of: 1 };

    pub fn has(self, key: u64) -> bool {
        key % self.of == self.no
    }
}

pub struct Index {
    pub share: Share,
    pub orders: Orders,
    /// Keys under which rows must be found: of the event, the order, what a rule pays once.
    pub keys: Vec<(u64, u64)>,
    /// Of rows with an event of their own: (key, position), to find two of one name.
    pub events: Vec<(u64, u64)>,
    /// Keys of (rule, member, value).
    once: HashSet<u64>,
}

impl Index {
    pub fn new(share: Share) -> Index {
        let (orders, keys, events, once) = (Orders::default(), Vec::new(), Vec::new(), HashSet::new());
        Index { share, orders, keys, events, once }
    }

    fn key(&mut self, key: u64, pos: u64) -> bool {
        let own = self.share.has(key);
        self.keys.extend(own.then_some((key, pos)));
        own
    }

    /// `named`: it took the name of its event.
    pub fn event(&mut self, pos: u64, event: &Event, named: bool, maker: &KeyMaker) {
        let key = maker.event(&event.source, &event.id).0;
        if self.key(key, pos) && named {
            self.events.push((key, pos));
        }
    }

    pub fn decision(
        &mut self,
        pos: u64,
        member: Option<u64>,
        decision: &Decision,
        maker: &KeyMaker,
        report: &mut Report,
    ) {
        if let Some(order) = &decision.order {
            let key = maker.order(&order.id).0;
            if self.key(key, pos) {
                self.orders.add(pos, key, order, decision, report);
            }
        }
        for key in decision.redemptions.iter().flat_map(|one| one.keys(maker, pos)) {
            self.key(key.0, pos);
        }
        let Some(member) = member else { return };
        for (rule, value) in &decision.once {
            let key = maker.once(rule, member, value).0;
            if self.key(key, pos) && !self.once.insert(key) {
                report.row("once", pos, format!("rule {rule} paid before for {value}"));
            }
        }
    }
}

/// A further share. What is wrong with a row by itself was told by the first pass.
pub fn scan(
    conn: &Connection,
    index: &mut Index,
    maker: &KeyMaker,
    report: &mut Report,
) -> rusqlite::Result<()> {
    // Pages that cannot be read were told, too.
    let mut told = Report::default();
    pages::each(conn, "journal", ("pos", "member, input, decided"), &mut told, |row, _| {
        let pos = row.get(0)?;
        let decision = serde_json::from_str::<Decision>(row.get_ref(3)?.as_str()?);
        if let Some(input) = row.get_ref(2)?.as_str_or_null()?
            && let Ok((event, _)) = form::input_from_json(input)
        {
            index.event(pos, &event, took_its_name(&decision), maker);
        }
        if let Ok(decision) = decision {
            index.decision(pos, row.get(1)?, &decision, maker, report);
        }
        Ok(())
    })
}
