//! Two who had become one are two again: at once, both are as they were; later, what was spent is spent, and everybody's
//! orders are his own.

use std::sync::Arc;

use domain::codes;
use domain::event::MemberNo;
use domain::member::{Lot, Member};
use domain::num::Num;
use domain::outcome::{Decision, Status};
use proptest::prelude::*;

use super::world::{World, api, at, event, of};

const ADA: &str = "email:ada@example.com";
const BO: &str = "email:bo@example.com";
const SHOP: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { expires = "12 months", transfer = true }
wallets.stamps = { pending = { until = "order.fulfilled", at_most = "20 days" } }
wallets.below = { when_short = "negative" }
events."review.posted" = { product = "string" }
counters.spend = { on = "order.paid", add = 'order.total' }
counters.week = { on = "order.paid", per = "7 days" }
counters.days = { on = "order.paid", streak = "day" }
counters.kinds = { on = "review.posted", distinct = 'review.product' }
counters.level = { on = "order.paid", add = 'order.total', per = "tiers.status" }
member.plan = "string?"
rules.base = { on = "order.paid", earn.points = 'order.total' }
rules.stamp = { on = "order.paid", earn.stamps = 1 }
rules.below = { on = "order.paid", earn.below = 'order.total' }
rules.review = { on = "review.posted", once_per = 'review.product', earn.points = 5, limit = { times = 3, per = "year" } }
rewards.five_off = { cost.points = 20, gives.discount.amount = 5 }
rewards.low = { cost.below = 20, gives.discount.amount = 5 }

[tiers.status]
keep = "12 months"
levels = [{ id = "basic" }, { id = "gold", needs.spend = 100 }, { id = "black", needs.spend = 200 }]
"#;

/// Ada and Bo by number, and how many events came.
struct Shop {
    world: World,
    ada: MemberNo,
    bo: MemberNo,
    sent: u32,
}

impl Shop {
    fn open() -> Shop {
        let mut world = World::new(SHOP);
        for name in [ADA, BO] {
            world.send(at("2027-02-01T12:00:00Z", of(name, event("member.enrolled", name, "{}"))));
        }
        let (ada, bo) = (world.member(ADA).no, world.member(BO).no);
        Shop { world, ada, bo, sent: 0 }
    }

    fn send(&mut self, who: &str, day: u32, kind: &str, data: &str) -> Arc<Decision> {
        self.sent += 1;
        let (month, day) = (2 + day / 28, 1 + day % 28);
        let time = format!("2027-{month:02}-{day:02}T12:{:02}:{:02}Z", 10 + self.sent / 60, self.sent % 60);
        let event = at(&time, of(who, event(kind, &self.sent.to_string(), data)));
        self.world.send(if kind.starts_with("fealty.") { api(event) } else { event }).decision
    }

    fn pay(&mut self, who: &str, day: u32, id: &str, total: u32) {
        let data = format!(r#"{{"id": "{id}", "currency": "EUR", "total": {total}}}"#);
        assert_eq!(self.send(who, day, "order.paid", &data).status, Status::Applied);
    }

    fn redeem(&mut self, who: &str, day: u32, reward: &str) -> Status {
        let asked =
            format!(r#"{{"reward": "{reward}", "confirm": true, "order": {{"id": "x", "subtotal": 50}}}}"#);
        self.send(who, day, "fealty.redeemed", &asked).status
    }

    fn refund(&mut self, who: &str, day: u32, order: &str, amount: u32) -> Arc<Decision> {
        let data = format!(r#"{{"order": "{order}", "currency": "EUR", "amount": {amount}}}"#);
        self.send(who, day, "order.refunded", &data)
    }

    fn merge(&mut self, day: u32) {
        let absorb = format!(r#"{{"absorb": {}}}"#, self.bo);
        assert_eq!(self.send(ADA, day, "fealty.merged", &absorb).status, Status::Applied);
        assert_eq!(self.world.by_no(self.bo).merged_into, Some(self.ada));
    }

    fn unmerge(&mut self, day: u32) -> Arc<Decision> {
        let absorbed = format!(r#"{{"absorbed": {}}}"#, self.bo);
        self.send(ADA, day, "fealty.unmerged", &absorbed)
    }

    /// Ada and Bo, whoever stands for whom.
    fn both(&self) -> [Member; 2] {
        [self.ada, self.bo].map(|no| self.world.by_no(no))
    }

    fn points(&self) -> [i64; 2] {
        self.both().map(|member| net(&member, "points"))
    }

    fn spend(&self) -> [Num; 2] {
        self.both().map(|member| {
            let state = member.counters.iter().find(|c| c.id == "spend");
            state.and_then(|c| c.parts.first()).map_or(Num::ZERO, |part| part.1)
        })
    }

    fn levels(&self) -> [String; 2] {
        self.both().map(|member| member.tiers.first().map_or("basic".into(), |t| t.held.level.to_string()))
    }
}

fn net(member: &Member, wallet: &str) -> i64 {
    member.wallets.iter().find(|w| w.id == wallet).map_or(0, |w| w.available + w.pending - w.debt)
}

/// All but where it stands in the journal, and when it was last looked at.
fn bare(mut member: Member) -> Member {
    (member.last_pos, member.changes, member.clock, member.due) = (0, 0, None, None);
    for wallet in &mut member.wallets {
        (wallet.active_at, wallet.idle, wallet.warned) = (None, None, None);
        // Lots of one date may have been joined.
        let mut ends: Vec<_> = wallet.lots.iter().map(|lot| lot.expires_at).collect();
        ends.dedup();
        let of =
            |end| wallet.lots.iter().filter(move |lot| lot.expires_at == end).map(|lot| lot.remaining).sum();
        let lot =
            |expires_at| Lot { pos: 0, n: 0, remaining: of(expires_at), joined: 0, expires_at, by: None };
        wallet.lots = ends.into_iter().map(lot).collect();
    }
    // Who is told to be on the first level is as one of whom nothing was told.
    member.tiers.retain(|state| state.held.level != "basic" || state.held.since != member.enrolled_at);
    member.wallets.retain(|w| w.available != 0 || w.pending != 0 || w.debt != 0);
    member.wallets.sort_by(|a, b| a.id.cmp(&b.id));
    member.counters.iter_mut().for_each(|c| c.parts.retain(|part| !part.1.is_zero()));
    member.counters.retain(|c| !c.parts.is_empty() || !c.again.is_empty());
    member.counters.sort_by(|a, b| a.id.cmp(&b.id));
    member.limits.retain(|limit| !limit.parts.is_empty());
    member
}

#[test]
fn who_is_parted_is_found_under_his_names_and_number() {
    let mut shop = Shop::open();
    shop.pay(BO, 1, "B", 50);
    shop.merge(2);
    shop.pay(BO, 3, "C", 7);
    let told = shop.unmerge(4);
    assert_eq!(told.status, Status::Applied, "{:?}", told.reason);
    assert_eq!(shop.world.member(BO).no, shop.bo);
    assert!(shop.world.by_no(shop.bo).merged_into.is_none() && shop.world.ada().absorbed.is_empty());
    assert_eq!(shop.points(), [7, 50], "what the survivor earned is hers");
    // Orders go to whom they belong, under whatever name they are told.
    shop.refund(BO, 5, "B", 10);
    assert_eq!(shop.points(), [7, 40]);
    let other = shop.refund(BO, 5, "C", 7);
    assert_eq!((other.status, other.member), (Status::Applied, Some(shop.ada)), "{:?}", other.reason);
    assert_eq!(shop.points(), [0, 40]);
    shop.pay(BO, 6, "D", 5);
    assert_eq!(shop.points(), [0, 45]);
    // They may be one again.
    shop.merge(7);
    assert_eq!(shop.points()[0], 45);
    assert_eq!(shop.unmerge(8).status, Status::Applied);
    assert_eq!(shop.points(), [0, 45]);
}

#[test]
fn what_was_spent_is_spent_and_the_answer_says_so() {
    let mut shop = Shop::open();
    shop.pay(BO, 1, "B", 50);
    shop.pay(ADA, 2, "A", 30);
    shop.merge(3);
    for _ in 0..3 {
        assert_eq!(shop.redeem(ADA, 4, "five_off"), Status::Applied);
    }
    let told = shop.unmerge(5);
    assert_eq!(shop.points(), [20, 0], "the oldest went first");
    let effect = told.effects.iter().find(|e| e.kind == "give_back" && e.wallet == "points").unwrap();
    assert_eq!((effect.wanted, effect.granted), (50, 0));
    assert_eq!(effect.cut.as_deref(), Some(codes::SPENT_SINCE));
}

#[test]
fn debts_go_back_to_whom_they_belong() {
    for (debtor, rich) in [(ADA, BO), (BO, ADA)] {
        let mut shop = Shop::open();
        shop.pay(debtor, 1, "O", 50);
        for reward in ["five_off", "five_off", "low", "low"] {
            assert_eq!(shop.redeem(debtor, 2, reward), Status::Applied);
        }
        shop.refund(debtor, 3, "O", 50);
        shop.pay(rich, 4, "R", 90);
        let before = shop.both().map(bare);
        shop.merge(5);
        assert_eq!((net(&shop.world.ada(), "points"), net(&shop.world.ada(), "below")), (50, 50));
        shop.unmerge(5);
        assert_eq!(shop.both().map(bare), before, "{debtor} owed");
        // Spent in between, it is the points of the rich that are gone.
        shop.merge(6);
        assert_eq!(shop.redeem(ADA, 7, "five_off"), Status::Applied);
        shop.unmerge(8);
        let mut left = shop.points();
        left.sort_unstable();
        assert_eq!(left, [-40, 70]);
    }
}

#[test]
fn a_return_is_his_whose_order_it_was() {
    let mut shop = Shop::open();
    shop.pay(ADA, 1, "A", 40);
    shop.pay(BO, 2, "B", 60);
    // Bo spends what the order gave, so its return is paid from Ada's points.
    for _ in 0..3 {
        assert_eq!(shop.redeem(BO, 3, "five_off"), Status::Applied);
    }
    shop.merge(4);
    shop.refund(BO, 5, "B", 30);
    assert_eq!(shop.points()[0], 10);
    shop.unmerge(6);
    assert_eq!(shop.points(), [40, -30], "Ada's are hers again, and Bo owes");
    assert_eq!(shop.spend(), [40, 30].map(|n| Num::int(n).unwrap()));
    shop.refund(BO, 7, "B", 30);
    assert_eq!(shop.points(), [40, -60]);
    assert_eq!(shop.spend(), [40, 0].map(|n| Num::int(n).unwrap()));
}

#[test]
fn an_edit_is_his_whose_order_it_was() {
    let mut shop = Shop::open();
    shop.pay(BO, 2, "B", 60);
    shop.merge(4);
    let edited = r#"{"id": "B", "currency": "EUR", "total": 80}"#;
    assert_eq!(shop.send(BO, 5, "order.updated", edited).status, Status::Applied);
    shop.unmerge(6);
    assert_eq!(shop.points(), [0, 80]);
    assert_eq!(shop.spend(), [0, 80].map(|n| Num::int(n).unwrap()));
}

#[test]
fn a_redemption_is_his_who_made_it() {
    let mut shop = Shop::open();
    shop.pay(BO, 1, "B", 60);
    let asked = r#"{"reward": "five_off", "confirm": true, "order": {"id": "X", "subtotal": 50}}"#;
    let made = shop.send(BO, 2, "fealty.redeemed", asked);
    let id = made.emitted.iter().find_map(|m| m.data.get("redemption")).unwrap().to_string();
    shop.pay(BO, 2, "X", 40);
    shop.merge(3);
    // A part of it comes back while they are one, all of it later.
    shop.refund(ADA, 4, "X", 20);
    shop.unmerge(5);
    assert_eq!(shop.points(), [0, 70]);
    let told = shop.send(BO, 6, "fealty.redemption", &format!(r#"{{"redemption": {id}, "act": "return"}}"#));
    assert_eq!(told.status, Status::Applied, "{:?}", told.reason);
    assert_eq!(shop.points(), [0, 80]);
}

#[test]
fn a_level_goes_with_him_who_brought_it() {
    let mut shop = Shop::open();
    shop.pay(ADA, 1, "A", 40);
    shop.pay(BO, 2, "B", 150);
    shop.merge(3);
    assert_eq!(shop.levels()[0], "gold");
    let told = shop.unmerge(4);
    assert_eq!(shop.levels(), ["basic", "gold"]);
    let said: Vec<_> = told.emitted.iter().filter(|m| m.kind == "tier.changed").collect();
    assert_eq!((said.len(), &said[0].data["why"]), (1, &"unmerged".into()));
    // What the two reached together goes; what she reached by herself stays.
    shop.merge(5);
    shop.pay(ADA, 6, "A2", 20);
    assert_eq!(shop.levels()[0], "black");
    shop.unmerge(7);
    assert_eq!(shop.levels(), ["basic", "gold"]);
    shop.merge(8);
    shop.pay(ADA, 9, "A3", 150);
    shop.unmerge(10);
    assert_eq!(shop.levels(), ["black", "gold"]);
}

#[test]
fn it_is_refused_with_the_way_out() {
    let mut shop = Shop::open();
    let code = |decision: &Decision| decision.reason.as_ref().unwrap().code.to_string();
    assert_eq!(code(&shop.unmerge(1)), codes::UNMERGE_NOT_ABSORBED);
    shop.pay(BO, 1, "B", 50);
    shop.merge(2);
    let asked = r#"{"reward": "five_off", "order": {"id": "x", "subtotal": 50}}"#;
    shop.send(ADA, 3, "fealty.redeemed", asked);
    assert_eq!(code(&shop.unmerge(3)), codes::UNMERGE_NOT_NOW);
    shop.pay("email:cy@example.com", 4, "C", 5);
    let cy = shop.world.member("email:cy@example.com").no;
    shop.send(ADA, 5, "fealty.merged", &format!(r#"{{"absorb": {cy}}}"#));
    assert_eq!(code(&shop.unmerge(6)), codes::UNMERGE_NOT_NOW, "Cy first");
    let told = shop.send(ADA, 7, "fealty.unmerged", &format!(r#"{{"absorbed": {cy}}}"#));
    assert_eq!(told.status, Status::Applied);
    assert_eq!(code(&shop.unmerge(33)), codes::UNMERGE_TOO_LATE);
    assert_eq!(shop.points(), [50, 0]);
}

#[test]
fn whom_he_had_absorbed_himself_goes_with_him() {
    let mut shop = Shop::open();
    shop.pay("email:cy@example.com", 1, "C", 5);
    let cy = shop.world.member("email:cy@example.com").no;
    assert_eq!(shop.send(BO, 2, "fealty.merged", &format!(r#"{{"absorb": {cy}}}"#)).status, Status::Applied);
    shop.merge(3);
    shop.unmerge(4);
    assert_eq!(shop.world.member("email:cy@example.com").no, shop.bo);
    assert_eq!(shop.points(), [0, 5]);
    let told = shop.send(BO, 5, "fealty.unmerged", &format!(r#"{{"absorbed": {cy}}}"#));
    assert_eq!(told.status, Status::Applied, "{:?}", told.reason);
    assert_eq!(shop.points(), [0, 0]);
    assert_eq!(net(&shop.world.by_no(cy), "points"), 5);
}

/// (who, what, how much)
type Step = (bool, u8, u32);

fn play(shop: &mut Shop, steps: &[Step], from: u32) {
    for (n, (first, what, much)) in steps.iter().enumerate() {
        let (who, day) = (if *first { ADA } else { BO }, from + n as u32 / 4);
        let order = format!("o{}", much % 7);
        match what {
            0 | 1 => {
                let data = format!(r#"{{"id": "o{from}-{n}", "currency": "EUR", "total": {much}}}"#);
                shop.send(who, day, "order.paid", &data);
                let data = format!(r#"{{"id": "{order}", "currency": "EUR", "total": {much}}}"#);
                shop.send(who, day, "order.paid", &data);
            }
            2 => drop(shop.refund(who, day, &order, much / 2)),
            3 => drop(shop.send(who, day, "review.posted", &format!(r#"{{"product": "{}"}}"#, much % 5))),
            4 => drop(shop.redeem(who, day, if much % 2 == 0 { "five_off" } else { "low" })),
            5 => drop(shop.send(who, day, "order.fulfilled", &format!(r#"{{"order": "{order}"}}"#))),
            6 => drop(shop.send(who, day, "member.updated", &format!(r#"{{"plan": "p{}"}}"#, much % 3))),
            _ => {
                let to = if *first { shop.bo } else { shop.ada };
                let gift = format!(r#"{{"to": {to}, "wallet": "points", "amount": {}}}"#, 1 + much % 20);
                shop.send(who, day, "fealty.transferred", &gift);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever both had done, parted at once each is as he was.
    #[test]
    fn parted_at_once_both_are_as_they_were(steps in prop::collection::vec((any::<bool>(), 0..8_u8, 1..90_u32), 0..24)) {
        let mut shop = Shop::open();
        play(&mut shop, &steps, 1);
        let before = shop.both().map(bare);
        shop.merge(20);
        let told = shop.unmerge(20);
        prop_assert_eq!(told.status, Status::Applied, "{:?}", told.reason);
        for (is, was) in shop.both().map(bare).into_iter().zip(before) {
            let json = |member| serde_json::to_value::<Member>(member).unwrap();
            let (is, was) = (json(is), json(was));
            for (part, was) in was.as_object().unwrap() {
                prop_assert_eq!(is.get(part), Some(was), "{}", part);
            }
            prop_assert_eq!(is, was);
        }
    }

    /// Whatever happens meanwhile, nothing is made or lost by parting, and both go on.
    #[test]
    fn parting_makes_and_loses_nothing(
        before in prop::collection::vec((any::<bool>(), 0..8_u8, 1..90_u32), 0..16),
        since in prop::collection::vec((any::<bool>(), 0..7_u8, 1..90_u32), 0..16),
        after in prop::collection::vec((any::<bool>(), 0..8_u8, 1..90_u32), 0..12),
    ) {
        let mut shop = Shop::open();
        play(&mut shop, &before, 1);
        shop.merge(6);
        play(&mut shop, &since, 7);
        let sums = |shop: &Shop| {
            let both = shop.both();
            ["points", "stamps", "below"].map(|wallet| both.iter().map(|member| net(member, wallet)).sum::<i64>())
        };
        let whole = sums(&shop);
        let told = shop.unmerge(12);
        prop_assert_eq!(told.status, Status::Applied, "{:?}", told.reason);
        prop_assert_eq!(sums(&shop), whole);
        for limit in shop.both().iter().flat_map(|member| &member.limits) {
            prop_assert!(limit.parts.iter().all(|part| part.1 > 0), "{:?}", limit);
        }
        play(&mut shop, &after, 13);
    }
}
