//! What was written, as a tree: chains are flat (`a && b && c` is one node), so the tree is never deeper than it looks.

use std::fmt::{self, Display, Formatter, Write};
use std::ops::Range;

use crate::num::Num;

/// Bytes of the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        let small = |n| u32::try_from(n).expect("an expression has at most 2,000 bytes");
        Span { start: small(start), end: small(end) }
    }
    pub fn to(self, end: Span) -> Span {
        Span { start: self.start, end: end.end }
    }
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    pub span: Span,
    /// 0 for a leaf.
    pub depth: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Name {
    pub text: Box<str>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Number(Num),
    Text(Box<str>),
    Bool(bool),
    Name(Box<str>),
    Select(Box<Node>, Name),
    Index(Box<(Node, Node)>),
    Call(Name, Vec<Node>),
    Method(Box<Node>, Name, Vec<Node>),
    List(Vec<Node>),
    Not(Box<Node>),
    Neg(Box<Node>),
    /// Terms or factors, computed from left to right.
    Chain(Box<Node>, Vec<(NumOp, Node)>),
    Compare(Compare, Box<(Node, Node)>),
    In(Box<(Node, Node)>),
    And(Vec<Node>),
    Or(Vec<Node>),
    If(Box<[Node; 3]>),
    /// `formulas.F` as written, and what it stands for.
    Formula(Box<str>, Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl NumOp {
    pub fn sign(self) -> &'static str {
        match self {
            NumOp::Add => "+",
            NumOp::Sub => "-",
            NumOp::Mul => "*",
            NumOp::Div => "/",
            NumOp::Rem => "%",
        }
    }
}

impl Compare {
    pub fn sign(self) -> &'static str {
        match self {
            Compare::Eq => "==",
            Compare::Ne => "!=",
            Compare::Lt => "<",
            Compare::Le => "<=",
            Compare::Gt => ">",
            Compare::Ge => ">=",
        }
    }
    /// `a op b` is `b op.flipped() a`.
    pub fn flipped(self) -> Compare {
        match self {
            Compare::Lt => Compare::Gt,
            Compare::Le => Compare::Ge,
            Compare::Gt => Compare::Lt,
            Compare::Ge => Compare::Le,
            same => same,
        }
    }
    pub fn negated(self) -> Compare {
        match self {
            Compare::Eq => Compare::Ne,
            Compare::Ne => Compare::Eq,
            Compare::Lt => Compare::Ge,
            Compare::Le => Compare::Gt,
            Compare::Gt => Compare::Le,
            Compare::Ge => Compare::Lt,
        }
    }
}

impl Node {
    pub fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Number(_) | Kind::Text(_) | Kind::Bool(_) | Kind::Name(_) => Vec::new(),
            Kind::Select(a, _) | Kind::Not(a) | Kind::Neg(a) | Kind::Formula(_, a) => vec![a],
            Kind::Index(two) | Kind::Compare(_, two) | Kind::In(two) => vec![&two.0, &two.1],
            Kind::Call(_, list) | Kind::List(list) | Kind::And(list) | Kind::Or(list) => {
                list.iter().collect()
            }
            Kind::Method(on, _, list) => std::iter::once(&**on).chain(list).collect(),
            Kind::Chain(first, rest) => {
                std::iter::once(&**first).chain(rest.iter().map(|(_, n)| n)).collect()
            }
            Kind::If(three) => three.iter().collect(),
        }
    }

    /// The same text for what means the same where `locals` are bound: how guards find what they guard.
    pub fn key(&self, locals: &[Box<str>]) -> String {
        let mut key = String::new();
        let written = Written { node: self, locals, formulas: false };
        write!(key, "{written}").expect("a String takes all");
        key
    }
}

/// As written; `{:.100}` cuts what is longer.
impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let written = Written { node: self, locals: &[], formulas: true };
        let Some(most) = f.precision() else { return written.fmt(f) };
        let all = format!("{written}");
        match all.char_indices().nth(most) {
            Some((end, _)) => write!(f, "{}…", &all[..end]),
            None => f.write_str(&all),
        }
    }
}

struct Written<'n> {
    node: &'n Node,
    locals: &'n [Box<str>],
    /// By their names, instead of what they stand for.
    formulas: bool,
}

impl Written<'_> {
    fn of<'m>(&'m self, node: &'m Node) -> Written<'m> {
        Written { node, ..*self }
    }
    /// In brackets where it needs them as an operand.
    fn operand(&self, node: &Node, f: &mut Formatter<'_>) -> fmt::Result {
        let mut inner = node;
        while let (Kind::Formula(_, body), false) = (&inner.kind, self.formulas) {
            inner = body;
        }
        let loose = matches!(
            inner.kind,
            Kind::Chain(..) | Kind::Compare(..) | Kind::In(..) | Kind::And(_) | Kind::Or(_) | Kind::If(_)
        );
        if loose { write!(f, "({})", self.of(inner)) } else { self.of(inner).fmt(f) }
    }
    fn list(&self, open: [&str; 2], nodes: &[Node], close: &str, f: &mut Formatter<'_>) -> fmt::Result {
        open.iter().try_for_each(|text| f.write_str(text))?;
        for (i, node) in nodes.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            self.of(node).fmt(f)?;
        }
        f.write_str(close)
    }
    fn joined(&self, nodes: &[Node], between: &str, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, node) in nodes.iter().enumerate() {
            if i > 0 {
                f.write_str(between)?;
            }
            self.operand(node, f)?;
        }
        Ok(())
    }
}

impl Display for Written<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.node.kind {
            Kind::Number(n) => write!(f, "{n}"),
            Kind::Text(t) => write!(f, "\"{}\"", t.escape_debug()),
            Kind::Bool(b) => write!(f, "{b}"),
            Kind::Name(n) => match self.locals.iter().rposition(|l| l == n) {
                Some(local) => write!(f, "@{local}"),
                None => f.write_str(n),
            },
            Kind::Select(on, name) => {
                self.operand(on, f)?;
                write!(f, ".{}", name.text)
            }
            Kind::Index(two) => {
                self.operand(&two.0, f)?;
                write!(f, "[{}]", self.of(&two.1))
            }
            Kind::Call(name, args) => self.list([&name.text, "("], args, ")", f),
            Kind::Method(on, name, args) => {
                self.operand(on, f)?;
                self.list([&format!(".{}", name.text), "("], args, ")", f)
            }
            Kind::List(nodes) => self.list(["[", ""], nodes, "]", f),
            Kind::Not(n) => {
                f.write_str("!")?;
                self.operand(n, f)
            }
            Kind::Neg(n) => {
                f.write_str("-")?;
                self.operand(n, f)
            }
            Kind::Chain(first, rest) => {
                self.operand(first, f)?;
                for (op, node) in rest {
                    write!(f, " {} ", op.sign())?;
                    self.operand(node, f)?;
                }
                Ok(())
            }
            Kind::Compare(op, two) => {
                self.operand(&two.0, f)?;
                write!(f, " {} ", op.sign())?;
                self.operand(&two.1, f)
            }
            Kind::In(two) => {
                self.operand(&two.0, f)?;
                f.write_str(" in ")?;
                self.operand(&two.1, f)
            }
            Kind::And(nodes) => self.joined(nodes, " && ", f),
            Kind::Or(nodes) => self.joined(nodes, " || ", f),
            Kind::If(three) => {
                self.operand(&three[0], f)?;
                f.write_str(" ? ")?;
                self.operand(&three[1], f)?;
                f.write_str(" : ")?;
                self.operand(&three[2], f)
            }
            Kind::Formula(name, body) => match self.formulas {
                true => f.write_str(name),
                false => self.of(body).fmt(f),
            },
        }
    }
}
