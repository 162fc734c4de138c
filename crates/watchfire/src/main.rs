//! Watchfire: one program that watches an AI platform.
//!
//! This crate is the roof: the command line, the wiring of the rooms below, and the life cycle. It decides nothing about
//! telemetry itself.

mod cli;
mod commands;
mod logging;
mod run;

use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => {
            logging::start(args.log_level, args.log_format);
            run::run(args)
        }
        Command::Collect(args) => commands::collect::run(&args),
        Command::Check(check) => commands::check::run(check),
        Command::Test(test) => commands::test_rules::run(test),
        Command::Query(args) => commands::query::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Causes on one line, so that a log keeps them together.
            eprintln!("watchfire: {error:#}");
            ExitCode::FAILURE
        }
    }
}
