//! What is known where an expression stands: values that are present, numbers that are not 0.
//! A guard and what it guards are matched by `Node::key`, so they must be written alike.

use super::ast::{Compare, Kind, Node};
use crate::num::Num;

#[derive(Default)]
pub(super) struct Facts {
    present: Vec<String>,
    nonzero: Vec<String>,
}

/// How much was known at some point, to forget what came later.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize, usize);

impl Facts {
    pub fn mark(&self) -> Mark {
        Mark(self.present.len(), self.nonzero.len())
    }
    pub fn forget(&mut self, mark: Mark) {
        self.present.truncate(mark.0);
        self.nonzero.truncate(mark.1);
    }
    pub fn is_present(&self, key: &String) -> bool {
        self.present.contains(key)
    }
    pub fn is_nonzero(&self, key: &String) -> bool {
        self.nonzero.contains(key)
    }

    /// What follows when `node` is `outcome`.
    pub fn learn(&mut self, node: &Node, outcome: bool, locals: &[Box<str>]) {
        match (&node.kind, outcome) {
            (Kind::Formula(_, body), _) => self.learn(body, outcome, locals),
            (Kind::Not(inner), _) => self.learn(inner, !outcome, locals),
            (Kind::And(list), true) | (Kind::Or(list), false) => {
                list.iter().for_each(|n| self.learn(n, outcome, locals));
            }
            (Kind::Call(name, args), true) if &*name.text == "has" && args.len() == 1 => {
                let mut path = &args[0];
                while let Kind::Select(on, _) = &path.kind {
                    self.present.push(path.key(locals));
                    path = on;
                }
            }
            (Kind::In(two), true) => {
                self.present.push(format!("{}[{}]", two.1.key(locals), two.0.key(locals)))
            }
            (Kind::Compare(op, two), _) => {
                let op = if outcome { *op } else { op.negated() };
                self.learn_number(&two.0, op, &two.1, locals);
                self.learn_number(&two.1, op.flipped(), &two.0, locals);
            }
            _ => {}
        }
    }

    /// From `node op literal`.
    fn learn_number(&mut self, node: &Node, op: Compare, bound: &Node, locals: &[Box<str>]) {
        let Some(bound) = literal(bound) else { return };
        let above_zero = match op {
            Compare::Gt => bound >= Num::ZERO,
            Compare::Ge => bound > Num::ZERO,
            Compare::Lt => bound <= Num::ZERO,
            Compare::Le => bound < Num::ZERO,
            Compare::Eq => !bound.is_zero(),
            Compare::Ne => bound.is_zero(),
        };
        if above_zero {
            self.nonzero.push(node.key(locals));
        }
    }
}

/// A number as written, also with its sign.
pub(super) fn literal(node: &Node) -> Option<Num> {
    match &node.kind {
        Kind::Number(n) => Some(*n),
        Kind::Neg(inner) => literal(inner).map(Num::neg),
        Kind::Formula(_, body) => literal(body),
        _ => None,
    }
}
