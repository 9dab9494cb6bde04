//! Points come in: when they can be spent, when they end, and what becomes of them when they come in late.
//! Not here: why they come (`rules`), what time does later (`expiry`).

use std::borrow::Cow;

use jiff::Timestamp;

use super::book::Book;
use super::case;
use super::counters::{self, Stage};
use super::limits::Moment;
use super::settings::Settings;
use super::{Kind, Scene, rules};
use crate::canonical;
use crate::lots::{self, LotId};
use crate::member::{ForOrder, Lot, Waiting};
use crate::num::Num;
use crate::order::{Order, OrderItem};
use crate::outcome::{Account, TransferKind};
use crate::plan::{Canon, Earn, Pending, Plan, Region, Setting};
use crate::term::{Term, To, Wait};
use crate::time::Span;
use crate::value::{Text, Value};

/// When a grant is released, and when it ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dates {
    pub until: Option<Timestamp>,
    pub order: Option<ForOrder>,
    pub expires_at: Option<Timestamp>,
}

/// From when, under which program and in which region dates are counted.
#[derive(Clone, Copy)]
pub struct Since<'a> {
    pub plan: &'a Plan,
    pub region: &'a Region,
    pub at: Timestamp,
    /// The order that earns.
    pub order: Option<&'a Order>,
}

impl Dates {
    /// It cannot be spent at once.
    pub fn stage(&self) -> Stage {
        if self.until.is_some() || self.order.is_some() { Stage::Held } else { Stage::Granted }
    }
}

impl Book<'_> {
    /// Dates of a grant; a rule may have its own in place of the wallet's.
    pub fn dates(&self, since: Since<'_>, wallet: &str, earn: Option<&Earn>) -> Dates {
        let Some(of) = since.plan.wallets.iter().find(|w| *w.id == *wallet) else { return Dates::default() };
        let expires = earn.and_then(|e| e.expires.as_ref()).unwrap_or(&of.expires);
        let pending = earn.and_then(|e| e.pending.as_ref()).unwrap_or(&of.pending);
        if matches!(expires, Setting::Is(term) if term.is_never()) && *pending == Pending::None {
            return Dates::default();
        }
        let settings =
            Settings { plan: since.plan, region: since.region, member: self.member, at: Some(since.at) };
        let moment = case::moment(since.plan, self.member, since.at);
        let expires: Option<Cow<'_, Term>> = settings.get(expires);
        let expires_at = expires.filter(|term| !term.is_idle());
        let expires_at = expires_at.and_then(|term| term.end(&moment.at, &moment.calendar, To::Day));
        let (mut until, mut order) = (None, None);
        match pending {
            Pending::None => {}
            Pending::For(wait) => until = settings.get(wait).map(|wait: Cow<'_, Wait>| wait.end(&moment.at)),
            Pending::Until { on, after, at_most } => {
                if let Some(earning) = since.order {
                    let on = since.plan.types[usize::from(*on)].name.clone();
                    let after = after.as_ref().and_then(|after| settings.get(after)).map(Cow::into_owned);
                    let most = at_most.as_ref().and_then(|most| settings.get(most));
                    until = most.map(|span: Cow<'_, Span>| span.after(&moment.at).timestamp());
                    let came = earning.came.iter().find(|(what, _)| *what == on).map(|came| came.1);
                    match came {
                        Some(came) => {
                            until = until.into_iter().chain([wait_after(since.plan, came, after)]).min()
                        }
                        None => order = Some(ForOrder { id: earning.id.clone(), on, after }),
                    }
                }
            }
        }
        // What would have been released by now is not held.
        if until.is_some_and(|until| until <= self.at) {
            (until, order) = (None, None);
        }
        Dates { until, order, expires_at }
    }

    /// A rule's grant. `onto`: the lot of a grant that grows. Returns the lot's number in this row.
    pub fn grant(
        &mut self,
        rule: &Text,
        wallet: &str,
        amount: i64,
        dates: Dates,
        onto: Option<LotId>,
    ) -> u16 {
        let ends = dates.expires_at.is_some_and(|end| end <= self.at);
        if dates.stage() == Stage::Granted || ends {
            return self.add(Account::Issued, Some(rule), wallet, amount, dates.expires_at);
        }
        let n = self.next_lot();
        let onto = onto.filter(|lot| lot.0 != 0 && lot.0 != self.pos);
        let lot = onto.unwrap_or((self.pos, n));
        let Dates { until, order, expires_at } = dates;
        let one = Waiting {
            pos: lot.0,
            n: lot.1,
            remaining: amount,
            until,
            order,
            expires_at,
            rule: Some(rule.clone()),
        };
        self.own_mut(wallet).hold(one);
        let accounts = (Account::Issued, Account::Pending);
        self.transfer(TransferKind::Earn, accounts, wallet, amount, Some(rule), Some(lot));
        n
    }

    pub fn next_lot(&mut self) -> u16 {
        let n = self.n;
        self.n = self.n.checked_add(1).expect("a row makes fewer than 65,536 lots");
        n
    }

    /// Points come in as a new lot: debt first, the rest can be spent. What has ended already arrives expired.
    pub fn add(
        &mut self,
        from: Account,
        rule: Option<&str>,
        wallet: &str,
        amount: i64,
        expires_at: Option<Timestamp>,
    ) -> u16 {
        let n = self.next_lot();
        let kind = if from == Account::Issued { TransferKind::Earn } else { TransferKind::Adjust };
        self.enter((kind, from), rule, wallet, amount, (self.pos, n), expires_at);
        n
    }

    /// Points enter what is available, under this lot.
    pub fn enter(
        &mut self,
        (kind, from): (TransferKind, Account),
        rule: Option<&str>,
        wallet: &str,
        amount: i64,
        lot: LotId,
        expires_at: Option<Timestamp>,
    ) {
        let repaid = self.wallet_mut(wallet).repay(amount);
        if repaid > 0 {
            self.transfer(TransferKind::Repay, (from, Account::Debt), wallet, repaid, rule, None);
        }
        if amount > repaid {
            self.begin_silence(wallet);
            let by = self.giver(wallet);
            self.wallet_mut(wallet).add(lot, amount - repaid, expires_at, by);
            self.transfer(kind, (from, Account::Available), wallet, amount - repaid, rule, Some(lot));
        }
        if expires_at.is_some_and(|end| end <= self.at) {
            self.expire(wallet);
            self.expire_waiting(wallet);
        }
    }

    /// Before a lot without a date comes in: the silence of the first one begins with it.
    pub fn begin_silence(&mut self, wallet: &str) {
        let at = self.at;
        let state = self.wallet_mut(wallet);
        let dated = state.lots.last().is_none_or(|lot| lot.expires_at.is_some());
        if let (Some((_, began)), true) = (&mut state.idle, dated) {
            *began = at.max(*began);
        }
    }

    /// Everything in the wallet whose end has come expires.
    pub fn expire(&mut self, wallet: &str) {
        let at = self.at;
        let lots = self.wallet_mut(wallet).end(at);
        self.expired(wallet, lots);
    }

    /// Everything that waits in the wallet and whose end has come expires.
    pub fn expire_waiting(&mut self, wallet: &str) {
        let at = self.at;
        let waited = self.own_mut(wallet).end_wait(|one| one.expires_at.is_some_and(|end| end <= at));
        for one in waited {
            let accounts = (Account::Pending, Account::Expired);
            let (lot, rule) = ((one.pos, one.n), one.rule.as_deref());
            self.transfer(TransferKind::Expire, accounts, wallet, one.remaining, rule, Some(lot));
            self.hear_points(Canon::PointsExpired, wallet, one.remaining, "");
        }
    }

    /// These lots, which were taken out of the wallet, expire.
    pub fn expired(&mut self, wallet: &str, lots: Vec<Lot>) {
        let sum: i64 = lots.iter().map(|lot| lot.remaining).sum();
        let end = self.wallet(wallet).map_or(0, |w| w.available);
        let mut left = sum;
        for lot in lots {
            let amount = lot.remaining;
            left -= amount;
            let accounts = (Account::Available, Account::Expired);
            self.transfer(TransferKind::Expire, accounts, wallet, amount, None, Some(lot.id()));
            // All lots were taken out at once; each transfer shows the balance after it.
            if let Some(transfer) = self.decision.transfers.last_mut() {
                transfer.after = end + left;
            }
        }
        if sum > 0 {
            self.hear_points(Canon::PointsExpired, wallet, sum, "");
        }
    }

    /// Grants that wait and are picked can be spent from now on.
    pub fn release(&mut self, wallet: &str, picks: impl Fn(&Waiting) -> bool) {
        for one in self.own_mut(wallet).end_wait(picks) {
            let lot = (one.pos, one.n);
            let mut from = (TransferKind::Release, Account::Pending);
            if self.giver(wallet).is_some() {
                // From the member's document to that of the household.
                let accounts = (Account::Pending, Account::Given);
                let rule = one.rule.as_deref();
                self.transfer(TransferKind::Transfer, accounts, wallet, one.remaining, rule, Some(lot));
                from.1 = Account::Given;
            }
            self.enter(from, one.rule.as_deref(), wallet, one.remaining, lot, one.expires_at);
            if let Some(rule) = &one.rule {
                let moment = case::moment(self.plan, self.member, self.at);
                let how = (one.remaining, Stage::Released);
                counters::earned(self.member, self.plan, rule, wallet, how, &moment);
            }
            let rule = one.rule.as_deref().unwrap_or("");
            self.hear_points(Canon::PointsReleased, wallet, one.remaining, rule);
        }
    }

    /// Counters of what is earned count a grant. What a clock rule closes a period with counts when it is granted.
    pub fn counted(&mut self, rule: &str, wallet: &str, how: (i64, Stage), moment: &Moment) {
        if moment.at.timestamp() == self.at {
            counters::earned(self.member, self.plan, rule, wallet, how, moment);
        } else {
            let moment = case::moment(self.plan, self.member, self.at);
            counters::earned(self.member, self.plan, rule, wallet, how, &moment);
        }
    }

    /// `points.*`: wallet, amount, rule, on.
    pub fn hear_points(&mut self, canon: Canon, wallet: &str, minor: i64, rule: &str) {
        let decimals = self.plan.wallets.iter().find(|w| *w.id == *wallet).map_or(0, |w| w.decimals);
        let (wallet, rule, on) = (Text::from(wallet), Text::from(rule), self.on.clone());
        self.hear(canon, || {
            let amount = Value::Num(Num::minor(minor, decimals));
            Value::Record(vec![Value::Text(wallet), amount, Value::Text(rule), Value::Text(on)])
        });
    }
}

fn wait_after(plan: &Plan, came: Timestamp, after: Option<Span>) -> Timestamp {
    after.map_or(came, |after| after.after(&came.to_zoned(plan.regions[0].zone.clone())).timestamp())
}

/// What an event of an order sets free: the points that waited for it, at once or so long after it. Of a fulfilment in
/// parts, the last one counts.
pub fn came(book: &mut Book<'_>, scene: &Scene<'_>) {
    let (plan, at) = (book.plan, book.at);
    let Some(order) = &mut book.decision.order else { return };
    let Kind::Type(ty) = scene.kind else { return };
    let ty = &plan.types[usize::from(ty)];
    let whole = match ty.canon {
        Canon::OrderPaid => return,
        Canon::OrderFulfilled => sent(order, &scene.bound.record),
        _ => true,
    };
    if !whole || order.came.iter().any(|(what, _)| *what == ty.name) {
        return;
    }
    order.came.push((ty.name.clone(), at));
    let id = order.id.clone();
    let waits = |one: &Waiting| {
        one.order.as_ref().is_some_and(|for_order| for_order.id == id && for_order.on == ty.name)
    };
    for wallet in &plan.wallets {
        if !lots::wallet(book.member, &wallet.id).is_some_and(|w| w.waiting.iter().any(waits)) {
            continue;
        }
        for one in book.own_mut(&wallet.id).waiting.iter_mut().filter(|one| waits(one)) {
            let after = one.order.take().and_then(|for_order| for_order.after);
            let end = wait_after(plan, at, after);
            one.until = Some(one.until.map_or(end, |until| until.min(end)));
        }
        book.release(&wallet.id, |one| one.until.is_some_and(|until| until <= at));
    }
}

/// Notes what was sent; true: nothing is left to be sent but what came back.
fn sent(order: &mut Order, payload: &Value) -> bool {
    let parts = rules::list_at(payload, &[canonical::delivery::ITEMS as u16]);
    order.sent.resize(order.items.len(), Num::ZERO);
    for (item, sent) in order.items.iter().zip(&mut order.sent) {
        let named =
            |part: &&Value| !item.id.is_empty() && *case::slot_text(part, canonical::part::ID) == *item.id;
        let told = |part: &Value| match part {
            Value::Record(slots) => match slots.get(canonical::part::QUANTITY) {
                Some(Value::Num(n)) => *n,
                _ => item.quantity,
            },
            _ => item.quantity,
        };
        for part in parts.iter().filter(named) {
            *sent = sent.add(told(part)).unwrap_or(item.quantity);
        }
    }
    if parts.is_empty() {
        return true;
    }
    let left = |item: &OrderItem| Num::ONE.sub(item.back).and_then(|left| left.mul(item.quantity));
    order.items.iter().zip(&order.sent).all(|(item, sent)| left(item).is_ok_and(|left| *sent >= left))
}
