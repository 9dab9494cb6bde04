//! Expressions of the file: compiled in the scope of their place, their faults told with the file's line.

use super::Compiler;
use super::scope::Place;
use crate::condition::{Code, Expr, Scope};
use crate::plan::Segment;
use crate::program::read::Node;
use crate::value::Type;

impl Compiler<'_, '_, '_> {
    /// One expression, or a number where one is wanted.
    pub fn expression(
        &mut self,
        node: &Node,
        path: &str,
        want: Option<&Type>,
        place: &Place,
        given: &[&str],
    ) -> Option<Expr> {
        if let Some(n) = node.number() {
            return Some(Expr::number(n));
        }
        let source = node.text()?;
        if place.is_deaf() {
            // The unknown event was told; what its payload holds is anyone's guess.
            return None;
        }
        let scope = self.scope(place);
        self.mentioned.push((path.to_owned(), source.to_owned()));
        match Expr::compile(source, want, &scope, given) {
            Ok(expr) => Some(expr),
            Err(mut faults) => {
                // What is wrong inside of a formula or a segment was told there.
                faults.retain(|f| {
                    !self.broken.iter().any(|name| f.message.starts_with(&format!("in `{name}`")))
                });
                self.report.faults(path, node, faults);
                None
            }
        }
    }

    /// A condition or a list of them; each may rely on those before it.
    pub fn conditions(&mut self, node: Option<&Node>, path: &str, place: &Place) -> Vec<Expr> {
        let mut found = Vec::new();
        let mut given: Vec<&str> = Vec::new();
        for node in node.map(Node::one_or_more).unwrap_or_default() {
            found.extend(self.expression(node, path, Some(&Type::Bool), place, &given));
            given.extend(node.text());
        }
        found
    }

    /// A formula is typed where it is used; what can be said without that is said here.
    pub fn formulas(&mut self) {
        for (id, _, node) in self.section("formulas") {
            let Some(source) = node.text() else {
                self.broken.insert(format!("formulas.{id}"));
                continue;
            };
            let alone = [Code::ExpressionSyntax, Code::TooLong, Code::TooDeep];
            if let Err(mut faults) = Expr::compile(source, None, &Scope::default(), &[]) {
                faults.retain(|f| alone.contains(&f.code));
                if !faults.is_empty() {
                    self.broken.insert(format!("formulas.{id}"));
                }
                self.report.faults(&format!("formulas.{id}"), node, faults);
            }
        }
    }

    pub fn segments(&mut self) -> Vec<Segment> {
        let mut found = Vec::new();
        for (id, _, node) in self.section("segments") {
            let path = format!("segments.{id}");
            let whole = node.one_or_more().len();
            if self.conditions(Some(node), &path, &Place::Segment).len() < whole {
                self.broken.insert(path);
                continue;
            }
            let source = self.names.segments.iter().find(|(s, _)| s == id).map(|(_, source)| source.clone());
            let scope = self.scope(&Place::Segment);
            match source.map(|source| Expr::compile(&source, Some(&Type::Bool), &scope, &[])) {
                Some(Ok(when)) => found.push(Segment { id: id.into(), when }),
                // Each of a list is well, and all of them are too much.
                Some(Err(faults)) => self.report.faults(&path, node, faults),
                None => {}
            }
        }
        found
    }

    /// A path that stands in place of a value.
    pub fn mention(&mut self, path: &str, to: &str) {
        self.mentioned.push((path.to_owned(), to.to_owned()));
    }
}

/// Sources of a condition: what its amounts may rely on.
pub fn sources(node: Option<&Node>) -> Vec<&str> {
    node.map(Node::one_or_more).unwrap_or_default().iter().filter_map(Node::text).collect()
}
