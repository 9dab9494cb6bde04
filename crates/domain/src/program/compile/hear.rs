//! Who hears each type, and what of a member they read: filled in once everything has its number.

use crate::condition::{Expr, Read};
use crate::plan::{CounterNo, Plan, Rule, RuleNo, Setting, TypeNo};

/// Fills in what event types know of their hearers.
pub fn hear(plan: &mut Plan) {
    let clock = plan.types.iter().position(|t| t.canon == crate::plan::Canon::Clock);
    let clock: Vec<TypeNo> = clock.map(|no| no as TypeNo).into_iter().collect();
    for rule in &plan.rules {
        // Steps of workflows and rules on a clock run when something falls due.
        let waits = rule.clock.is_some() || rule.id.starts_with("workflows.");
        let on = if waits { clock.clone() } else { rule.trigger.on.clone() };
        note(&mut plan.types, &on, &rule.expressions(), reads_level(rule));
        let mut campaign = rule.campaign;
        while let Some(no) = campaign {
            let found = &plan.campaigns[usize::from(no)];
            let leveled = found.limits.iter().any(|l| matches!(l.most, Setting::Level(..)));
            note(&mut plan.types, &on, &found.when.iter().collect::<Vec<_>>(), leveled);
            campaign = found.parent;
        }
    }
    for counter in &plan.counters {
        note(&mut plan.types, counter.hears(), &counter.expressions(), false);
    }
    for (no, rule) in plan.rules.iter().enumerate() {
        for on in &rule.trigger.on {
            plan.types[usize::from(*on)].rules.push(no as RuleNo);
        }
        if rule.clock.is_some() {
            plan.clocks.push(no as RuleNo);
        }
    }
    for (no, counter) in plan.counters.iter().enumerate() {
        for on in counter.hears() {
            plan.types[usize::from(*on)].counters.push(no as CounterNo);
        }
    }
    for no in 0..plan.types.len() {
        let event = &mut plan.types[no];
        event.reads.sort();
        event.reads.dedup();
        event.member_reads.sort_unstable();
        event.member_reads.dedup();
        let event = &plan.types[no];
        let fields = event.member_reads.iter().map(|slot| &plan.member_fields.0[usize::from(*slot)].name);
        let reads = event.reads.iter().map(|read| crate::decide::read_name(plan, *read));
        let names = reads.chain(fields.map(|name| format!("member.{name}").into())).collect();
        plan.types[no].seen_names = names;
    }
}

fn note(types: &mut [crate::plan::EventType], on: &[TypeNo], exprs: &[&Expr], leveled: bool) {
    for no in on {
        let event = &mut types[usize::from(*no)];
        let state = exprs.iter().flat_map(|e| &e.reads).filter(|r| !matches!(r, Read::Granted(..)));
        event.reads.extend(state.copied());
        event.member_reads.extend(exprs.iter().flat_map(|e| &e.member_reads).copied());
        event.reads_tiers |= leveled || exprs.iter().any(|e| !e.tier_reads.is_empty());
    }
}

/// Its limits or terms are values of the level that the member holds.
fn reads_level(rule: &Rule) -> bool {
    rule.limits.iter().any(|l| matches!(l.most, Setting::Level(..)))
        || rule.earn.iter().any(|e| matches!(e.expires, Some(Setting::Level(..))))
}
