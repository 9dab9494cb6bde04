//! Rewards that give codes: out of a pool, in the order in which they were brought, or made from a pattern; none twice.

use std::collections::VecDeque;

use jiff::ToSpan;
use serde_json::Value;

use super::{Book, Home, Next};
use crate::audit::{payload, same};
use crate::club::audit::purse::{Lot, LotId};
use crate::club::audit::told::list;
use crate::club::ends::local;
use crate::home::terms::{PATTERN, QUANTITY_MAX};
use crate::sim::marks::Marks;

/// Row and number there.
pub type RedemptionId = (u64, u64);

#[derive(Clone, Debug)]
pub struct Redemption {
    pub member: u64,
    /// `film` or `song`, and so the wallet.
    pub reward: usize,
    pub quantity: i64,
    pub stage: &'static str,
    /// When it lapses.
    pub until: i64,
    pub spent: Vec<Spent>,
    /// Those of `film` are known; of `song` once they were told.
    pub codes: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Spent {
    pub lot: LotId,
    pub amount: i64,
    pub ends: Option<i64>,
    pub by: Option<u64>,
    pub back: bool,
}

#[derive(Default)]
pub struct Pool {
    pub rows: u64,
    pub left: VecDeque<String>,
    pub held: i64,
}

impl Home {
    /// Codes for the pool; those that were ever known are left out.
    pub(super) fn bring(&mut self, book: &mut Book, data: &Value, marks: &mut Marks) {
        let mut count = 0;
        for (at, code) in (0..).zip(list(&data["codes"]).map(payload::text)) {
            if self.codes.insert(code.clone()) {
                self.pool.left.push_back(code);
                count += 1;
            } else {
                marks.hit("code that was known");
                book.skipped.push(at);
            }
        }
        if count > 0 {
            self.pool.rows += 1;
            book.brought = Some((self.pool.rows, count));
        }
    }
    fn refuses(&self, reward: usize, no: u64, quantity: i64) -> Option<&'static str> {
        let terms = &self.terms.rewards[reward];
        if !(1..=QUANTITY_MAX).contains(&quantity) {
            return Some("quantity_invalid");
        }
        let free = self.pool.left.len() as i64 - self.pool.held;
        if terms.stock.is_some_and(|stock| self.stock[reward] + quantity > stock)
            || (reward == 0 && free < quantity)
        {
            return Some("reward_out_of_stock");
        }
        let available = self.members[&self.holder(no, reward)].purses[reward].available;
        (available < terms.cost * quantity).then_some("points_insufficient")
    }
    pub(super) fn redeemed(
        &mut self,
        book: &mut Book,
        data: &Value,
        marks: &mut Marks,
    ) -> Result<(), &'static str> {
        let reward = self.terms.reward(&payload::text(&data["reward"])).expect("a reward of ours");
        let quantity = data["quantity"].as_i64().unwrap_or(1);
        if let Some(code) = self.refuses(reward, book.no, quantity) {
            if code == "reward_out_of_stock" && reward == 0 {
                let promised = self.pool.left.len() as i64 >= quantity && self.pool.held > 0;
                marks.hit(if promised { "codes are promised to others" } else { "pool is empty" });
            }
            return Err(code);
        }
        let cost = self.terms.rewards[reward].cost * quantity;
        let parts = self.purse(book.no, reward).take("redeemed", cost, None);
        let spent = parts.into_iter().map(|(lot, amount)| {
            if lot.by.is_some_and(|by| by != book.no) {
                marks.hit("points of another were spent in a household");
            }
            Spent { lot: lot.id, amount, ends: lot.ends, by: lot.by, back: false }
        });
        let spent = spent.collect();
        self.stock[reward] += quantity;
        let until = (local(book.at) + self.terms.rewards[reward].hold_hours.hours()).timestamp().as_second();
        let (member, codes) = (book.no, Vec::new());
        let one = Redemption { member, reward, quantity, stage: "reserved", until, spent, codes };
        let id = (book.pos, 0);
        self.redemptions.insert(id, one);
        if data["confirm"] == true {
            self.confirms(id);
        } else {
            self.pool.held += if reward == 0 { quantity } else { 0 };
            self.member(book.no).held.push(id);
        }
        self.tell(book, id);
        Ok(())
    }
    fn confirms(&mut self, id: RedemptionId) {
        let one = self.redemptions.get_mut(&id).expect("it was found");
        one.stage = "confirmed";
        if one.reward == 0 {
            one.codes = self.pool.left.drain(..one.quantity as usize).collect();
        }
    }
    fn tell(&mut self, book: &mut Book, id: RedemptionId) {
        let one = self.redemptions.get_mut(&id).expect("it was found");
        one.member = book.no;
        book.said.push(format!("redemption.{} {}", one.stage, self.terms.rewards[one.reward].id));
        book.redemptions.push(id);
    }
    /// `confirm`, `cancel`, `return`; Err: why not.
    pub(super) fn act(
        &mut self,
        book: &mut Book,
        data: &Value,
        marks: &mut Marks,
    ) -> Result<(), &'static str> {
        let name = payload::text(&data["redemption"]);
        let id = self.named.get(&name).copied().ok_or("redemption_unknown")?;
        let one = self.redemptions.get(&id).ok_or("redemption_unknown")?;
        if self.stands_for(one.member) != book.no {
            return Err("redemption_unknown");
        }
        if one.member != book.no {
            marks.hit("reward of one who was absorbed");
        }
        let act = payload::text(&data["act"]);
        let lapsed = one.stage == "reserved" && one.until <= book.at;
        let needs = if act == "return" { "confirmed" } else { "reserved" };
        if lapsed || one.stage != needs {
            return Err("redemption_over");
        }
        match act.as_str() {
            "confirm" => {
                self.let_go(book.no, id);
                self.confirms(id);
            }
            "cancel" => self.undo(book, id, "cancelled", marks),
            _ => self.undo(book, id, "returned", marks),
        }
        self.tell(book, id);
        Ok(())
    }
    /// It is not held any more, nor are its codes.
    fn let_go(&mut self, no: u64, id: RedemptionId) {
        let one = &self.redemptions[&id];
        if one.stage == "reserved" && one.reward == 0 {
            self.pool.held -= one.quantity;
        }
        self.member(no).held.retain(|held| *held != id);
    }
    pub(super) fn lapse(&mut self, book: &mut Book) {
        let mut over = self.members[&book.no].held.clone();
        over.retain(|id| self.redemptions[id].until <= book.at);
        for id in over {
            self.undo(book, id, "lapsed", &mut Marks::default());
            self.tell(book, id);
        }
    }
    /// Everything is as it was before it; codes that were given stay given.
    fn undo(&mut self, book: &mut Book, id: RedemptionId, stage: &'static str, marks: &mut Marks) {
        self.let_go(book.no, id);
        let (reward, quantity) = (self.redemptions[&id].reward, self.redemptions[&id].quantity);
        for spent in self.redemptions[&id].spent.clone() {
            self.comes_back(book, reward, &spent, marks);
        }
        let one = self.redemptions.get_mut(&id).expect("it was found");
        one.spent.iter_mut().for_each(|spent| spent.back = true);
        one.stage = stage;
        self.stock[reward] -= quantity;
    }
    /// To him who had put it in, wherever he is now.
    fn comes_back(&mut self, book: &mut Book, wallet: usize, spent: &Spent, marks: &mut Marks) {
        let (no, at) = (book.no, book.at);
        let lot = Lot { id: spent.lot, left: spent.amount, ends: spent.ends, by: None };
        let over = spent.ends.is_some_and(|end| end <= at);
        let here = |by: u64| {
            by == no || self.members[&no].home.is_some_and(|home| self.residents(home.0).contains(&by))
        };
        if let Some(owner) = spent.by.filter(|by| !over && !here(*by)) {
            marks.hit("points came back to one who had left");
            let purse = self.purse(no, wallet);
            purse.note("redeemed", "available", lot.left, Some(lot.id));
            purse.put(lot);
            let own = |one: &Lot| one.id == spent.lot && one.by.is_none();
            let lots = purse.give(spent.amount, own);
            if !lots.is_empty() {
                book.made.push(Next::Received(owner, wallet, lots));
            }
            return;
        }
        let by = self.by(no, wallet).map(|own| spent.by.unwrap_or(own));
        self.purse(no, wallet).give_back(Lot { by, ..lot }, at);
    }
    /// Codes of a redemption as they were told, which must be new.
    pub(super) fn codes_of(&mut self, id: RedemptionId, told: &Value) -> Result<(), String> {
        let one = self.redemptions.get_mut(&id).expect("it was found");
        let codes: Vec<String> = list(&told["codes"]).map(payload::text).collect();
        let given = one.stage == "confirmed" || one.stage == "returned";
        if one.reward == 1 && given && one.codes.is_empty() {
            same("codes of the quantity", codes.len() as i64, one.quantity)?;
            for code in &codes {
                let signs = || code.chars().zip(PATTERN.chars());
                let fits =
                    signs().all(|(is, must)| is == must || (must == '#' && is.is_ascii_alphanumeric()));
                if code.len() != PATTERN.len() || !fits {
                    return Err(format!("{code} is not made of {PATTERN}"));
                }
                if !self.codes.insert(code.clone()) {
                    return Err(format!("the code {code} was known before"));
                }
            }
            one.codes.clone_from(&codes);
        }
        same("codes", codes, one.codes.clone())
    }
}
