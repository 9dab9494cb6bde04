//! A member who is erased: what goes, what stays, what is still heard.

use domain::codes;
use domain::event::Subject;
use domain::outcome::Status;

use super::world::{World, api, event, nobody, of};

const BO: &str = "email:bo@example.com";
const SHOP: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
member.plan = "string?"
rules.base = { on = "order.paid", earn.points = 'order.total' }
workflows.hello = { on = "member.enrolled", steps = [{ wait = "7 days" }, { earn.points = 5 }] }
"#;

fn world() -> (World, u64) {
    let mut world = World::new(SHOP);
    world.send(event("member.enrolled", "e", r#"{"plan": "pro"}"#));
    world.pay(r#"{"id": "A", "total": 30}"#);
    let no = world.ada().no;
    (world, no)
}

fn erase(world: &mut World, no: u64, id: &str) -> std::sync::Arc<domain::outcome::Decision> {
    let mut event = api(event("fealty.erased", id, "{}"));
    event.subject = Some(Subject::Member(no));
    world.send(event).decision
}

#[test]
fn names_and_fields_go_and_amounts_stay() {
    let (mut world, no) = world();
    assert_eq!(world.ada().runs.len(), 1);
    let decision = erase(&mut world, no, "x1");
    assert_eq!(decision.status, Status::Applied, "{:?}", decision.reason);
    assert_eq!(decision.emitted[0].kind, "member.erased");
    assert!(decision.linked.is_empty() && decision.seen.is_empty());
    let erased = world.by_no(no);
    assert!(
        erased.erased && erased.identities.is_empty() && erased.fields.is_empty() && erased.runs.is_empty()
    );
    assert_eq!(erased.wallets[0].available, 30);
    let document = serde_json::to_string(&erased).unwrap();
    assert!(!document.contains("ada") && !document.contains("pro"), "{document}");
    assert_eq!(erase(&mut world, no, "x2").status, Status::Applied, "what came since goes as well");
}

#[test]
fn nothing_more_is_heard_of_him_but_what_his_orders_still_do() {
    let (mut world, no) = world();
    erase(&mut world, no, "x");
    for (id, kind, data) in [
        ("p", "order.paid", r#"{"id": "B", "total": 5}"#),
        ("u", "member.updated", r#"{"plan": "free"}"#),
        ("o", "order.updated", r#"{"id": "A", "total": 40}"#),
    ] {
        let mut event = event(kind, id, data);
        event.subject = Some(Subject::Member(no));
        let refused = world.send(event).decision;
        assert_eq!(&*refused.reason.as_ref().unwrap().code, codes::MEMBER_ERASED, "{kind}");
    }
    let back = world.send(nobody(event("order.refunded", "r", r#"{"order": "A", "amount": 10}"#))).decision;
    assert_eq!((back.status, back.member), (Status::Applied, Some(no)), "{:?}", back.reason);
    assert_eq!(world.by_no(no).wallets[0].available, 20);
    // Whoever comes by the name is somebody new, and the same order pays nobody twice.
    let new = world.pay(r#"{"id": "C", "total": 7}"#);
    assert!(new.enrolled && new.member != Some(no));
    let again = world.send(event("order.paid", "again", r#"{"id": "A", "total": 30}"#)).decision;
    assert_eq!(&*again.reason.as_ref().unwrap().code, codes::ORDER_ALREADY_PAID);
}

#[test]
fn a_name_is_free_within_the_batch_that_erases() {
    let (mut world, no) = world();
    let mut goes = api(event("fealty.erased", "x", "{}"));
    goes.subject = Some(Subject::Member(no));
    let linked = api(event("fealty.linked", "l", r#"{"identities": ["pos:card:7"]}"#));
    let card = of("pos:card:7", event("order.paid", "c", r#"{"id": "C", "total": 2}"#));
    let answers =
        world.send_all(&[linked, goes, event("order.paid", "n", r#"{"id": "B", "total": 5}"#), card]);
    let members: Vec<_> = answers.iter().map(|answer| answer.decision.member.unwrap()).collect();
    assert_eq!(members, [no, no, no + 1, no + 2], "nobody holds what he was given in this batch either");
}

#[test]
fn who_absorbed_another_goes_with_all_that_he_was() {
    let (mut world, no) = world();
    world.send(of(BO, event("order.paid", "b", r#"{"id": "B", "total": 5}"#)));
    let bo = world.member(BO).no;
    world.send(api(event("fealty.merged", "m", &format!(r#"{{"absorb": {bo}}}"#))));
    erase(&mut world, bo, "x");
    assert!(world.by_no(no).erased, "his number stands for who absorbed him");
    let erasures = world.erasures();
    let numbers: Vec<u64> = erasures[0].histories.iter().map(|history| history.0).collect();
    assert_eq!(numbers, [no, bo]);
    let last = |no: u64| {
        world.rows().iter().filter(|r| r.decision.member == Some(no)).map(|r| r.pos).collect::<Vec<_>>()
    };
    let ada = last(no);
    assert_eq!(erasures[0].histories[0].1, ada[ada.len() - 2], "the newest row before this one");
    assert_eq!(erasures[0].histories[1].1, *last(bo).last().unwrap());
}
