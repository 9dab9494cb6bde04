//! Taking a reward: asked for by the member (`fealty.redeemed`), given or redeemed by a rule. What is taken was checked
//! right before (`terms`), so writing it cannot fail.

use super::codes::{Drawer, Drawn};
use super::terms::{Asking, Refusal, Terms, refusal, under};
use super::{codes, points, pool_id, rule_id, stages, stock_id};
use crate::codes::{self as code, reason_at};
use crate::decide::book::Book;
use crate::decide::case::{self, Case, slot_num, slot_text};
use crate::decide::grants::Since;
use crate::decide::{Matter, Scene, cart, refunds};
use crate::key::KeyMaker;
use crate::member::Held;
use crate::num::Num;
use crate::order::{Order, Use};
use crate::outcome::{Effect, Emitted, Reason};
use crate::plan::{Across, Canon, EventType, Gives, LimitWhat, Plan, Reward, RewardNo};
use crate::redemption::{self, Earned, Redemption, Stage};
use crate::snapshot::Want;
use crate::term::To;
use crate::time::Window;
use crate::value::{Text, Value};

/// A redemption that has been checked.
pub struct Taking {
    pub terms: Terms,
    /// Codes given out with it, if it is confirmed at once.
    pub drawn: Drawn,
    pub confirm: bool,
    /// The order on which it is spent, if that was paid before.
    pub order: Option<Order>,
    /// Confirmed: how long what it gives can be used.
    pub valid: Option<jiff::Timestamp>,
    pub rule: Option<Text>,
    /// Given: no limit counts it.
    pub free: bool,
}

/// What a rule's effect asks for.
#[derive(Clone, Debug)]
pub struct Gift {
    pub rule: Text,
    pub reward: RewardNo,
    pub quantity: Num,
    /// Redeemed as if the member had asked; else given.
    pub redeem: bool,
}

/// Slots of `fealty.redeemed`; the cart is read from its data, because its fields are the program's.
pub mod slots {
    pub const REWARD: usize = 0;
    pub const QUANTITY: usize = 1;
    pub const CONFIRM: usize = 2;
}

/// What rewards are judged as: they hear nothing.
pub fn quoted(plan: &Plan) -> &EventType {
    let found = plan.types.iter().find(|ty| ty.canon == Canon::OrderQuoted);
    found.expect("every program knows order.quoted")
}

/// Reads `fealty.redeemed`. Err: this must be loaded first.
pub fn asked(matter: &Matter<'_>) -> Result<Result<Taking, Reason>, Vec<Want>> {
    let plan = &*matter.plans.current;
    let payload = &matter.bound.record;
    let id = slot_text(payload, slots::REWARD);
    let Some(no) = plan.rewards.iter().position(|reward| *reward.id == *id) else {
        let said = format!("there is no reward `{id}`");
        return Ok(Err(reason_at(code::REWARD_UNKNOWN, "/data/reward", said)));
    };
    let told = match cart::told(plan, &matter.event.data, matter.member) {
        Ok(told) => told,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Some(order) = &told.id {
        let key = matter.plans.keys.order_spent(order);
        if !matter.snapshot.rows.contains_key(&key) {
            return Err(vec![Want::Rows(key)]);
        }
    }
    let order = stages::order_of(matter, told.id.as_ref())?;
    if order.as_ref().is_some_and(refunds::is_back) {
        return Ok(Err(reason_at(code::REDEMPTION_OVER, "/data/order", "this order came back as a whole")));
    }
    let (event, who) = (matter.event, matter.who());
    let mut case = Case::new(plan, quoted(plan), event, &told.cart, who, told.region, event.time);
    case.read_member();
    let asking = Asking { case: &case, budgets: &matter.snapshot.budgets };
    let quantity = slot_num(payload, slots::QUANTITY);
    let confirm = matches!(payload, Value::Record(all) if all[slots::CONFIRM] == Value::Bool(true));
    let mut terms = match asking.terms(no as RewardNo, quantity) {
        Ok(terms) => terms,
        Err(refusal) => return Ok(Err(refusal.reason)),
    };
    terms.order = told.id;
    let drawer = Drawer {
        keys: &matter.plans.keys,
        rows: &matter.snapshot.rows,
        budgets: &matter.snapshot.budgets,
        here: &[],
    };
    let reward = &plan.rewards[no];
    let drawn = if confirm {
        match drawer.draw(&reward.gives, (matter.snapshot.next_pos, 0), terms.units)? {
            Some(drawn) => drawn,
            None => return Ok(Err(used_up().reason)),
        }
    } else {
        Drawn::default()
    };
    let valid = valid(&case, reward);
    Ok(Ok(Taking { terms, drawn, confirm, order, valid, rule: None, free: false }))
}

pub fn used_up() -> Refusal {
    refusal(code::REWARD_OUT_OF_STOCK, "every code of this pattern is given out: make it longer")
}

/// How long what is given now can be used.
pub fn valid(case: &Case<'_>, reward: &Reward) -> Option<jiff::Timestamp> {
    let term = case.setting(&reward.valid)?;
    term.end(&case.moment.at, &case.moment.calendar, To::Day)
}

/// Does what the rules' effects asked for. Err: this must be loaded first.
pub fn issue(book: &mut Book<'_>, scene: &Scene<'_>) -> Result<(), Vec<Want>> {
    while let Some(gift) = book.gifts.pop_front() {
        let judged = judge(book, scene, &gift)?;
        let id = &book.plan.rewards[usize::from(gift.reward)].id;
        let whole = |n: Num| n.ceil().to_int().unwrap_or(i64::MAX);
        let (granted, cut) = match &judged {
            Ok(Some(taking)) => (whole(taking.terms.quantity), None),
            Ok(None) => continue,
            Err(refusal) => (0, Some(refusal.reason.code.clone())),
        };
        let kind = if gift.redeem { "redeem" } else { "give" }.into();
        let (rule, wallet, wanted) = (gift.rule.clone(), rule_id(id).into(), whole(gift.quantity));
        book.decision.effects.push(Effect { rule, kind, wallet, wanted, granted, cut });
        if let Ok(Some(taking)) = judged {
            take(book, scene, taking);
        }
    }
    Ok(())
}

type Judged = Result<Option<Taking>, Refusal>;

/// None: there is nothing to be had, and nothing to say.
fn judge(book: &Book<'_>, scene: &Scene<'_>, gift: &Gift) -> Result<Judged, Vec<Want>> {
    let plan = book.plan;
    let ty = quoted(plan);
    let cart = if scene.canon() == Canon::OrderPaid { &scene.bound.record } else { &Value::Absent };
    let region = scene.region(book);
    let mut case = Case::new(plan, ty, scene.event, cart, book.who(), region, scene.event.time);
    case.read_member();
    let asking = Asking { case: &case, budgets: book.budgets };
    let terms = if gift.redeem {
        match asking.taken_down(gift.reward, gift.quantity) {
            Ok(None) => return Ok(Ok(None)),
            Ok(Some(quantity)) => asking.terms(gift.reward, quantity),
            Err(out) => Err(out.into()),
        }
    } else {
        asking.given(gift.reward, gift.quantity)
    };
    let mut terms = match terms {
        Ok(terms) if terms.quantity <= Num::ZERO => return Ok(Ok(None)),
        Ok(terms) => terms,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // The rule spends them, the order does not: its refund takes back what it earned.
    terms.order = None;
    let reward = &plan.rewards[usize::from(gift.reward)];
    let id = (book.pos, next_n(book));
    let drawer = Drawer {
        keys: &scene.plans.keys,
        rows: scene.rows,
        budgets: book.budgets,
        here: &book.decision.redemptions,
    };
    let Some(drawn) = drawer.draw(&reward.gives, id, terms.units)? else { return Ok(Err(used_up())) };
    let (valid, rule) = (valid(&case, reward), Some(gift.rule.clone()));
    Ok(Ok(Some(Taking { terms, drawn, confirm: true, order: None, valid, rule, free: !gift.redeem })))
}

/// Number of the next redemption of this row.
fn next_n(book: &Book<'_>) -> u16 {
    let made = book.decision.redemptions.iter().filter(|one| one.pos == book.pos).count();
    u16::try_from(made).expect("a row makes fewer than 65,536 redemptions")
}

/// Writes it: points, stock, codes, limits, and the redemption itself.
pub fn take(book: &mut Book<'_>, scene: &Scene<'_>, taking: Taking) {
    let Taking { terms, drawn, confirm, order, valid, rule, free } = taking;
    let plan = book.plan;
    let reward = &plan.rewards[usize::from(terms.reward)];
    let n = next_n(book);
    let mut spent = Vec::new();
    for (wallet, cost) in &terms.cost {
        spent.extend(points::spend(book, &reward.id, &plan.wallets[usize::from(*wallet)].id, *cost));
    }
    let limits = use_up(book, reward, &terms, free);
    let pool = match &reward.gives {
        Gives::CodeImported(pool) => Some(pool.clone()),
        _ => None,
    };
    if let Some(pool) = &pool {
        let parts = book.budget_mut(&pool_id(pool));
        if confirm { codes::give(parts, &drawn) } else { codes::hold(parts, terms.units) }
    }
    let wallet = |no: u16| plan.wallets[usize::from(no)].id.clone();
    let earned =
        terms.earn.iter().map(|(no, amount)| Earned { wallet: wallet(*no), lot: (0, 0), amount: *amount });
    let mut one = Redemption {
        pos: book.pos,
        n,
        reward: reward.id.clone(),
        quantity: terms.quantity,
        stage: Stage::Reserved,
        at: scene.event.time,
        until: None,
        spent,
        earned: earned.collect(),
        codes: Vec::new(),
        pool,
        confirmed: None,
        value: terms.value,
        order: terms.order,
        rule,
        limits,
        back: Num::ZERO,
    };
    if confirm {
        settle(book, scene, &mut one, drawn.codes, valid);
        if let Some(order) = &order {
            stages::give_back_share(book, order, &mut one);
        }
    } else {
        let until = reward.hold.after(&terms.moment.at).timestamp();
        one.until = Some(until);
        book.member.held.push(Held { pos: one.pos, n, until });
    }
    tell(book, &scene.plans.keys, one);
}

/// What limits and stock it uses, remembered so that it can be freed where it was used.
fn use_up(book: &mut Book<'_>, reward: &Reward, terms: &Terms, free: bool) -> Vec<(Use, i64)> {
    let mut used = Vec::new();
    for limit in reward.limits.iter().filter(|_| !free) {
        let amount = under(limit, &terms.cost, &terms.earn);
        book.use_limit(limit, &terms.moment, amount);
        let window = terms.moment.window(limit.per);
        let (times, across) = (limit.what == LimitWhat::Times, limit.across == Across::Members);
        used.push((Use { limit: limit.id.clone(), window, times, across }, amount));
    }
    if let Some(stock) = reward.stock {
        let id = stock_id(&reward.id);
        let parts = book.budget_mut(&id);
        crate::decide::limits::add(parts, Window::Life, 0, terms.units);
        let all: i64 = parts.iter().map(|part| part.1).sum();
        assert!(all <= stock, "never one more is given than there are");
        let of = Use { limit: id.into(), window: 0, times: false, across: true };
        used.push((of, terms.units));
    }
    used
}

/// It is confirmed: what it gives is given.
pub fn settle(
    book: &mut Book<'_>,
    scene: &Scene<'_>,
    one: &mut Redemption,
    codes: Vec<Text>,
    valid: Option<jiff::Timestamp>,
) {
    one.stage = Stage::Confirmed;
    one.confirmed = Some(book.pos);
    one.until = valid;
    one.codes = codes;
    let rule = Text::from(rule_id(&one.reward));
    let since = Since { plan: book.plan, region: scene.region(book), at: one.at, order: None };
    let moment = case::moment(book.plan, book.member, one.at);
    for earned in &mut one.earned {
        let dates = book.dates(since, &earned.wallet, None);
        let how = (earned.amount, dates.stage());
        let n = book.grant(&rule, &earned.wallet, earned.amount, dates, None);
        book.counted(&rule, &earned.wallet, how, &moment);
        earned.lot = (book.pos, n);
    }
}

/// Records it as it now stands, and says so.
pub fn tell(book: &mut Book<'_>, keys: &KeyMaker, one: Redemption) {
    let (kind, canon) = match one.stage {
        Stage::Reserved => ("redemption.reserved", None),
        Stage::Confirmed => ("redemption.confirmed", Some(Canon::RedemptionConfirmed)),
        Stage::Cancelled => ("redemption.cancelled", Some(Canon::RedemptionCancelled)),
        Stage::Lapsed => ("redemption.lapsed", None),
        Stage::Returned => ("redemption.returned", None),
    };
    let id = redemption::id(keys, one.pos, one.n);
    let mut data = serde_json::Map::new();
    data.insert("redemption".into(), id.as_str().into());
    data.insert("reward".into(), one.reward.as_str().into());
    data.insert("quantity".into(), crate::bind::number(one.quantity));
    book.decision.emitted.push(Emitted::own(kind, data));
    if let Some(canon) = canon {
        let (reward, quantity) = (one.reward.clone(), one.quantity);
        book.hear(canon, || Value::Record(vec![Value::Text(id), Value::Text(reward), Value::Num(quantity)]));
    }
    book.decision.redemptions.push(one);
}
