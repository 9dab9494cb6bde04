//! What the tests of all crates share: the real server as a child process, and simulated worlds with an auditor
//! that shares no code with the core.

pub mod audit;
pub mod career;
pub mod catalog;
pub mod club;
pub mod core;
pub mod home;
pub mod http;
pub mod postgres;
pub mod receiver;
pub mod rng;
pub mod server;
mod shell;
pub mod sim;
pub mod stream;
pub mod vendors;
pub mod wire;
pub mod world;

pub use server::{Launch, Server};
