//! Guests: whose events wait until somebody claims them, and for how long.

use crate::world::*;
use domain::event::Event;
use domain::identity::Identity;
use domain::outcome::Status;

fn shop(window: &str) -> World {
    World::new(&format!(
        r#"
program = {{ id = "shop", currency = "EUR", timezone = "Europe/Berlin", enrol = "explicit", claim_window = "{window}" }}
wallets.points = {{ expires = "2 months" }}
counters.orders = {{ on = "order.paid" }}
rules.base = {{ on = "order.paid", earn.points = 'order.total' }}
rules.first = {{ on = "order.paid", when = 'counters.orders == 0', earn.points = 1000 }}
"#
    ))
}

fn order(when: &str, id: &str, total: u32) -> Event {
    at(when, event("order.paid", id, &format!(r#"{{"id":"{id}","total":{total}}}"#)))
}

/// Points of ada after she enrols at this time; what came before at noon of 31 January.
fn claimed(window: &str, when: &str) -> i64 {
    let mut world = shop(window);
    world.now = time("2028-06-01T00:00:00Z");
    let guest = world.send(order("2027-01-31T12:00:00Z", "a", 10));
    assert_eq!(guest.decision.status, Status::Waiting);
    world.send(at(when, event("member.enrolled", "m", "{}")));
    // A wallet is made with the first points.
    world.points().0
}

#[test]
fn the_window_is_counted_in_days_of_the_calendar() {
    assert_eq!(claimed("30 days", "2027-03-02T12:00:00Z"), 1010);
    assert_eq!(claimed("30 days", "2027-03-02T12:00:01Z"), 0);
    assert_eq!(claimed("1 month", "2027-02-28T12:00:00Z"), 1010);
    assert_eq!(claimed("1 month", "2027-02-28T12:00:01Z"), 0);
    assert_eq!(claimed("2 months", "2027-03-31T11:00:00Z"), 1010, "noon of summer time is an hour earlier");
    assert_eq!(claimed("2 months", "2027-03-31T11:00:01Z"), 0);
    assert_eq!(claimed("1 year", "2028-01-31T12:00:00Z"), 1010);
}

#[test]
fn what_came_last_and_happened_first_counts_as_the_first() {
    let mut world = shop("60 days");
    world.send_all(&[
        order("2027-03-20T12:00:00Z", "late", 10),
        order("2027-03-10T12:00:00Z", "early", 20),
        nobody(at(
            "2027-03-11T12:00:00Z",
            event("order.refunded", "r", r#"{"id":"r","order":"early","amount":20}"#),
        )),
    ]);
    world.send(at("2027-03-25T12:00:00Z", event("member.enrolled", "m", "{}")));
    // The first order came back before the second one was paid: that is the first that counts.
    assert_eq!(world.points(), (1010, 0));
}

#[test]
fn a_guests_points_are_dated_from_what_happened() {
    let mut world = shop("90 days");
    world.send(order("2027-03-01T12:00:00Z", "a", 10));
    world.send(at("2027-05-20T12:00:00Z", event("member.enrolled", "m", "{}")));
    world.pass("2027-05-20T12:00:00Z");
    assert_eq!(world.points(), (0, 0), "they had ended by then");
    assert_eq!(world.counter("orders"), domain::num::Num::int(1).unwrap());
}

#[test]
fn a_name_that_is_linked_claims_its_events() {
    let mut world = shop("30 days");
    world.send(of("pos:card:7", order("2027-03-01T12:00:00Z", "a", 10)));
    world.send(at("2027-03-02T12:00:00Z", event("member.enrolled", "m", "{}")));
    assert_eq!(world.ada().wallets.len(), 0);
    let linked = at("2027-03-03T12:00:00Z", event("fealty.linked", "l", r#"{"identities":["pos:card:7"]}"#));
    assert_eq!(world.send(api(linked)).decision.frees, [1]);
    assert_eq!(world.points(), (1010, 0));
}

#[test]
fn names_within_an_event_claim_too_and_a_known_one_makes_no_guest() {
    let mut world = shop("30 days");
    world.send(of("shopify:customer:7", order("2027-03-01T12:00:00Z", "a", 10)));
    let mut enrolled = at("2027-03-02T12:00:00Z", event("member.enrolled", "m", "{}"));
    enrolled.also = vec![Identity::parse("shopify:customer:7").unwrap()];
    world.send(enrolled);
    assert_eq!(world.points(), (1010, 0));
    let known = world.send(of("shopify:customer:7", order("2027-03-03T12:00:00Z", "b", 5)));
    assert_eq!((known.decision.status, world.points().0), (Status::Applied, 1015));
}
