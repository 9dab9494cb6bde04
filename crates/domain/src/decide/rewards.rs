//! Rewards: whether a member can have one and what is missing (`terms`), taken (`taking`), confirmed, given up and taken
//! back (`stages`), the points that it takes and gives back (`points`), its codes (`codes`).
//! Law: stock and codes held or given are never more than there are; the one decider makes that exact.

pub mod codes;
mod points;
mod stages;
mod taking;
pub mod terms;

pub use stages::{Step, newest, refund, run_due, spent_on, step, stepped};
pub use taking::{Gift, Taking, asked, issue, quoted, take};

use jiff::Timestamp;

use crate::member::Member;
use crate::plan::Plan;

/// When the next reservation of this member lapses; asked after every event, so it only looks.
pub fn next_due(_plan: &Plan, member: &Member) -> Option<Timestamp> {
    member.held.iter().map(|held| held.until).min()
}

/// What of a stock is used up, under this name among the budgets.
pub fn stock_id(reward: &str) -> String {
    format!("stock.{reward}")
}

/// Imported codes, under this name among the budgets.
pub fn pool_id(pool: &str) -> String {
    format!("pool.{pool}")
}

/// Transfers of a reward name it so in place of a rule.
pub fn rule_id(reward: &str) -> String {
    format!("rewards.{reward}")
}
