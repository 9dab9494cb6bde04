//! `[tests.T]`: steps with their payloads as JSON, expectations as expressions.

use serde_json::Value as Json;

use super::Compiler;
use super::scope::Place;
use crate::codes;
use crate::condition::Code;
use crate::num::Num;
use crate::program::check::near::did_you_mean;
use crate::program::read::{Kind, Node, Table};
use crate::scenario::{Fields, Redeem, Step, Test, When};
use crate::time::Span;
use crate::value::{self, Type};

/// Steps of one test.
const STEPS_MAX: usize = 100;
/// Keys of a step that are no payload.
const KEYS: [&str; 12] = [
    "at", "after", "member", "event", "region", "expect", "quote", "redeem", "quantity", "confirm", "cancel",
    "join",
];
/// What a step does: at most one of these.
const ACTS: [&str; 6] = ["event", "quote", "redeem", "confirm", "cancel", "join"];

impl Compiler<'_, '_, '_> {
    pub fn tests(&mut self) -> Vec<Test> {
        let mut found = Vec::new();
        for (id, _, node) in self.section("tests") {
            let Some(table) = node.table() else { continue };
            let path = format!("tests.{id}");
            let steps = table.get("steps").and_then(Node::list).unwrap_or_default();
            if steps.len() > STEPS_MAX {
                let message = format!("{} steps, and at most {STEPS_MAX} are allowed", steps.len());
                self.report.error(Code::TooMany, &format!("{path}.steps"), &node.at, message, "");
            }
            let redeems: Vec<bool> =
                steps.iter().map(|n| n.table().is_some_and(|t| t.get("redeem").is_some())).collect();
            let numbered = steps.iter().enumerate();
            let steps = numbered
                .filter_map(|(i, n)| self.step(n, &redeems[..i], &format!("{path}.steps.{i}")))
                .collect();
            found.push(Test {
                id: id.into(),
                region: self.one_of("regions", table, "region", &path),
                environment: self.one_of("environments", table, "environment", &path),
                members: self.members(table, &path),
                steps,
            });
        }
        found
    }

    /// A key that names an entry of a section.
    fn one_of(&mut self, section: &str, table: &Table, key: &str, path: &str) -> Option<Box<str>> {
        let node = table.get(key)?;
        let id = node.text()?;
        let known: Vec<&str> = self.section(section).into_iter().map(|(id, ..)| id).collect();
        if !known.contains(&id) {
            let hint = did_you_mean(id, known, &format!("declare it: [{section}.{id}]"));
            self.report.error(
                Code::UnknownName,
                &format!("{path}.{key}"),
                &node.at,
                format!("there is no {key} `{id}`"),
                hint,
            );
        }
        Some(id.into())
    }

    fn members(&mut self, table: &Table, path: &str) -> Vec<(Box<str>, Fields)> {
        let mut found = Vec::new();
        let fields = Type::Record(std::sync::Arc::new(crate::canonical::member_update_fields(
            &self.names.events.member,
        )));
        for (key, node) in table.get("members").and_then(Node::table).into_iter().flat_map(Table::iter) {
            let path = format!("{path}.members.{}", key.text);
            self.test_payload(node, &fields, "member", &path);
            let told = node.table().map(json_fields).unwrap_or_default();
            self.can_enrol(node, &told, &fields, &path);
            found.push((key.text.as_str().into(), told));
        }
        found
    }

    /// No step would show that a member of a test was refused: so it is told here.
    fn can_enrol(&mut self, node: &Node, told: &Fields, fields: &Type, path: &str) {
        let Type::Record(fields) = fields else { return };
        let data = Json::Object(told.clone()).to_string();
        if let Err(reason) = crate::bind::bind(fields, data.as_bytes()) {
            let field = reason.pointer.as_deref().and_then(|p| p.strip_prefix("/data/")?.split('/').next());
            let at = field.and_then(|field| node.table()?.get(field)).map_or(&node.at, |node| &node.at);
            let code = if *reason.code == *codes::UNKNOWN_WORD { Code::UnknownWord } else { Code::WrongType };
            let path = field.map_or_else(|| path.to_owned(), |field| format!("{path}.{field}"));
            self.report.error(code, &path, at, reason.message.as_str(), "");
        }
        if let Some(table) = node.table() {
            self.one_of("regions", table, "region", path);
        }
    }

    /// `before`: which steps before it redeem.
    fn step(&mut self, node: &Node, before: &[bool], path: &str) -> Option<Step> {
        let table = node.table()?;
        self.one_act(table, path);
        let event = self.event(table, path);
        let when = self.step_when(table, node, before.is_empty(), path);
        if let Some(node) = table.get("member").filter(|n| n.text().is_none() && n.table().is_none()) {
            let message = format!("expected an id, found {}", node.what());
            self.report.error(Code::WrongType, &format!("{path}.member"), &node.at, message, "");
        }
        let region = self.one_of("regions", table, "region", path);
        let cart = ["quote", "redeem"].iter().any(|key| table.get(key).is_some());
        let of_order =
            event.as_ref().is_some_and(|(kind, _)| ["order.paid", "order.updated"].contains(&&**kind));
        if let (Some((key, _)), false) = (table.entry("region"), of_order || cart) {
            let hint = "other events take the member's: `members.ada = { region = \"…\" }`";
            let message = "`region` goes with an order";
            self.report.error(Code::NotHere, &format!("{path}.region"), &key.at, message, hint);
        }
        Some(Step {
            source: node.at.source,
            byte: node.at.span.start,
            when,
            member: who(table).unwrap_or("ada").into(),
            event,
            quote: table.get("quote").map(|n| self.cart(n, &format!("{path}.quote"))),
            redeem: self.redeem(table, path),
            confirm: self.redeemed(table, "confirm", before, path),
            cancel: self.redeemed(table, "cancel", before, path),
            join: table.get("join").and_then(Node::text).map(Into::into),
            region,
            expect: self.conditions(table.get("expect"), &format!("{path}.expect"), &Place::Test),
        })
    }

    fn step_when(&mut self, table: &Table, node: &Node, first: bool, path: &str) -> When {
        if let (Some((key, _)), true) = (table.entry("after"), table.get("at").is_some()) {
            let path = format!("{path}.after");
            let message = "`after` does not go with `at`";
            self.report.error(Code::UnknownKey, &path, &key.at, message, "one says when the step happens");
        }
        if first && table.get("at").is_none() {
            let hint = "`at = 2027-03-01` or `at = \"2027-03-01 10:00\"`";
            self.report.error(Code::MissingKey, path, &node.at, "the first step lacks `at`", hint);
        }
        match table.get("at").and_then(Node::date_time) {
            Some(at) => When::At(at),
            None => {
                let after = table.get("after").and_then(Node::text);
                When::After(
                    after.map(|t| t.split(" + ").filter_map(Span::parse).collect()).unwrap_or_default(),
                )
            }
        }
    }

    fn one_act(&mut self, table: &Table, path: &str) {
        let mut acts = table.iter().filter(|(k, _)| ACTS.contains(&k.text.as_str()));
        if let (Some((first, _)), Some((second, _))) = (acts.next(), acts.next()) {
            let message = format!("`{}` does not go with `{}`", second.text, first.text);
            let path = format!("{path}.{}", second.text);
            self.report.error(Code::UnknownKey, &path, &second.at, message, "a step does one thing");
        }
    }

    /// A cart of a quote or a redemption.
    fn cart(&mut self, node: &Node, path: &str) -> Fields {
        let order = self.names.events.by_name.get("order.paid").copied().expect("canonical");
        let fields = Type::Record(self.names.events.get(order).fields.clone());
        self.test_payload(node, &fields, "order", path);
        node.table().map(json_fields).unwrap_or_default()
    }

    fn redeem(&mut self, table: &Table, path: &str) -> Option<Redeem> {
        let quantity = table.entry("quantity");
        let Some(node) = table.get("redeem") else {
            if let Some((key, _)) = quantity {
                let message = "`quantity` needs `redeem`";
                let path = format!("{path}.quantity");
                self.report.error(Code::UnknownKey, &path, &key.at, message, "it says how much of a reward");
            }
            return None;
        };
        let id = node.text()?;
        let rewards = self.names.rewards.clone();
        let reward = self.known("reward", &rewards, id, &node.at, &format!("{path}.redeem"));
        let quantity = quantity.and_then(|(_, n)| n.decimal()).unwrap_or(Num::ONE);
        let order = table.get("order").map(|n| self.cart(n, &format!("{path}.order")));
        reward.map(|reward| Redeem { reward, quantity, order })
    }

    /// `confirm` and `cancel`: the number of a step before, which redeemed. From 0 in what comes out.
    fn redeemed(&mut self, table: &Table, key: &str, before: &[bool], path: &str) -> Option<usize> {
        let node = table.get(key)?;
        let step =
            node.decimal().and_then(Num::to_int).and_then(|n| usize::try_from(n).ok())?.checked_sub(1)?;
        if before.get(step) != Some(&true) {
            let message = format!("step {} is no redemption before this one", step + 1);
            let hint = "write the number of the step with `redeem`; the first is 1";
            self.report.error(Code::UnknownName, &format!("{path}.{key}"), &node.at, message, hint);
        }
        Some(step)
    }

    /// The event of a step, and its payload under its noun.
    fn event(&mut self, table: &Table, path: &str) -> Option<(Box<str>, Fields)> {
        let name = table.get("event").and_then(|n| Some((n, n.text()?)));
        let known = name
            .and_then(|(_, name)| self.names.events.by_name.get(name))
            .map(|no| self.names.events.get(*no));
        let noun = known.map_or("", |t| if t.noun.is_empty() { "member" } else { &t.noun }).to_owned();
        let fields = known.map(|t| Type::Record(t.fields.clone()));
        let made = known.is_some_and(|t| !t.canon.comes_in());
        let redeems = table.get("redeem").is_some();
        if let Some((node, name)) = name {
            let path = format!("{path}.event");
            if fields.is_none() {
                self.no_event(name, &node.at, &path);
            } else if made {
                let message = format!("`{name}` is made by Fealty and does not come in");
                let hint = match name {
                    "order.quoted" => "write the cart as `quote = { … }`",
                    _ => "it follows from other steps",
                };
                self.report.error(Code::NotHere, &path, &node.at, message, hint);
            }
        }
        let mut data = Fields::new();
        let is_key = |key: &str, node: &Node| {
            let payload = key == "member" && node.table().is_some();
            !payload && (KEYS.contains(&key) || (redeems && key == "order"))
        };
        for (key, node) in table.iter().filter(|(k, n)| !is_key(&k.text, n)) {
            let path = format!("{path}.{}", key.text);
            if key.text != noun {
                let hint = match &fields {
                    Some(_) => format!("the payload of this event stands under `{noun}`"),
                    None => did_you_mean(&key.text, KEYS, "a payload needs its `event`"),
                };
                let message = format!("`{}` is not a key of this step", key.text);
                self.report.error(Code::UnknownKey, &path, &key.at, message, hint);
            } else if let Some(fields) = &fields {
                self.test_payload(node, fields, &noun, &path);
                data = node.table().map(json_fields).unwrap_or_default();
                if noun == "member" {
                    data.remove("id");
                }
            }
        }
        name.map(|(_, name)| (name.into(), data))
    }

    /// Fields that nobody declared would be ignored: in a test that is a slip of the pen.
    fn test_payload(&mut self, node: &Node, ty: &Type, name: &str, path: &str) {
        match (ty, &node.kind) {
            (Type::Record(fields), Kind::Table(table)) => {
                for (key, node) in table.iter() {
                    let below = format!("{path}.{}", key.text);
                    match fields.slot(&key.text) {
                        Some(slot) => self.test_payload(node, &fields.0[slot].ty, &key.text, &below),
                        None if name == "member" && key.text == "id" => {}
                        None => {
                            let hint = did_you_mean(
                                &key.text,
                                fields.0.iter().map(|f| &*f.name),
                                "declare it in the program",
                            );
                            let message = format!("`{name}` has no `{}`", key.text);
                            self.report.error(Code::UnknownField, &below, &key.at, message, hint);
                        }
                    }
                }
            }
            (Type::Record(_), _) => {
                let message = format!("expected a table, found {}", node.what());
                self.report.error(Code::WrongType, path, &node.at, message, "");
            }
            (Type::List(of), Kind::List(list)) => {
                if list.len() > value::LIST_MAX {
                    self.report.error(Code::TooMany, path, &node.at, "a list holds at most 1,000", "");
                }
                list.iter().for_each(|n| self.test_payload(n, of, name, path));
            }
            _ => {}
        }
    }
}

/// `member = "bo"`, or with the fields of `member.enrolled` and `member.updated`: `member = { id = "bo", plan = "pro" }`.
fn who(table: &Table) -> Option<&str> {
    let member = table.get("member")?;
    member.text().or_else(|| member.table()?.get("id")?.text())
}

fn json_fields(table: &Table) -> Fields {
    table.iter().map(|(key, node)| (key.text.clone(), json(node))).collect()
}

/// As it would come in. Numbers with a fraction are decimal texts: JSON numbers would be doubles here.
fn json(node: &Node) -> Json {
    match &node.kind {
        Kind::Text(text) => Json::String(text.clone()),
        Kind::Number(n) => n.to_int().map_or_else(|| Json::String(n.to_string()), Json::from),
        Kind::Bool(b) => Json::Bool(*b),
        Kind::Date(date) => Json::String(date.to_string()),
        Kind::DateTime(at) => Json::String(format!("{at}Z")),
        Kind::List(list) => Json::Array(list.iter().map(json).collect()),
        Kind::Table(table) => Json::Object(json_fields(table)),
    }
}
