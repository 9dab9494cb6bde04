//! Edits of an order: it is judged again under the program and with the state of when it was paid.

use super::case::{Case, Recorded};
use super::limits::Uses;
use super::region::region;
use super::rules::Judge;
use super::*;
use crate::snapshot::Budgets;

/// `order.updated`: what the rules of the paid order say now, with the state and the program of then.
pub fn edit(
    matter: &Matter<'_>,
    ty: &EventType,
    region_now: &Region,
    order: &Order,
    seen: &[(Text, serde_json::Value)],
) -> Result<Verdict, Vec<Want>> {
    let plans = matter.plans;
    let Some(plan) = plans.version(order.version) else {
        let said =
            format!("version {} of the program, under which the order earned, is not loaded", order.version);
        return Ok(reason(codes::VERSION_UNKNOWN, said).into());
    };
    let Some(paid) = plan.types.iter().find(|t| t.canon == Canon::OrderPaid) else {
        return Ok(reason(codes::VERSION_UNKNOWN, "that version of the program hears no order.paid").into());
    };
    let read = bind::bind(&paid.fields, &matter.event.data).and_then(|bound| bound.whole(paid.canon));
    let bound = match read {
        Ok(bound) => bound,
        Err(reason) => return Ok(reason.into()),
    };
    let region = match region(plan, Canon::OrderPaid, &bound.record, matter.member) {
        Ok(region) => region,
        Err(reason) => return Ok(reason.into()),
    };
    if !order.currency.is_empty() && region.currency != order.currency {
        let said = format!("the order was paid in {}", order.currency);
        return Ok(reason_at(codes::CURRENCY_MISMATCH, "/data/currency", said).into());
    }
    let mut case = Case::new(plan, paid, matter.event, &bound.record, matter.who(), region, order.at);
    case.recall(seen);
    let before = Recorded::new(plan, paid, seen);
    let who = matter.who();
    let (mut own, mut household) = (who.member.limits.clone(), who.shared_limits().to_vec());
    let of_paid = order.grants.iter().filter(|g| updates::is_of(plan, &paid.rules, &g.rule));
    let anew: Vec<_> = of_paid.cloned().collect();
    let mut freed = shared(&matter.snapshot.budgets, &anew);
    for grant in &anew {
        for used in grant.limits.iter().filter(|used| !used.times) {
            book::free([&mut own, &mut household], &mut freed, used, grant.granted - grant.reversed);
        }
    }
    for used in updates::times_in_use(&anew) {
        book::free([&mut own, &mut household], &mut freed, &used, 1);
    }
    let held = updates::held(plan, &paid.rules, order);
    let mut judge = Judge::new(&case, &before, &matter.snapshot.rows, &matter.snapshot.budgets, &plans.keys);
    let budgets = &matter.snapshot.budgets;
    judge.uses = Uses { member: &own, household: &household, budgets, freed: Some(&freed) };
    judge.held = &held;
    judge.order = Some(order);
    judge.again = true;
    (judge.to, judge.granted) = (matter.payee, referrer::seeds(plan, matter.granted));
    judge.run(&paid.rules);
    if !judge.missing.is_empty() {
        return Err(judge.missing);
    }
    let (offers, mut failed) = (judge.offers, judge.failed);
    let counted = count(matter.payee, &case, &mut failed);
    let edit = Judged { offers, failed, counted, seen: Vec::new(), moment: case.moment };
    // Rules that hear the edit itself, and did not hear the payment.
    let plan_now = &*plans.current;
    let heard_paid =
        |no: &RuleNo| plan_now.types.iter().any(|t| t.canon == Canon::OrderPaid && t.rules.contains(no));
    let own: Vec<RuleNo> = ty.rules.iter().copied().filter(|no| !heard_paid(no)).collect();
    let judged = self::judge(matter, plan_now, ty, region_now, &own)?;
    let edited = updates::edited(order, &bound.record, matter.event.time);
    let work = Work::Edit { edit, plan: plan.clone(), rules: paid.rules.clone(), order: edited, judged };
    Ok(Verdict::Do(Box::new(work)))
}

/// The budgets that these grants used, to be changed.
fn shared(budgets: &Budgets, grants: &[crate::order::Grant]) -> Budgets {
    let used = grants.iter().flat_map(|grant| &grant.limits).filter(|used| used.across);
    let used = used.filter_map(|used| budgets.get_key_value(&*used.limit));
    used.map(|(id, parts)| (id.clone(), parts.clone())).collect()
}
