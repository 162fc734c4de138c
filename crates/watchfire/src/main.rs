//! Watchfire: one program that watches an AI platform.
//!
//! This crate is the roof: the command line, the wiring of the rooms below, and the life cycle. It decides nothing about
//! telemetry itself.

mod agent;
mod cli;
mod commands;
mod logging;
mod process;
mod run;

use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: run::memory::CountingAllocator = run::memory::CountingAllocator;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => {
            logging::start(args.log_level, args.log_format);
            run::run(args)
        }
        Command::Agent(args) => {
            logging::start(args.log_level, args.log_format);
            agent::run(&args)
        }
        Command::Alertmanager(args) => {
            let without_effect = args.without_effect();
            args.into_run().and_then(|args| {
                logging::start(args.log_level, args.log_format);
                for (flag, why) in without_effect {
                    tracing::info!(%flag, %why, "a flag of Alertmanager's has no effect here");
                }
                run::run(args)
            })
        }
        Command::Collect(args) => commands::collect::run(&args),
        Command::Check(check) => commands::check::run(check),
        Command::Test(test) => commands::test_rules::run(test),
        Command::Alert(alert) => commands::alert::run(alert),
        Command::Incident(command) => commands::people::incident(&command),
        Command::Schedule(command) => commands::people::schedule(&command),
        Command::Rules(rules) => commands::rules::run(rules),
        Command::Query(args) => commands::query::run(&args),
        Command::Backup(args) => commands::backup::backup(&args),
        Command::Restore(args) => commands::backup::restore(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Import(import) => commands::import::run(import),
        Command::PythonHelper => {
            print!("{}", watchfire_assets::python_helper());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watchfire: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes on one line, so that a log keeps them together; a cause that was told already is left out.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line.replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cause_is_told_once() {
        let error =
            anyhow::anyhow!("os error 98").context("cannot listen: os error 98").context("cannot start");
        assert_eq!(super::one_line(&error), "cannot start: cannot listen: os error 98");
    }
}
