//! What is well formed and acts on nothing: events that nothing makes, limits on points that are never granted, a warning
//! before an end that never comes. Warned only where it is certain.

use super::Compiler;
use crate::condition::Code;
use crate::plan::{Canon, Gives, Limit, LimitWhat, Pending, Plan, Setting, TypeNo, WalletNo};

impl Compiler<'_, '_, '_> {
    pub fn inert(&mut self, plan: &Plan) {
        self.unheard(plan);
        self.limits_on_nothing(plan);
        self.counted_in_quotes(plan);
        for (no, wallet) in plan.wallets.iter().enumerate() {
            let never = |no: usize| {
                let dated = plan
                    .rules
                    .iter()
                    .flat_map(|r| &r.earn)
                    .any(|e| usize::from(e.wallet) == no && e.expires.is_some());
                matches!(&plan.wallets[no].expires, Setting::Is(term) if term.is_never()) && !dated
            };
            if wallet.warn.is_some() && never(no) {
                self.does_nothing(&format!("wallets.{}.warn", wallet.id), "its points never end");
            }
            let counts = matches!(&wallet.expires, Setting::Is(term) if !term.is_idle());
            if !wallet.activity.is_empty() && counts {
                let why = "activity matters to a term that is idle: `expires = \"12 months idle\"`";
                self.does_nothing(&format!("wallets.{}.activity", wallet.id), why);
            }
        }
    }

    /// What counts is remembered, and a quote is not.
    fn counted_in_quotes(&mut self, plan: &Plan) {
        let quoted = |no: &TypeNo| self.names.events.get(*no).canon == Canon::OrderQuoted;
        let rules = plan.rules.iter().filter(|r| !r.trigger.on.is_empty() && r.trigger.on.iter().all(quoted));
        let ids: Vec<String> = rules.map(|r| r.id.to_string()).collect();
        for path in ids.iter().flat_map(|id| ["limit", "once_per"].map(|key| format!("rules.{id}.{key}"))) {
            if self.lookup(&path).is_some() {
                self.does_nothing(&path, "a quote is judged and forgotten: nothing counts what it was given");
            }
        }
    }

    fn does_nothing(&mut self, path: &str, why: &str) {
        let at = self.lookup(path).map(|n| n.at.clone()).unwrap_or_default();
        self.report.warn(Code::Unused, path, &at, format!("`{path}` does nothing"), why);
    }

    /// Rules, counters and workflows that hear what never happens.
    fn unheard(&mut self, plan: &Plan) {
        let rules = plan.rules.iter().map(|r| ("rules", &*r.id, &r.trigger.on));
        let counters = plan.counters.iter().filter_map(|c| Some(("counters", &*c.id, &c.trigger()?.on)));
        let flows = plan.workflows.iter().map(|f| ("workflows", &*f.id, &f.trigger.on));
        let mut found: Vec<(String, String, &str)> = Vec::new();
        for (section, id, on) in rules.chain(counters).chain(flows) {
            let silent =
                on.iter().map(|no| self.names.events.get(*no)).map(|ty| Some((ty, lacks(plan, ty.canon)?)));
            // A list that may be heard in part is heard.
            if let Some(Some((ty, why))) = silent.collect::<Option<Vec<_>>>().map(|all| all.first().copied())
            {
                found.push((format!("{section}.{id}.on"), format!("`{}` never happens", ty.name), why));
            }
        }
        for (path, message, why) in found {
            let at = self.lookup(&path).map(|n| n.at.clone()).unwrap_or_default();
            self.report.warn(Code::NeverTrue, &path, &at, message, why);
        }
    }

    /// Limits on points that what they limit neither grants nor takes.
    fn limits_on_nothing(&mut self, plan: &Plan) {
        let mut all: Vec<(String, &[Limit], Vec<WalletNo>)> = Vec::new();
        for rule in &plan.rules {
            let path = if rule.id.contains('.') { rule.id.to_string() } else { format!("rules.{}", rule.id) };
            all.push((path, &rule.limits, rule.earn.iter().map(|e| e.wallet).collect()));
        }
        for (no, campaign) in plan.campaigns.iter().enumerate() {
            let inside = |mut at: Option<u16>| {
                while let Some(inner) = at.filter(|inner| usize::from(*inner) != no) {
                    at = plan.campaigns[usize::from(inner)].parent;
                }
                at.is_some()
            };
            let rules = plan.rules.iter().filter(|r| inside(r.campaign));
            let earns = rules.flat_map(|r| &r.earn).map(|e| e.wallet).collect();
            all.push((format!("campaigns.{}", campaign.id), &campaign.limits, earns));
        }
        for reward in &plan.rewards {
            let gives = match &reward.gives {
                Gives::Earn(earn) => &earn[..],
                _ => &[],
            };
            let moves = reward.cost.iter().chain(gives).map(|(wallet, _)| *wallet).collect();
            all.push((format!("rewards.{}", reward.id), &reward.limits, moves));
        }
        for (path, limits, wallets) in all {
            for limit in limits {
                let LimitWhat::Wallet(wallet) = limit.what else { continue };
                if !wallets.contains(&wallet) {
                    let why = format!(
                        "a limit on `{}`, and `{path}` itself grants none",
                        plan.wallets[usize::from(wallet)].id
                    );
                    self.does_nothing(&format!("{path}.limit"), &why);
                }
            }
        }
    }
}

/// Why such an event is never made; None: it may be.
fn lacks(plan: &Plan, canon: Canon) -> Option<&'static str> {
    let waits = |p: &Pending| *p != Pending::None;
    let earns = || plan.rules.iter().flat_map(|r| &r.earn);
    let ends = plan.wallets.iter().any(|w| !matches!(&w.expires, Setting::Is(term) if term.is_never()));
    let (is, why) = match canon {
        Canon::ReferralClaimed | Canon::ReferralQualified => (
            plan.referrals.is_some(),
            "declare when a referral counts: `referrals = { on = \"order.paid\" }`",
        ),
        Canon::AchievementCompleted => (!plan.achievements.is_empty(), "there are no achievements"),
        Canon::TierChanged => (!plan.ladders.is_empty(), "there are no levels"),
        Canon::RedemptionConfirmed | Canon::RedemptionCancelled => {
            (!plan.rewards.is_empty(), "there are no rewards")
        }
        Canon::PointsReleased => {
            let some = plan.wallets.iter().any(|w| waits(&w.pending));
            (some || earns().any(|e| e.pending.as_ref().is_some_and(waits)), "no points wait: `pending`")
        }
        Canon::PointsExpired => (ends || earns().any(|e| e.expires.is_some()), "no points end: `expires`"),
        Canon::PointsExpiring => (plan.wallets.iter().any(|w| w.warn.is_some()), "no wallet has `warn`"),
        _ => return None,
    };
    (!is).then_some(why)
}
