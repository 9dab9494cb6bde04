//! Households beyond what a program test can say: leaving, what comes back later, one batch, new versions.

use std::sync::Arc;

use domain::codes;
use domain::outcome::{Decision, Status};
use proptest::prelude::*;

use super::world::{World, api, at, event, of, time};

const ADA: &str = "email:ada@example.com";
const BO: &str = "email:bo@example.com";
const CY: &str = "email:cy@example.com";
const SHOP: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { transfer = true }
wallets.later = { pending = "10 days" }
wallets.own = {}
households = { share = ["points", "later"], members_max = 4, stay = "1 day" }
counters.spend = { on = "order.paid", add = 'order.total' }
rules.base = { on = "order.paid", earn.points = 'order.total' }
rules.later = { on = "order.paid", earn.later = 'order.total' }
rules.ours = { on = "order.paid", earn.own = 1, limit = { times = 3, per = "month", across = "household" } }
rewards.mug = { cost.points = 30, gives.product = "mug" }
"#;

fn world(toml: &str) -> World {
    let mut world = World::new(toml);
    world.now = time("2027-03-01T12:00:00Z");
    for name in [ADA, BO, CY] {
        world.send(of(name, event("member.enrolled", name, "{}")));
    }
    world
}

struct Shop {
    world: World,
    next: u32,
}

impl Shop {
    fn new(toml: &str) -> Shop {
        Shop { world: world(toml), next: 0 }
    }

    fn send(&mut self, name: &str, kind: &str, data: &str) -> Arc<Decision> {
        self.next += 1;
        let (id, now) = (format!("e{}", self.next), self.world.now.to_string());
        let event = at(&now, of(name, event(kind, &id, data)));
        let event = if kind.starts_with("fealty.") { api(event) } else { event };
        self.world.send(event).decision
    }

    fn pay(&mut self, name: &str, order: &str, total: u32) {
        let data = format!(r#"{{"id": "{order}", "currency": "EUR", "total": {total}}}"#);
        assert_eq!(self.send(name, "order.paid", &data).status, Status::Applied);
    }

    fn join(&mut self, name: &str, with: &str) -> Arc<Decision> {
        let with = self.world.member(with).no;
        self.send(name, "fealty.joined", &format!(r#"{{"with": {with}}}"#))
    }

    fn leave(&mut self, name: &str) -> Arc<Decision> {
        self.send(name, "fealty.left", "{}")
    }

    /// Gives the reward back that he redeemed there.
    fn hand_back(&mut self, name: &str, redeemed: &Decision) {
        let one = &redeemed.redemptions[0];
        let id = domain::redemption::id(&self.world.plans.keys, one.pos, one.n);
        let back = format!(r#"{{"redemption": "{id}", "act": "return"}}"#);
        assert_eq!(self.send(name, "fealty.redemption", &back).status, Status::Applied);
    }

    /// Available in the wallet that he sees.
    fn has(&self, name: &str) -> i64 {
        let member = self.world.member(name);
        let holder = member.home.as_ref().map_or(member.clone(), |home| self.world.by_no(home.no));
        holder.wallets.iter().find(|w| w.id == "points").map_or(0, |w| w.available)
    }

    fn own(&self, name: &str) -> i64 {
        self.world.member(name).wallets.iter().find(|w| w.id == "points").map_or(0, |w| w.available)
    }
}

fn code(decision: &Decision) -> &str {
    decision.reason.as_ref().map_or("", |reason| &reason.code)
}

#[test]
fn who_leaves_takes_his_own_unspent_lots() {
    let mut shop = Shop::new(SHOP);
    shop.pay(ADA, "A", 20);
    shop.pay(BO, "B", 25);
    assert_eq!(shop.join(ADA, BO).status, Status::Applied);
    shop.pay(ADA, "C", 10);
    assert_eq!((shop.has(ADA), shop.has(BO), shop.own(ADA), shop.own(BO)), (55, 55, 0, 0));
    // The oldest goes first, whoever spends: ada's 20 and 10 of bo's.
    shop.send(BO, "fealty.redeemed", r#"{"reward": "mug", "confirm": true}"#);
    assert_eq!(shop.has(ADA), 25);
    assert_eq!(code(&shop.leave(ADA)), codes::HOUSEHOLD_STAY);
    shop.world.pass("2027-03-03T12:00:00Z");
    assert_eq!(shop.leave(ADA).status, Status::Applied);
    assert_eq!((shop.own(ADA), shop.has(BO)), (10, 15));
    assert_eq!(code(&shop.leave(ADA)), codes::HOUSEHOLD_NOT_IN);
    // A return finds the lot where it went.
    shop.send(ADA, "order.refunded", r#"{"order": "C", "currency": "EUR"}"#);
    assert_eq!((shop.own(ADA), shop.has(BO)), (0, 15));
    // The last one takes what is left; nobody is in it any more.
    assert_eq!(shop.leave(BO).status, Status::Applied);
    assert_eq!(shop.own(BO), 15);
}

#[test]
fn what_comes_and_goes_is_told_in_words() {
    let mut shop = Shop::new(SHOP);
    shop.pay(ADA, "A", 20);
    shop.join(ADA, BO);
    shop.world.pass("2027-03-20T12:00:00Z");
    shop.leave(ADA);
    let rows = shop.world.rows();
    let told: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            domain::explain::explain(&shop.world.plans.current, &row.event, &row.decision).changes
        })
        .map(|change| change.said)
        .collect();
    assert_eq!(
        told,
        [
            "20 points went into the household's wallet, with their dates",
            "20 later that rule later gave have waited long enough and can be spent",
            "20 later left the household's wallet, with their dates",
            "20 points left the household's wallet, with their dates",
        ]
    );
    let messages: Vec<&str> =
        rows.iter().flat_map(|row| &row.decision.emitted).map(|message| &*message.kind).collect();
    assert_eq!(messages, ["household.joined", "household.joined", "household.left"]);
}

#[test]
fn nobody_leaves_or_joins_while_points_are_owed() {
    let mut shop = Shop::new(SHOP);
    shop.pay(ADA, "A", 30);
    shop.send(ADA, "fealty.redeemed", r#"{"reward": "mug", "confirm": true}"#);
    shop.send(ADA, "order.refunded", r#"{"order": "A", "currency": "EUR"}"#);
    assert_eq!(code(&shop.join(ADA, BO)), codes::HOUSEHOLD_OWES);
    assert_eq!(code(&shop.join(BO, ADA)), codes::HOUSEHOLD_OWES);
    shop.pay(ADA, "B", 30);
    assert_eq!(shop.join(BO, ADA).status, Status::Applied);
    shop.pay(BO, "C", 30);
    shop.send(ADA, "fealty.redeemed", r#"{"reward": "mug", "confirm": true}"#);
    shop.send(BO, "order.refunded", r#"{"order": "C", "currency": "EUR"}"#);
    shop.world.pass("2027-03-03T12:00:00Z");
    assert_eq!(code(&shop.leave(BO)), codes::HOUSEHOLD_OWES);
    shop.pay(ADA, "D", 40);
    assert_eq!(shop.has(BO), 10);
    assert_eq!(shop.leave(BO).status, Status::Applied);
    assert_eq!((shop.own(BO), shop.has(ADA)), (0, 10));
}

#[test]
fn what_is_given_back_is_his_again_who_had_put_it_in() {
    let mut shop = Shop::new(SHOP);
    shop.pay(ADA, "A", 30);
    shop.join(BO, ADA);
    let redeemed = shop.send(BO, "fealty.redeemed", r#"{"reward": "mug", "confirm": false}"#);
    assert_eq!(shop.has(ADA), 0);
    let one = &redeemed.redemptions[0];
    let id = domain::redemption::id(&shop.world.plans.keys, one.pos, one.n);
    shop.send(BO, "fealty.redemption", &format!(r#"{{"redemption": "{id}", "act": "cancel"}}"#));
    assert_eq!(shop.has(ADA), 30);
    shop.world.pass("2027-03-03T12:00:00Z");
    shop.leave(ADA);
    assert_eq!((shop.own(ADA), shop.has(BO)), (30, 0));
}

#[test]
fn nobody_carries_away_what_others_put_in() {
    for (leaver, stayer) in [(BO, ADA), (ADA, BO)] {
        let mut shop = Shop::new(SHOP);
        shop.pay(ADA, "A", 20);
        shop.pay(BO, "B", 10);
        shop.join(BO, ADA);
        let redeemed = shop.send(BO, "fealty.redeemed", r#"{"reward": "mug", "confirm": true}"#);
        assert_eq!(shop.has(ADA), 0);
        shop.world.pass("2027-03-03T12:00:00Z");
        assert_eq!(shop.leave(leaver).status, Status::Applied);
        shop.hand_back(BO, &redeemed);
        // Each has what he had put in, wherever he is now.
        let of = |name| if name == ADA { 20 } else { 10 };
        assert_eq!((shop.own(leaver), shop.has(stayer)), (of(leaver), of(stayer)), "{leaver} left");
    }
}

/// Two of them put in parts of one and the same lot: one had given the other some of it before.
#[test]
fn parts_of_one_lot_go_back_to_two_owners() {
    for (leaver, stayer) in [(BO, ADA), (ADA, BO)] {
        let mut shop = Shop::new(SHOP);
        shop.pay(ADA, "A", 30);
        let bo = shop.world.member(BO).no;
        let some = format!(r#"{{"to": {bo}, "wallet": "points", "amount": 20}}"#);
        assert_eq!(shop.send(ADA, "fealty.transferred", &some).status, Status::Applied);
        shop.join(BO, ADA);
        let redeemed = shop.send(BO, "fealty.redeemed", r#"{"reward": "mug", "confirm": true}"#);
        let by: Vec<_> = redeemed.redemptions[0].spent.iter().map(|one| (one.by, one.amount)).collect();
        assert_eq!(by, [(Some(shop.world.ada().no), 10), (Some(bo), 20)]);
        shop.world.pass("2027-03-03T12:00:00Z");
        assert_eq!(shop.leave(leaver).status, Status::Applied);
        shop.hand_back(BO, &redeemed);
        let of = |name| if name == ADA { 10 } else { 20 };
        assert_eq!((shop.own(leaver), shop.has(stayer)), (of(leaver), of(stayer)), "{leaver} left");
    }
}

#[test]
fn a_household_is_no_member() {
    let mut shop = Shop::new(SHOP);
    shop.pay(ADA, "A", 30);
    shop.join(ADA, BO);
    let home = shop.world.ada().home.unwrap().no;
    let ada = shop.world.ada().no;
    for (kind, data) in [
        ("fealty.adjusted", r#"{"wallet": "points", "amount": 5, "reason": "x"}"#.to_owned()),
        ("fealty.redeemed", r#"{"reward": "mug", "confirm": true}"#.to_owned()),
        ("fealty.joined", format!(r#"{{"with": {ada}}}"#)),
        ("fealty.merged", format!(r#"{{"absorb": {ada}}}"#)),
    ] {
        let mut event = api(event(kind, kind, &data));
        event.subject = Some(domain::event::Subject::Member(home));
        assert_eq!(code(&shop.world.send(event).decision), codes::MEMBER_UNKNOWN, "{kind}");
    }
    for (kind, data) in [
        ("fealty.joined", format!(r#"{{"with": {home}}}"#)),
        ("fealty.transferred", format!(r#"{{"to": {home}, "wallet": "points", "amount": 1}}"#)),
        ("fealty.merged", format!(r#"{{"absorb": {home}}}"#)),
    ] {
        assert_eq!(code(&shop.send(CY, kind, &data)), codes::MEMBER_UNKNOWN, "{kind}");
    }
    // Given to a resident, it is the household's, and stays his.
    shop.pay(CY, "C", 7);
    let to = format!(r#"{{"to": {ada}, "wallet": "points", "amount": 7}}"#);
    assert_eq!(shop.send(CY, "fealty.transferred", &to).status, Status::Applied);
    assert_eq!(shop.has(BO), 37);
    let back = format!(r#"{{"to": {}, "wallet": "points", "amount": 7}}"#, shop.world.member(CY).no);
    assert_eq!(code(&shop.send(ADA, "fealty.transferred", &back)), codes::TRANSFER_NOT_ALLOWED);
}

#[test]
fn a_member_who_lives_with_others_absorbs_another() {
    let mut shop = Shop::new(SHOP);
    shop.pay(ADA, "A", 10);
    shop.pay(CY, "C", 7);
    shop.join(ADA, BO);
    let (cy, ada) = (shop.world.member(CY).no, shop.world.ada().no);
    assert_eq!(shop.send(ADA, "fealty.merged", &format!(r#"{{"absorb": {cy}}}"#)).status, Status::Applied);
    assert_eq!(shop.has(BO), 17);
    // What waits is his own until it is released.
    let waits = |shop: &Shop, name| {
        let member = shop.world.member(name);
        member.wallets.iter().find(|w| w.id == "later").map_or(0, |w| w.pending)
    };
    assert_eq!(waits(&shop, ADA), 17);
    let absorbs = format!(r#"{{"absorb": {ada}}}"#);
    assert_eq!(code(&shop.send(BO, "fealty.merged", &absorbs)), codes::MERGE_NOT_NOW);
    shop.world.pass("2027-03-20T12:00:00Z");
    shop.leave(ADA);
    assert_eq!((shop.own(ADA), shop.has(BO), waits(&shop, ADA)), (17, 0, 0));
}

#[test]
fn who_is_erased_leaves() {
    let mut shop = Shop::new(SHOP);
    shop.pay(ADA, "A", 20);
    shop.pay(BO, "B", 5);
    shop.join(ADA, BO);
    let ada = shop.world.ada().no;
    assert_eq!(shop.send(ADA, "fealty.erased", "{}").status, Status::Applied);
    let erased = shop.world.by_no(ada);
    assert!(erased.erased && erased.home.is_none());
    assert_eq!(erased.wallets.iter().find(|w| w.id == "points").map(|w| w.available), Some(20));
    assert_eq!(shop.has(BO), 5);
    assert_eq!(shop.join(CY, BO).status, Status::Applied);
}

#[test]
fn one_batch_is_as_good_as_many() {
    let story = |shop: &World| {
        let (ada, bo) = (shop.ada().no, shop.member(BO).no);
        let order = |name: &str, id: &str, total: u32| {
            let data = format!(r#"{{"id": "{id}", "currency": "EUR", "total": {total}}}"#);
            of(name, event("order.paid", id, &data))
        };
        let join = |name: &str, with: u64| {
            api(of(name, event("fealty.joined", &format!("j{name}"), &format!(r#"{{"with": {with}}}"#))))
        };
        vec![
            order(ADA, "A", 20),
            join(ADA, bo),
            order(BO, "B", 25),
            join(CY, ada),
            order(CY, "C", 5),
            api(of(BO, event("fealty.redeemed", "r", r#"{"reward": "mug", "confirm": true}"#))),
            at("2027-03-12T12:00:00Z", api(of(ADA, event("fealty.left", "l", "{}")))),
            at("2027-03-12T12:00:00Z", order(ADA, "D", 1)),
        ]
    };
    let (mut one, mut many) = (world(SHOP), world(SHOP));
    (one.now, many.now) = (time("2027-03-12T12:00:00Z"), time("2027-03-12T12:00:00Z"));
    let events = story(&one);
    let answers = one.send_all(&events);
    assert!(answers.iter().all(|answer| answer.decision.status == Status::Applied));
    for event in events {
        many.send(event);
    }
    for name in [ADA, BO, CY] {
        assert_eq!(one.member(name), many.member(name));
    }
    let home = one.member(BO).home.unwrap().no;
    assert_eq!(one.by_no(home), many.by_no(home));
    assert_eq!(one.by_no(home).household.unwrap().residents.len(), 2);
}

#[test]
fn a_new_version_shares_other_wallets() {
    let none = SHOP.replace(r#"share = ["points", "later"]"#, r#"share = ["own"]"#);
    let mut shop = Shop::new(SHOP);
    shop.pay(ADA, "A", 20);
    shop.pay(BO, "B", 5);
    shop.join(ADA, BO);
    shop.pay(BO, "C", 10);
    let own = |shop: &Shop, name| {
        let member = shop.world.member(name);
        member.wallets.iter().find(|w| w.id == "own").map_or(0, |w| w.available)
    };
    assert_eq!((own(&shop, ADA), own(&shop, BO)), (1, 2));
    shop.world.publish(&none);
    shop.world.pass("2027-03-02T12:00:00Z");
    // Each has his own points again, and what each had alone is now theirs.
    assert_eq!((shop.own(ADA), shop.own(BO)), (20, 15));
    assert_eq!((own(&shop, ADA), own(&shop, BO)), (0, 0));
    let home = shop.world.by_no(shop.world.ada().home.unwrap().no);
    assert_eq!(home.wallets.iter().find(|w| w.id == "own").map(|w| w.available), Some(3));
}

/// Everything that time and rules do to a wallet, on wallets that are shared.
const HARD: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { expires = "4 days", warn = "2 days", transfer = true }
wallets.idle = { expires = "3 days idle", pending = "1 day", when_short = "negative" }
wallets.later = { pending = { until = "order.fulfilled", at_most = "6 days" }, expires = 'tiers.status.keep_for', balance_max = 60 }
households = { share = ["points", "idle", "later"], members_max = 3 }
counters.spend = { on = "order.paid", add = 'order.total' }
counters.later = { earned = "wallets.later", count_pending = false }
rules.points = { on = "order.paid", earn.points = 'order.total' }
rules.idle = { on = "order.paid", earn.idle = 'order.total', limit = { idle = 100, per = "7 days", across = "household" } }
rules.later = { on = "order.paid", earn.later = 'order.total' }
rules.rich = { on = "order.paid", when = 'wallets.points.available > 40', redeem.mug = 1 }
rules.ended = { on = "points.expired", earn.idle = 1 }
rules.free = { on = "points.released", earn.points = 1 }
rules.weekly = { on = { every = "week" }, earn.points = 2, limit = { times = 2, per = "month", across = "household" } }
achievements.big = { needs.spend = 50, repeat = true, redeem.mug = 1 }
rewards.mug = { cost.points = 30, gives.product = "mug", limit = { times = 4, per = "month", across = "household" } }
workflows.hello = { on = "member.enrolled", steps = [{ wait = "5 days" }, { earn.points = 3 }] }
[tiers.status]
keep = "10 days"
levels = [{ id = "one", keep_for = "5 days" }, { id = "two", keep_for = "9 days", needs.later = 40 }]
"#;

fn any_step(shop: &mut Shop, n: usize, (what, who, with, total): (u8, usize, usize, u32), hour: &mut u32) {
    let names = [ADA, BO, CY];
    let (name, other) = (names[who], names[with]);
    let last = format!(r#"{{"order": "o{}", "currency": "EUR"}}"#, n.saturating_sub(1 + with));
    match what {
        0 | 1 => shop.pay(name, &format!("o{n}"), total),
        2 => drop(shop.join(name, other)),
        3 => drop(shop.leave(name)),
        4 => drop(shop.send(name, "order.refunded", &last)),
        5 => drop(shop.send(name, "order.fulfilled", &last)),
        6 => {
            let to = shop.world.member(other).no;
            let gift = format!(r#"{{"to": {to}, "wallet": "points", "amount": {total}}}"#);
            shop.send(name, "fealty.transferred", &gift);
        }
        7 => {
            let redeemed = shop.send(name, "fealty.redeemed", r#"{"reward": "mug"}"#);
            if let (Some(one), 0) = (redeemed.redemptions.first(), with) {
                let id = domain::redemption::id(&shop.world.plans.keys, one.pos, one.n);
                let cancel = format!(r#"{{"redemption": "{id}", "act": "cancel"}}"#);
                shop.send(name, "fealty.redemption", &cancel);
            }
        }
        8 => {
            let hand = format!(r#"{{"wallet": "idle", "amount": {}, "reason": "x"}}"#, i64::from(total) - 20);
            shop.send(name, "fealty.adjusted", &hand);
        }
        9 if n.is_multiple_of(7) => {
            let no = shop.world.member(other).no;
            shop.send(name, "fealty.merged", &format!(r#"{{"absorb": {no}}}"#));
        }
        _ => {
            *hour += total;
            let to = time("2027-03-01T12:00:00Z") + jiff::SignedDuration::from_hours(i64::from(*hour));
            // Now and then only the next event wakes those whom it concerns.
            if with == 0 { shop.world.now = to } else { shop.world.pass(&to.to_string()) }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// `World::audit` and every assertion of the core hold after each step.
    #[test]
    fn whatever_time_and_rules_do(steps in prop::collection::vec((0..12_u8, 0..3_usize, 0..3_usize, 1..40_u32), 1..60)) {
        let (mut shop, mut hour) = (Shop::new(HARD), 0);
        for (n, step) in steps.into_iter().enumerate() {
            any_step(&mut shop, n, step, &mut hour);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Whoever comes and goes, `World::audit` holds after each step, and nothing that was earned is lost.
    #[test]
    fn whoever_comes_and_goes(steps in prop::collection::vec((0..5_u8, 0..3_usize, 0..3_usize, 1..40_u32), 1..30)) {
        let mut shop = Shop::new(SHOP);
        let names = [ADA, BO, CY];
        let (mut paid, mut back, mut spent, mut day) = (Vec::new(), 0, 0, 1);
        for (n, (what, who, with, total)) in steps.into_iter().enumerate() {
            match what {
                0 => {
                    let order = format!("o{n}");
                    shop.pay(names[who], &order, total);
                    paid.push((order, names[who], total, false));
                }
                1 => drop(shop.join(names[who], names[with])),
                2 => drop(shop.leave(names[who])),
                3 => {
                    let left = paid.iter_mut().find(|one| !one.3);
                    if let Some((order, of, amount, gone)) = left {
                        let data = format!(r#"{{"order": "{order}", "currency": "EUR"}}"#);
                        let (of, amount) = (*of, *amount);
                        *gone = true;
                        shop.send(of, "order.refunded", &data);
                        back += amount;
                    }
                }
                _ => {
                    let done = shop.send(names[who], "fealty.redeemed", r#"{"reward": "mug", "confirm": true}"#);
                    spent += u32::from(done.status == Status::Applied) * 30;
                    day += 1;
                    shop.world.pass(&format!("2027-03-{day:02}T12:00:00Z"));
                }
            }
        }
        let mut all = 0;
        let mut homes = Vec::new();
        for name in names {
            let member = shop.world.member(name);
            homes.extend(member.home.as_ref().map(|home| home.no));
            let points = member.wallets.iter().find(|w| w.id == "points");
            all += points.map_or(0, |w| w.available - w.debt);
        }
        homes.sort_unstable();
        homes.dedup();
        for home in homes {
            let home = shop.world.by_no(home);
            let points = home.wallets.iter().find(|w| w.id == "points");
            all += points.map_or(0, |w| w.available - w.debt);
        }
        let earned: u32 = paid.iter().map(|one| one.2).sum();
        prop_assert_eq!(all, i64::from(earned) - i64::from(back) - i64::from(spent));
    }
}

/// Also where something is due for the household before it.
#[test]
fn what_is_due_names_its_own_row() {
    let mut shop = Shop::new(HARD);
    shop.pay(ADA, "A", 20);
    shop.join(ADA, BO);
    shop.pay(BO, "B", 20);
    // Each is woken by something of his own, when something of the household is overdue.
    shop.world.pass("2027-03-20T12:00:00Z");
    shop.world.pass("2027-03-20T13:00:00Z");
    let due = |kind: &str| kind == "fealty.due";
    let rows = shop.world.rows();
    let names =
        rows.iter().filter(|row| due(&row.event.kind)).map(|row| (row.pos.to_string(), &*row.event.id));
    let names: Vec<_> = names.collect();
    assert!(names.len() > 4 && names.iter().all(|(pos, id)| pos == id), "{names:?}");
}
