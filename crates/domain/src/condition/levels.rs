//! Levels of ladders: compared in their order with names of their own levels, and shown by name.

use std::sync::Arc;

use super::ast::{Kind, Node};
use super::check::{Checker, Typed, peel, written_text};
use super::code::{BoolCode, Code, NumCode, TextCode};
use super::seen::Trace;
use super::{Code as FaultCode, say};
use crate::num::Num;
use crate::value::Type;

type Levels = Arc<[Box<str>]>;

impl Checker<'_> {
    /// Where one side is a level and the other the name of one, that becomes a level too; false after a fault.
    pub fn same_ladder(&mut self, a: (&mut Typed, &Node), b: (&mut Typed, &Node)) -> bool {
        let (levels, of, other, node) = match (&a.0.ty, &b.0.ty) {
            (Some(Type::Level(levels)), Some(Type::Text | Type::Words(_))) => (levels.clone(), a.1, b.0, b.1),
            (Some(Type::Text | Type::Words(_)), Some(Type::Level(levels))) => (levels.clone(), b.1, a.0, a.1),
            _ => return true,
        };
        let Some(at) = self.level(&levels, of, node) else { return false };
        *other = Typed::new(Type::Level(levels), Code::Num(NumCode::Const(at)), 1);
        true
    }

    /// The number of the level that `node` names.
    fn level(&mut self, levels: &Levels, of: &Node, node: &Node) -> Option<Num> {
        let Some(text) = written_text(node) else {
            let message = format!("`{node:.100}` is not known to be a level of {of:.100}");
            let hint = "a level is compared with names of its levels, as written";
            self.fault(FaultCode::TypeMismatch, node.span, message, hint);
            return None;
        };
        let found = levels.iter().position(|l| **l == *text);
        if found.is_none() {
            let message = format!("`{}` is not a level of {of:.100}", super::lex::short(text));
            let near = say::nearest(text, levels.iter().map(|l| &**l));
            let near = near.map_or(String::new(), |l| format!("; did you mean `{l}`?"));
            self.fault(
                FaultCode::UnknownWord,
                node.span,
                message,
                format!("it has {}{near}", levels.join(", ")),
            );
        }
        found.and_then(|at| Num::int(at as i64).ok())
    }

    /// `tiers.L in ["gold", "platinum"]`
    pub fn level_in(&mut self, levels: &Levels, of: Typed, left: &Node, right: &Node) -> Typed {
        let Kind::List(list) = &peel(right).kind else {
            let message = format!("`{right:.100}` is not known to hold levels of {left:.100}");
            let hint = "a level is compared with names of its levels, as written";
            return self.fault(FaultCode::TypeMismatch, right.span, message, hint);
        };
        let before = self.faults.len();
        let names: Vec<NumCode> =
            list.iter().filter_map(|node| self.level(levels, left, node)).map(NumCode::Const).collect();
        let Code::Num(code) = of.code else { return Typed::poison() };
        if self.faults.len() > before {
            return Typed::poison();
        }
        let cost = of.cost + names.len() as u64;
        Typed::bool(BoolCode::NumIn(Box::new(code), names.into()), cost).traced(of.trace)
    }
}

impl Typed {
    /// A level by its name, where a value leaves the expression.
    pub fn named(mut self) -> Typed {
        if let (Some(Type::Level(levels)), Code::Num(code)) = (&self.ty, &self.code) {
            let (levels, code) = (levels.clone(), code.clone());
            self.ty = Some(Type::Words(levels.clone()));
            self.code = Code::Text(TextCode::Level(Box::new(code), levels));
        }
        self
    }
}

/// What is shown of a value: levels by their names.
pub(super) fn leaf(node: &Node, ty: Option<&Type>, code: &Code) -> Trace {
    let code = match (ty, code) {
        (Some(Type::Level(levels)), Code::Num(code)) => {
            Code::Text(TextCode::Level(Box::new(code.clone()), levels.clone()))
        }
        (_, code) => code.clone(),
    };
    Trace::Leaf(node.to_string().into(), Box::new(code))
}
