//! What is no mistake and yet is hardly meant: conditions that never hold, names that nobody uses, limits that nobody
//! reaches. Warned only where it is certain.

use super::Compiler;
use super::currencies::paths;
use crate::condition::{Code, Env, EventAttributes, Expr, Read, State};
use crate::decide::DISTINCT_MAX;
use crate::num::Num;
use crate::plan::{Across, Amount, Campaign, Counter, CounterKind, CounterNo, Limit, LimitWhat, Plan, Rule};
use crate::program::check::value::is_path;
use crate::program::read::{At, Node, Table};
use crate::time::Window;
use crate::value::Value;

/// A schedule that ends: for whoever knows what day it is.
pub struct Ends {
    /// First local instant after it.
    pub until: jiff::civil::DateTime,
    pub path: String,
    pub at: At,
}

impl Compiler<'_, '_, '_> {
    pub fn warnings(&mut self, plan: &Plan) {
        let (rules, campaigns) = (&plan.rules, &plan.campaigns);
        for rule in rules {
            self.never(&at_rule(&rule.id, "when"), &rule.trigger.when);
            self.out_of_reach(rule, campaigns);
        }
        for reward in plan.rewards.iter().filter(|r| !r.only_given()) {
            self.never(&format!("rewards.{}.when", reward.id), &reward.when);
        }
        for counter in &plan.counters {
            if let Some(trigger) = counter.trigger() {
                self.never(&format!("counters.{}.when", counter.id), &trigger.when);
            }
        }
        for flow in &plan.workflows {
            self.never(&format!("workflows.{}.when", flow.id), &flow.trigger.when);
        }
        self.endless(&plan.ladders, &plan.counters);
        self.needs_out_of_reach(plan);
        self.inert(plan);
        for campaign in campaigns {
            self.never(&format!("campaigns.{}.when", campaign.id), &campaign.when);
            let empty = !rules
                .iter()
                .any(|r| r.campaign.is_some_and(|c| campaigns[usize::from(c)].id == campaign.id))
                && !campaigns
                    .iter()
                    .any(|c| c.parent.is_some_and(|p| campaigns[usize::from(p)].id == campaign.id));
            if empty {
                self.unused("campaigns", &campaign.id, "no rule stands in it");
            }
        }
        self.unmentioned();
    }

    fn unmentioned(&mut self) {
        let used = self.used();
        let is_used = |section: &str, id: &str| used.contains(&format!("{section}.{id}"));
        let mut unused: Vec<(&str, String)> = Vec::new();
        for section in ["params", "formulas"] {
            unused.extend(
                self.section(section)
                    .into_iter()
                    .filter(|(id, ..)| !is_used(section, id))
                    .map(|(id, ..)| (section, id.to_owned())),
            );
        }
        for (section, id) in unused {
            self.unused(section, &id, "nothing mentions it");
        }
        let deaf: Vec<String> = self
            .section("events")
            .iter()
            .filter(|(id, ..)| !self.is_heard(id))
            .map(|(id, ..)| (*id).to_owned())
            .collect();
        for id in deaf {
            self.unused("events", &id, "nothing hears it");
        }
    }

    /// Its name stands as a text in what hears events.
    fn is_heard(&self, event: &str) -> bool {
        let mut heard = false;
        let sections = ["rules", "counters", "workflows", "wallets"].map(|s| self.section(s));
        let nodes = sections.iter().flatten().map(|(_, _, node)| *node);
        for node in nodes.chain(self.tree.get("referrals")) {
            texts(node, &mut |text| heard |= text == event);
        }
        heard
    }

    /// Everything that some expression mentions, and params that stand as a path.
    fn used(&self) -> std::collections::BTreeSet<String> {
        let mut used = std::collections::BTreeSet::new();
        for (path, source) in &self.mentioned {
            if !path.starts_with("tests.") {
                used.extend(self.mentions(source));
            }
        }
        for (_, _, node) in self.section("tiers") {
            texts(node, &mut |text| {
                if is_path(text) {
                    used.extend(self.mentions(text));
                }
            });
        }
        used
    }

    fn unused(&mut self, section: &str, id: &str, why: &str) {
        let Some((_, at, _)) = self.section(section).into_iter().find(|(i, ..)| *i == id) else { return };
        let path = if section == "events" { format!("events.\"{id}\"") } else { format!("{section}.{id}") };
        self.report.warn(Code::Unused, &path, at, format!("`{path}` is not used"), why);
    }

    /// A condition without a variable is one for ever; and no text is two texts.
    fn never(&mut self, path: &str, when: &[Expr]) {
        let constant = |e: &&Expr| paths(&e.source).iter().all(|p| ["true", "false"].contains(&p.as_str()));
        let none =
            when.iter().filter(constant).any(|e| e.holds(&nothing(&jiff::Zoned::default())) == Ok(false));
        let Some(node) = self.lookup(path) else { return };
        let at = node.at.clone();
        if none {
            self.report.warn(
                Code::NeverTrue,
                path,
                &at,
                "this condition never holds",
                "to switch a rule off, write `paused = true`",
            );
        } else if let Some((what, a, b)) = contradiction(when) {
            let message = format!("`{what}` is never {a} and {b} at once");
            self.report.warn(
                Code::NeverTrue,
                path,
                &at,
                message,
                "all of a condition must hold; one or the other is `||`",
            );
        }
    }

    pub fn lookup(&self, path: &str) -> Option<&Node> {
        let mut parts = path.split('.');
        let mut node = self.tree.get(parts.next()?)?;
        for part in parts {
            node = match node.list() {
                Some(list) => list.get(part.parse::<usize>().ok()?)?,
                None => node.table()?.get(part)?,
            };
        }
        Some(node)
    }

    /// Needs above what their counter can ever be.
    fn needs_out_of_reach(&mut self, plan: &Plan) {
        let mut asked: Vec<(String, &[(CounterNo, Amount)])> = Vec::new();
        for ladder in &plan.ladders {
            for (i, level) in ladder.levels.iter().enumerate() {
                let path = format!("tiers.{}.levels.{i}.needs", ladder.id);
                asked.extend(level.needs.iter().map(|needs| (path.clone(), &**needs)));
            }
        }
        for goal in &plan.achievements {
            asked.push((format!("achievements.{}.needs", goal.id), &goal.needs));
        }
        for (path, needs) in asked {
            for (no, need) in needs {
                let counter = &plan.counters[usize::from(*no)];
                let (Amount::Is(need), Some(most)) = (need, most(counter, plan)) else { continue };
                if *need <= most {
                    continue;
                }
                let at = self.lookup(&path).map(|n| n.at.clone()).unwrap_or_default();
                let message = format!("`counters.{}` never reaches {need}: it is at most {most}", counter.id);
                self.report.warn(Code::OutOfReach, &path, &at, message, "");
            }
        }
    }

    /// A limit above another one that always binds first.
    fn out_of_reach(&mut self, rule: &Rule, campaigns: &[Campaign]) {
        let mut around: Vec<(&str, &Limit)> = rule.limits.iter().map(|l| ("limit", l)).collect();
        let mut parent = rule.campaign;
        let mut depth = 0;
        while let Some(campaign) =
            parent.map(|no| &campaigns[usize::from(no)]).filter(|_| depth < campaigns.len())
        {
            around.extend(campaign.limits.iter().map(|l| ("budget", l)));
            parent = campaign.parent;
            depth += 1;
        }
        for (i, limit) in rule.limits.iter().enumerate() {
            let Amount::Is(most) = limit.most else { continue };
            let binds = |(_, other): &&(&str, &Limit)| {
                let wider = other.per == Window::Life || other.per == limit.per;
                let among = shared(other.across) >= shared(limit.across);
                matches!(other.most, Amount::Is(n) if n < most)
                    && other.what == limit.what
                    && (wider && among)
                    && limit.what != LimitWhat::Times
            };
            let Some((word, other)) = around.iter().find(binds) else { continue };
            let Amount::Is(less) = other.most else { continue };
            let path = at_rule(&rule.id, "limit");
            let at = self
                .lookup(&path)
                .and_then(|n| n.one_or_more().get(i))
                .map(|n| n.at.clone())
                .unwrap_or_default();
            let message = format!("the limit of {most} is never reached within the {word} of {less}");
            self.report.warn(Code::OutOfReach, &path, &at, message, "");
        }
    }
}

/// What a counter can be at most, where that is known: values that are told apart, or a rule's own limit.
fn most(counter: &Counter, plan: &Plan) -> Option<Num> {
    match &counter.kind {
        CounterKind::Distinct { .. } => Num::int(DISTINCT_MAX as i64).ok(),
        CounterKind::Earned { wallet, rule: Some(rule), .. } => {
            let binds = |l: &&Limit| {
                l.what == LimitWhat::Wallet(*wallet) && (l.per == Window::Life || l.per == counter.per)
            };
            let limits = plan.rules[usize::from(*rule)].limits.iter().filter(binds);
            limits.filter_map(|l| if let Amount::Is(n) = l.most { Some(n) } else { None }).min()
        }
        _ => None,
    }
}

/// How many share a limit, from few to all.
fn shared(across: Across) -> u8 {
    match across {
        Across::Member => 0,
        Across::Household => 1,
        Across::Members => 2,
    }
}

/// A key of a rule; hidden rules are called by where they stand.
fn at_rule(id: &str, key: &str) -> String {
    if id.contains('.') { format!("{id}.{key}") } else { format!("rules.{id}.{key}") }
}

/// All texts below a node.
fn texts(node: &Node, see: &mut dyn FnMut(&str)) {
    if let Some(text) = node.text() {
        see(text);
    }
    node.list().unwrap_or_default().iter().for_each(|n| texts(n, see));
    node.table().into_iter().flat_map(Table::iter).for_each(|(_, n)| texts(n, see));
}

/// `x == "a"` and `x == "b"`, both of which must hold.
fn contradiction(when: &[Expr]) -> Option<(String, String, String)> {
    let mut said: Vec<(&str, &str)> = Vec::new();
    let parts =
        when.iter().filter(|e| !e.source.contains(['|', '?', '(', '!'])).flat_map(|e| e.source.split("&&"));
    for part in parts {
        let Some((path, text)) = part.split_once("==").map(|(p, t)| (p.trim(), t.trim())) else { continue };
        let literal = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
        if !literal || paths(path) != [path] {
            continue;
        }
        match said.iter().find(|(p, t)| *p == path && *t != text) {
            Some((_, other)) => return Some((path.into(), (*other).into(), text.into())),
            None => said.push((path, text)),
        }
    }
    None
}

struct Nothing;
impl State for Nothing {
    fn read(&self, _: Read) -> Num {
        Num::ZERO
    }
}

/// For what mentions nothing.
fn nothing(now: &jiff::Zoned) -> Env<'_> {
    Env {
        payload: &Value::Absent,
        item: None,
        member: &[],
        params: &[],
        tiers: &[],
        extra: &[],
        state: &Nothing,
        event: EventAttributes::default(),
        now,
    }
}
