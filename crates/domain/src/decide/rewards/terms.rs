//! Whether a member can have a reward now, and for what: schedule, quantity, cart, conditions, limits, stock, cost.
//! The first thing that stands against it is told, with what would satisfy it. Reads only; quotes ask the same.
//! Costs are exact and rounded up once, so that nothing is had for less than it costs.

use super::codes::Pool;
use super::stock_id;
use crate::canonical;
use crate::codes as code;
use crate::condition::{Env, State};
use crate::decide::case::Case;
use crate::decide::discounts::{self, Cart};
use crate::decide::limits::{self, Forgotten, Moment, Uses};
use crate::decide::rules::text;
use crate::lots::AMOUNT_MAX;
use crate::num::{Num, OutOfRange, Round};
use crate::outcome::Reason;
use crate::plan::{Discount, Gives, Limit, LimitWhat, Off, Plan, Reward, RewardNo, WalletNo};
use crate::snapshot::Budgets;
use crate::value::{Text, Value};

/// Open reservations of one member.
const HELD_MAX: usize = 64;
/// Codes of one redemption.
pub const CODES_MAX: i64 = 100;

/// A member before the counter. The payload of the case is the cart, or absent; it has read the member.
pub struct Asking<'a> {
    pub case: &'a Case<'a>,
    pub budgets: &'a Budgets,
}

/// What a redemption takes and gives.
#[derive(Clone, Debug)]
pub struct Terms {
    pub reward: RewardNo,
    pub quantity: Num,
    /// Of stock and codes: a part of one counts as one.
    pub units: i64,
    /// Smallest parts.
    pub cost: Vec<(WalletNo, i64)>,
    pub earn: Vec<(WalletNo, i64)>,
    /// Money.
    pub value: Option<Num>,
    pub order: Option<Text>,
    pub moment: Moment,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub reason: Reason,
    /// Smallest parts that are not there.
    pub missing: Vec<(WalletNo, i64)>,
}

impl From<OutOfRange> for Refusal {
    fn from(_: OutOfRange) -> Refusal {
        refusal(code::NUMBER_OUT_OF_RANGE, "a number became too large or too fine to be exact")
    }
}

pub fn refusal(code: &str, said: impl Into<Text>) -> Refusal {
    Refusal { reason: code::reason(code, said), missing: Vec::new() }
}

impl<'a> Asking<'a> {
    fn reward(&self, no: RewardNo) -> &'a Reward {
        &self.case.plan.rewards[usize::from(no)]
    }

    fn has_cart(&self) -> bool {
        *self.case.payload != Value::Absent
    }

    /// What it costs and gives, whether or not the member can have it.
    pub fn price(&self, no: RewardNo, quantity: Num, free: bool) -> Result<Terms, OutOfRange> {
        let reward = self.reward(no);
        let before = self.case.present();
        let extra = [Value::Num(quantity)];
        let env = Env { extra: &extra, ..self.case.env(&before, None) };
        let points = |all: &[(WalletNo, crate::condition::Expr)], round: Option<Round>| {
            let mut found = Vec::new();
            for (wallet, amount) in all {
                let w = &self.case.plan.wallets[usize::from(*wallet)];
                let one = amount.num(&env)?.max(Num::ZERO);
                let minor = one.mul(quantity)?.to_minor(w.decimals, round.unwrap_or(w.round))?;
                if minor > AMOUNT_MAX {
                    return Err(OutOfRange);
                }
                found.extend((minor > 0).then_some((*wallet, minor)));
            }
            Ok(found)
        };
        let cost = if free { Vec::new() } else { points(&reward.cost, Some(Round::Up))? };
        let earn = match &reward.gives {
            Gives::Earn(earn) => points(earn, None)?,
            _ => Vec::new(),
        };
        let value = match &reward.gives {
            Gives::Value(one) => Some(self.money(one.num(&env)?.max(Num::ZERO).mul(quantity)?)?),
            Gives::Discount(discount) => self.discount_value(discount, quantity, &env)?,
            _ => None,
        };
        let units = quantity.ceil().to_int().ok_or(OutOfRange)?;
        let order = match self.case.payload {
            Value::Record(slots) => match &slots[canonical::order::ID] {
                Value::Text(id) if !id.is_empty() => Some(id.clone()),
                _ => None,
            },
            _ => None,
        };
        let moment = self.case.moment.clone();
        Ok(Terms { reward: no, quantity, units, cost, earn, value, order, moment })
    }

    /// With a cart, what it takes off; without one, an amount that asks about none.
    fn discount_value(
        &self,
        discount: &Discount,
        quantity: Num,
        env: &Env<'_>,
    ) -> Result<Option<Num>, OutOfRange> {
        let items = discount.items.is_some() || discount.cheapest.is_some();
        if !self.has_cart() {
            return match &discount.off {
                Off::Amount(amount) if !amount.uses.payload && !items => {
                    Ok(Some(self.money(amount.num(env)?.max(Num::ZERO).mul(quantity)?)?))
                }
                _ => Ok(None),
            };
        }
        let before = self.case.present();
        let extra = [Value::Num(quantity)];
        let cart = Cart::of(self.case);
        let cut = discounts::cut(discount, &cart, None, &|item| Env {
            extra: &extra,
            ..self.case.env(&before, item)
        })?;
        let one = Num::minor(cut.sum(), cart.exponent);
        Ok(Some(one.mul(quantity.max(Num::ONE))?.min(self.money(cart.subtotal)?)))
    }

    /// Rounded to the digits of the currency.
    fn money(&self, n: Num) -> Result<Num, OutOfRange> {
        let exponent = self.case.region.exponent;
        Ok(Num::minor(n.to_minor(exponent, Round::Nearest)?, exponent))
    }

    /// Given by a rule: no cost and no conditions; stock and codes hold.
    pub fn given(&self, no: RewardNo, quantity: Num) -> Result<Terms, Refusal> {
        let step = self.case.amount(self.reward(no).quantity_step);
        let terms = self.price(no, down_to(quantity, step)?, true)?;
        self.in_stock(self.reward(no), &terms)?;
        Ok(terms)
    }

    /// Redeemed by a rule: taken down to what one redemption may be. None: nothing is left.
    pub fn taken_down(&self, no: RewardNo, quantity: Num) -> Result<Option<Num>, OutOfRange> {
        let reward = self.reward(no);
        let (step, max) = (self.case.amount(reward.quantity_step), self.case.amount(reward.quantity_max));
        let quantity = down_to(quantity.min(max), step)?;
        Ok((quantity > Num::ZERO).then_some(quantity))
    }

    /// Asked for by the member, or redeemed by a rule.
    pub fn terms(&self, no: RewardNo, quantity: Num) -> Result<Terms, Refusal> {
        let reward = self.reward(no);
        if reward.active.as_ref().is_some_and(|schedule| !schedule.holds(&self.case.now)) {
            let source = reward.active.as_ref().map_or("", |schedule| &schedule.source);
            return Err(refusal(code::REWARD_NOT_ACTIVE, format!("it can be had: {source}")));
        }
        self.quantity(reward, quantity)?;
        if reward.needs_order && !self.has_cart() {
            return Err(refusal(code::ORDER_REQUIRED, "missing: the cart, as `order`"));
        }
        self.conditions(reward, quantity)?;
        let terms = self.price(no, quantity, false)?;
        self.limits(reward, &terms)?;
        self.in_stock(reward, &terms)?;
        if self.case.member.held.len() >= HELD_MAX {
            let said = format!("{HELD_MAX} reservations are open: confirm or cancel one");
            return Err(refusal(code::LIMIT_REACHED, said));
        }
        self.affords(&terms)?;
        Ok(terms)
    }

    fn quantity(&self, reward: &Reward, quantity: Num) -> Result<(), Refusal> {
        let (step, max) = (self.case.amount(reward.quantity_step), self.case.amount(reward.quantity_max));
        if quantity <= Num::ZERO || quantity > max {
            let said = format!("a quantity is more than 0 and at most {max}, not {quantity}");
            return Err(refusal(code::QUANTITY_INVALID, said));
        }
        if !quantity.div(step)?.is_integer() {
            let said = format!("a quantity is a multiple of {step}, not {quantity}");
            return Err(refusal(code::QUANTITY_INVALID, said));
        }
        Ok(())
    }

    fn conditions(&self, reward: &Reward, quantity: Num) -> Result<(), Refusal> {
        let before = self.case.present();
        let extra = [Value::Num(quantity)];
        let env = Env { extra: &extra, ..self.case.env(&before as &dyn State, None) };
        for condition in &reward.when {
            if !condition.holds(&env)? {
                let seen = condition.seen(&env).into_iter();
                let seen: Vec<String> =
                    seen.map(|(what, value)| format!("{what} is {}", text(&value))).collect();
                let seen = if seen.is_empty() { String::new() } else { format!("; {}", seen.join(", ")) };
                let said = format!("missing: {}{seen}", condition.source);
                return Err(refusal(code::CONDITION_UNMET, said));
            }
        }
        Ok(())
    }

    fn limits(&self, reward: &Reward, terms: &Terms) -> Result<(), Refusal> {
        for limit in &reward.limits {
            let wanted = under(limit, &terms.cost, &terms.earn);
            let (most, left) = self.left(limit);
            if wanted > left {
                let decimals = match limit.what {
                    LimitWhat::Times => 0,
                    LimitWhat::Wallet(w) => self.case.plan.wallets[usize::from(w)].decimals,
                };
                let show = |minor| Num::minor(minor, decimals);
                let said = format!("{} allows {}, {} left", limit.id, show(most), show(left));
                return Err(refusal(code::LIMIT_REACHED, said));
            }
        }
        Ok(())
    }

    /// All of it, and what is left.
    fn left(&self, limit: &Limit) -> (i64, i64) {
        let decimals = match limit.what {
            LimitWhat::Times => 0,
            LimitWhat::Wallet(w) => self.case.plan.wallets[usize::from(w)].decimals,
        };
        let most = self.case.amount(limit.most).to_minor(decimals, Round::Down).unwrap_or(i64::MAX);
        let uses = Uses::of(self.case.who(), self.budgets);
        match limits::used(uses.parts(limit), limit.per, &self.case.moment) {
            Ok(used) => (most, most.saturating_sub(used).max(0)),
            Err(Forgotten) => (most, 0),
        }
    }

    fn in_stock(&self, reward: &Reward, terms: &Terms) -> Result<(), Refusal> {
        if matches!(reward.gives, Gives::CodeImported(_) | Gives::CodePattern(_)) && terms.units > CODES_MAX {
            let said = format!("one redemption gives at most {CODES_MAX} codes");
            return Err(refusal(code::QUANTITY_INVALID, said));
        }
        for (what, left) in lefts(self.budgets, reward) {
            if terms.units > left {
                let said = format!("{what} left: {left}, wanted: {}", terms.units);
                return Err(refusal(code::REWARD_OUT_OF_STOCK, said));
            }
        }
        Ok(())
    }

    fn affords(&self, terms: &Terms) -> Result<(), Refusal> {
        let mut missing = Vec::new();
        for (wallet, cost) in &terms.cost {
            let balance = self.case.who().balance(&self.case.plan.wallets[usize::from(*wallet)]);
            let short = cost - balance.available.max(0);
            missing.extend((short > 0).then_some((*wallet, short)));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let plan = self.case.plan;
        let said: Vec<String> = missing.iter().map(|(wallet, short)| amount(plan, *wallet, *short)).collect();
        let said = format!("missing: {}", said.join(", "));
        Err(Refusal { reason: code::reason(code::POINTS_INSUFFICIENT, said), missing })
    }
}

/// `40 points`
pub fn amount(plan: &Plan, wallet: WalletNo, minor: i64) -> String {
    let wallet = &plan.wallets[usize::from(wallet)];
    format!("{} {}", Num::minor(minor, wallet.decimals), wallet.id)
}

/// What is left: pieces of its stock, codes of its pool.
fn lefts(budgets: &Budgets, reward: &Reward) -> impl Iterator<Item = (&'static str, i64)> {
    let used =
        || budgets.get(&*stock_id(&reward.id)).map_or(0, |parts| parts.iter().map(|part| part.1).sum());
    let pieces = reward.stock.map(|stock| ("pieces", (stock - used()).max(0)));
    let codes = match &reward.gives {
        Gives::CodeImported(pool) => Some(("codes", Pool::of(budgets, pool).free())),
        _ => None,
    };
    pieces.into_iter().chain(codes)
}

/// So many can be had, by all together; None: as many as anybody wants.
pub fn left(budgets: &Budgets, reward: &Reward) -> Option<i64> {
    lefts(budgets, reward).map(|(_, left)| left).min()
}

/// How much a redemption counts under a limit: once, or what of a wallet it costs and gives.
pub fn under(limit: &Limit, cost: &[(WalletNo, i64)], earn: &[(WalletNo, i64)]) -> i64 {
    match limit.what {
        LimitWhat::Times => 1,
        LimitWhat::Wallet(wallet) => {
            cost.iter().chain(earn).filter(|(w, _)| *w == wallet).map(|(_, amount)| amount).sum()
        }
    }
}

fn down_to(quantity: Num, step: Num) -> Result<Num, OutOfRange> {
    quantity.max(Num::ZERO).div(step)?.floor().mul(step)
}
