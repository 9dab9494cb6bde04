//! Campaigns: schedule, audience, budget, and which of their rules pay.

use std::collections::{BTreeMap, BTreeSet};

use super::Compiler;
use super::judged::in_order;
use super::scope::Place;
use crate::condition::Code;
use crate::num::{Num, Round};
use crate::plan::{Campaign, CampaignNo, Candidate, Pay, Rule, Wallet, WalletNo};
use crate::program::check::near::did_you_mean;
use crate::program::check::report::Report;
use crate::program::read::{Node, Table};

/// Campaigns in the order in which they are settled: inner before outer, then by id.
pub fn names(tree: &Table, report: &mut Report<'_>) -> Vec<String> {
    let table = tree.get("campaigns").and_then(Node::table);
    let mut holds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, node) in table.into_iter().flat_map(Table::iter) {
        holds.entry(key.text.clone()).or_default();
        let parent = node.table().and_then(|t| t.get("campaign")).and_then(Node::text);
        if let Some(parent) = parent.filter(|p| table.is_some_and(|t| t.get(p).is_some())) {
            holds.entry(parent.to_owned()).or_default().insert(key.text.clone());
        }
    }
    match in_order(&holds) {
        Ok(order) => order,
        Err(mut circle) => {
            circle.reverse();
            let at =
                table.and_then(|t| t.entry(&circle[0])).map(|(key, _)| key.at.clone()).unwrap_or_default();
            let message = format!("campaigns stand in each other: {}", circle.join(", "));
            report.error(Code::Circle, &format!("campaigns.{}", circle[0]), &at, message, "");
            holds.into_keys().collect()
        }
    }
}

impl Compiler<'_, '_, '_> {
    fn campaign(&self, id: &str) -> Option<CampaignNo> {
        self.names.campaigns.iter().position(|c| c == id).and_then(|i| u16::try_from(i).ok())
    }

    /// `campaign` of a rule or of a campaign.
    pub fn campaign_of(&mut self, table: &Table, path: &str) -> Option<CampaignNo> {
        let node = table.get("campaign")?;
        let id = node.text()?;
        let found = self.campaign(id);
        if found.is_none() {
            let known = self.names.campaigns.iter().map(String::as_str);
            let hint = did_you_mean(id, known, &format!("declare it: [campaigns.{id}]"));
            let path = format!("{path}.campaign");
            self.report.error(
                Code::UnknownName,
                &path,
                &node.at,
                format!("there is no campaign `{id}`"),
                hint,
            );
        }
        found
    }

    pub fn campaigns(&mut self, rules: &[Rule], wallets: &[Wallet]) -> Vec<Campaign> {
        let mut section = self.section("campaigns");
        section.sort_by_key(|(id, ..)| self.names.campaigns.iter().position(|c| c == id));
        let mut found = Vec::new();
        for (id, _, node) in section {
            let Some(table) = node.table() else { continue };
            let path = format!("campaigns.{id}");
            let holdout = table.get("holdout").and_then(Node::decimal);
            found.push(Campaign {
                id: id.into(),
                active: self.schedule(table, &path),
                when: self.conditions(table.get("when"), &format!("{path}.when"), &Place::Audience),
                limits: self.limits(table, &path),
                pay: self.pay(table, id, rules),
                parent: self.campaign_of(table, &path),
                holdout_ppm: holdout
                    .and_then(|n| n.to_minor(6, Round::Nearest).ok())
                    .map_or(0, |n| n.clamp(0, 1_000_000) as u32),
                paused: table.get("paused").and_then(Node::bool).unwrap_or(false),
            });
        }
        self.comparable(&found, rules, wallets);
        found
    }

    fn pay(&mut self, table: &Table, id: &str, rules: &[Rule]) -> Pay {
        let Some(node) = table.get("pay") else { return Pay::All };
        let Some(list) = node.list() else {
            return if node.text() == Some("highest") { Pay::Highest } else { Pay::All };
        };
        let path = format!("campaigns.{id}.pay");
        let inner: Vec<&str> = self
            .section("campaigns")
            .into_iter()
            .filter(|(_, _, n)| n.table().and_then(|t| t.get("campaign")).and_then(Node::text) == Some(id))
            .map(|(inner, ..)| inner)
            .collect();
        let own: Vec<&str> = self
            .names
            .rules
            .iter()
            .filter(|r| r.campaign.as_deref() == Some(id))
            .map(|r| r.id.as_str())
            .collect();
        let mut candidates = Vec::new();
        let mut unknown = Vec::new();
        for node in list {
            let Some(name) = node.text() else { continue };
            let rule = rules.iter().position(|r| *r.id == *name && own.contains(&name));
            let campaign = self.campaign(name).filter(|_| inner.contains(&name));
            match (rule, campaign) {
                (Some(no), _) => candidates.push(Candidate::Rule(no as u16)),
                (None, Some(no)) => candidates.push(Candidate::Campaign(no)),
                (None, None) => {
                    let hint = did_you_mean(
                        name,
                        own.iter().chain(&inner).copied(),
                        "a rule or a campaign that names this one in `campaign`",
                    );
                    unknown.push((node, format!("`{name}` does not stand in campaigns.{id}"), hint));
                }
            }
        }
        for (node, message, hint) in unknown {
            self.report.error(Code::UnknownName, &path, &node.at, message, hint);
        }
        Pay::FirstOf(candidates)
    }

    /// `pay = "highest"` over several wallets needs their worth.
    fn comparable(&mut self, campaigns: &[Campaign], rules: &[Rule], wallets: &[Wallet]) {
        let mut inside: Vec<BTreeSet<WalletNo>> = vec![BTreeSet::new(); campaigns.len()];
        for rule in rules {
            if let Some(no) = rule.campaign {
                inside[usize::from(no)].extend(rule.earn.iter().map(|e| e.wallet));
            }
        }
        for (no, campaign) in campaigns.iter().enumerate() {
            if let Some(parent) = campaign.parent.map(usize::from).filter(|p| *p != no) {
                let wallets = inside[no].clone();
                inside[parent].extend(wallets);
            }
            let names: Vec<&str> = inside[no].iter().map(|w| &*wallets[usize::from(*w)].id).collect();
            let worthless =
                inside[no].iter().any(|w| wallets[usize::from(*w)].value.is_none_or(|v| v <= Num::ZERO));
            if matches!(campaign.pay, Pay::Highest) && names.len() > 1 && worthless {
                let path = format!("campaigns.{}.pay", campaign.id);
                let at = self.tree.get("campaigns").and_then(Node::table).and_then(|t| t.get(&campaign.id));
                let at = at
                    .and_then(Node::table)
                    .and_then(|t| t.get("pay"))
                    .map(|n| n.at.clone())
                    .unwrap_or_default();
                let message = format!("`pay = \"highest\"` compares {}", names.join(" with "));
                let both = if names.len() == 2 { "both" } else { "all these" };
                self.report.error(
                    Code::HighestNeedsValue,
                    &path,
                    &at,
                    message,
                    format!("give {both} wallets a `value`"),
                );
            }
        }
    }
}
