//! `watchfire import`: another system's history becomes ours.

mod alertmanager;
mod remote;
mod terminal;

use crate::cli::{Import, ImportPrometheusArgs, LogFormat, LogLevel};
use crate::logging;
use anyhow::{Context, bail};
use std::path::Path;
use std::sync::Arc;
use terminal::{Terminal, count, day, samples};
use watchfire_disk::RealDisk;
use watchfire_import::{Choice, DataDir, ImportError, Stop, find};
use watchfire_metrics::{ImportReport, Imported, Store, StoreOptions};
use watchfire_model::TimeRange;
use watchfire_model::time::{Clock, SystemClock};

/// Asked for by Ctrl-C.
static STOP: Stop = Stop::new();

pub(crate) fn run(import: Import) -> anyhow::Result<()> {
    match import {
        Import::Prometheus(args) => prometheus(&args),
        Import::Alertmanager(args) => alertmanager::run(&args),
    }
}

fn prometheus(args: &ImportPrometheusArgs) -> anyhow::Result<()> {
    logging::start(LogLevel::Warn, LogFormat::Logfmt);
    stop_on_signals()?;
    let mut terminal = Terminal::new();
    let choice = Choice {
        selectors: args.matches.iter().map(|selector| selector.0.clone()).collect(),
        range: TimeRange::new(args.min_time.unwrap_or(i64::MIN), args.max_time.unwrap_or(i64::MAX)),
    };
    let imported = if args.source.contains("://") {
        remote::import(args, choice, &mut terminal)
    } else {
        import_folder(args, &choice, &mut terminal)
    };
    terminal.end();
    imported?.tell(args);
    let damage = terminal.damage();
    if damage > 0 {
        bail!("{} and left out; everything else is imported", places(damage));
    }
    Ok(())
}

fn import_folder(
    args: &ImportPrometheusArgs,
    choice: &Choice,
    terminal: &mut Terminal,
) -> anyhow::Result<Tally> {
    let mut source = find(&RealDisk, Path::new(&args.source), terminal)?;
    source.blocks.retain(|block| block.range().overlaps(choice.range));
    refuse_old(args, &source, choice.range)?;
    let store = open(args)?;
    let imported = import_all(&source, &store, choice, terminal);
    store.close();
    imported
}

fn places(damage: u64) -> String {
    if damage == 1 {
        "1 damaged place was found".to_owned()
    } else {
        format!("{damage} damaged places were found")
    }
}

fn open(args: &ImportPrometheusArgs) -> anyhow::Result<Store> {
    let options = StoreOptions {
        retention_ms: i64::try_from(args.retention_time.as_millis()).unwrap_or(i64::MAX),
        background: false,
        // The server's bound is not known here, and what it keeps must stay.
        max_exemplars: usize::MAX,
        ..StoreOptions::default()
    };
    Store::open(&args.storage_path, options, Arc::new(RealDisk), Arc::new(SystemClock)).with_context(|| {
        format!(
            "cannot import into {} (stop the server that uses it, import, and start it again)",
            args.storage_path.display()
        )
    })
}

/// Older samples are not kept.
fn oldest_ms(args: &ImportPrometheusArgs) -> i64 {
    let retention_ms = i64::try_from(args.retention_time.as_millis()).unwrap_or(i64::MAX);
    SystemClock.now_ms().saturating_sub(retention_ms)
}

/// Samples that the server would drop at once are better not imported; and whoever wants them kept must say so there too.
fn refuse_old(args: &ImportPrometheusArgs, source: &DataDir, range: TimeRange) -> anyhow::Result<()> {
    let oldest_ms = oldest_ms(args);
    let is_old = |from_ms: i64| from_ms.max(range.start_ms) < oldest_ms;
    let old: Vec<_> = source.blocks.iter().filter(|block| is_old(block.meta().min_ms)).collect();
    let (Some(first), false) = (old.first(), args.skip_old) else { return Ok(()) };
    bail!(
        "{} of {} blocks hold samples older than the retention of {}, the first from {}; nothing was imported. To keep \
         them, give a longer --storage.tsdb.retention.time here and to the server; to leave them out, add --skip-old",
        old.len(),
        source.blocks.len(),
        watchfire_model::duration::format(args.retention_time),
        day(first.meta().min_ms),
    )
}

/// What became of everything.
#[derive(Debug, Default)]
struct Tally {
    report: ImportReport,
    sources: u64,
    done_before: u64,
}

impl Tally {
    fn add(&mut self, report: Option<ImportReport>) {
        self.sources += 1;
        let Some(report) = report else {
            self.done_before += 1;
            return;
        };
        let sum = &mut self.report;
        sum.series += report.series;
        sum.samples += report.samples;
        sum.too_old += report.too_old;
        sum.behind_tiers += report.behind_tiers;
        sum.too_far_ahead += report.too_far_ahead;
        sum.without_name += report.without_name;
        sum.example_without_name = sum.example_without_name.take().or(report.example_without_name);
    }

    fn tell(&self, args: &ImportPrometheusArgs) {
        let report = &self.report;
        println!("{} imported into {}", samples(report.samples), args.storage_path.display());
        if self.done_before > 0 {
            println!("{} of {} sources were imported before", self.done_before, self.sources);
        }
        if report.too_old > 0 {
            println!("{} left out: older than the retention", samples(report.too_old));
        }
        if report.behind_tiers > 0 {
            println!(
                "warning: {} lie in days that downsampled tiers answer for already, and will not be seen; import \
                 history before tiers are made, into a folder of its own",
                samples(report.behind_tiers)
            );
        }
        if report.too_far_ahead > 0 {
            println!("{} left out: in the future by this machine's clock", samples(report.too_far_ahead));
        }
        if let Some(example) = &report.example_without_name {
            println!("{} series left out: no metric name, such as {example}", count(report.without_name));
        }
    }
}

fn import_all(
    source: &DataDir,
    store: &Store,
    choice: &Choice,
    terminal: &mut Terminal,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    // The log has no count of its samples: as much as a block's is what a gigabyte of it holds, about.
    let head_weight = source.head.as_ref().map_or(0, |head| head.bytes() / 6);
    let todo = source.blocks.iter().filter(|block| store.imported(&block.source(choice)) != Imported::All);
    let total: u64 = todo.map(|block| block.meta().stats.samples).sum::<u64>() + head_weight;
    terminal.begin(total);
    for block in &source.blocks {
        terminal.part(format!("block {}", block.meta().ulid), block.meta().stats.samples);
        let report = block.import(&RealDisk, store, choice, &STOP, terminal).map_err(explain)?;
        tally.add(report);
        store.merge_some()?;
    }
    if let Some(head) = &source.head {
        terminal.part("write-ahead log".to_owned(), head_weight);
        tally.add(head.import(&RealDisk, store, choice, &STOP, terminal).map_err(explain)?);
        store.merge_some()?;
    }
    Ok(tally)
}

fn explain(error: ImportError) -> anyhow::Error {
    let stopped = matches!(error, ImportError::Stopped);
    let error = anyhow::Error::new(error);
    if stopped {
        return error.context("stopped; run the same command again to go on");
    }
    error.context("the import ended early; run the same command again to go on")
}

/// The first Ctrl-C ends the import in good order, the second at once.
fn stop_on_signals() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if STOP.is_asked() {
                    std::process::exit(130);
                }
                STOP.ask();
            }
        });
    })?;
    Ok(())
}
