//! `formulas.F` and `segments.S` are replaced by what they stand for, before anything is typed. What results keeps
//! the bounds of one expression, so formulas that double themselves end early, and circles are named.

use super::ast::{Kind, Node, Span};
use super::parse::{DEPTH_MAX, NODES_MAX, parse, too_deep, too_many};
use super::{Code, Entry, Fault, Scope};

/// The tree of `source` with its formulas expanded.
pub(super) fn read(source: &str, scope: &Scope) -> Result<Node, Box<Fault>> {
    let (mut node, nodes) = parse(source)?;
    let mut expansion = Expansion { scope, open: Vec::new(), nodes, at: None };
    expansion.walk(&mut node, DEPTH_MAX)?;
    Ok(node)
}

struct Expansion<'s> {
    scope: &'s Scope,
    /// The formulas within which we are.
    open: Vec<String>,
    nodes: usize,
    /// Where the outermost of them is used: all that lies within is shown there.
    at: Option<Span>,
}

impl Expansion<'_> {
    /// `room` is how deep the node may be.
    fn walk(&mut self, node: &mut Node, room: usize) -> Result<(), Box<Fault>> {
        if let Some(at) = self.at {
            node.span = at;
        }
        if let Some((path, source)) = self.formula(node) {
            if room == 0 {
                return Err(too_deep(node.span));
            }
            return self.replace(node, path, &source, room);
        }
        let leaf = matches!(node.kind, Kind::Number(_) | Kind::Text(_) | Kind::Bool(_) | Kind::Name(_));
        if !leaf && room == 0 {
            return Err(too_deep(node.span));
        }
        match &mut node.kind {
            Kind::Number(_) | Kind::Text(_) | Kind::Bool(_) | Kind::Name(_) => {}
            Kind::Select(on, name) => {
                name.span = self.at.unwrap_or(name.span);
                self.walk(on, room - 1)?;
            }
            Kind::Not(a) | Kind::Neg(a) | Kind::Formula(_, a) => self.walk(a, room - 1)?,
            Kind::Index(two) | Kind::Compare(_, two) | Kind::In(two) => {
                self.walk(&mut two.0, room - 1)?;
                self.walk(&mut two.1, room - 1)?;
            }
            Kind::Call(name, list) => {
                name.span = self.at.unwrap_or(name.span);
                self.walk_all(list, room)?;
            }
            Kind::List(list) | Kind::And(list) | Kind::Or(list) => self.walk_all(list, room)?,
            Kind::Method(on, name, list) => {
                name.span = self.at.unwrap_or(name.span);
                self.walk(on, room - 1)?;
                self.walk_all(list, room)?;
            }
            Kind::Chain(first, rest) => {
                self.walk(first, room - 1)?;
                rest.iter_mut().try_for_each(|(_, n)| self.walk(n, room - 1))?;
            }
            Kind::If(three) => self.walk_all(&mut three[..], room)?,
        }
        Ok(())
    }

    fn walk_all(&mut self, list: &mut [Node], room: usize) -> Result<(), Box<Fault>> {
        list.iter_mut().try_for_each(|n| self.walk(n, room - 1))
    }

    /// The path and source of the formula that the node names.
    fn formula(&self, node: &Node) -> Option<(String, String)> {
        let path = path(node)?;
        let mut entry = self.scope.roots.get(path[0])?;
        for name in &path[1..] {
            let Entry::Namespace { names, .. } = entry else { return None };
            entry = names.get(*name)?;
        }
        let Entry::Formula { source } = entry else { return None };
        Some((path.join("."), source.clone()))
    }

    fn replace(
        &mut self,
        node: &mut Node,
        path: String,
        source: &str,
        room: usize,
    ) -> Result<(), Box<Fault>> {
        let span = node.span;
        let name = |p: &str| p.rsplit('.').next().unwrap_or(p).to_string();
        if let Some(first) = self.open.iter().position(|p| *p == path) {
            let circle: Vec<_> = self.open[first..].iter().chain([&path]).map(|p| name(p)).collect();
            return Err(Box::new(Fault {
                code: Code::Circle,
                span: span.range(),
                message: format!("formulas refer to each other: {}", circle.join(", ")),
                hint: String::new(),
            }));
        }
        let (mut body, nodes) = parse(source).map_err(|fault| {
            Box::new(Fault {
                span: span.range(),
                message: format!("in `{path}`: {}", fault.message),
                ..*fault
            })
        })?;
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            return Err(too_many(span));
        }
        let outer = self.at.replace(span);
        self.open.push(path.clone());
        self.walk(&mut body, room - 1)?;
        self.open.pop();
        self.at = outer;
        node.kind = Kind::Formula(path.into(), Box::new(body));
        Ok(())
    }
}

/// `a.b.c` as its names.
pub(super) fn path(node: &Node) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut node = node;
    loop {
        match &node.kind {
            Kind::Name(name) => {
                names.push(&**name);
                names.reverse();
                return Some(names);
            }
            Kind::Select(on, name) => {
                names.push(&*name.text);
                node = on;
            }
            _ => return None,
        }
    }
}
