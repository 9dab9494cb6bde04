//! The tables that are the same in both databases, column by column.

use crate::StoreError;
use crate::db::{Row, Value};

#[derive(Clone, Copy)]
pub enum Kind {
    Int,
    Text,
    Bytes,
    Bool,
}

pub struct Table {
    pub name: &'static str,
    /// Another name of it, where it is read in the file and where it is written there.
    pub file: Option<(&'static str, &'static str)>,
    pub columns: &'static [(&'static str, Kind)],
}

use Kind::{Bool, Bytes, Int, Text};

/// In the order in which rows refer to each other.
pub const TABLES: &[Table] = &[
    table(
        "journal",
        &[
            ("pos", Int),
            ("member", Int),
            ("prev", Int),
            ("now_ms", Int),
            ("again", Int),
            ("input", Text),
            ("body_hash", Bytes),
            ("decided", Text),
            ("hash", Bytes),
        ],
    ),
    table("redacted", &[("pos", Int), ("by", Int), ("input", Bytes), ("decided", Bytes), ("kept", Bytes)]),
    table("erasing", &[("by", Int), ("rest", Text)]),
    Table {
        name: "member",
        file: Some(("member", "member_swept")),
        columns: &[("no", Int), ("image", Text)],
    },
    table("lot_page", &[("at", Int), ("lots", Text)]),
    table("identity", &[("name", Text), ("member", Int)]),
    table("budget", &[("id", Text), ("parts", Text)]),
    table("raw", &[("pos", Int), ("source", Text), ("headers", Text), ("body", Bytes)]),
    table(
        "quarantine",
        &[
            ("no", Int),
            ("at_ms", Int),
            ("kind", Text),
            ("source", Text),
            ("event_id", Text),
            ("pos", Int),
            ("reason", Text),
            ("headers", Text),
            ("body", Bytes),
            ("print", Bytes),
        ],
    ),
    table(
        "program_version",
        &[("version", Int), ("hash", Bytes), ("body", Text), ("published_ms", Int), ("published_by", Text)],
    ),
    table("clock", &[("no", Int), ("shift_ms", Int)]),
    table("clock_move", &[("name", Text), ("words", Bytes), ("to_ms", Int)]),
    table(
        "api_key",
        &[
            ("no", Int),
            ("name", Text),
            ("hash", Bytes),
            ("scopes", Text),
            ("created_ms", Int),
            ("revoked_ms", Int),
            ("expires_ms", Int),
        ],
    ),
    table(
        "endpoint",
        &[
            ("no", Int),
            ("settings", Text),
            ("secrets", Text),
            ("off", Text),
            ("place", Text),
            ("failing_ms", Int),
            ("created_ms", Int),
            ("hidden", Text),
        ],
    ),
    table(
        "delivery",
        &[("endpoint", Int), ("pos", Int), ("n", Int), ("member", Int), ("attempts", Int), ("next_ms", Int)],
    ),
    table(
        "attempt",
        &[
            ("no", Int),
            ("endpoint", Int),
            ("pos", Int),
            ("n", Int),
            ("at_ms", Int),
            ("took_ms", Int),
            ("status", Int),
            ("said", Text),
            ("taken", Bool),
        ],
    ),
];

/// Whose numbers are given out by the database.
pub const NUMBERED: &[&str] = &["quarantine", "api_key", "endpoint", "attempt"];

const fn table(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, file: None, columns }
}

impl Table {
    pub fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
    pub fn select(&self, from: &str) -> String {
        format!("SELECT {} FROM {from} ORDER BY {}", self.names(), self.order())
    }
    /// By which rows are told apart.
    fn order(&self) -> &'static str {
        if self.name == "delivery" { "endpoint, pos, n" } else { self.columns[0].0 }
    }
}

/// A field of a row, as long as the row.
pub fn field<'r>(row: &Row<'r>, at: usize, kind: Kind) -> Result<Value<'r>, StoreError> {
    Ok(match kind {
        Int => row.int(at)?.map_or(Value::Null, Value::Int),
        Bool => row.int(at)?.map_or(Value::Null, |is| Value::Bool(is != 0)),
        Text => row.text(at)?.map_or(Value::Null, Value::Text),
        Bytes => row.bytes(at)?.map_or(Value::Null, Value::Bytes),
    })
}
