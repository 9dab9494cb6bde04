//! Functions and methods that do not loop.

use super::ast::{Kind, Name, Node};
use super::check::{Checker, TEXT_COST, Typed};
use super::code::{
    BandsCall, BoolCode, Code, DateCode, ListCode, NumCall, NumCode, Ref, Span, TextCode, TextTest, TimeCode,
};
use super::guards::literal;
use super::names::Found;
use super::seen::Trace;
use super::{Code as FaultCode, Read, functions, say};
use crate::num::Num;
use crate::value::Type;

impl Checker<'_> {
    pub fn call(&mut self, node: &Node, name: &Name, args: &[Node]) -> Typed {
        let typed = self.function(node, name, args);
        self.as_leaf(node, typed)
    }

    /// Calls that ask something of a whole are shown by themselves.
    fn as_leaf(&self, node: &Node, typed: Typed) -> Typed {
        use {BoolCode as B, NumCode as N};
        let whole = matches!(
            typed.code,
            Code::Num(
                N::ListSize(_) | N::Count(_) | N::Sum(_) | N::Bands(..) | N::SinceDate(..) | N::SinceTime(..)
            ) | Code::Num(N::OrElse(_) | N::Read(_))
                | Code::Bool(B::Exists(_) | B::All(_) | B::OrElse(_) | B::Has(_))
                | Code::Text(TextCode::OrElse(_))
                | Code::Date(DateCode::OrElse(_))
                | Code::Time(TimeCode::OrElse(_))
                | Code::List(ListCode::OrElse(_))
        );
        if !whole || !self.locals.is_empty() || typed.ty.is_none() {
            return typed;
        }
        let leaf = Trace::Leaf(node.to_string().into(), Box::new(typed.code.clone()));
        typed.traced(leaf)
    }

    fn function(&mut self, node: &Node, name: &Name, args: &[Node]) -> Typed {
        let call = match &*name.text {
            "has" => return self.has(node, args),
            "size" => return self.size(node, args),
            "date" => return self.date(node, args),
            "min" | "max" => return self.best(node, name, args),
            "lower" => {
                let Some(arg) = self.one(node, name, args) else { return Typed::poison() };
                let of = self.check(arg);
                let code = self.as_text(&of, arg, "`lower`");
                return Typed::new(
                    Type::Text,
                    Code::Text(TextCode::Lower(Box::new(code))),
                    of.cost + TEXT_COST,
                )
                .traced(of.trace);
            }
            "days_since" => return self.since(node, name, args, Span::Days),
            "months_since" => return self.since(node, name, args, Span::Months),
            "years_since" => return self.since(node, name, args, Span::Years),
            "band" => return self.bands(node, args, BandsCall::Band),
            "volume" => return self.bands(node, args, BandsCall::Volume),
            "graduated" => return self.bands(node, args, BandsCall::Graduated),
            "floor" => NumCall::Floor,
            "ceil" => NumCall::Ceil,
            "round" => NumCall::Round,
            "abs" => NumCall::Abs,
            _ => return self.unknown_call(name, false),
        };
        let Some(arg) = self.one(node, name, args) else { return Typed::poison() };
        let of = self.check(arg);
        let code = self.as_number(&of, arg, &format!("`{}`", name.text));
        let never_zero = matches!(call, NumCall::Abs) && of.never_zero;
        let typed = Typed::number(NumCode::Call(call, Box::new(code)), of.cost + 1).traced(of.trace);
        Typed { never_zero, ..typed }
    }

    pub fn method(&mut self, node: &Node, on: &Node, name: &Name, args: &[Node]) -> Typed {
        let typed = match &*name.text {
            "startsWith" => self.text_test(node, on, name, args, TextTest::StartsWith),
            "endsWith" => self.text_test(node, on, name, args, TextTest::EndsWith),
            "contains" => self.text_test(node, on, name, args, TextTest::Contains),
            "exists" | "all" | "filter" | "count" | "sum" => self.each(node, on, name, args),
            "or" => self.or_else(node, on, args),
            "ago" => self.ago(node, on, args),
            _ => {
                match self.look(on, false) {
                    Found::Typed(base) if base.ty.is_none() => return base,
                    Found::Refused(not) => return self.refused(on, not),
                    _ => {}
                }
                self.unknown_call(name, true)
            }
        };
        self.as_leaf(node, typed)
    }

    fn unknown_call(&mut self, name: &Name, method: bool) -> Typed {
        let wrong = super::lex::short(&name.text);
        let message = if method {
            format!("there is no `.{wrong}(…)`")
        } else {
            format!("there is no `{wrong}(…)`")
        };
        let (here, there) = (functions::names(method), functions::names(!method));
        let hint = match &*name.text {
            "matches" => {
                "there are no regular expressions: use `.startsWith`, `.endsWith`, `.contains`, `in`".into()
            }
            "map" => "write `.filter(i, …)`, `.count(i, …)` or `.sum(i, …)`".into(),
            "exists_one" => "write `.count(i, …) == 1`".into(),
            "int" | "uint" | "double" => {
                "there is one type of number: use `floor`, `round` or nothing".into()
            }
            "string" | "format" => "texts are not formatted here".into(),
            "timestamp" => "write `date(\"2026-12-01\")`".into(),
            other if there.contains(&other) && method => format!("write `{other}(…)`"),
            other if there.contains(&other) => format!("write `x.{other}(…)`"),
            other => match say::nearest(other, here.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => String::new(),
            },
        };
        self.fault(FaultCode::UnknownName, name.span, message, hint)
    }

    pub fn takes(&mut self, node: &Node, name: &str, what: &str) -> Typed {
        self.fault(FaultCode::TypeMismatch, node.span, format!("`{name}` takes {what}"), "")
    }

    fn one<'n>(&mut self, node: &Node, name: &Name, args: &'n [Node]) -> Option<&'n Node> {
        if args.len() != 1 {
            self.takes(node, &name.text, "one value");
        }
        (args.len() == 1).then(|| &args[0])
    }

    fn has(&mut self, node: &Node, args: &[Node]) -> Typed {
        let [arg] = args else { return self.takes(node, "has", "one path, as in `has(a.b)`") };
        let Kind::Select(..) = &arg.kind else {
            let hint =
                if matches!(arg.kind, Kind::Index(_)) { "write `key in table`, or `.or(…)`" } else { "" };
            return self.fault(
                FaultCode::TypeMismatch,
                arg.span,
                "`has` takes a path, as in `has(a.b)`".into(),
                hint,
            );
        };
        let of = match self.look(arg, false) {
            Found::Typed(of) => of,
            Found::Refused(not) => return self.refused(arg, not),
            _ => return self.never_absent(arg),
        };
        let (Some(_), Some(place)) = (&of.ty, of.code.place()) else {
            return if of.ty.is_none() { of } else { self.never_absent(arg) };
        };
        if !of.absent {
            return self.never_absent(arg);
        }
        Typed::bool(BoolCode::Has(place.clone()), of.cost + 1)
    }

    fn never_absent(&mut self, node: &Node) -> Typed {
        self.fault(
            FaultCode::NeverAbsent,
            node.span,
            format!("`{node:.100}` is never absent"),
            "it needs no guard",
        )
    }

    fn or_else(&mut self, node: &Node, on: &Node, args: &[Node]) -> Typed {
        let [arg] = args else { return self.takes(node, "or", "one value") };
        let of = match self.look(on, false) {
            Found::Typed(of) => of,
            Found::Refused(not) => return self.refused(on, not),
            _ => return self.never_absent(on),
        };
        let other = self.check(arg);
        let (Some(ty), Some(other_ty)) = (&of.ty, &other.ty) else { return Typed::poison() };
        let Some(place) = of.code.place().filter(|_| of.absent).cloned() else {
            return self.never_absent(on);
        };
        if !super::check::same(ty, other_ty) {
            let message = format!("`{on:.100}` is {}, its other value {}", say::a(ty), say::a(other_ty));
            return self.fault(FaultCode::TypeMismatch, arg.span, message, "");
        }
        if !self.words_match((ty, on), (other_ty, arg)) {
            return Typed::poison();
        }
        let code = match other.code {
            Code::Num(c) => Code::Num(NumCode::OrElse(Box::new((place, c)))),
            Code::Text(c) => Code::Text(TextCode::OrElse(Box::new((place, c)))),
            Code::Bool(c) => Code::Bool(BoolCode::OrElse(Box::new((place, c)))),
            Code::Date(c) => Code::Date(DateCode::OrElse(Box::new((place, c)))),
            Code::Time(c) => Code::Time(TimeCode::OrElse(Box::new((place, c)))),
            Code::List(c) => Code::List(ListCode::OrElse(Box::new((place, c)))),
            Code::Whole(_) => {
                return self.fault(
                    FaultCode::TypeMismatch,
                    node.span,
                    format!("`or` cannot stand in for {}", say::a(ty)),
                    "ask for its members",
                );
            }
        };
        let most = of.most.max(other.most);
        let never_zero = of.never_zero && other.never_zero;
        Typed { never_zero, most, ..Typed::new(ty.clone(), code, of.cost + other.cost + 1) }
    }

    fn ago(&mut self, node: &Node, on: &Node, args: &[Node]) -> Typed {
        let (no, ago) = match self.look(on, true) {
            Found::Counter { no, ago } => (no, ago),
            Found::Typed(typed) if typed.ty.is_none() => return typed,
            Found::Refused(not) => return self.refused(on, not),
            _ => {
                return self.fault(
                    FaultCode::TypeMismatch,
                    on.span,
                    format!("`{on:.100}` is not a counter"),
                    "write `counters.C.ago(N)`",
                );
            }
        };
        if !ago {
            let message = format!("`{on:.100}` has no windows that follow each other");
            return self.fault(
                FaultCode::TypeMismatch,
                node.span,
                message,
                "`ago` needs a counter whose `per` is a unit, as \"month\"",
            );
        }
        let windows = match args {
            [arg] => literal(arg).and_then(Num::to_int).filter(|n| (1..=12).contains(n)),
            _ => None,
        };
        match windows {
            Some(windows) => {
                let code = self.state(Read::Counter(no, windows as u8));
                Typed::new(Type::Num, code, 1)
            }
            None => self.takes(node, "ago", "a whole number from 1 to 12, as written"),
        }
    }

    fn size(&mut self, node: &Node, args: &[Node]) -> Typed {
        let [arg] = args else { return self.takes(node, "size", "one list or text") };
        let of = self.check(arg);
        let Some(ty) = of.ty else { return Typed::poison() };
        let code = match of.code {
            Code::Text(text) => NumCode::TextSize(Box::new(text)),
            Code::List(list) => NumCode::ListSize(Box::new(list)),
            _ => {
                let message = format!("`size` takes a list or a text, not {}", say::a(&ty));
                return self.fault(FaultCode::TypeMismatch, arg.span, message, "");
            }
        };
        Typed::number(code, of.cost + 1).traced(of.trace)
    }

    fn date(&mut self, node: &Node, args: &[Node]) -> Typed {
        let text = match args {
            [Node { kind: Kind::Text(text), .. }] => text,
            _ => return self.takes(node, "date", "a date as written: `date(\"2026-12-01\")`"),
        };
        let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        match text.parse() {
            Ok(date) if shaped => Typed::new(Type::Date, Code::Date(DateCode::Const(date)), 1),
            _ => {
                let message = format!("`{}` is not a date", super::lex::short(text));
                self.fault(
                    FaultCode::TypeMismatch,
                    args[0].span,
                    message,
                    "write year, month and day: `date(\"2026-12-01\")`",
                )
            }
        }
    }

    fn best(&mut self, node: &Node, name: &Name, args: &[Node]) -> Typed {
        if args.is_empty() {
            return self.takes(node, &name.text, "one number or more");
        }
        let mut codes = Vec::new();
        let mut traces = Vec::new();
        let (mut cost, mut some_positive, mut all_positive) = (1, false, true);
        for arg in args {
            let of = self.check(arg);
            codes.push(self.as_number(&of, arg, &format!("`{}`", name.text)));
            cost += of.cost;
            traces.push(of.trace);
            let positive = literal(arg).is_some_and(|n| n > Num::ZERO);
            some_positive |= positive;
            all_positive &= positive;
        }
        let (code, never_zero) = match &*name.text {
            "max" => (NumCode::Max(codes.into()), some_positive),
            _ => (NumCode::Min(codes.into()), all_positive),
        };
        Typed { never_zero, ..Typed::number(code, cost) }.traced(Trace::Parts(traces))
    }

    fn since(&mut self, node: &Node, name: &Name, args: &[Node], span: Span) -> Typed {
        let Some(arg) = self.one(node, name, args) else { return Typed::poison() };
        self.uses.now = true;
        let of = self.check(arg);
        let Some(ty) = of.ty else { return Typed::poison() };
        let code = match of.code {
            Code::Date(date) => NumCode::SinceDate(span, Box::new(date)),
            Code::Time(time) => NumCode::SinceTime(span, Box::new(time)),
            _ => {
                let message = format!("`{}` takes a date or a time, not {}", name.text, say::a(&ty));
                return self.fault(FaultCode::TypeMismatch, arg.span, message, "");
            }
        };
        Typed::number(code, of.cost + 3)
    }

    fn bands(&mut self, node: &Node, args: &[Node], call: BandsCall) -> Typed {
        let [bands, x] = args else { return self.takes(node, "band", "bands of [params] and a number") };
        let of = self.check(bands);
        let at = self.check(x);
        let number = self.as_number(&at, x, "the place in bands");
        match (of.ty, of.code) {
            (Some(Type::Bands), Code::Whole(place @ Ref::Slot(_))) => {
                Typed::number(NumCode::Bands(call, place, Box::new(number)), of.cost + at.cost + 10)
                    .traced(Trace::Parts(vec![of.trace, at.trace]))
            }
            (None, _) => Typed::poison(),
            (Some(ty), _) => {
                let message = format!("expected bands of [params], found {}", say::a(&ty));
                self.fault(
                    FaultCode::TypeMismatch,
                    bands.span,
                    message,
                    "bands are written [[0, 0], [500, 0.02]]",
                )
            }
        }
    }

    fn text_test(&mut self, node: &Node, on: &Node, name: &Name, args: &[Node], test: TextTest) -> Typed {
        let Some(arg) = self.one(node, name, args) else { return Typed::poison() };
        let (of, with) = (self.check(on), self.check(arg));
        if matches!(of.ty, Some(Type::List(_))) && matches!(test, TextTest::Contains) {
            let message = "`contains` looks into a text, not a list".into();
            return self.fault(
                FaultCode::TypeMismatch,
                on.span,
                message,
                format!("write `{arg:.100} in {on:.100}`"),
            );
        }
        let what = format!("`{}`", name.text);
        let two = (self.as_text(&of, on, &what), self.as_text(&with, arg, &what));
        let trace = Trace::Parts(vec![of.trace, with.trace]);
        Typed::bool(BoolCode::TextTest(test, Box::new(two)), of.cost + with.cost + TEXT_COST).traced(trace)
    }
}
