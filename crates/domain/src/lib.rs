//! The pure core of Fealty: what a program means and what one input does to a member.
//!
//! Nothing here waits, reads a clock, draws a random number or touches a file, a socket or a database.
//! Given the same plan, snapshot and input, the answer is the same, for ever.
//!
//! The way of one event: `event::Event` -> `bind` (JSON to typed slots) -> `decide` (rules, ledger) -> `outcome::Decision`.
//! The way of a program: TOML text -> `program` (read, check, diagnostics) -> `plan::Plan` (compiled).

pub mod batch;
pub mod bind;
pub mod canonical;
pub mod change;
pub mod codes;
mod complete;
pub mod condition;
pub mod currency;
pub mod decide;
mod door;
pub mod event;
pub mod explain;
pub mod glance;
pub mod household;
pub mod identity;
mod job;
pub mod json;
pub mod key;
pub mod lots;
pub mod member;
pub mod num;
pub mod order;
pub mod outcome;
pub mod outward;
pub mod own;
pub mod plan;
pub mod planted;
pub mod program;
pub mod redemption;
pub mod referral_code;
pub mod scenario;
pub mod sealed;
pub mod snapshot;
pub mod standing;
pub mod term;
pub mod time;
pub mod value;
