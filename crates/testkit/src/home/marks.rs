//! Situations of homes that a run of many seeds must have met.

use crate::audit::Row;
use crate::club::audit::purse::Move;
use crate::sim::marks::Marks;

pub const ALL: &[&str] = &[
    "code of a pattern given",
    "code of a pool given",
    "code that was known",
    "codes are promised to others",
    "debt of a household",
    "erased out of a household",
    "event under an absorbed number",
    "household entered",
    "household founded",
    "household full",
    "household left",
    "household warned",
    "last one left a household",
    "limit of a household cut a grant",
    "member absorbed",
    "member erased",
    "merge that has to wait",
    "name of an erased member came again",
    "nobody joins or leaves while points are owed",
    "nothing is heard of an erased member",
    "order of an erased member came back",
    "points came back to one who had left",
    "points of a household ended",
    "points of another were spent in a household",
    "points released into a household",
    "pool is empty",
    "reward of one who was absorbed",
    "two parted after something had happened",
    "two parted at once",
];

pub fn of_row(marks: &mut Marks, said: &[String], moves: &[Move], row: &Row) {
    let made = row.message.as_ref().filter(|m| m.source == "fealty:clock");
    let due = made.is_some_and(|m| m.kind == "fealty.due");
    let released = moves.iter().any(|m| m.from == "pending" && m.to == "given");
    for m in moves {
        match (m.from, m.to, m.of.is_some()) {
            ("given", "available", true) if due && released => marks.hit("points released into a household"),
            ("debt", "reversed", true) => marks.hit("debt of a household"),
            _ => {}
        }
    }
    for one in said {
        match one.as_str() {
            "household.joined" => marks.hit("household entered"),
            "member.erased" => marks.hit("member erased"),
            _ => {}
        }
    }
}
