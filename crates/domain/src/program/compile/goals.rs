//! Achievements, referrals and households. What an achievement pays is a hidden rule of its own.

use super::Compiler;
use super::effects::{Effects, KEYS, Spot};
use super::expressions::sources;
use super::scope::Place;
use super::settings::SPAN;
use super::trigger::heard;
use crate::condition::Code;
use crate::num::Num;
use crate::plan::{
    Achievement, Canon, Households, Limit, OncePer, Payee, Referrals, Rule, RuleNo, Trigger, TypeNo, Wallet,
};
use crate::program::read::{Node, Table};
use crate::time::{Span, SpanUnit};

const CLAIM: Span = Span { count: 30, unit: SpanUnit::Day };
const RESIDENTS: u32 = 6;

impl Compiler<'_, '_, '_> {
    pub fn achievements(&mut self, rules: &mut Vec<Rule>) -> Vec<Achievement> {
        let mut found = Vec::new();
        for (id, at, node) in self.section("achievements") {
            let Some(table) = node.table() else { continue };
            let path = format!("achievements.{id}");
            let needs = table.get("needs").and_then(Node::table);
            if needs.is_some_and(|t| t.0.is_empty()) {
                let message = format!("`{path}` needs nothing");
                self.report.error(Code::MissingKey, &path, at, message, "`needs.COUNTER = 10`");
            }
            let needs = needs.map(|t| self.needs(t, &format!("{path}.needs"), false)).unwrap_or_default();
            let given = sources(table.get("when"));
            let when = self.conditions(table.get("when"), &format!("{path}.when"), &Place::Goal);
            let active = self.schedule(table, &path);
            let trigger = Trigger { on: Vec::new(), each: None, when, active };
            let spot = Spot { place: &Place::Goal, once: &Place::Goal, given: &given, given_once: &given };
            let effects = self.effects(table, &path, &spot);
            let limits = self.limits(table, &path);
            let rule = rules.len() as RuleNo;
            rules.push(hidden(path, trigger, limits, effects));
            let repeat = table.get("repeat").and_then(Node::bool).unwrap_or(false);
            found.push(Achievement { id: id.into(), needs, repeat, rule });
        }
        found
    }

    pub fn referrals(&mut self) -> Option<Referrals> {
        let (key, node) = self.tree.entry("referrals")?;
        let table = node.table()?;
        let on = heard(&self.names, table);
        let trigger = self.trigger(table, "referrals", |_| Place::Trigger { on: on.clone() });
        self.no_quotes(table, "referrals", &trigger.on);
        let made = on.iter().any(|no| {
            matches!(self.names.events.get(*no).canon, Canon::ReferralClaimed | Canon::ReferralQualified)
        });
        if made {
            let hint = "write an event of the member who was brought: `order.paid`";
            self.report.error(
                Code::Circle,
                "referrals.on",
                &key.at,
                "a referral does not wait for itself",
                hint,
            );
        }
        let after = table.get("after").and_then(|n| self.setting(n, "referrals.after", &SPAN));
        let claim = table.get("claim").and_then(Node::text).and_then(Span::parse).unwrap_or(CLAIM);
        Some(Referrals { trigger, after, claim })
    }

    /// Marks the wallets that they share.
    pub fn households(&mut self, wallets: &mut [Wallet]) -> Option<Households> {
        let table = self.tree.get("households").and_then(Node::table)?;
        for node in table.get("share").and_then(Node::list).unwrap_or_default() {
            let Some(id) = node.text() else { continue };
            if let Some(no) = self.wallet_named(id, &node.at, "households.share") {
                wallets[usize::from(no)].shared = true;
            }
        }
        let most = table.get("members_max").and_then(Node::decimal).and_then(Num::to_int);
        Some(Households {
            members_max: most.and_then(|n| u32::try_from(n).ok()).unwrap_or(RESIDENTS),
            stay: table.get("stay").and_then(Node::text).and_then(Span::parse),
        })
    }

    /// What is judged and forgotten starts nothing.
    pub fn no_quotes(&mut self, table: &Table, path: &str, on: &[TypeNo]) {
        let quoted = on.iter().any(|no| self.names.events.get(*no).canon == Canon::OrderQuoted);
        if let (true, Some(node)) = (quoted, table.get("on")) {
            let message = "a quote is judged and forgotten";
            let hint = "only rules with a `discount` hear quotes; `order.paid` comes when the cart is paid";
            self.report.error(Code::NotHere, &format!("{path}.on"), &node.at, message, hint);
        }
    }
}

/// A rule that hears nothing by itself.
pub fn hidden(id: String, trigger: Trigger, limits: Vec<Limit>, effects: Effects) -> Rule {
    let Effects { earn, give, redeem, place, discount, emit } = effects;
    Rule {
        id: id.into(),
        name: None,
        trigger,
        campaign: None,
        once_per: OncePer::Event,
        limits,
        paused: false,
        clock: None,
        to: Payee::Member,
        earn,
        emit,
        give,
        redeem,
        place,
        discount,
        refers: Vec::new(),
    }
}

/// Keys of effects that a table has.
pub fn effect_keys(table: &Table) -> usize {
    table.iter().filter(|(k, _)| KEYS.contains(&k.text.as_str())).count()
}
