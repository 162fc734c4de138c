//! `watchfire verify`: reads everything, compares every checksum, changes nothing.

use super::backup::{place, runtime};
use super::progress::{ProgressLine, bytes};
use crate::cli::{PlaceArgs, VerifyArgs};
use crate::run::snapshot::LEDGER_FILE;
use anyhow::{Context, bail};
use std::ops::ControlFlow;
use std::path::Path;
use watchfire_disk::RealDisk;
use watchfire_ledger::Ledger;

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    match &args.place {
        Some(place) => verify_backup(place, args),
        None => verify_folder(&args.storage_path),
    }
}

fn verify_folder(path: &Path) -> anyhow::Result<()> {
    if !path.is_dir() {
        bail!("{} is not a folder; name the data folder by --storage.tsdb.path", path.display());
    }
    let mut line = ProgressLine::new("verifying");
    let report = watchfire_metrics::verify(path, &RealDisk, &mut |progress| {
        line.tell(progress.bytes_done, progress.bytes_total);
        ControlFlow::Continue(())
    })
    .with_context(|| format!("cannot read {}", path.display()))?;
    let mut problems: Vec<String> = report.problems.into_iter().map(|problem| problem.text).collect();
    let ledger = path.join(LEDGER_FILE);
    if ledger.exists() {
        match Ledger::verify(&ledger) {
            Ok(found) => problems.extend(found.iter().map(|text| format!("{}: {text}", ledger.display()))),
            Err(error) => problems.push(format!("{}: {error}", ledger.display())),
        }
    }
    drop(line);
    println!(
        "{}: {} files, {}, {} blocks, {} series and {} samples in parts, {} records in the log",
        path.display(),
        report.files,
        bytes(report.bytes as f64),
        report.blocks,
        report.series,
        report.samples,
        report.log_records,
    );
    if report.torn_bytes > 0 {
        println!(
            "{} at the end of the log belong to a write that was interrupted before it was acknowledged; \
             the next start cuts them off",
            bytes(report.torn_bytes as f64)
        );
    }
    conclude(&problems)
}

fn verify_backup(text: &str, args: &VerifyArgs) -> anyhow::Result<()> {
    let place = place(&PlaceArgs {
        place: text.to_owned(),
        s3_endpoint: args.s3_endpoint.clone(),
        s3_region: args.s3_region.clone(),
    })?;
    let mut line = ProgressLine::new("verifying");
    let verified =
        runtime()?.block_on(watchfire_backup::verify(&place, args.backup.as_deref(), &mut |progress| {
            line.tell(progress.bytes_done, progress.bytes);
        }))?;
    drop(line);
    println!(
        "backup {} at {place}: {} files, {}",
        verified.manifest.name,
        verified.manifest.files.len(),
        bytes(verified.manifest.bytes() as f64),
    );
    let problems: Vec<String> = verified.problems.iter().map(ToString::to_string).collect();
    conclude(&problems)
}

fn conclude(problems: &[String]) -> anyhow::Result<()> {
    for problem in problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => {
            println!("every checksum is right");
            Ok(())
        }
        1 => bail!("1 problem found"),
        count => bail!("{count} problems found"),
    }
}
