//! Rewards under the kills: reserved, confirmed, cancelled or left to lapse, each request told again under its key until
//! it is answered. What is held and taken must be what the answers said, once.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use testkit::http::Client;
use testkit::rng::Rng;
use testkit::server::Server;

use super::{World, amount, lock};

/// Gems that one costs.
pub const COST: i64 = 7;

/// One request; its key and body never change.
#[derive(Clone, Debug)]
pub struct Request {
    key: String,
    path: String,
    body: Value,
    member: i64,
}

#[derive(Default)]
pub struct Redemptions {
    /// Not answered; told again until they are.
    open: Vec<Request>,
    /// By key: status and body.
    answered: BTreeMap<String, (u16, Value)>,
    /// By name: whose it is, and the furthest stage that anyone was told.
    stages: BTreeMap<String, (i64, String)>,
}

impl Redemptions {
    pub fn counts(&self) -> (usize, usize) {
        (self.stages.len(), self.open.len())
    }
}

/// Asks for a reward, or does something about one that is reserved.
pub fn ask(client: &mut Client, world: &Mutex<World>, rng: &mut Rng, member: i64) -> Result<(), String> {
    let request = {
        let mut world = lock(world);
        world.next += 1;
        let key = format!("k{:08}", world.next);
        let reserved = world.redemptions.stages.iter().filter(|(_, of)| of.1 == "reserved");
        let reserved: Vec<_> = reserved.map(|(name, of)| (name.clone(), of.0)).collect();
        if rng.chance(400) && !reserved.is_empty() {
            let (name, member) = rng.pick(&reserved).clone();
            let act = *rng.pick(&["confirm", "cancel"]);
            Request { key, path: format!("/v1/redemptions/{name}/{act}"), body: Value::Null, member }
        } else {
            let name = format!("email:m{member}@example.com");
            let body = json!({"member": name, "reward": "badge", "confirm": rng.chance(300)});
            Request { key, path: "/v1/redemptions".to_owned(), body, member }
        }
    };
    tell(client, world, &request).map(drop)
}

/// After a start: what is open is told again.
pub fn settle(client: &mut Client, world: &Mutex<World>) -> Result<(), String> {
    let open = std::mem::take(&mut lock(world).redemptions.open);
    for request in open {
        if !tell(client, world, &request)? {
            return Err(format!("{} was not answered", request.key));
        }
    }
    Ok(())
}

/// False: nothing came back, it stays open.
fn tell(client: &mut Client, world: &Mutex<World>, request: &Request) -> Result<bool, String> {
    let body = if request.body.is_null() { String::new() } else { request.body.to_string() };
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", &*request.key)];
    let answer = client.request("POST", &request.path, &headers, body.as_bytes());
    let mut world = lock(world);
    let all = &mut world.redemptions;
    let answer = match answer {
        Ok(answer) if ![429, 503].contains(&answer.status) => answer,
        _ => {
            all.open.push(request.clone());
            return Ok(false);
        }
    };
    let told = answer.json();
    let refused = [404, 409, 422].contains(&answer.status);
    if !refused && !(200..300).contains(&answer.status) {
        return Err(format!("{} {}: {} {}", request.key, request.path, answer.status, answer.body));
    }
    if let Some((before, body)) = all.answered.get(&request.key)
        && ((*before < 300) == refused || body["id"] != told["id"])
    {
        return Err(format!(
            "{} was answered {before} {body}, and later {} {told}",
            request.key, answer.status
        ));
    }
    if let (false, Some(name), Some(stage)) = (refused, told["id"].as_str(), told["status"].as_str()) {
        all.stages.insert(name.to_owned(), (request.member, stage.to_owned()));
    }
    all.answered.insert(request.key.clone(), (answer.status, told));
    Ok(true)
}

/// Each member has the gems that his orders gave, less what his redemptions took; and no redemption but those that
/// anyone was told of.
pub fn balance(server: &Server, world: &Mutex<World>, member: i64, earned: i64) -> Result<(), String> {
    let (mut client, name) = (server.client(), format!("email%3Am{member}%40example.com"));
    // A reservation may lapse between two looks; then a further look sees it.
    for _ in 0..20 {
        let before = list(&mut client, &name)?;
        let answer = client.get(&format!("/v1/members/{name}")).map_err(|e| e.to_string())?;
        let gems = answer.json()["wallets"]["gems"].clone();
        if list(&mut client, &name)? != before {
            continue;
        }
        let takes = |one: &&Value| one["status"] == "reserved" || one["status"] == "confirmed";
        let taken = before.iter().filter(takes).count() as i64 * COST;
        let has = amount(&gems["available"]) + amount(&gems["pending"]) - amount(&gems["debt"]);
        if has != earned - taken {
            return Err(format!(
                "member {member} earned {earned} gems, redemptions hold {taken}: {gems} {before:?}"
            ));
        }
        return known(world, member, &before);
    }
    Err(format!("the redemptions of member {member} do not come to rest"))
}

fn list(client: &mut Client, name: &str) -> Result<Vec<Value>, String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/members/{name}/redemptions?limit=200{cursor}");
        let page = client.get(&path).map_err(|e| e.to_string())?.json();
        all.extend(page["redemptions"].as_array().into_iter().flatten().cloned());
        let Some(next) = page["next"].as_str() else { return Ok(all) };
        cursor = format!("&cursor={next}");
    }
}

fn known(world: &Mutex<World>, member: i64, all: &[Value]) -> Result<(), String> {
    let world = lock(world);
    let own = world.redemptions.stages.iter().filter(|(_, of)| of.0 == member);
    for (name, (_, told)) in own.clone() {
        let now = all.iter().find(|one| one["id"] == **name).map(|one| one["status"].clone());
        let stays = told == "reserved" || now == Some(told.as_str().into());
        if !stays || now.is_none() {
            return Err(format!("{name} was told to be {told}, and is {now:?}"));
        }
    }
    if world.redemptions.open.is_empty() && own.count() != all.len() {
        return Err(format!("member {member} has redemptions that nobody was told of: {all:?}"));
    }
    Ok(())
}
