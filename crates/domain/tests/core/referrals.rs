//! Referrals: who may claim whose code, what counts, who is paid and what is taken back.

use domain::codes;
use domain::event::Event;
use domain::outcome::{Decision, Status};
use domain::referral_code;

use super::world::{World, at, event, of, time, who};

const HEAD: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { pending = "3 days" }
wallets.now = {}
member = { payment_fingerprint = "string?", address_hash = "string?" }
rules.friend = { on = "referral.qualified", earn.now = 10 }
rules.referrer = { on = "referral.qualified", to = "referrer", earn.now = 50, limit = { times = 2, per = "year" } }
"#;
const AT_ONCE: &str = "referrals = { on = \"order.paid\", when = 'order.total >= 20', claim = \"30 days\" }";
const LATER: &str = "referrals = { on = \"order.paid\", after = \"14 days\" }";
const ADA: &str = "email:ada@example.com";
const BO: &str = "email:bo@example.com";

/// Ada and Bo are members since noon of 1 March.
fn world(lines: &str) -> World {
    let head = HEAD.replace("wallets.points = { pending = \"3 days\" }", "wallets.points = {}");
    let mut world = World::new(&format!("{lines}\n{head}"));
    world.now = time("2027-03-01T12:00:00Z");
    for name in [ADA, BO] {
        world.send(of(name, event("member.enrolled", name, "{}")));
    }
    world
}

fn send(world: &mut World, name: &str, when: &str, kind: &str, data: &str) -> std::sync::Arc<Decision> {
    world.now = world.now.max(time(when));
    let id = format!("{kind}-{name}-{when}");
    world.send(at(when, of(name, event(kind, &id, data)))).decision
}

fn code(world: &World, name: &str) -> String {
    referral_code::of_member(&world.plans.keys, world.member(name).no).unwrap()
}

fn claim(world: &mut World, name: &str, by: &str) -> std::sync::Arc<Decision> {
    let data = format!(r#"{{"code": "{}"}}"#, code(world, by));
    send(world, name, "2027-03-02T12:00:00Z", "referral.claimed", &data)
}

fn refused(decision: &Decision) -> &str {
    assert_eq!(decision.status, Status::Refused);
    &decision.reason.as_ref().unwrap().code
}

fn now(world: &World, name: &str) -> i64 {
    world.member(name).wallets.iter().find(|w| w.id == "now").map_or(0, |w| w.available)
}

fn order(id: &str, total: u32) -> String {
    format!(r#"{{"id": "{id}", "currency": "EUR", "total": {total}}}"#)
}

#[test]
fn both_sides_are_paid_after_the_first_event_that_counts() {
    let mut world = world(AT_ONCE);
    assert_eq!(claim(&mut world, BO, ADA).status, Status::Applied);
    assert_eq!(world.member(ADA).brought, 1);
    send(&mut world, BO, "2027-03-03T12:00:00Z", "order.paid", &order("A", 19));
    assert_eq!((now(&world, ADA), now(&world, BO)), (0, 0), "it does not count");
    let paid = send(&mut world, BO, "2027-03-04T12:00:00Z", "order.paid", &order("B", 20));
    assert_eq!(paid.emitted[0].kind, "referral.qualified");
    assert_eq!((now(&world, ADA), now(&world, BO)), (50, 10));
    send(&mut world, BO, "2027-03-05T12:00:00Z", "order.paid", &order("C", 20));
    assert_eq!((now(&world, ADA), now(&world, BO)), (50, 10), "the first alone");
}

#[test]
fn an_order_that_comes_back_in_full_does_not_count_and_the_next_does() {
    let mut world = world(LATER);
    claim(&mut world, BO, ADA);
    send(&mut world, BO, "2027-03-03T12:00:00Z", "order.paid", &order("A", 30));
    send(
        &mut world,
        BO,
        "2027-03-04T12:00:00Z",
        "order.refunded",
        r#"{"order": "A", "currency": "EUR", "amount": 10}"#,
    );
    send(
        &mut world,
        BO,
        "2027-03-05T12:00:00Z",
        "order.refunded",
        r#"{"order": "A", "currency": "EUR", "amount": 20}"#,
    );
    world.pass("2027-04-01T00:00:00Z");
    assert_eq!((now(&world, ADA), now(&world, BO)), (0, 0));
    send(&mut world, BO, "2027-04-01T12:00:00Z", "order.paid", &order("B", 30));
    send(
        &mut world,
        BO,
        "2027-04-04T12:00:00Z",
        "order.refunded",
        r#"{"order": "B", "currency": "EUR", "amount": 29}"#,
    );
    world.pass("2027-04-15T11:59:59Z");
    assert_eq!(now(&world, ADA), 0, "not yet");
    world.pass("2027-04-15T12:00:00Z");
    assert_eq!((now(&world, ADA), now(&world, BO)), (50, 10));
}

#[test]
fn a_code_is_claimed_once() {
    let mut world = world(AT_ONCE);
    world.send(of("email:cy@example.com", event("member.enrolled", "cy", "{}")));
    claim(&mut world, BO, ADA);
    let again = format!(r#"{{"code": "{}"}}"#, code(&world, "email:cy@example.com"));
    let decision = send(&mut world, BO, "2027-03-02T13:00:00Z", "referral.claimed", &again);
    assert_eq!(refused(&decision), codes::REFERRAL_ALREADY_CLAIMED);
}

#[test]
fn nobody_refers_himself() {
    let mut world = world(AT_ONCE);
    assert_eq!(refused(&claim(&mut world, ADA, ADA)), codes::REFERRAL_OF_ONESELF);
    let by = format!(r#"{{"by": "{ADA}"}}"#);
    let decision = send(&mut world, ADA, "2027-03-02T13:00:00Z", "referral.claimed", &by);
    assert_eq!(refused(&decision), codes::REFERRAL_OF_ONESELF);
}

#[test]
fn not_with_a_name_in_common() {
    // The claim itself names the referrer.
    let mut world = world(AT_ONCE);
    let mut event = of(BO, event("referral.claimed", "x", &format!(r#"{{"by": "{ADA}"}}"#)));
    event.also = vec![domain::identity::Identity::parse(ADA).unwrap()];
    assert_eq!(refused(&world.send(event).decision), codes::REFERRAL_OF_ONESELF);
    // An order before did.
    let mut world = self::world(AT_ONCE);
    let mut paid: Event = of(BO, super::world::event("order.paid", "p", &order("A", 1)));
    paid.also = vec![domain::identity::Identity::parse(ADA).unwrap()];
    world.send(paid);
    assert_eq!(refused(&claim(&mut world, BO, ADA)), codes::REFERRAL_OF_ONESELF);
    // The order that would qualify it does.
    let mut world = self::world(LATER);
    claim(&mut world, BO, ADA);
    let mut paid = of(BO, super::world::event("order.paid", "p", &order("A", 1)));
    paid.also = vec![domain::identity::Identity::parse(ADA).unwrap()];
    world.now = time("2027-03-03T12:00:00Z");
    world.send(at("2027-03-03T12:00:00Z", paid));
    world.pass("2027-05-01T00:00:00Z");
    assert_eq!((now(&world, ADA), now(&world, BO)), (0, 0));
    assert!(world.member(BO).referral.unwrap().void);
}

#[test]
fn not_with_a_means_of_payment_or_an_address_in_common() {
    for print in ["payment_fingerprint", "address_hash"] {
        for (theirs, status) in [("same", Status::Refused), ("other", Status::Applied)] {
            let mut world = world(AT_ONCE);
            for (name, value) in [(ADA, "same"), (BO, theirs)] {
                let data = format!(r#"{{"{print}": "{value}"}}"#);
                send(&mut world, name, "2027-03-01T13:00:00Z", "member.updated", &data);
            }
            let claimed = claim(&mut world, BO, ADA);
            assert_eq!(claimed.status, status, "{print}: {theirs}");
            if status == Status::Refused {
                assert_eq!(refused(&claimed), codes::REFERRAL_OF_ONESELF);
            }
        }
    }
}

#[test]
fn not_in_a_circle() {
    let mut world = world(AT_ONCE);
    let cy = "email:cy@example.com";
    world.send(of(cy, event("member.enrolled", "cy", "{}")));
    assert_eq!(claim(&mut world, BO, ADA).status, Status::Applied);
    assert_eq!(claim(&mut world, cy, BO).status, Status::Applied);
    assert_eq!(refused(&claim(&mut world, ADA, cy)), codes::REFERRAL_CIRCLE);
}

#[test]
fn only_for_so_long_and_only_what_leads_to_someone() {
    let mut world = world(AT_ONCE);
    let mut say = |when: &str, data: &str| {
        let decision = send(&mut world, BO, when, "referral.claimed", data);
        refused(&decision).to_owned()
    };
    assert_eq!(say("2027-03-02T12:00:00Z", "{}"), codes::REFERRAL_CODE_MISSING);
    assert_eq!(say("2027-03-02T12:00:01Z", r#"{"code": "ZZZZZZZZ"}"#), codes::REFERRAL_CODE_UNKNOWN);
    assert_eq!(say("2027-03-02T12:00:02Z", r#"{"code": "no"}"#), codes::REFERRAL_CODE_UNKNOWN);
    assert_eq!(
        say("2027-03-02T12:00:03Z", r#"{"by": "email:nobody@example.com"}"#),
        codes::REFERRAL_CODE_UNKNOWN
    );
    assert_eq!(say("2027-03-02T12:00:04Z", r#"{"by": "ada"}"#), codes::IDENTITY_INVALID);
    let by = format!(r#"{{"by": "{ADA}"}}"#);
    // 30 days after noon of 1 March, local time: the clocks changed on the 28th.
    assert_eq!(say("2027-03-31T11:00:01Z", &by), codes::REFERRAL_TOO_LATE);
    assert_eq!(send(&mut world, BO, "2027-03-31T11:00:00Z", "referral.claimed", &by).status, Status::Applied);
}

#[test]
fn caps_are_the_referrers() {
    let mut world = world(AT_ONCE);
    for (n, name) in ["email:b1@x.org", "email:b2@x.org", "email:b3@x.org"].into_iter().enumerate() {
        world.send(of(name, event("member.enrolled", name, "{}")));
        claim(&mut world, name, ADA);
        send(&mut world, name, "2027-03-03T12:00:00Z", "order.paid", &order(&format!("o{n}"), 20));
    }
    assert_eq!(now(&world, ADA), 100);
}

#[test]
fn a_rule_for_the_referrer_reads_what_the_friend_got_and_his_own_state() {
    let mut world = world(&format!(
        r#"{AT_ONCE}
counters.orders = {{ on = "order.paid" }}
rules.base = {{ on = "order.paid", earn.points = 'order.total' }}
rules.share = {{ on = "order.paid", to = "referrer", when = 'counters.orders == 0', earn.points = 'rules.base.points * 0.1' }}
"#
    ));
    let points = |world: &World, name: &str| {
        world.member(name).wallets.iter().find(|w| w.id == "points").map_or(0, |w| w.available)
    };
    claim(&mut world, BO, ADA);
    send(&mut world, BO, "2027-03-03T12:00:00Z", "order.paid", &order("A", 100));
    assert_eq!((points(&world, ADA), points(&world, BO)), (10, 100));
    // A return takes back from both; a replay of it nothing.
    let back = r#"{"id": "r1", "order": "A", "currency": "EUR", "amount": 50}"#;
    send(&mut world, BO, "2027-03-04T12:00:00Z", "order.refunded", back);
    send(&mut world, BO, "2027-03-04T12:00:01Z", "order.refunded", back);
    assert_eq!((points(&world, ADA), points(&world, BO)), (5, 50));
    // So does an edit.
    send(&mut world, BO, "2027-03-05T12:00:00Z", "order.updated", &order("A", 200));
    assert_eq!((points(&world, ADA), points(&world, BO)), (15, 150));
    // The friend's orders are not counted as hers; her own are.
    send(&mut world, BO, "2027-03-06T12:00:00Z", "order.paid", &order("B", 100));
    assert_eq!(points(&world, ADA), 25);
    send(&mut world, ADA, "2027-03-07T12:00:00Z", "order.paid", &order("C", 1));
    send(&mut world, BO, "2027-03-08T12:00:00Z", "order.paid", &order("D", 100));
    assert_eq!(points(&world, ADA), 26);
}

#[test]
fn a_return_that_comes_before_its_order_is_taken_from_the_referrer_too() {
    let mut world = world(&format!(
        "{AT_ONCE}\nrules.share = {{ on = \"order.paid\", to = \"referrer\", earn.now = 'order.total' }}"
    ));
    claim(&mut world, BO, ADA);
    let back = r#"{"id": "r1", "order": "A", "currency": "EUR", "amount": 3}"#;
    assert_eq!(send(&mut world, BO, "2027-03-04T12:00:00Z", "order.refunded", back).status, Status::Waiting);
    send(&mut world, BO, "2027-03-03T12:00:00Z", "order.paid", &order("A", 10));
    assert_eq!(now(&world, ADA), 7);
}

#[test]
fn without_a_referrer_there_is_no_effect() {
    let mut world = world(AT_ONCE);
    send(&mut world, BO, "2027-03-03T12:00:00Z", "order.paid", &order("A", 100));
    assert_eq!((now(&world, ADA), now(&world, BO)), (0, 0));
    let _ = who(ADA);
}
