//! The binary `fealty`: command line, settings, HTTP. No SQL and no rules here.

mod app;
mod cli;
mod context;
mod delivery;
mod feed;
mod http;
mod keys;
mod lane;
mod outbound;
mod settings;
mod sources;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
