//! What points are spent on, and money off.

use super::{Amount, Limit, RewardNo, Setting, WalletNo};
use crate::condition::Expr;
use crate::term::Term;
use crate::time::{Schedule, Span};
use crate::value::Text;

#[derive(Clone)]
pub struct Give {
    pub reward: RewardNo,
    pub amount: Expr,
}

#[derive(Clone)]
pub struct Discount {
    pub off: Off,
    /// Items for which this holds; without it: the `item` of `each`, or the subtotal.
    pub items: Option<Expr>,
    /// Of so many units, the cheapest ones.
    pub cheapest: Option<Expr>,
    pub at_most: Option<Expr>,
}

#[derive(Clone)]
pub enum Off {
    /// 0 to 100
    Percent(Expr),
    /// Money, of the whole.
    Amount(Expr),
}

#[derive(Clone)]
pub struct Reward {
    pub id: Text,
    pub name: Option<Text>,
    /// Of one, by wallet; free if empty.
    pub cost: Vec<(WalletNo, Expr)>,
    pub gives: Gives,
    pub when: Vec<Expr>,
    pub active: Option<Schedule>,
    pub limits: Vec<Limit>,
    pub stock: Option<i64>,
    pub valid: Setting<Term>,
    pub hold: Span,
    pub quantity_max: Amount,
    pub quantity_step: Amount,
    /// `when`, `cost` or what it gives mentions `order`: a cart is required.
    pub needs_order: bool,
}

impl Reward {
    /// `when = 'false'`: nobody can ask for it; rules that give it ask no conditions.
    pub fn only_given(&self) -> bool {
        matches!(&self.when[..], [one] if *one.source == *"false")
    }
}

#[derive(Clone)]
pub enum Gives {
    /// From codes that were imported for this pool.
    CodeImported(Text),
    /// Made: each `#` becomes a random letter or digit.
    CodePattern(Text),
    Discount(Box<Discount>),
    Product(Text),
    /// Money, of one.
    Value(Expr),
    Earn(Vec<(WalletNo, Expr)>),
    /// A table for the till.
    Custom(serde_json::Value),
}
