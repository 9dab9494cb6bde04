//! `currency_mixed`: a counter must not add money of several currencies as if it were one.
//! Money is a declared "money" field or an amount of an order; a param that each other currency's region sets converts it.

use std::collections::BTreeSet;

use super::Compiler;
use super::trigger::heard;
use crate::condition::Code;
use crate::program::read::Node;
use crate::value::{Fields, Type};

impl Compiler<'_, '_, '_> {
    pub fn currencies(&mut self) {
        let program = self
            .tree
            .get("program")
            .and_then(Node::table)
            .and_then(|t| t.get("currency"))
            .and_then(Node::text);
        let Some(home) = program else { return };
        let foreign: Vec<(&str, &str)> = self
            .section("regions")
            .into_iter()
            .filter_map(|(id, _, node)| Some((id, node.table()?.get("currency")?.text()?)))
            .filter(|(_, currency)| *currency != home)
            .collect();
        for (id, _, node) in self.section("counters") {
            let Some(table) = node.table() else { continue };
            let Some(add) = table.get("add") else { continue };
            let Some(source) = add.text() else { continue };
            let names = self.mentions(source);
            let money = heard(&self.names, table).iter().any(|no| {
                let event = self.names.events.get(*no);
                has_money(&event.fields, &event.noun, &names)
            });
            let converted = |region: &str| {
                self.names.params.0.iter().any(|p| {
                    p.regions.iter().any(|r| r == region) && names.contains(&format!("params.{}", p.name))
                })
            };
            let Some((region, currency)) = foreign.iter().find(|(region, _)| money && !converted(region))
            else {
                continue;
            };
            let message = format!("`counters.{id}` adds {home} and {currency}");
            let hint = format!("use a parameter that region `{region}` overrides, or count points");
            self.report.error(Code::CurrencyMixed, &format!("counters.{id}.add"), &add.at, message, hint);
        }
    }

    /// Paths that an expression mentions (`order.subtotal`, and its prefixes), formulas and segments expanded.
    pub fn mentions(&self, source: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut open = vec![source.to_owned()];
        while let Some(source) = open.pop() {
            for path in paths(&source) {
                let mut prefix = String::new();
                for part in path.split('.') {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    prefix = format!("{prefix}{dot}{part}");
                    if !all.insert(prefix.clone()) {
                        continue;
                    }
                    let named = prefix.strip_prefix("formulas.").map(|n| (&self.names.formulas, n));
                    let named =
                        named.or_else(|| prefix.strip_prefix("segments.").map(|n| (&self.names.segments, n)));
                    if let Some((list, name)) = named {
                        open.extend(
                            list.iter().filter(|(id, _)| id == name).map(|(_, source)| source.clone()),
                        );
                    }
                }
            }
        }
        all
    }
}

/// Money behind any of these paths. Inside of macros the elements have other names, so fields of items count by their own.
fn has_money(fields: &Fields, noun: &str, names: &BTreeSet<String>) -> bool {
    names.iter().any(|path| {
        let (root, field) = path.rsplit_once('.').unwrap_or(("", path));
        if root.is_empty() || root.starts_with("params") || root.starts_with("member") {
            return false;
        }
        let of_order = noun == "order" && field == "price" && root != noun;
        of_order || if root == noun { is_money(fields, field) } else { inner_money(fields, field) }
    })
}

fn is_money(fields: &Fields, name: &str) -> bool {
    fields.slot(name).is_some_and(|slot| fields.0[slot].ty == Type::Money)
}

/// Of a record or of the elements of a list.
fn inner_money(fields: &Fields, name: &str) -> bool {
    fields.0.iter().any(|f| {
        let inner = match &f.ty {
            Type::List(of) => &**of,
            ty => ty,
        };
        matches!(inner, Type::Record(inner) if is_money(inner, name) || inner_money(inner, name))
    })
}

/// Dotted names outside of texts.
pub fn paths(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    let mut after_value = false;
    while let Some(c) = rest.chars().next() {
        if c == '"' || c == '\'' {
            rest = &rest[skip_text(rest)..];
            after_value = true;
        } else if c.is_ascii_alphabetic() || c == '_' {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
                .unwrap_or(rest.len());
            let path = rest[..end].trim_end_matches('.');
            if !after_value {
                found.push(path.to_owned());
            }
            rest = &rest[end..];
            after_value = false;
        } else {
            after_value = c == '.' || c.is_ascii_digit();
            rest = &rest[c.len_utf8()..];
        }
    }
    found
}

/// Bytes of the text literal with which `rest` begins.
fn skip_text(rest: &str) -> usize {
    let quote = rest.as_bytes()[0];
    let mut escaped = false;
    for (i, b) in rest.bytes().enumerate().skip(1) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b if b == quote => return i + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::paths;

    #[test]
    fn names_outside_of_texts() {
        assert_eq!(
            paths("order.items.exists(i, i.category == \"a.b\")"),
            ["order.items.exists", "i", "i.category"]
        );
        assert_eq!(paths("params.rate[order.paid_with] * 2"), ["params.rate", "order.paid_with"]);
        assert_eq!(paths("'it\\'s order.total' + lower(order.id)"), ["lower", "order.id"]);
    }
}
