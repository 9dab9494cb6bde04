//! Households over HTTP: joined, shown, spent from, left; and proved by `fealty verify --replay`.

mod common;

use common::{Api, launch, order};
use serde_json::{Value, json};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
wallets.stamps = {}
households = { share = ["points"], members_max = 2 }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.stamp = { on = "order.paid", earn.stamps = 1 }
rewards.mug = { cost.points = 30, gives.product = "mug" }
"#;

const ADA: &str = "/v1/members/email:ada@example.com";
const BO: &str = "/v1/members/email:bo@example.com";

fn available(api: &mut Api, member: &str, wallet: &str) -> Value {
    api.get(member).json()["wallets"][wallet]["available"].clone()
}

#[test]
fn two_members_share_a_wallet_and_part() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    api.event(&order("o1", "email:ada@example.com", "20"));
    api.event(&order("o2", "email:bo@example.com", "25"));
    api.event(&order("o3", "email:cy@example.com", "1"));
    let door = format!("{ADA}/household");
    let with = json!({"with": "email:bo@example.com"});
    let joined = api.post_once(&door, "k", &with);
    assert_eq!(joined.status, 200, "{}", joined.body);
    let home = joined.json()["household"]["id"].as_str().unwrap_or_default().to_owned();
    // A retry finds the same; a second time is refused.
    assert_eq!(api.post_once(&door, "k", &with).json()["household"]["id"], json!(home));
    let again = api.post(&door, &with);
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("household_already")));
    for (path, points) in [(ADA, 45), (BO, 45)] {
        let member = api.get(path).json();
        assert_eq!(member["household"]["id"], json!(home));
        assert_eq!(member["wallets"]["points"]["available"], points, "{member}");
        assert_eq!(member["wallets"]["stamps"]["available"], 1, "{member}");
    }
    let shown = api.get(&format!("/v1/members/{home}")).json();
    assert_eq!(shown["residents"].as_array().map(Vec::len), Some(2), "{shown}");
    let full = api.post("/v1/members/email:cy@example.com/household", &with);
    assert_eq!((full.status, &full.json()["code"]), (409, &json!("household_full")));
    let mug = json!({"member": "email:bo@example.com", "reward": "mug", "confirm": true});
    assert_eq!(api.post("/v1/redemptions", &mug).status, 201);
    assert_eq!(available(&mut api, ADA, "points"), 15);
    let list = api.get("/v1/members?limit=10").json();
    let listed =
        list["members"].as_array().into_iter().flatten().find(|m| m["household"]["id"] == home.as_str());
    assert_eq!(listed.map(|m| &m["wallets"]["points"]["available"]), Some(&json!(15)), "{list}");
    let ledger = api.get(&format!("{BO}/transfers")).json();
    assert_eq!(ledger["transfers"][0]["household"], json!(home), "{ledger}");
    assert_eq!(api.call("DELETE", &door, &[], b"").status, 200);
    assert_eq!(api.call("DELETE", &door, &[], b"").json()["code"], json!("household_not_in"));
    // The oldest went first: ada's 20 and 10 of bo's.
    assert_eq!(
        (available(&mut api, ADA, "points"), available(&mut api, BO, "points")),
        (json!(0), json!(15))
    );
    assert_eq!(api.post(&door, &json!({"with": "email:no@example.com"})).status, 422);
    let (code, out) = api.server.launch.run(&["verify", "--replay"]);
    assert_eq!(code, Some(0), "{out}");
}

#[test]
fn who_is_erased_leaves_and_the_rest_is_still_proved() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    api.event(&order("o1", "email:ada@example.com", "20"));
    api.event(&order("o2", "email:bo@example.com", "25"));
    let with = json!({"with": "email:bo@example.com"});
    assert_eq!(api.post(&format!("{ADA}/household"), &with).status, 200);
    api.event(&order("o3", "email:bo@example.com", "5"));
    assert_eq!(api.call("DELETE", ADA, &[], b"").status, 200);
    assert_eq!(available(&mut api, BO, "points"), 30);
    api.event(&order("o4", "email:bo@example.com", "1"));
    api.event(&order("o5", "email:cy@example.com", "7"));
    assert_eq!(api.post("/v1/members/email:cy@example.com/household", &with).status, 200);
    assert_eq!(available(&mut api, BO, "points"), 38);
    let (code, out) = api.server.launch.run(&["verify", "--replay"]);
    assert_eq!(code, Some(0), "{out}");
}
