//! `watchfire import alertmanager`.

use crate::cli::ImportAlertmanagerArgs;
use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::Path;
use watchfire_disk::{Disk, RealDisk};
use watchfire_ledger::Ledger;
use watchfire_model::time::{Clock, SystemClock};
use watchfire_wire::alertmanager::{SavedMatcher, SavedNotice, SavedSilence, read_nflog, read_silences};

pub(super) fn run(args: &ImportAlertmanagerArgs) -> anyhow::Result<()> {
    let now_ms = SystemClock.now_ms();
    let from_url = args.source.contains("://");
    let (silences, notices) = if from_url {
        (super::super::backup::runtime()?.block_on(ask(&args.source))?, Vec::new())
    } else {
        read(Path::new(&args.source))?
    };
    let newer = silences.iter().filter(|silence| silence.unknown_fields > 0).count();
    std::fs::create_dir_all(&args.storage_path)
        .with_context(|| format!("cannot make {}", args.storage_path.display()))?;
    let lock = RealDisk.lock(&args.storage_path.join("LOCK"))?;
    if lock.is_none() {
        bail!("a server uses {}; stop it, import, and start it again", args.storage_path.display());
    }
    let opened = Ledger::open(&args.storage_path.join("ledger.db"), now_ms)?;
    let migrated = watchfire_alerting::migrate(&opened.ledger, silences, notices, now_ms)?;
    println!("{} silences imported, {} were here already", migrated.silences, migrated.known_silences);
    println!(
        "{} notifications imported, {} of which tell of something firing; {} are too old",
        migrated.notices, migrated.firing, migrated.expired
    );
    if newer > 0 {
        println!("note: {newer} silences have fields that this release does not know, which are left out");
    }
    if from_url {
        println!(
            "note: what was told to whom is not to be had from a URL; who was told of what fires is told again. \
             Stop that Alertmanager and import its folder instead"
        );
    }
    drop(lock);
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<(Vec<SavedSilence>, Vec<SavedNotice>)> {
    let bytes = |name: &str| -> anyhow::Result<Option<Vec<u8>>> {
        let path = folder.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    };
    let (silences, nflog) = (bytes("silences")?, bytes("nflog")?);
    if silences.is_none() && nflog.is_none() {
        bail!(
            "{} has neither a file silences nor a file nflog; name Alertmanager's --storage.path, and stop it before",
            folder.display()
        );
    }
    let silences = read_silences(&silences.unwrap_or_default())
        .with_context(|| folder.join("silences").display().to_string())?;
    let notices =
        read_nflog(&nflog.unwrap_or_default()).with_context(|| folder.join("nflog").display().to_string())?;
    Ok((silences, notices))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: String,
    matchers: Vec<ShownMatcher>,
    starts_at: String,
    ends_at: String,
    updated_at: String,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShownMatcher {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

const fn yes() -> bool {
    true
}

async fn ask(url: &str) -> anyhow::Result<Vec<SavedSilence>> {
    let url = format!("{}/api/v2/silences", url.trim_end_matches('/').trim_end_matches("/api/v2"));
    let answer = reqwest::get(&url).await.with_context(|| format!("cannot reach {url}"))?;
    let text = answer.error_for_status()?.text().await?;
    let shown: Vec<Shown> =
        serde_json::from_str(&text).with_context(|| format!("{url} does not answer as an Alertmanager"))?;
    shown
        .into_iter()
        .map(|silence| {
            let time = |text: &str| -> anyhow::Result<i64> {
                Ok(text
                    .parse::<jiff::Timestamp>()
                    .with_context(|| format!("time {text:?}"))?
                    .as_millisecond())
            };
            Ok(SavedSilence {
                starts_ms: time(&silence.starts_at)?,
                ends_ms: time(&silence.ends_at)?,
                updated_ms: time(&silence.updated_at)?,
                id: silence.id,
                created_by: silence.created_by,
                comment: silence.comment,
                unknown_fields: 0,
                matchers: silence
                    .matchers
                    .into_iter()
                    .map(|matcher| SavedMatcher {
                        name: matcher.name,
                        pattern: matcher.value,
                        is_regex: matcher.is_regex,
                        is_equal: matcher.is_equal,
                    })
                    .collect(),
            })
        })
        .collect()
}
