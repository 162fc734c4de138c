//! `watchfire backup` and `watchfire restore`.

use super::progress::{ProgressLine, bytes};
use crate::cli::{BackupArgs, PlaceArgs, RestoreArgs};
use crate::run::snapshot::{self, LEDGER_FILE};
use anyhow::{Context, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchfire_backup::{BucketOptions, Place};
use watchfire_disk::{Disk, RealDisk};
use watchfire_ledger::Ledger;
use watchfire_metrics::{SNAPSHOTS, Store, StoreOptions};
use watchfire_model::time::{Clock, SystemClock};

pub(crate) fn backup(args: &BackupArgs) -> anyhow::Result<()> {
    let place = place(&args.place)?;
    if !args.storage_path.is_dir() {
        bail!("{} is not a folder; name the data folder by --storage.tsdb.path", args.storage_path.display());
    }
    let created_ms = SystemClock.now_ms();
    let runtime = runtime()?;
    let taken = take_snapshot(args, created_ms, &runtime)?;
    let mut line = ProgressLine::new("saving");
    let saved = runtime.block_on(watchfire_backup::save(
        &taken.0,
        &place,
        &snapshot::name(created_ms),
        created_ms,
        &mut |progress| line.tell(progress.bytes_done, progress.bytes),
    ))?;
    drop(line);
    drop(taken);
    println!(
        "backup {} at {place}: {} files, {}; new since earlier backups: {} files, {}",
        saved.manifest.name,
        saved.manifest.files.len(),
        bytes(saved.manifest.bytes() as f64),
        saved.new_files,
        bytes(saved.new_bytes as f64),
    );
    if let Some(keep) = args.keep {
        let pruned = runtime.block_on(watchfire_backup::prune(&place, keep))?;
        if !pruned.backups.is_empty() {
            println!("forgotten: {}, and {} objects", pruned.backups.join(", "), pruned.objects);
        }
    }
    Ok(())
}

pub(crate) fn restore(args: &RestoreArgs) -> anyhow::Result<()> {
    let place = place(&args.place)?;
    let runtime = runtime()?;
    if args.list {
        return list(&place, &runtime);
    }
    let mut line = ProgressLine::new("restoring");
    let restored = runtime.block_on(watchfire_backup::restore(
        &place,
        args.backup.as_deref(),
        &args.storage_path,
        &mut |progress| line.tell(progress.bytes_done, progress.bytes),
    ))?;
    drop(line);
    println!(
        "backup {} is in {}: {} files, {}, every checksum right",
        restored.manifest.name,
        args.storage_path.display(),
        restored.manifest.files.len(),
        bytes(restored.manifest.bytes() as f64),
    );
    Ok(())
}

fn list(place: &Place, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let names = runtime.block_on(place.backups())?;
    if names.is_empty() {
        println!("no backups at {place}");
    }
    for name in names {
        match runtime.block_on(place.manifest(Some(&name))) {
            Ok(manifest) => {
                println!("{name}  {} files, {}", manifest.files.len(), bytes(manifest.bytes() as f64));
            }
            Err(error) => println!("{name}  cannot be read: {error}"),
        }
    }
    Ok(())
}

pub(crate) fn place(args: &PlaceArgs) -> anyhow::Result<Place> {
    let options = BucketOptions { endpoint: args.s3_endpoint.clone(), region: args.s3_region.clone() };
    Ok(Place::parse(&args.place, &options)?)
}

pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A snapshot that goes when it is no longer needed.
struct Taken(PathBuf);

impl Drop for Taken {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("watchfire: cannot remove the snapshot {}: {error}", self.0.display());
        }
    }
}

/// Asks the server for a snapshot when one holds the data folder, and makes it here otherwise.
fn take_snapshot(args: &BackupArgs, now_ms: i64, runtime: &tokio::runtime::Runtime) -> anyhow::Result<Taken> {
    let path = &args.storage_path;
    let lock = path.join("LOCK");
    let running = lock.exists()
        && RealDisk.lock(&lock).with_context(|| format!("cannot open {}", lock.display()))?.is_none();
    let name = if running {
        let name = runtime.block_on(ask_for_snapshot(&args.server)).with_context(|| {
            format!("a server runs on {}, and a backup needs a snapshot of it", path.display())
        })?;
        if !path.join(SNAPSHOTS).join(&name).is_dir() {
            bail!(
                "the server at {} keeps its data elsewhere than in {}; name the right one by --server",
                args.server,
                path.display()
            );
        }
        name
    } else {
        make_snapshot(path, now_ms)?
    };
    Ok(Taken(path.join(SNAPSHOTS).join(name)))
}

fn make_snapshot(path: &Path, now_ms: i64) -> anyhow::Result<String> {
    // Nothing is dropped or merged here that the server would keep: only what is in the log becomes parts.
    let options = StoreOptions {
        background: false,
        retention_ms: i64::MAX / 4,
        max_exemplars: usize::MAX,
        ..StoreOptions::default()
    };
    let store = Store::open(path, options, Arc::new(RealDisk), Arc::new(SystemClock))
        .with_context(|| format!("cannot open the data folder {}", path.display()))?;
    let ledger = Ledger::open(&path.join(LEDGER_FILE), now_ms)
        .with_context(|| format!("cannot open the ledger in {}", path.display()))?
        .ledger;
    Ok(snapshot::make(&store, &ledger, now_ms, false)?)
}

async fn ask_for_snapshot(server: &str) -> anyhow::Result<String> {
    let url = format!("{}/api/v1/admin/tsdb/snapshot", server.trim_end_matches('/'));
    let answer =
        reqwest::Client::new().post(&url).send().await.with_context(|| format!("{url} does not answer"))?;
    let body = answer.text().await?;
    let json: Value = serde_json::from_str(&body)
        .with_context(|| format!("the answer of {url} is not JSON; is it a Watchfire server?"))?;
    match json["data"]["name"].as_str() {
        Some(name) if !name.is_empty() && !name.contains(['/', '\\', '.']) => Ok(name.to_owned()),
        _ => bail!("{url}: {}", json["error"].as_str().unwrap_or("the server gave no reason")),
    }
}
