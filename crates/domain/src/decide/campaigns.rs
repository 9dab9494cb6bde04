//! Campaigns: who hears of them, and which of their rules pay. They settle from the inside out.
//! With `pay = "all"` each rule is cut by what the campaign's limits have left after those before it; otherwise each
//! candidate is cut alone and `pay` chooses, so a bonus whose cap is used up does not win.

use sha2::{Digest, Sha256};

use super::case::Case;
use super::rules::{Judge, Offer};
use crate::condition::State;
use crate::event::MemberNo;
use crate::num::{Num, OutOfRange};
use crate::plan::{Campaign, CampaignNo, Candidate, Pay, RuleNo};

impl Judge<'_> {
    /// Offers of all rules in this campaign and those within, as far as it lets them pay.
    pub fn settle(&mut self, no: CampaignNo) -> Vec<Offer> {
        self.settled[usize::from(no)] = true;
        let plan = self.case.plan;
        let campaign = &plan.campaigns[usize::from(no)];
        match open(campaign, self.case, self.before) {
            Ok(true) => {}
            Ok(false) => {
                self.pass_over(no);
                return Vec::new();
            }
            Err(OutOfRange) => {
                self.pass_over(no);
                self.fail(format!("campaigns.{}", campaign.id).into());
                return Vec::new();
            }
        }
        let mut running = vec![0; campaign.limits.len()];
        let mut candidates = Vec::new();
        for candidate in self.candidates(no) {
            let mut offers = match candidate {
                Candidate::Rule(rule) => self.offer(rule).into_iter().collect(),
                Candidate::Campaign(inner) => self.settle(inner),
            };
            if !matches!(campaign.pay, Pay::All) {
                running.fill(0);
            }
            for offer in &mut offers {
                self.cut_by_limits(offer, &campaign.limits, Some(&mut running));
                self.publish(offer);
            }
            candidates.push((candidate, offers));
        }
        if let Some(winner) = self.choose(&campaign.pay, &candidates) {
            let why = format!("campaigns.{}", campaign.id);
            for (candidate, offers) in &mut candidates {
                if Some(*candidate) != winner {
                    offers.iter_mut().for_each(|offer| offer.refuse(&why));
                }
            }
        }
        candidates.into_iter().flat_map(|(_, offers)| offers).collect()
    }

    /// Rules of this campaign that hear the event, and campaigns in it that have such, in the order of the rules.
    fn candidates(&self, no: CampaignNo) -> Vec<Candidate> {
        let mut found = Vec::new();
        for rule in &self.case.ty.rules {
            let mut inner = None;
            let mut at = self.case.plan.rules[usize::from(*rule)].campaign;
            while let Some(campaign) = at.filter(|campaign| *campaign != no) {
                inner = Some(campaign);
                at = self.case.plan.campaigns[usize::from(campaign)].parent;
            }
            let candidate = match (at, inner) {
                (None, _) => continue,
                (Some(_), None) => Candidate::Rule(*rule),
                (Some(_), Some(inner)) => Candidate::Campaign(inner),
            };
            if !found.contains(&candidate) {
                found.push(candidate);
            }
        }
        found
    }

    /// None: all pay. Some(winner): at most this one.
    #[allow(clippy::option_option)]
    fn choose(&self, pay: &Pay, candidates: &[(Candidate, Vec<Offer>)]) -> Option<Option<Candidate>> {
        let pays = |offers: &[Offer]| offers.iter().any(Offer::pays);
        match pay {
            Pay::All => None,
            Pay::FirstOf(order) => Some(
                order
                    .iter()
                    .copied()
                    .find(|c| candidates.iter().any(|(other, offers)| c == other && pays(offers))),
            ),
            Pay::Highest => {
                let mut best: Option<(Num, &str, Candidate)> = None;
                for (candidate, offers) in candidates.iter().filter(|(_, offers)| pays(offers)) {
                    let (worth, id) = (self.worth(offers), self.id(*candidate));
                    if best.is_none_or(|(most, first, _)| worth > most || (worth == most && id < first)) {
                        best = Some((worth, id, *candidate));
                    }
                }
                Some(best.map(|(_, _, candidate)| candidate))
            }
        }
    }

    fn id(&self, candidate: Candidate) -> &str {
        match candidate {
            Candidate::Rule(no) => &self.case.plan.rules[usize::from(no)].id,
            Candidate::Campaign(no) => &self.case.plan.campaigns[usize::from(no)].id,
        }
    }

    /// By the wallets' values; the checker demands them where wallets differ. Of a quote: the money taken off.
    fn worth(&self, offers: &[Offer]) -> Num {
        let off: i64 = offers.iter().filter_map(|offer| offer.off.as_ref()).map(|cut| cut.sum()).sum();
        let mut sum = Num::minor(off, self.case.region.exponent);
        for amount in offers.iter().flat_map(|offer| &offer.amounts) {
            let wallet = &self.case.plan.wallets[usize::from(amount.wallet)];
            let points = Num::minor(amount.granted, wallet.decimals);
            let worth = points.mul(wallet.value.unwrap_or(Num::ONE)).and_then(|worth| sum.add(worth));
            sum = worth.unwrap_or(sum);
        }
        sum
    }

    /// No rule in it is judged for this event.
    fn pass_over(&mut self, no: CampaignNo) {
        for rule in 0..self.case.plan.rules.len() {
            if within(self.case, rule as RuleNo, no) {
                self.judged[rule] = true;
            }
        }
    }
}

fn within(case: &Case<'_>, rule: RuleNo, campaign: CampaignNo) -> bool {
    let mut at = case.plan.rules[usize::from(rule)].campaign;
    while let Some(no) = at {
        if no == campaign {
            return true;
        }
        at = case.plan.campaigns[usize::from(no)].parent;
    }
    false
}

/// Whether the campaign runs now and for this member.
pub fn open(campaign: &Campaign, case: &Case<'_>, state: &dyn State) -> Result<bool, OutOfRange> {
    if campaign.paused
        || campaign.active.as_ref().is_some_and(|schedule| !schedule.holds(&case.now))
        || held_out(campaign, case.member.no)
    {
        return Ok(false);
    }
    let env = case.env(state, None);
    for condition in &campaign.when {
        if !condition.holds(&env)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The same members for ever, and others for each campaign.
pub fn held_out(campaign: &Campaign, member: MemberNo) -> bool {
    if campaign.holdout_ppm == 0 {
        return false;
    }
    let digest =
        Sha256::new().chain_update(member.to_le_bytes()).chain_update(campaign.id.as_bytes()).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first) % 1_000_000 < u64::from(campaign.holdout_ppm)
}
