//! Comparisons and `in`: types that go together, and words that are compared only with their own.

use super::ast::{Compare, Kind, Node};
use super::check::{Checker, Typed, peel, same, unquote, written_text};
use super::code::{BoolCode, Code, ListCode, NumCode, Ref, TextCode};
use super::seen::Trace;
use super::{Code as FaultCode, say};
use crate::value::Type;

impl Checker<'_> {
    pub fn compare(&mut self, node: &Node, op: Compare, left: &Node, right: &Node) -> Typed {
        let (mut a, mut b) = (self.check(left), self.check(right));
        if !self.same_ladder((&mut a, left), (&mut b, right)) {
            return Typed::poison();
        }
        let (Some(a_ty), Some(b_ty)) = (&a.ty, &b.ty) else { return Typed::poison() };
        if !same(a_ty, b_ty) {
            let message = format!("cannot compare {} with {}", say::a(a_ty), say::a(b_ty));
            let hint = mismatch_hint((a_ty, left), (b_ty, right));
            return self.fault(FaultCode::TypeMismatch, node.span, message, hint);
        }
        if !self.words_match((a_ty, left), (b_ty, right)) {
            return Typed::poison();
        }
        let equal = op == Compare::Eq;
        let ordered = !matches!(op, Compare::Eq | Compare::Ne);
        let trace = Trace::Parts(vec![a.trace, b.trace]);
        let what = say::a(a_ty);
        let code = match (a.code, b.code) {
            (Code::Num(NumCode::Ref(Ref::Slot(slot))), Code::Num(NumCode::Const(n))) => {
                BoolCode::SlotNum(slot, op, n)
            }
            (Code::Num(NumCode::Const(n)), Code::Num(NumCode::Ref(Ref::Slot(slot)))) => {
                BoolCode::SlotNum(slot, op.flipped(), n)
            }
            (Code::Num(a), Code::Num(b)) => BoolCode::Num(op, Box::new((a, b))),
            (Code::Date(a), Code::Date(b)) => BoolCode::Date(op, Box::new((a, b))),
            (Code::Time(a), Code::Time(b)) => BoolCode::Time(op, Box::new((a, b))),
            (Code::Text(_) | Code::Bool(_), _) if ordered => {
                let message = format!(
                    "`{}` does not order {what}: only numbers, dates and times have an order",
                    op.sign()
                );
                return self.fault(FaultCode::TypeMismatch, node.span, message, "");
            }
            (Code::Text(TextCode::Ref(Ref::Slot(slot))), Code::Text(TextCode::Const(t)))
            | (Code::Text(TextCode::Const(t)), Code::Text(TextCode::Ref(Ref::Slot(slot)))) => {
                BoolCode::SlotText(slot, equal, t)
            }
            (Code::Text(a), Code::Text(b)) => BoolCode::Text(equal, Box::new((a, b))),
            (Code::Bool(a), Code::Bool(b)) => BoolCode::Bool(equal, Box::new((a, b))),
            _ => {
                let message = format!("`{}` does not compare {what}", op.sign());
                return self.fault(
                    FaultCode::TypeMismatch,
                    node.span,
                    message,
                    "ask for its members, or use `in`, `.exists`, `.all`",
                );
            }
        };
        Typed::bool(code, a.cost + b.cost + 1).traced(trace)
    }

    /// Words are compared only with their own.
    pub fn words_match(&mut self, a: (&Type, &Node), b: (&Type, &Node)) -> bool {
        let (words, (ty, node)) = match (a.0, b.0) {
            (Type::Words(a), Type::Words(other)) if a == other => return true,
            (Type::Words(words), _) => (words, b),
            (_, Type::Words(words)) => (words, a),
            _ => return true,
        };
        let list = words.join(", ");
        match (written_text(node), ty) {
            (Some(text), _) if words.iter().any(|w| **w == *text) => true,
            (Some(text), _) => {
                let message = format!("`{}` is not one of {list}", super::lex::short(text));
                let hint = say::nearest(text, words.iter().map(|w| &**w));
                let hint = hint.map_or(String::new(), |w| format!("did you mean `{w}`?"));
                self.fault(FaultCode::UnknownWord, node.span, message, hint);
                false
            }
            (None, _) => {
                let message = format!("`{node:.100}` is not known to be one of {list}");
                self.fault(
                    FaultCode::TypeMismatch,
                    node.span,
                    message,
                    "words are compared with their own words only",
                );
                false
            }
        }
    }

    pub fn contains(&mut self, node: &Node, left: &Node, right: &Node) -> Typed {
        let (a, b) = (self.check(left), self.check(right));
        let (Some(a_ty), Some(b_ty)) = (&a.ty, &b.ty) else { return Typed::poison() };
        if let Type::Level(levels) = a_ty {
            return self.level_in(&levels.clone(), a, left, right);
        }
        let trace = Trace::Parts(vec![a.trace.clone(), b.trace.clone()]);
        if let Type::Table(keys, _) = b_ty {
            let index = self.as_text(&a, left, "`in` a table");
            let code = BoolCode::KeyIn(Box::new(index), keys.clone());
            return Typed::bool(code, a.cost + 1).traced(a.trace);
        }
        let Type::List(element) = b_ty else {
            let hint =
                if matches!(b_ty, Type::Text | Type::Words(_)) { "write `.contains(…)`" } else { "" };
            let message = format!("`in` looks into a list, not {}", say::a(b_ty));
            return self.fault(FaultCode::TypeMismatch, right.span, message, hint);
        };
        // The empty list holds nothing, of any type.
        let empty = matches!(&b.code, Code::List(ListCode::Const(values)) if values.is_empty());
        if !empty && !same(a_ty, element) {
            let message = format!("{} cannot be in a list that holds {}", say::a(a_ty), plural(element));
            return self.fault(FaultCode::TypeMismatch, node.span, message, unquote(left));
        }
        if matches!(a_ty, Type::List(_) | Type::Record(_) | Type::Table(..) | Type::Bands) {
            let message = format!("`in` does not compare {}", say::a(a_ty));
            return self.fault(FaultCode::TypeMismatch, node.span, message, "write `.exists(i, …)`");
        }
        match &peel(right).kind {
            Kind::List(list) => {
                for (node, ty) in list.iter().zip(&b.elements) {
                    self.words_match((a_ty, left), (ty, node));
                }
            }
            // A list of params cannot say that it holds words, so what it holds is not minded.
            _ if matches!(element.as_ref(), Type::Words(_)) => {
                self.words_match((a_ty, left), (element, right));
            }
            _ => {}
        }
        // A comparison of an element is a tenth of a step.
        let cost = a.cost + b.cost + 1 + b.most / 10;
        let code = match (a.code, b.code) {
            (Code::Text(of), Code::List(ListCode::Const(values))) => {
                let texts = values.iter().map(|v| TextCode::Const(super::eval::text(v).into()));
                BoolCode::TextIn(Box::new(of), texts.collect())
            }
            (Code::Text(of), Code::List(ListCode::Of(codes))) => BoolCode::TextIn(Box::new(of), texts(codes)),
            (Code::Num(of), Code::List(ListCode::Of(codes))) => BoolCode::NumIn(Box::new(of), numbers(codes)),
            (of, Code::List(list)) => BoolCode::In(Box::new((of, list))),
            _ => return Typed::poison(),
        };
        Typed::bool(code, cost).traced(trace)
    }
}

fn texts(codes: Box<[Code]>) -> Box<[TextCode]> {
    codes.into_iter().filter_map(|c| if let Code::Text(t) = c { Some(t) } else { None }).collect()
}

fn numbers(codes: Box<[Code]>) -> Box<[NumCode]> {
    codes.into_iter().filter_map(|c| if let Code::Num(n) = c { Some(n) } else { None }).collect()
}

fn plural(ty: &Type) -> &'static str {
    match ty {
        Type::Num | Type::Money => "numbers",
        Type::Level(_) => "levels",
        Type::Text | Type::Words(_) => "texts",
        Type::Bool => "bools",
        Type::Date => "dates",
        Type::Time => "times",
        Type::List(_) => "lists",
        Type::Record(_) => "records",
        Type::Table(..) | Type::Bands => "tables",
    }
}

fn mismatch_hint(a: (&Type, &Node), b: (&Type, &Node)) -> String {
    let text = |(ty, node): (&Type, &Node), other: &Type| match (ty, other) {
        (Type::Text, Type::Num | Type::Money) => Some(unquote(node)),
        (Type::Text, Type::Date) => written_text(node)
            .filter(|t| t.parse::<jiff::civil::Date>().is_ok())
            .map(|t| format!("write `date(\"{t}\")`")),
        (Type::Time, Type::Date) => Some(format!("write `{node:.100}.date`")),
        _ => None,
    };
    text(a, b.0).or_else(|| text(b, a.0)).unwrap_or_default()
}
