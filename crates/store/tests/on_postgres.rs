//! The contract once more, on a real PostgreSQL.
#![cfg(feature = "postgres")]
#![allow(clippy::duplicate_mod)]

#[path = "contract.rs"]
mod contract;
#[path = "endpoints.rs"]
mod endpoints;
#[path = "erasing.rs"]
mod erasing;
#[path = "lots.rs"]
mod lots;
#[path = "views.rs"]
mod views;
