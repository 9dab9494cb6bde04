//! `list.exists(i, …)` and its kin: the only loops there are.

use super::ast::{Kind, Name, Node};
use super::check::{COST_MAX, Checker, Typed};
use super::code::{BoolCode, Code, Each, ListCode, NumCode};
use super::eval::MACROS_MAX;
use super::seen::Trace;
use super::{Code as FaultCode, say};
use crate::value::Type;

impl Checker<'_> {
    pub fn each(&mut self, node: &Node, on: &Node, name: &Name, args: &[Node]) -> Typed {
        let [Node { kind: Kind::Name(variable), .. }, body] = args else {
            let what = if &*name.text == "sum" { "(i, number)" } else { "(i, condition)" };
            return self.takes(
                node,
                &name.text,
                &format!("a variable and what is asked of it: `.{}{what}`", name.text),
            );
        };
        let list = self.check(on);
        let (element, source) = match (list.ty, list.code) {
            (Some(Type::List(element)), Code::List(code)) => (Some((*element).clone()), code),
            (None, _) => (None, ListCode::Const(Box::default())),
            (Some(ty), _) => {
                let message = format!("`{}` goes through a list, not {}", name.text, say::a(&ty));
                return self.fault(FaultCode::TypeMismatch, on.span, message, "");
            }
        };
        if self.locals.len() == MACROS_MAX {
            let message = format!("macros stand at most {MACROS_MAX} deep in each other");
            return self.fault(FaultCode::TooDeep, node.span, message, "");
        }
        let known = element.is_some();
        let local = u8::try_from(self.locals.len()).expect("few");
        self.locals.push(variable.clone());
        self.local_types.push(element.clone());
        if local == 0 {
            self.costliest = None;
        }
        let typed = self.body(name, body, source, local);
        self.local_types.pop();
        self.locals.pop();
        let Some(mut typed) = typed.filter(|t| known && t.ty.is_some()) else { return Typed::poison() };
        let steps = list.most.saturating_mul(typed.cost);
        typed.cost = list.cost.saturating_add(steps);
        let name = last_name(on);
        if steps > COST_MAX {
            let inner =
                self.costliest.take().map_or_else(|| "a list".into(), |(_, inner)| format!("`{inner}`"));
            let message = format!("may take {} steps: {inner} inside `{name}`", say::commas(typed.cost));
            return self.fault(FaultCode::TooCostly, node.span, message, "ask less of each element");
        }
        if local > 0 && self.costliest.as_ref().is_none_or(|(most, _)| *most < steps) {
            self.costliest = Some((steps, name));
        }
        if typed.ty.as_ref().is_some_and(|t| matches!(t, Type::List(_))) {
            typed.ty = element.map(|e| Type::List(e.into()));
            typed.most = list.most;
        }
        typed.traced(Trace::Parts(vec![list.trace]))
    }

    /// The call, with the cost of one element.
    fn body(&mut self, name: &Name, body: &Node, list: ListCode, local: u8) -> Option<Typed> {
        if &*name.text == "sum" {
            let of = self.check(body);
            of.ty.as_ref()?;
            let code = self.as_number(&of, body, "`sum`");
            return Some(Typed::number(NumCode::Sum(Box::new(Each { list, local, body: code })), of.cost));
        }
        let before = self.faults.len();
        let (code, cost, _) = self.want_bool(body, &format!("`{}`", name.text));
        if self.faults.len() > before {
            return None;
        }
        let each = Box::new(Each { list, local, body: code });
        Some(match &*name.text {
            "exists" => Typed::bool(BoolCode::Exists(each), cost),
            "all" => Typed::bool(BoolCode::All(each), cost),
            "count" => Typed::number(NumCode::Count(each), cost),
            _ => Typed::new(Type::List(Type::Bool.into()), Code::List(ListCode::Filter(each)), cost),
        })
    }
}

/// `order.items` is called `items`.
fn last_name(node: &Node) -> String {
    match &node.kind {
        Kind::Name(name) => name.to_string(),
        Kind::Select(_, name) => name.text.to_string(),
        Kind::Method(on, ..) => last_name(on),
        Kind::Formula(name, _) => name.to_string(),
        _ => "[…]".into(),
    }
}
