//! Situations of the club that a run of many seeds must have met.

use super::audit::Move;
use crate::audit::Row;
use crate::sim::marks::Marks;

pub const ALL: &[&str] = &[
    "debt repaid by a release",
    "debt repaid by what was spent",
    "due while the server was down for a month",
    "guest claimed, or order awaited",
    "level ended by time",
    "level reached",
    "points arrived expired",
    "points about to end",
    "points expired by time",
    "points expired while they waited",
    "points given to a member",
    "points released by a delivery",
    "points released by time",
    "points spent on a returned order came back",
    "redemption that is over",
    "reservation cancelled",
    "reservation confirmed",
    "reservation lapsed",
    "return taken from what waits",
    "reward above the level",
    "reward confirmed at once",
    "reward limit reached",
    "reward out of stock",
    "reward reserved",
    "reward returned",
    "several rows set free at once",
    "spent points came back",
];

pub fn of_row(marks: &mut Marks, said: &[String], moves: &[Move], row: &Row) {
    let made = row.message.as_ref().filter(|m| m.source == "fealty:clock");
    let due = made.is_some_and(|m| m.kind == "fealty.due");
    for m in moves {
        match (m.from, m.to) {
            ("pending", "available") if due => marks.hit("points released by time"),
            ("pending", "available") => marks.hit("points released by a delivery"),
            ("pending", "expired") => marks.hit("points expired while they waited"),
            ("pending", "reversed") => marks.hit("return taken from what waits"),
            ("pending", "debt") => marks.hit("debt repaid by a release"),
            ("available", "expired") if due => marks.hit("points expired by time"),
            ("available", "expired") => marks.hit("points arrived expired"),
            ("redeemed", "available") => marks.hit("spent points came back"),
            ("redeemed", "debt") => marks.hit("debt repaid by what was spent"),
            ("given", "available") => marks.hit("points given to a member"),
            _ => {}
        }
    }
    for one in said {
        let word = one.split(' ').next().unwrap_or("");
        marks.hit(match word {
            "redemption.reserved" => "reward reserved",
            "redemption.confirmed" if row.decision["rd"][0]["pos"].as_u64() == Some(row.pos) => {
                "reward confirmed at once"
            }
            "redemption.confirmed" => "reservation confirmed",
            "redemption.cancelled" => "reservation cancelled",
            "redemption.lapsed" => "reservation lapsed",
            "redemption.returned" => "reward returned",
            "points.expiring" => "points about to end",
            _ if due => "level ended by time",
            _ => "level reached",
        });
    }
    match row.decision["why"]["code"].as_str().unwrap_or("") {
        "reward_out_of_stock" => marks.hit("reward out of stock"),
        "limit_reached" => marks.hit("reward limit reached"),
        "condition_unmet" => marks.hit("reward above the level"),
        "redemption_over" => marks.hit("redemption that is over"),
        _ => {}
    }
    let refund = row.message.as_ref().is_some_and(|m| m.kind == "order.refunded");
    if refund && row.decision["rd"].is_array() {
        marks.hit("points spent on a returned order came back");
    }
    if row.again.is_some() && row.decision["why"]["code"].is_null() {
        marks.hit("guest claimed, or order awaited");
    }
    if row.decision["frees"].as_array().is_some_and(|all| all.len() > 1) {
        marks.hit("several rows set free at once");
    }
}
