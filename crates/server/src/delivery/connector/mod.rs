//! Other people's APIs, told by templates: which request, with what in it, and what its answer means. The ready ones are
//! files (`crates/server/connectors`); an owner may bring his own.
//!
//! Invariant: what is secret is written into requests and nowhere else.

mod answer;
mod errand;
pub mod sheet;

pub use errand::{Errand, MESSAGE, Order};
pub use sheet::{READY, Sheet};
