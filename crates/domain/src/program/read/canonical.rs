//! The tree as canonical JSON (RFC 8785): keys sorted by UTF-16, no space, shortest escapes. Its SHA-256 is the version.
//! One thing goes beyond the RFC: a number that no double can hold is written with all its digits.

use super::{Kind, Node};

pub fn canonical_json(node: &Node) -> String {
    let mut out = String::new();
    write(node, &mut out);
    out
}

fn write(node: &Node, out: &mut String) {
    match &node.kind {
        Kind::Text(text) => quote(text, out),
        Kind::Number(n) => out.push_str(&n.to_string()),
        Kind::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Kind::Date(date) => quote(&date.to_string(), out),
        Kind::DateTime(at) => quote(&at.to_string(), out),
        Kind::List(list) => {
            out.push('[');
            for (i, node) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(node, out);
            }
            out.push(']');
        }
        Kind::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.text.encode_utf16().cmp(b.text.encode_utf16()));
            out.push('{');
            for (i, (key, node)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quote(&key.text, out);
                out.push(':');
                write(node, out);
            }
            out.push('}');
        }
    }
}

/// serde_json escapes as the RFC asks: `\b \t \n \f \r \" \\`, other controls as `\u00xx`, nothing else.
fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
