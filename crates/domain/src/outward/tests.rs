//! Templates over a change and a member: what they become, and what is refused.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Draft, Outlook, View};
use crate::household::Who;
use crate::identity::Identity;
use crate::member::Member;
use crate::plan::Plan;
use crate::program::{self, Source};

const PROGRAM: &str = r#"
program = { id = "t", currency = "EUR", timezone = "Europe/Berlin" }
member = { plan = "free | plus = 'free'", nick = "string?" }
wallets.points = { decimals = 2 }
formulas.third = 'wallets.points.available / 3'
rules.base = { on = "order.paid", earn.points = 'order.subtotal', emit = { type = "order.told", data = { tags = 'order.tags', cost = 'order.total' } } }
"#;

fn plan() -> Plan {
    let main = Source { name: "program.toml".into(), text: PROGRAM.into() };
    let read = program::read(main, &mut |_| Ok(Vec::new()), None, 1);
    read.unwrap_or_else(|no| panic!("{:?}", no.diagnostics)).plan
}

fn member() -> Member {
    let told = json!({"no": 7, "enrolled_at": "2026-01-02T03:04:05Z", "last_pos": 1, "changes": 1,
        "identities": ["email:ada+1@example.com", "shopify:customer:42"], "fields": {"plan": "plus"}});
    let member: Member = serde_json::from_value(told).unwrap();
    assert_eq!(member.identities[1], Identity::parse("shopify:customer:42").unwrap());
    member
}

const TOLD: &str = r#"{"cursor": "f8-1-4f1c09aa", "type": "points.earned", "member": "mem_x", "member_seq": 12,
    "time": "2026-11-23T09:30:00.125Z", "data": {"wallet": "points", "amount": 9007199254740993.25, "balance": 140.5},
    "event": {"source": "shop", "id": "o \"1\"", "type": "order.paid"}}"#;

fn sources(template: &Json) -> Vec<String> {
    vec![template.to_string()]
}

fn written(template: &Json) -> String {
    let (plan, member) = (plan(), member());
    let sources = sources(template);
    let outlook = Outlook::new(&plan, sources.iter().map(String::as_str));
    let mut draft = Draft::new(&outlook, &plan);
    let compiled = draft.template("", template);
    assert!(draft.faults.is_empty(), "{:?}", draft.faults);
    let who = Some((Who::alone(&member), "mem_x"));
    let view = View::new(&plan, &outlook, TOLD, who, Timestamp::UNIX_EPOCH, Vec::new());
    let mut out = String::new();
    view.with(|env| compiled.write(env, &mut out)).unwrap();
    out
}

#[test]
fn what_stands_alone_keeps_its_type_and_is_exact() {
    for (source, becomes) in [
        ("${change.data.amount}", "9007199254740993.25"),
        ("${ change.data.balance / 4 }", "35.125"),
        ("${formulas.third}", "0"),
        ("${1 / 3}", "0.333333333"),
        ("${change.data.up}", "false"),
        ("${change.event.id}", r#""o \"1\"""#),
        ("${identities.shopify_customer}", r#""42""#),
        ("${member.plan}", r#""plus""#),
        ("${member.id}", r#""mem_x""#),
        ("${change.data.tags}", "[]"),
        ("${change.time}", r#""2026-11-23T09:30:00.125Z""#),
        ("of ${change.data.balance} ${\"}\" + change.data.wallet}!", r#""of 140.5 }points!""#),
        ("no $ and no { at all", r#""no $ and no { at all""#),
        ("", r#""""#),
    ] {
        assert_eq!(written(&json!(source)), becomes, "{source}");
    }
}

#[test]
fn what_is_absent_is_left_out_and_so_is_a_text_that_holds_it() {
    let template = json!({"a": "${identities.phone}", "b": [1, "${member.nick}", "${member.plan}"],
        "c": "call ${identities.phone}", "d": null, "e": {"f": "${change.data.until}"}});
    assert_eq!(written(&template), r#"{"b":[1,"plus"],"d":null,"e":{}}"#);
}

#[test]
fn values_in_an_address_are_parts_of_it() {
    let (plan, member) = (plan(), member());
    let outlook = Outlook::new(&plan, ["identities.email"].into_iter());
    let mut draft = Draft::new(&outlook, &plan);
    let address = draft.text("/url", "https://x.example/${identities.email}/?id=${change.event.id}", true);
    let who = Some((Who::alone(&member), "mem_x"));
    let view = View::new(&plan, &outlook, TOLD, who, Timestamp::UNIX_EPOCH, Vec::new());
    let written = view.with(|env| address.plain(env)).unwrap();
    assert_eq!(written.as_deref(), Some("https://x.example/ada%2B1%40example.com/?id=o%20%221%22"));
}

#[test]
fn mistakes_name_their_place_and_personal_data_are_seen() {
    let plan = plan();
    let outlook = Outlook::new(&plan, ["identities.email"].into_iter());
    let mut draft = Draft::new(&outlook, &plan);
    let wrong = json!({"a/b": ["${change.tipe}", "x ${change.data.tags}", "${open"], "...": "all"});
    draft.template("/body", &wrong);
    let at: Vec<&str> = draft.faults.iter().map(|misfit| misfit.at.as_str()).collect();
    assert_eq!(at, ["/body/...", "/body/a~1b/0", "/body/a~1b/1", "/body/a~1b/2"]);
    let mut draft = Draft::new(&outlook, &plan);
    draft.template("", &json!({"who": "${member.id}", "mail": "to ${identities.email}", "plan": "${member.plan == \"plus\"}"}));
    assert_eq!((draft.faults.len(), draft.personal), (0, vec!["/mail".to_owned(), "/plan".to_owned()]));
    // A condition tells nobody.
    let mut draft = Draft::new(&outlook, &plan);
    assert!(draft.condition("/filter", "member.plan == \"plus\"").is_some() && draft.personal.is_empty());
    assert!(draft.reads_member);
}
