//! Shopify's Admin GraphQL: 200 whatever happened, `userErrors` beside the data, and a bucket of points in `extensions.cost`.
//! Of the language so much is read as mutations of one field need.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Patience, Ruling, Vendor, shaped, text, time};
use crate::receiver::{Received, Reply};

pub const TOKEN: &str = "shpat_0123456789abcdef";
const PATH: &str = "/admin/api/2026-07/graphql.json";
/// Points that come back in a second.
const RESTORED: u64 = 100;
const COST: u64 = 10;

/// Field, argument and its type.
const MUTATIONS: [(&str, &[(&str, &str)]); 5] = [
    ("discountCodeBasicCreate", &[("basicCodeDiscount", "DiscountCodeBasicInput!")]),
    ("giftCardCreate", &[("input", "GiftCardCreateInput!")]),
    ("tagsAdd", &[("id", "ID!"), ("tags", "[String!]!")]),
    ("tagsRemove", &[("id", "ID!"), ("tags", "[String!]!")]),
    ("metafieldsSet", &[("metafields", "[MetafieldsSetInput!]!")]),
];

pub fn start(burst: usize, wait: Duration) -> Vendor {
    Vendor::start(Patience { burst, wait, ask }, law)
}

fn cost(left: i64) -> Value {
    json!({"cost": {"requestedQueryCost": COST, "actualQueryCost": COST,
        "throttleStatus": {"maximumAvailable": 1000.0, "currentlyAvailable": left, "restoreRate": RESTORED}}})
}

/// 200, and how many points there are: it takes `wait` until there are enough.
fn ask(wait: Duration) -> Reply {
    let lacks = i64::try_from(wait.as_millis()).unwrap_or(0) * RESTORED.cast_signed() / 1_000;
    let body = json!({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED",
        "documentation": "https://shopify.dev/api/usage/rate-limits"}}], "extensions": cost(COST.cast_signed() - lacks)});
    Reply::Made(200, String::new(), body.to_string())
}

fn law(received: &Received, kept: &[Value]) -> Ruling {
    let plain =
        |status: u16, body: Value| Ruling::Refused(Reply::Made(status, String::new(), body.to_string()));
    if received.header("x-shopify-access-token") != TOKEN {
        return plain(
            401,
            json!({"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}),
        );
    }
    if (&*received.method, &*received.path) != ("POST", PATH) {
        return plain(404, json!({"errors": "Not Found"}));
    }
    let told = received.json();
    let (field, arguments) = match read(&told) {
        Ok(read) => read,
        Err(why) => {
            return plain(
                200,
                json!({"errors": [{"message": why, "extensions": {"code": "undefinedField"}}]}),
            );
        }
    };
    let answer = |errors: Value| {
        let data = json!({field: {"userErrors": errors}});
        Reply::Made(200, String::new(), json!({"data": data, "extensions": cost(990)}).to_string())
    };
    let code = |one: &Value| one["code"].as_str().map(str::to_lowercase);
    let taken =
        kept.iter().any(|one| one["field"] == field && code(one).is_some() && code(one) == code(&arguments));
    if taken {
        let error = json!([{"field": ["code"], "message": "Code must be unique. Please try a different code.", "code": "TAKEN"}]);
        return Ruling::Taken(answer(error), None);
    }
    match well(field, &arguments) {
        // A value of another type than the schema's is an error of the whole request.
        Err((None, why)) => {
            plain(200, json!({"errors": [{"message": why, "extensions": {"code": "INVALID_VARIABLE"}}]}))
        }
        Err((Some(code), why)) => {
            Ruling::Refused(answer(json!([{"field": [field], "message": why, "code": code}])))
        }
        Ok(()) => {
            let mut keeps = arguments.as_object().cloned().unwrap_or_default();
            keeps.insert("field".into(), field.into());
            Ruling::Taken(answer(json!([])), Some(Value::Object(keeps)))
        }
    }
}

/// The mutation, and its arguments with what the variables hold: of one input object, its fields.
fn read(told: &Value) -> Result<(&'static str, Value), String> {
    shaped(told, "", &["operationName"], &["query", "variables"])?;
    let query = told["query"].as_str().unwrap_or_default();
    let open = query.matches(['{', '(']).count();
    if !query.starts_with("mutation(") || open != query.matches(['}', ')']).count() {
        return Err("Parse error".into());
    }
    let (head, rest) = query.split_once('{').ok_or("Parse error")?;
    let (call, selected) = rest.split_once(')').ok_or("Parse error")?;
    let (name, passed) = call.trim().split_once('(').ok_or("Parse error")?;
    let known = MUTATIONS.iter().find(|(known, _)| *known == name);
    let (field, takes) = known.ok_or_else(|| format!("Field '{name}' doesn't exist on type 'Mutation'"))?;
    if !selected.contains("userErrors { field message") {
        return Err("nobody would see userErrors".into());
    }
    let mut arguments = Map::new();
    for pair in passed.split(", ") {
        let (argument, variable) = pair.split_once(": $").ok_or("Parse error")?;
        let of = takes.iter().find(|(known, _)| *known == argument);
        let (_, ty) = of.ok_or_else(|| format!("Field '{name}' doesn't accept argument '{argument}'"))?;
        if !head.contains(&format!("${variable}: {ty}")) {
            return Err(format!("Type mismatch on variable ${variable} and argument {argument} ({ty})"));
        }
        let value = told["variables"].get(variable);
        let value =
            value.ok_or_else(|| format!("Variable ${variable} of type {ty} was provided invalid value"))?;
        arguments.insert(argument.to_owned(), value.clone());
    }
    if arguments.len() != takes.len() {
        return Err(format!("Field '{name}' is missing required arguments"));
    }
    let mut values = arguments.clone().into_iter();
    match (values.next(), arguments.len()) {
        (Some((_, input @ Value::Object(_))), 1) => Ok((field, input)),
        _ => Ok((field, Value::Object(arguments))),
    }
}

type Wrong = (Option<&'static str>, String);

fn well(field: &str, of: &Value) -> Result<(), Wrong> {
    match field {
        "discountCodeBasicCreate" => discount(of),
        "giftCardCreate" => gift_card(of),
        "metafieldsSet" => {
            let all = of["metafields"].as_array().ok_or((None, "metafields is no list".to_owned()))?;
            all.iter().try_for_each(metafield)
        }
        _ => {
            customer(&of["id"])?;
            // One text stands for a list of one.
            let tags = of["tags"].as_array().map_or(std::slice::from_ref(&of["tags"]), Vec::as_slice);
            let texts = tags.iter().all(Value::is_string);
            if texts && !tags.is_empty() {
                Ok(())
            } else {
                Err((None, "tags was provided invalid value".into()))
            }
        }
    }
}

fn schema<T>(ruled: Result<T, String>) -> Result<T, Wrong> {
    ruled.map_err(|why| (None, why))
}

fn customer(id: &Value) -> Result<(), Wrong> {
    let number = id.as_str().and_then(|id| id.strip_prefix("gid://shopify/Customer/"));
    match number.map(|number| number.parse::<u64>()) {
        Some(Ok(404)) => Err((Some("INVALID"), "Customer does not exist".into())),
        Some(Ok(_)) => Ok(()),
        _ => Err((None, "Invalid global id".into())),
    }
}

fn amount(value: &Value, at: &str) -> Result<(), Wrong> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    match number {
        Some(number) if number > 0.0 => Ok(()),
        Some(_) => Err((Some("VALUE_OUTSIDE_RANGE"), format!("{at} must be greater than 0"))),
        None => Err((None, format!("{at} was provided invalid value"))),
    }
}

fn discount(of: &Value) -> Result<(), Wrong> {
    let may = [
        "appliesOncePerCustomer",
        "combinesWith",
        "endsAt",
        "minimumRequirement",
        "recurringCycleLimit",
        "tags",
        "usageLimit",
    ];
    schema(shaped(of, "discount", &may, &["code", "context", "customerGets", "startsAt", "title"]))?;
    schema(text(&of["code"], "code"))?;
    schema(text(&of["title"], "title"))?;
    schema(time(&of["startsAt"], "startsAt"))?;
    if of.get("endsAt").is_some_and(|end| !end.is_null()) {
        schema(time(&of["endsAt"], "endsAt"))?;
        if of["endsAt"].as_str() <= of["startsAt"].as_str() {
            return Err((Some("INVALID"), "Ends at needs to be after starts_at".into()));
        }
    }
    if of["context"] != json!({"all": "ALL"}) || of["customerGets"]["items"] != json!({"all": true}) {
        return Err((None, "context or items was provided invalid value".into()));
    }
    let gets = &of["customerGets"]["value"];
    match (gets.get("percentage"), gets.get("discountAmount")) {
        (Some(share), None) => match share.as_f64() {
            Some(share) if share > 0.0 && share <= 1.0 => Ok(()),
            Some(_) => Err((Some("VALUE_OUTSIDE_RANGE"), "Value must be between 0.0 and 1.0".into())),
            None => Err((None, "percentage was provided invalid value".into())),
        },
        (None, Some(fixed)) => {
            schema(shaped(fixed, "discountAmount", &["appliesOnEachItem"], &["amount"]))?;
            amount(&fixed["amount"], "amount")
        }
        _ => Err((None, "value takes exactly one of its fields".into())),
    }
}

fn gift_card(of: &Value) -> Result<(), Wrong> {
    let may = ["code", "customerId", "expiresOn", "note", "notify", "recipientAttributes", "templateSuffix"];
    schema(shaped(of, "input", &may, &["initialValue"]))?;
    amount(&of["initialValue"], "initialValue")?;
    if let Some(id) = of.get("customerId") {
        customer(id)?;
    }
    let Some(code) = of.get("code") else { return Ok(()) };
    let code = schema(text(code, "code"))?;
    match code.len() {
        _ if !code.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Err((Some("INVALID"), "Code may only contain letters and numbers".into()))
        }
        ..8 => Err((Some("TOO_SHORT"), "Code is too short (minimum is 8 characters)".into())),
        21.. => Err((Some("TOO_LONG"), "Code is too long (maximum is 20 characters)".into())),
        _ => Ok(()),
    }
}

fn metafield(of: &Value) -> Result<(), Wrong> {
    schema(shaped(of, "metafield", &["namespace", "type", "compareDigest"], &["ownerId", "key", "value"]))?;
    customer(&of["ownerId"])?;
    for name in ["namespace", "key", "type", "value"] {
        schema(of[name].as_str().map(drop).ok_or_else(|| format!("{name} must be a String")))?;
    }
    let value = of["value"].as_str().unwrap_or_default();
    if of["type"] == "number_integer" && value.parse::<i64>().is_err() {
        return Err((Some("INVALID_VALUE"), "Value must be an integer.".into()));
    }
    if value.is_empty() {
        return Err((Some("BLANK"), "Value can't be blank.".into()));
    }
    Ok(())
}
