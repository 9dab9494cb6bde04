//! Types, guards and cost: a tree becomes a compiled expression, or a list of all its faults.
//! Here are operators and literals; names are in `names`, functions in `calls`, what loops in `macros`.

use std::sync::Arc;

use super::ast::{Kind, Node, NumOp, Span};
use super::code::{BoolCode, Code, ListCode, NumCall, NumCode, TextCode};
use super::guards::{Facts, literal};
use super::seen::Trace;
use super::{Code as FaultCode, Fault, Read, Scope, Uses, say};
use crate::num::Num;
use crate::value::{LIST_MAX, Type, Value};

pub(super) const COST_MAX: u64 = 1_000_000;
/// What goes through a whole text, beside a comparison that is 1.
pub(super) const TEXT_COST: u64 = 8;

/// A checked part. Where there was a fault, `ty` is None and nothing more is said about it.
pub(super) struct Typed {
    pub ty: Option<Type>,
    pub code: Code,
    /// Steps that it may take.
    pub cost: u64,
    /// Elements that it may hold, if it is a list.
    pub most: u64,
    /// May be absent as declared, guarded or not.
    pub absent: bool,
    pub never_zero: bool,
    /// Of a list that is written here: the types of its elements.
    pub elements: Vec<Type>,
    pub trace: Trace,
}

pub(super) struct Checker<'s> {
    pub scope: &'s Scope,
    pub facts: Facts,
    /// The variables of the macros around, with their types; outermost first.
    pub locals: Vec<Box<str>>,
    pub local_types: Vec<Option<Type>>,
    /// The costliest macro within a macro, by what it goes through.
    pub costliest: Option<(u64, String)>,
    pub faults: Vec<Fault>,
    pub reads: Vec<Read>,
    pub member_reads: Vec<u16>,
    pub tier_reads: Vec<u16>,
    pub uses: Uses,
    /// Formulas within which we are.
    pub inside: Vec<Box<str>>,
}

impl Typed {
    pub fn new(ty: Type, code: Code, cost: u64) -> Typed {
        let most = LIST_MAX as u64;
        let (elements, trace) = (Vec::new(), Trace::Nothing);
        Typed { ty: Some(ty), code, cost, most, absent: false, never_zero: false, elements, trace }
    }
    pub fn poison() -> Typed {
        let code = Code::Bool(BoolCode::Const(false));
        Typed { ty: None, never_zero: true, ..Typed::new(Type::Bool, code, 0) }
    }
    pub fn number(code: NumCode, cost: u64) -> Typed {
        Typed::new(Type::Num, Code::Num(code), cost)
    }
    pub fn bool(code: BoolCode, cost: u64) -> Typed {
        Typed::new(Type::Bool, Code::Bool(code), cost)
    }
    pub fn traced(mut self, trace: Trace) -> Typed {
        self.trace = trace;
        self
    }
}

/// The same to an operator.
pub(super) fn same(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Num | Type::Money, Type::Num | Type::Money)
        | (Type::Text | Type::Words(_), Type::Text | Type::Words(_)) => true,
        (Type::List(a), Type::List(b)) => same(a, b),
        _ => a == b,
    }
}

impl<'s> Checker<'s> {
    pub fn new(scope: &'s Scope) -> Checker<'s> {
        Checker {
            scope,
            facts: Facts::default(),
            locals: Vec::new(),
            local_types: Vec::new(),
            costliest: None,
            faults: Vec::new(),
            reads: Vec::new(),
            member_reads: Vec::new(),
            tier_reads: Vec::new(),
            uses: Uses::default(),
            inside: Vec::new(),
        }
    }

    pub fn fault(&mut self, code: FaultCode, span: Span, message: String, hint: impl Into<String>) -> Typed {
        let message = match self.inside.last() {
            Some(formula) => format!("in `{formula}`: {message}"),
            None => message,
        };
        self.faults.push(Fault { code, span: span.range(), message, hint: hint.into() });
        Typed::poison()
    }

    /// The whole expression, which must be of type `want`.
    pub fn whole(&mut self, node: &Node, want: Option<&Type>) -> Typed {
        let typed = self.check(node);
        let typed = if want.is_none() { typed.named() } else { typed };
        if typed.cost > COST_MAX && self.faults.is_empty() {
            let message = format!("may take {} steps", say::commas(typed.cost));
            return self.fault(FaultCode::TooCostly, node.span, message, "go through fewer lists");
        }
        if let (Some(want), Some(ty)) = (want, &typed.ty) {
            if !same(want, ty) {
                let message = format!("expected {}, found {}", say::a(want), say::a(ty));
                return self.fault(FaultCode::TypeMismatch, node.span, message, unquote(node));
            }
            if matches!(want, Type::Words(_)) {
                self.words_match((want, node), (ty, node));
            }
        }
        typed
    }

    pub fn check(&mut self, node: &Node) -> Typed {
        // Only a fork: what this holds on the stack, it holds at every depth.
        match &node.kind {
            Kind::Number(_) | Kind::Text(_) | Kind::Bool(_) => constant_of(&node.kind),
            Kind::Name(_) | Kind::Select(..) | Kind::Index(_) => self.value(node),
            Kind::Call(name, args) => self.call(node, name, args),
            Kind::Method(on, name, args) => self.method(node, on, name, args),
            Kind::List(list) => self.list(list),
            Kind::Not(inner) => self.not(inner),
            Kind::Neg(inner) => self.negative(inner),
            Kind::Chain(first, rest) => self.chain(first, rest),
            Kind::Compare(op, two) => self.compare(node, *op, &two.0, &two.1),
            Kind::In(two) => self.contains(node, &two.0, &two.1),
            Kind::And(list) => self.all_or_any(list, true),
            Kind::Or(list) => self.all_or_any(list, false),
            Kind::If(three) => self.choice(node, three),
            Kind::Formula(name, body) => self.formula(name, body),
        }
    }

    fn formula(&mut self, name: &str, body: &Node) -> Typed {
        self.inside.push(name.into());
        let typed = self.check(body);
        self.inside.pop();
        typed
    }

    fn not(&mut self, inner: &Node) -> Typed {
        let (code, cost, trace) = self.want_bool(inner, "`!`");
        Typed::bool(BoolCode::Not(Box::new(code)), cost + 1).traced(trace)
    }

    fn negative(&mut self, inner: &Node) -> Typed {
        let of = self.check(inner);
        let (code, cost, never_zero) = (self.as_number(&of, inner, "`-`"), of.cost, of.never_zero);
        let code = match code {
            NumCode::Const(n) => NumCode::Const(n.neg()),
            code => NumCode::Call(NumCall::Neg, Box::new(code)),
        };
        Typed { never_zero, ..Typed::number(code, cost + 1) }.traced(of.trace)
    }

    fn list(&mut self, list: &[Node]) -> Typed {
        let mut parts = Vec::new();
        for node in list {
            parts.push(self.check(node));
        }
        let cost = parts.iter().map(|p| p.cost).sum::<u64>() + 1;
        let trace = Trace::Parts(parts.iter().map(|p| p.trace.clone()).collect());
        let mut of: Option<Type> = None;
        for (part, node) in parts.iter().zip(list) {
            match (&part.ty, &of) {
                (None, _) => return Typed::poison(),
                (
                    Some(Type::List(_) | Type::Record(_) | Type::Table(..) | Type::Bands | Type::Level(_)),
                    _,
                ) => {
                    return self.fault(
                        FaultCode::TypeMismatch,
                        node.span,
                        "a list written here holds numbers, texts, bools or dates".into(),
                        "",
                    );
                }
                (Some(ty), None) => {
                    of = Some(if matches!(ty, Type::Words(_)) { Type::Text } else { ty.clone() })
                }
                (Some(ty), Some(first)) if !same(ty, first) => {
                    let message = format!("a list holds one type: {} beside {}", say::a(ty), say::a(first));
                    return self.fault(FaultCode::TypeMismatch, node.span, message, "");
                }
                _ => {}
            }
        }
        let elements = parts.iter().filter_map(|p| p.ty.clone()).collect();
        let constants: Option<Box<[Value]>> = parts.iter().map(|p| constant(&p.code)).collect();
        let code = match constants {
            Some(values) => ListCode::Const(values),
            None => ListCode::Of(parts.into_iter().map(|p| p.code).collect()),
        };
        let ty = Type::List(Arc::new(of.unwrap_or(Type::Text)));
        Typed { most: list.len() as u64, elements, ..Typed::new(ty, Code::List(code), cost) }.traced(trace)
    }

    /// A number, for `what` needs one.
    pub fn as_number(&mut self, typed: &Typed, node: &Node, what: &str) -> NumCode {
        match (&typed.ty, &typed.code) {
            (Some(Type::Num | Type::Money), Code::Num(code)) => code.clone(),
            (None, _) => NumCode::Const(Num::ONE),
            (Some(ty), _) => {
                let message = format!("{what} takes a number, not {}", say::a(ty));
                self.fault(FaultCode::TypeMismatch, node.span, message, unquote(node));
                NumCode::Const(Num::ONE)
            }
        }
    }

    pub fn as_text(&mut self, typed: &Typed, node: &Node, what: &str) -> TextCode {
        match (&typed.ty, &typed.code) {
            (Some(Type::Text | Type::Words(_)), Code::Text(code)) => code.clone(),
            (None, _) => TextCode::Const("".into()),
            (Some(ty), _) => {
                self.fault(
                    FaultCode::TypeMismatch,
                    node.span,
                    format!("{what} takes a text, not {}", say::a(ty)),
                    "",
                );
                TextCode::Const("".into())
            }
        }
    }

    pub fn want_bool(&mut self, node: &Node, what: &str) -> (BoolCode, u64, Trace) {
        let typed = self.check(node);
        match (typed.ty, typed.code) {
            (Some(Type::Bool), Code::Bool(code)) => (code, typed.cost, typed.trace),
            (None, _) => (BoolCode::Const(false), 0, Trace::Nothing),
            (Some(ty), _) => {
                self.fault(
                    FaultCode::TypeMismatch,
                    node.span,
                    format!("{what} takes a bool, not {}", say::a(&ty)),
                    "",
                );
                (BoolCode::Const(false), 0, Trace::Nothing)
            }
        }
    }

    fn chain(&mut self, first: &Node, rest: &[(NumOp, Node)]) -> Typed {
        let start = self.check(first);
        if matches!(start.ty, Some(Type::Text | Type::Words(_)))
            && rest.iter().all(|(op, _)| *op == NumOp::Add)
        {
            return self.join(start, first, rest);
        }
        let what = |op: NumOp| format!("`{}`", op.sign());
        let head = self.as_number(&start, first, &what(rest[0].0));
        let (mut cost, mut never_zero) = (start.cost, start.never_zero);
        let mut traces = vec![start.trace];
        let mut codes = Vec::new();
        for (op, node) in rest {
            let part = self.check(node);
            let code = self.as_number(&part, node, &what(*op));
            if matches!(op, NumOp::Div | NumOp::Rem) {
                self.divisor(node, &part);
            }
            // A product or quotient of what is not 0 is not 0.
            never_zero &= matches!(op, NumOp::Mul | NumOp::Div) && (part.never_zero || self.is_nonzero(node));
            cost += part.cost + 1;
            traces.push(part.trace);
            codes.push((*op, code));
        }
        let code = NumCode::Chain(Box::new(head), codes.into());
        Typed { never_zero, ..Typed::number(code, cost) }.traced(Trace::Parts(traces))
    }

    fn join(&mut self, start: Typed, first: &Node, rest: &[(NumOp, Node)]) -> Typed {
        let mut cost = start.cost;
        let mut codes = vec![self.as_text(&start, first, "`+`")];
        let mut traces = vec![start.trace];
        for (_, node) in rest {
            let part = self.check(node);
            codes.push(self.as_text(&part, node, "`+` after a text"));
            cost += part.cost + TEXT_COST;
            traces.push(part.trace);
        }
        Typed::new(Type::Text, Code::Text(TextCode::Join(codes.into())), cost).traced(Trace::Parts(traces))
    }

    fn is_nonzero(&self, node: &Node) -> bool {
        self.facts.is_nonzero(&node.key(&self.locals)) || literal(node).is_some_and(|n| !n.is_zero())
    }

    fn divisor(&mut self, node: &Node, part: &Typed) {
        if part.ty.is_none() || part.never_zero || self.is_nonzero(node) {
            return;
        }
        let (message, hint) = match literal(node) {
            Some(_) => ("this divides by 0".into(), String::new()),
            None => (format!("`{node:.100}` may be 0"), format!("write `{node:.100} > 0 ? … : 0`")),
        };
        self.fault(FaultCode::MayBeZero, node.span, message, hint);
    }

    fn all_or_any(&mut self, list: &[Node], all: bool) -> Typed {
        let mark = self.facts.mark();
        let mut cost = 1;
        let mut parts = Vec::new();
        for node in list {
            let (code, part_cost, trace) = self.want_bool(node, if all { "`&&`" } else { "`||`" });
            self.facts.learn(node, all, &self.locals);
            cost += part_cost;
            parts.push((code, trace));
        }
        self.facts.forget(mark);
        let codes = parts.iter().map(|(code, _)| code.clone()).collect();
        match all {
            true => Typed::bool(BoolCode::And(codes), cost).traced(Trace::UntilFalse(parts)),
            false => Typed::bool(BoolCode::Or(codes), cost).traced(Trace::UntilTrue(parts)),
        }
    }

    fn choice(&mut self, node: &Node, three: &[Node; 3]) -> Typed {
        let (test, test_cost, test_trace) = self.want_bool(&three[0], "`?`");
        let mark = self.facts.mark();
        self.facts.learn(&three[0], true, &self.locals);
        let then = self.check(&three[1]);
        let then_nonzero = then.never_zero || self.is_nonzero(&three[1]);
        self.facts.forget(mark);
        self.facts.learn(&three[0], false, &self.locals);
        let other = self.check(&three[2]);
        let other_nonzero = other.never_zero || self.is_nonzero(&three[2]);
        self.facts.forget(mark);
        let (Some(a), Some(b)) = (&then.ty, &other.ty) else { return Typed::poison() };
        if !same(a, b) {
            let message = format!("one side of `:` is {}, the other {}", say::a(a), say::a(b));
            return self.fault(FaultCode::TypeMismatch, node.span, message, "");
        }
        let ty = match (a, b) {
            (Type::Money, Type::Money) | (Type::Num, _) | (Type::Money, _) => Type::Num,
            (a, b) if a == b => a.clone(),
            (Type::Text | Type::Words(_), _) => Type::Text,
            (a, _) => a.clone(),
        };
        let trace = Trace::If(Box::new((test.clone(), test_trace, then.trace, other.trace)));
        let code = match (then.code, other.code) {
            (Code::Num(a), Code::Num(b)) => Code::Num(NumCode::If(Box::new((test, a, b)))),
            (Code::Text(a), Code::Text(b)) => Code::Text(TextCode::If(Box::new((test, a, b)))),
            (Code::Bool(a), Code::Bool(b)) => Code::Bool(BoolCode::If(Box::new((test, a, b)))),
            (Code::Date(a), Code::Date(b)) => Code::Date(super::code::DateCode::If(Box::new((test, a, b)))),
            (Code::Time(a), Code::Time(b)) => Code::Time(super::code::TimeCode::If(Box::new((test, a, b)))),
            (Code::List(a), Code::List(b)) => Code::List(ListCode::If(Box::new((test, a, b)))),
            _ => {
                let message = format!("`?` cannot choose {}", say::a(&ty));
                return self.fault(FaultCode::TypeMismatch, node.span, message, "choose among its members");
            }
        };
        let never_zero = then_nonzero && other_nonzero;
        let most = then.most.max(other.most);
        Typed { never_zero, most, ..Typed::new(ty, code, test_cost + then.cost + other.cost + 1) }
            .traced(trace)
    }
}

fn constant_of(kind: &Kind) -> Typed {
    match kind {
        Kind::Number(n) => Typed { never_zero: !n.is_zero(), ..Typed::number(NumCode::Const(*n), 1) },
        Kind::Text(t) => Typed::new(Type::Text, Code::Text(TextCode::Const(t.clone())), 1),
        Kind::Bool(b) => Typed::bool(BoolCode::Const(*b), 1),
        _ => Typed::poison(),
    }
}

fn constant(code: &Code) -> Option<Value> {
    Some(match code {
        Code::Num(NumCode::Const(n)) => Value::Num(*n),
        Code::Text(TextCode::Const(t)) => Value::Text((&**t).into()),
        Code::Bool(BoolCode::Const(b)) => Value::Bool(*b),
        Code::Date(super::code::DateCode::Const(d)) => Value::Date(*d),
        _ => return None,
    })
}

/// What a formula stands for.
pub(super) fn peel(node: &Node) -> &Node {
    match &node.kind {
        Kind::Formula(_, body) => peel(body),
        _ => node,
    }
}

pub(super) fn written_text(node: &Node) -> Option<&str> {
    match &peel(node).kind {
        Kind::Text(t) => Some(t),
        _ => None,
    }
}

pub(super) fn unquote(node: &Node) -> String {
    match written_text(node) {
        Some(t) if matches!(Num::parse(t), Some(Ok(_))) => format!("write {t} without quotes"),
        _ => String::new(),
    }
}
