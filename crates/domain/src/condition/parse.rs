//! CEL's grammar by recursive descent, as far as we use it. The first mistake ends it.
//!
//! No input makes it slow or deep: each token is read once, brackets nest at most `NEST_MAX` deep and the tree `DEPTH_MAX`.

use super::ast::{Compare, Kind, Name, Node, NumOp, Span};
use super::lex::{Lexer, Token, short};
use super::{Code, Fault};

pub(super) const BYTES_MAX: usize = 2_000;
pub(super) const NODES_MAX: usize = 250;
/// Operators, calls and lists around a leaf.
pub(super) const DEPTH_MAX: usize = 24;
/// Brackets in brackets, which may mean nothing.
const NEST_MAX: usize = 33;

/// Words that CEL keeps for itself, beside `true` and `false`.
const RESERVED: [&str; 19] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "null",
    "in",
];

/// A word of CEL's own, which can be no id.
pub fn is_keyword(text: &str) -> bool {
    matches!(text, "true" | "false") || RESERVED.contains(&text)
}

type Read<T> = Result<T, Box<Fault>>;

/// The tree of `source` and the number of its nodes.
pub(super) fn parse(source: &str) -> Read<(Node, usize)> {
    if source.len() > BYTES_MAX {
        return Err(Box::new(Fault {
            code: Code::TooLong,
            span: 0..source.len(),
            message: format!("longer than 2,000 bytes: {}", source.len()),
            hint: "say parts of it in `formulas`, or in several entries of `when`".into(),
        }));
    }
    let mut parser = Parser {
        lexer: Lexer::new(source),
        token: Token::End,
        span: Span::new(0, 0),
        before: Span::new(0, 0),
        nodes: 0,
        nest: 0,
    };
    parser.step()?;
    let node = parser.expression()?;
    if parser.token != Token::End {
        return Err(parser.expected("an operator or the end"));
    }
    Ok((node, parser.nodes))
}

#[derive(Clone, Copy)]
enum Operator {
    Or,
    And,
    Compare(Compare),
    In,
    Num(NumOp),
}

impl Operator {
    /// How tightly it binds.
    fn level(self) -> u8 {
        match self {
            Operator::Or => 0,
            Operator::And => 1,
            Operator::Compare(_) | Operator::In => 2,
            Operator::Num(NumOp::Add | NumOp::Sub) => 3,
            Operator::Num(NumOp::Mul | NumOp::Div | NumOp::Rem) => 4,
        }
    }
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    token: Token<'s>,
    span: Span,
    /// Of the token before.
    before: Span,
    nodes: usize,
    nest: usize,
}

impl Parser<'_> {
    fn step(&mut self) -> Read<()> {
        self.before = self.span;
        (self.token, self.span) = self.lexer.next()?;
        Ok(())
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.token, Token::Sign(s) if s == sign)
    }

    fn take(&mut self, sign: &str) -> Read<bool> {
        let here = self.is(sign);
        if here {
            self.step()?;
        }
        Ok(here)
    }

    fn must(&mut self, sign: &str) -> Read<()> {
        if self.take(sign)? { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    fn expected(&self, what: &str) -> Box<Fault> {
        let (found, hint) = match &self.token {
            Token::End => ("the end".into(), ""),
            Token::Name("and") => ("`and`".into(), "write `&&`"),
            Token::Name("or") => ("`or`".into(), "write `||`"),
            Token::Name("not") => ("`not`".into(), "write `!`"),
            Token::Name("null") => {
                ("`null`".into(), "there is no null: ask `has(…)`, or give a value with `.or(…)`")
            }
            Token::Name(name) => (format!("`{}`", short(name)), ""),
            Token::Number(n) => (format!("`{n}`"), ""),
            Token::Text(t) => (format!("the text \"{}\"", short(t)), ""),
            Token::Sign("=") => ("`=`".into(), "write `==` to compare"),
            Token::Sign("{") => {
                ("`{`".into(), "maps are not written in expressions: use a table of [params]")
            }
            Token::Sign(".") => ("`.`".into(), "a number begins with a digit: `0.5`"),
            Token::Sign(s) => (format!("`{s}`"), ""),
        };
        Box::new(Fault {
            code: Code::ExpressionSyntax,
            span: self.span.range(),
            message: format!("expected {what}, found {found}"),
            hint: hint.into(),
        })
    }

    fn node(&mut self, kind: Kind, span: Span) -> Read<Node> {
        self.nodes += 1;
        let mut node = Node { kind, span, depth: 0 };
        node.depth = node.children().iter().map(|c| c.depth + 1).max().unwrap_or(0);
        if node.depth > DEPTH_MAX {
            return Err(too_deep(span));
        }
        if self.nodes > NODES_MAX {
            return Err(too_many(span));
        }
        Ok(node)
    }

    fn expression(&mut self) -> Read<Node> {
        self.nest += 1;
        if self.nest > NEST_MAX {
            return Err(too_deep(self.span));
        }
        let test = self.operators(0)?;
        let node = if self.take("?")? {
            let then = self.operators(0)?;
            self.must(":")?;
            let other = self.expression()?;
            let span = test.span.to(other.span);
            self.node(Kind::If(Box::new([test, then, other])), span)?
        } else {
            test
        };
        self.nest -= 1;
        Ok(node)
    }

    /// Operators that bind at least as tightly as `least`. Operators of one level make one flat node.
    fn operators(&mut self, least: u8) -> Read<Node> {
        let mut left = self.unary()?;
        while let Some(level) = self.operator().map(Operator::level).filter(|level| *level >= least) {
            let mut rest = Vec::new();
            while let Some(operator) = self.operator().filter(|o| o.level() == level) {
                self.step()?;
                rest.push((operator, self.operators(level + 1)?));
            }
            left = self.join(left, rest)?;
        }
        Ok(left)
    }

    fn operator(&self) -> Option<Operator> {
        Some(match self.token {
            Token::Sign("||") => Operator::Or,
            Token::Sign("&&") => Operator::And,
            Token::Sign("==") => Operator::Compare(Compare::Eq),
            Token::Sign("!=") => Operator::Compare(Compare::Ne),
            Token::Sign("<") => Operator::Compare(Compare::Lt),
            Token::Sign("<=") => Operator::Compare(Compare::Le),
            Token::Sign(">") => Operator::Compare(Compare::Gt),
            Token::Sign(">=") => Operator::Compare(Compare::Ge),
            Token::Name("in") => Operator::In,
            Token::Sign("+") => Operator::Num(NumOp::Add),
            Token::Sign("-") => Operator::Num(NumOp::Sub),
            Token::Sign("*") => Operator::Num(NumOp::Mul),
            Token::Sign("/") => Operator::Num(NumOp::Div),
            Token::Sign("%") => Operator::Num(NumOp::Rem),
            _ => return None,
        })
    }

    /// Operands of one level of operators, of which there is at least one.
    fn join(&mut self, left: Node, rest: Vec<(Operator, Node)>) -> Read<Node> {
        let span = left.span.to(self.before);
        let operands = |left, rest: Vec<(Operator, Node)>| {
            std::iter::once(left).chain(rest.into_iter().map(|(_, node)| node)).collect()
        };
        match rest[0].0 {
            Operator::Or => self.node(Kind::Or(operands(left, rest)), span),
            Operator::And => self.node(Kind::And(operands(left, rest)), span),
            Operator::Num(_) => {
                let num = |(operator, node)| match operator {
                    Operator::Num(op) => (op, node),
                    _ => unreachable!("levels do not mix"),
                };
                let rest = rest.into_iter().map(num).collect();
                self.node(Kind::Chain(Box::new(left), rest), span)
            }
            Operator::Compare(_) | Operator::In => {
                let mut left = left;
                for (operator, right) in rest {
                    let span = left.span.to(right.span);
                    let two = Box::new((left, right));
                    let kind = match operator {
                        Operator::Compare(op) => Kind::Compare(op, two),
                        _ => Kind::In(two),
                    };
                    left = self.node(kind, span)?;
                }
                Ok(left)
            }
        }
    }

    fn unary(&mut self) -> Read<Node> {
        let sign = match self.token {
            Token::Sign(sign @ ("!" | "-")) => sign,
            _ => return self.member(),
        };
        // An even number of signs means as much as two, an odd one as much as one.
        let (first, mut last, mut count) = (self.span, self.span, 0);
        while self.is(sign) {
            last = self.span;
            count += 1;
            self.step()?;
        }
        let mut node = self.member()?;
        let starts = if count % 2 == 0 { &[last, first][..] } else { &[first] };
        for start in starts {
            let span = start.to(node.span);
            let inner = Box::new(node);
            node = self.node(if sign == "!" { Kind::Not(inner) } else { Kind::Neg(inner) }, span)?;
        }
        Ok(node)
    }

    fn member(&mut self) -> Read<Node> {
        let mut node = self.primary()?;
        loop {
            if self.take(".")? {
                let Token::Name(text) = self.token else { return Err(self.expected("a name")) };
                let name = Name { text: text.into(), span: self.span };
                self.step()?;
                let start = node.span;
                let kind = if self.take("(")? {
                    Kind::Method(Box::new(node), name, self.list(")")?)
                } else {
                    Kind::Select(Box::new(node), name)
                };
                node = self.node(kind, start.to(self.before))?;
            } else if self.take("[")? {
                let index = self.expression()?;
                self.must("]")?;
                let span = node.span.to(self.before);
                node = self.node(Kind::Index(Box::new((node, index))), span)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn primary(&mut self) -> Read<Node> {
        let start = self.span;
        let kind = match &self.token {
            Token::Number(n) => Kind::Number(*n),
            Token::Text(t) => Kind::Text(t.clone()),
            Token::Name("true") => Kind::Bool(true),
            Token::Name("false") => Kind::Bool(false),
            Token::Name(name) if RESERVED.contains(name) => return Err(self.expected("a value")),
            Token::Name(name) => {
                let name = Name { text: (*name).into(), span: start };
                self.step()?;
                if self.take("(")? {
                    let args = self.list(")")?;
                    return self.node(Kind::Call(name, args), start.to(self.before));
                }
                return self.node(Kind::Name(name.text), start);
            }
            Token::Sign("(") => {
                self.step()?;
                let mut inner = self.expression()?;
                self.must(")")?;
                inner.span = start.to(self.before);
                return Ok(inner);
            }
            Token::Sign("[") => {
                self.step()?;
                let list = self.list("]")?;
                return self.node(Kind::List(list), start.to(self.before));
            }
            _ => return Err(self.expected("a value")),
        };
        self.step()?;
        self.node(kind, start)
    }

    /// Expressions up to the closing sign; a list may end with a comma, arguments may not.
    fn list(&mut self, close: &str) -> Read<Vec<Node>> {
        let mut list = Vec::new();
        if self.take(close)? {
            return Ok(list);
        }
        loop {
            list.push(self.expression()?);
            if !self.take(",")? {
                self.must(close)?;
                return Ok(list);
            }
            if close == "]" && self.take(close)? {
                return Ok(list);
            }
        }
    }
}

pub(super) fn too_deep(span: Span) -> Box<Fault> {
    Box::new(Fault {
        code: Code::TooDeep,
        span: span.range(),
        message: format!("nested more than {DEPTH_MAX} deep"),
        hint: "say parts of it in several entries of `when`, or choose by a table or bands of [params]"
            .into(),
    })
}

pub(super) fn too_many(span: Span) -> Box<Fault> {
    Box::new(Fault {
        code: Code::TooLong,
        span: span.range(),
        message: format!("more than {NODES_MAX} parts"),
        hint: "use a list, table or bands of [params], or several entries of `when`".into(),
    })
}
