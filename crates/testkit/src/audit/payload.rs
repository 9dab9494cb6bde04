//! What the auditor reads out of a message's body. Amounts are read from their text.

use serde_json::Value;

use super::fraction::{self, Fraction};

#[derive(Clone, Debug)]
pub struct Payload {
    pub id: String,
    pub order: String,
    pub currency: String,
    pub region: String,
    pub total: Fraction,
    pub subtotal: Fraction,
    pub amount: Option<Fraction>,
    pub items: Vec<Item>,
    pub product: String,
    pub rating: Fraction,
    pub plan: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub id: String,
    pub category: String,
    pub total: Fraction,
    pub quantity: Option<Fraction>,
    pub amount: Option<Fraction>,
}

pub fn number(value: &Value) -> Option<Fraction> {
    match value {
        Value::String(text) => fraction::parse(text),
        Value::Number(number) => fraction::parse(&number.to_string()),
        _ => None,
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// None if it is not what its type demands (only what the world sends wrongly is looked for).
pub fn read(data: &str) -> Option<Payload> {
    let data: Value = serde_json::from_str(data).ok()?;
    let or_zero = |value: &Value| if value.is_null() { Some(fraction::ZERO) } else { number(value) };
    let item = |value: &Value| {
        Some(Item {
            id: text(&value["id"]),
            category: text(&value["category"]),
            total: or_zero(&value["total"])?,
            quantity: number(&value["quantity"]),
            amount: number(&value["amount"]),
        })
    };
    let items = data["items"].as_array().map(|all| all.iter().map(item).collect::<Option<Vec<_>>>());
    Some(Payload {
        id: text(&data["id"]),
        order: text(&data["order"]),
        currency: text(&data["currency"]),
        region: text(&data["region"]),
        total: or_zero(&data["total"])?,
        subtotal: or_zero(&data["subtotal"])?,
        amount: number(&data["amount"]),
        items: items.unwrap_or(Some(Vec::new()))?,
        product: text(&data["product"]),
        rating: or_zero(&data["rating"])?,
        plan: data["plan"].as_str().map(str::to_owned),
    })
}
