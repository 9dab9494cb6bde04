//! Which rules apply to an event and what each would pay: schedule, `when`, business key, amounts, own limits.
//! Reads only. Campaigns are settled in `campaigns`, limits cut in `cuts`; what is paid is written in `book`.

use super::amounts::largest_remainder;
use super::case::{Case, WithGrants};
use super::discounts::{self, Cart, Cut};
use super::limits::Uses;
use super::rewards::Gift;
use super::tiers::{self, Target};
use crate::bind;
use crate::codes;
use crate::condition::{Env, Expr, State};
use crate::key::{Key, KeyMaker};
use crate::lots::AMOUNT_MAX;
use crate::num::{Num, OutOfRange};
use crate::order::Order;
use crate::outcome::{Effect, Emitted};
use crate::plan::{CampaignNo, OncePer, Payee, Rule, RuleNo, Trigger, WalletNo};
use crate::planted;
use crate::snapshot::{Budgets, Rows, Want};
use crate::value::Text;
use crate::value::Value;

/// What a rule would pay in this event.
pub struct Offer {
    pub rule: RuleNo,
    pub amounts: Vec<OfferAmount>,
    pub emitted: Vec<Emitted>,
    pub placed: Vec<Target>,
    /// Rewards that it gives or redeems.
    pub gifts: Vec<Gift>,
    /// Money off a cart.
    pub off: Option<Cut>,
    /// Value of its business key, if it is an expression.
    pub once: Option<Text>,
}

pub struct OfferAmount {
    pub wallet: WalletNo,
    /// Rounded once, before any limit.
    pub wanted: i64,
    pub granted: i64,
    /// Why less was granted.
    pub cut: Option<Text>,
    /// What each item of the order contributed; empty if the rule does not go by item.
    weights: Vec<Num>,
    /// The same for what is granted, in whole parts; filled at the end.
    pub shares: Vec<i64>,
}

impl OfferAmount {
    pub fn nothing() -> OfferAmount {
        OfferAmount { wallet: 0, wanted: 0, granted: 0, cut: None, weights: Vec::new(), shares: Vec::new() }
    }
}

impl Offer {
    /// It grants something, or says something.
    pub fn pays(&self) -> bool {
        !self.emitted.is_empty()
            || !self.placed.is_empty()
            || !self.gifts.is_empty()
            || self.off.as_ref().is_some_and(|off| off.sum() > 0)
            || self.amounts.iter().any(|a| a.granted > 0)
    }

    /// Nothing of it is paid, because of `why`.
    pub fn refuse(&mut self, why: &str) {
        self.emitted.clear();
        self.placed.clear();
        self.gifts.clear();
        self.off = None;
        for amount in self.amounts.iter_mut().filter(|a| a.granted > 0) {
            amount.granted = 0;
            amount.cut = Some(why.into());
        }
    }
}

pub struct Judge<'a> {
    pub case: &'a Case<'a>,
    pub before: &'a dyn State,
    pub uses: Uses<'a>,
    /// What this order holds in a wallet already, where it is judged again: beside `balance_max`.
    pub held: &'a [(WalletNo, i64)],
    /// The order as it stands, for rules that pay an order once.
    pub order: Option<&'a Order>,
    /// It is judged again: what this order paid before does not stand against it.
    pub again: bool,
    /// Only rules that pay him are judged.
    pub to: Payee,
    pub rows: &'a Rows,
    pub keys: &'a KeyMaker,
    pub judged: Vec<bool>,
    pub settled: Vec<bool>,
    pub granted: Vec<(RuleNo, WalletNo, i64)>,
    pub offers: Vec<Offer>,
    pub failed: Vec<Effect>,
    pub missing: Vec<Want>,
}

impl<'a> Judge<'a> {
    pub fn new(
        case: &'a Case<'a>,
        before: &'a dyn State,
        rows: &'a Rows,
        budgets: &'a Budgets,
        keys: &'a KeyMaker,
    ) -> Judge<'a> {
        // What does not hear the event is passed over, though rules that do refer to it.
        let mut judged = vec![true; case.plan.rules.len()];
        case.ty.rules.iter().for_each(|no| judged[usize::from(*no)] = false);
        Judge {
            case,
            before,
            uses: Uses::of(case.who(), budgets),
            held: &[],
            order: None,
            again: false,
            to: Payee::Member,
            rows,
            keys,
            judged,
            settled: vec![false; case.plan.campaigns.len()],
            granted: Vec::new(),
            offers: Vec::new(),
            failed: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Judges the rules in order; what stands before it in `rules` or is referred to comes first.
    pub fn run(&mut self, rules: &[RuleNo]) {
        for rule in rules {
            self.reach(*rule);
        }
        self.offers.sort_by_key(|offer| offer.rule);
        self.share();
    }

    fn reach(&mut self, no: RuleNo) {
        if self.judged[usize::from(no)] {
            return;
        }
        match self.outermost(no) {
            Some(campaign) if self.settled[usize::from(campaign)] => {}
            Some(campaign) => {
                let offers = self.settle(campaign);
                self.close(offers);
            }
            None => {
                let offer = self.offer(no);
                self.close(offer);
            }
        }
    }

    fn outermost(&self, rule: RuleNo) -> Option<CampaignNo> {
        let mut campaign = self.case.plan.rules[usize::from(rule)].campaign?;
        while let Some(parent) = self.case.plan.campaigns[usize::from(campaign)].parent {
            campaign = parent;
        }
        Some(campaign)
    }

    /// The last cut, and the grants become visible to the rules that follow.
    fn close(&mut self, offers: impl IntoIterator<Item = Offer>) {
        for mut offer in offers {
            self.cut_by_balance(&mut offer);
            self.publish(&offer);
            self.offers.push(offer);
        }
    }

    pub fn publish(&mut self, offer: &Offer) {
        self.granted.retain(|g| g.0 != offer.rule);
        self.granted.extend(offer.amounts.iter().map(|a| (offer.rule, a.wallet, a.granted)));
    }

    /// What this rule would pay by itself, after its own limits. None: it does not apply.
    pub fn offer(&mut self, no: RuleNo) -> Option<Offer> {
        self.judged[usize::from(no)] = true;
        let rule = &self.case.plan.rules[usize::from(no)];
        if rule.to != self.to
            || rule.paused
            || rule.trigger.active.as_ref().is_some_and(|s| !s.holds(&self.case.now))
        {
            return None;
        }
        for refers in &rule.refers {
            self.reach(*refers);
        }
        let evaluated = self.evaluate(no, rule);
        let mut offer = match evaluated {
            Ok(offer) => offer?,
            Err(OutOfRange) => {
                self.fail(rule.id.clone());
                return None;
            }
        };
        self.cut_by_limits(&mut offer, &rule.limits, None);
        Some(offer)
    }

    pub fn fail(&mut self, rule: Text) {
        self.failed.push(Effect {
            rule,
            kind: "failed".into(),
            wallet: "".into(),
            wanted: 0,
            granted: 0,
            cut: Some(codes::NUMBER_OUT_OF_RANGE.into()),
        });
    }

    fn evaluate(&mut self, no: RuleNo, rule: &Rule) -> Result<Option<Offer>, OutOfRange> {
        let case = self.case;
        let granted = std::mem::take(&mut self.granted);
        let state = WithGrants { before: self.before, plan: case.plan, granted: &granted };
        let picked = pick(&rule.trigger, case, &state);
        let offer = picked.and_then(|picked| match picked {
            Some(picked) => self.paying(no, rule, &picked, &state),
            None => Ok(None),
        });
        self.granted = granted;
        offer
    }

    fn paying(
        &mut self,
        no: RuleNo,
        rule: &Rule,
        picked: &Picked<'_>,
        state: &dyn State,
    ) -> Result<Option<Offer>, OutOfRange> {
        let Some(once) = self.once(rule, state)? else { return Ok(None) };
        let mut amounts = Vec::with_capacity(rule.earn.len());
        for earn in &rule.earn {
            let wallet = &self.case.plan.wallets[usize::from(earn.wallet)];
            let (sum, weights) = self.sum(&earn.amount, picked, rule, state)?;
            let mut wanted = sum.to_minor(wallet.decimals, wallet.round)?;
            if planted::is("float_rounding") && wallet.round == crate::num::Round::Down {
                let (n, d) = sum.parts();
                wanted = (n as f64 / d as f64 / 100.0 * 100.0).floor() as i64;
            }
            if wanted > AMOUNT_MAX {
                return Err(OutOfRange);
            }
            let shares = Vec::new();
            amounts.push(OfferAmount {
                wallet: earn.wallet,
                wanted,
                granted: wanted,
                cut: None,
                weights,
                shares,
            });
        }
        let emitted = self.messages(rule, picked, state)?;
        let placed = self.placed(rule, picked, state)?;
        let gifts = self.gifts(rule, picked, state)?;
        let off = self.off(rule, picked, state)?;
        Ok(Some(Offer { rule: no, amounts, emitted, placed, gifts, off, once }))
    }

    /// The amount, summed over the picked items. Less than 0 is 0, for each.
    fn sum(
        &self,
        amount: &Expr,
        picked: &Picked<'_>,
        rule: &Rule,
        state: &dyn State,
    ) -> Result<(Num, Vec<Num>), OutOfRange> {
        let one = |item| amount.num(&self.case.env(state, item)).map(|n| n.max(Num::ZERO));
        let Picked::Items(items, count) = picked else { return Ok((one(None)?, Vec::new())) };
        let by_item = rule.trigger.each.as_ref().is_some_and(|each| each.order_items);
        let mut weights = if by_item { vec![Num::ZERO; *count] } else { Vec::new() };
        let mut sum = Num::ZERO;
        for (at, item) in items {
            let n = one(Some(item))?;
            sum = sum.add(n)?;
            if by_item {
                weights[*at] = n;
            }
        }
        Ok((sum, weights))
    }

    /// Rewards that the rule gives or redeems; of several items together.
    fn gifts(&self, rule: &Rule, picked: &Picked<'_>, state: &dyn State) -> Result<Vec<Gift>, OutOfRange> {
        let mut gifts = Vec::new();
        let all =
            rule.give.iter().map(|give| (give, false)).chain(rule.redeem.iter().map(|give| (give, true)));
        for (give, redeem) in all {
            let (quantity, _) = self.sum(&give.amount, picked, rule, state)?;
            if quantity > Num::ZERO {
                gifts.push(Gift { rule: rule.id.clone(), reward: give.reward, quantity, redeem });
            }
        }
        Ok(gifts)
    }

    /// Money off the cart that is quoted.
    fn off(&self, rule: &Rule, picked: &Picked<'_>, state: &dyn State) -> Result<Option<Cut>, OutOfRange> {
        let Some(discount) = &rule.discount else { return Ok(None) };
        let lines: Option<Vec<usize>> = match picked {
            Picked::Items(items, _) => Some(items.iter().map(|(at, _)| *at).collect()),
            Picked::Event => None,
        };
        let cart = Cart::of(self.case);
        discounts::cut(discount, &cart, lines.as_deref(), &|item| self.case.env(state, item)).map(Some)
    }

    /// Levels that the rule sets; of several items the last one tells.
    fn placed(&self, rule: &Rule, picked: &Picked<'_>, state: &dyn State) -> Result<Vec<Target>, OutOfRange> {
        let item = match picked {
            Picked::Items(items, _) => items.last().map(|(_, item)| *item),
            Picked::Event => None,
        };
        let env = self.case.env(state, item);
        let placed = rule.place.iter().map(|on| tiers::placing(on, self.case, &env));
        placed.filter_map(Result::transpose).collect()
    }

    /// Once for the event; once for each picked item where the message speaks of the item.
    fn messages(
        &self,
        rule: &Rule,
        picked: &Picked<'_>,
        state: &dyn State,
    ) -> Result<Vec<Emitted>, OutOfRange> {
        let mut emitted = Vec::new();
        for emit in &rule.emit {
            let message = |env: Env<'_>| -> Result<Emitted, OutOfRange> {
                let mut data = serde_json::Map::new();
                for (name, value) in &emit.data {
                    data.insert(name.to_string(), bind::to_json(&value.eval(&env)?, &value.ty));
                }
                Ok(Emitted { rule: rule.id.clone(), kind: emit.kind.clone(), data, other: None })
            };
            match picked {
                Picked::Items(items, _) if emit.data.iter().any(|(_, value)| value.uses.item) => {
                    for (_, item) in items {
                        emitted.push(message(self.case.env(state, Some(item)))?);
                    }
                }
                _ => emitted.push(message(self.case.env(state, None))?),
            }
        }
        Ok(emitted)
    }

    /// None: it has paid already. Some(value): its business key, where that is an expression.
    #[allow(clippy::option_option)]
    fn once(&mut self, rule: &Rule, state: &dyn State) -> Result<Option<Option<Text>>, OutOfRange> {
        let paid_this_order = self.order.is_some_and(|order| {
            order.applied.contains(&rule.id) || order.grants.iter().any(|grant| grant.rule == rule.id)
        });
        match &rule.once_per {
            OncePer::Event => Ok(Some(None)),
            OncePer::Order => Ok((self.again || !paid_this_order).then_some(None)),
            OncePer::Expr(expr) => {
                let value = text(&expr.eval(&self.case.env(state, None))?);
                if self.again && paid_this_order {
                    return Ok(Some(Some(value)));
                }
                let mut paid = false;
                // Whom the member absorbed was paid as he.
                for member in self.case.member.numbers() {
                    let key: Key = self.keys.once(&rule.id, member, &value);
                    let Some(rows) = self.rows.get(&key) else {
                        self.missing.push(Want::Rows(key));
                        return Ok(None);
                    };
                    paid |= rows.iter().any(|row| {
                        row.decision.member == Some(member)
                            && row.decision.once.iter().any(|(r, v)| *r == rule.id && *v == value)
                    });
                }
                Ok((!paid).then_some(Some(value)))
            }
        }
    }

    /// What each item of the order contributed to each grant, for returns.
    fn share(&mut self) {
        if self.case.totals.is_empty() {
            return;
        }
        let mut offers = std::mem::take(&mut self.offers);
        for at in 0..offers.len() {
            let followed = self.followed(&offers[..at], offers[at].rule);
            for amount in &mut offers[at].amounts {
                let weights = if !amount.weights.is_empty() {
                    &amount.weights
                } else if let Some(followed) = &followed {
                    followed
                } else {
                    &self.case.totals
                };
                amount.shares = largest_remainder(amount.granted, weights);
            }
        }
        self.offers = offers;
    }

    /// Shares of the rules that this one refers to, added up; None if they granted nothing.
    fn followed(&self, before: &[Offer], rule: RuleNo) -> Option<Vec<Num>> {
        let refers = &self.case.plan.rules[usize::from(rule)].refers;
        if refers.is_empty() {
            return None;
        }
        let mut sum = vec![Num::ZERO; self.case.totals.len()];
        for amount in before.iter().filter(|o| refers.contains(&o.rule)).flat_map(|o| &o.amounts) {
            let decimals = self.case.plan.wallets[usize::from(amount.wallet)].decimals;
            for (sum, share) in sum.iter_mut().zip(&amount.shares) {
                *sum = sum.add(Num::minor(*share, decimals)).ok()?;
            }
        }
        sum.iter().any(|n| !n.is_zero()).then_some(sum)
    }
}

/// What a trigger picks of an event.
pub enum Picked<'a> {
    Event,
    /// With `each`: the elements for which `when` holds, by index; and how many there are in all.
    Items(Vec<(usize, &'a Value)>, usize),
}

/// None: the trigger does not fire. Its schedule has been looked at before.
pub fn pick<'a>(
    trigger: &Trigger,
    case: &'a Case<'_>,
    state: &dyn State,
) -> Result<Option<Picked<'a>>, OutOfRange> {
    let holds = |item: Option<&Value>| -> Result<bool, OutOfRange> {
        let env = case.env(state, item);
        for condition in &trigger.when {
            if !condition.holds(&env)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let Some(each) = &trigger.each else { return Ok(holds(None)?.then_some(Picked::Event)) };
    let list = list_at(case.payload, &each.path);
    let mut items = Vec::with_capacity(list.len());
    for (at, item) in list.iter().enumerate() {
        if holds(Some(item))? {
            items.push((at, item));
        }
    }
    Ok((!items.is_empty()).then_some(Picked::Items(items, list.len())))
}

/// The list that lies on a path of slots.
pub fn list_at<'v>(mut value: &'v Value, path: &[u16]) -> &'v [Value] {
    for slot in path {
        match value {
            Value::Record(slots) => match slots.get(usize::from(*slot)) {
                Some(next) => value = next,
                None => return &[],
            },
            _ => return &[],
        }
    }
    match value {
        Value::List(list) => list,
        _ => &[],
    }
}

/// A value as one text, for keys.
pub fn text(value: &Value) -> Text {
    match value {
        Value::Text(t) => t.clone(),
        Value::Num(n) => n.to_string().into(),
        Value::Bool(b) => b.to_string().into(),
        Value::Date(d) => d.to_string().into(),
        Value::Time(t) => t.to_string().into(),
        Value::Absent => "".into(),
        Value::List(list) | Value::Record(list) => {
            // Lengths keep ["a", "b"] and ["a,b"] apart.
            list.iter().map(text).map(|t| format!("{}:{t},", t.len())).collect::<String>().into()
        }
    }
}
