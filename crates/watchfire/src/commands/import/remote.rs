//! From a server, over the network.

use super::terminal::{Terminal, day};
use super::{STOP, Tally, explain, oldest_ms, open};
use crate::cli::ImportPrometheusArgs;
use anyhow::{Context, bail};
use std::path::Path;
use watchfire_import::{Choice, Credentials, Remote};
use watchfire_metrics::Store;
use watchfire_model::TimeRange;
use watchfire_model::time::{Clock, SystemClock};

pub(super) fn import(
    args: &ImportPrometheusArgs,
    mut choice: Choice,
    terminal: &mut Terminal,
) -> anyhow::Result<Tally> {
    let credentials = Credentials {
        user: args.http_user.clone(),
        password: args.http_password_file.as_deref().map(secret).transpose()?,
        bearer_token: args.http_bearer_token_file.as_deref().map(secret).transpose()?,
    };
    let mut remote = Remote::new(&args.source, credentials).map_err(anyhow::Error::msg)?;
    let oldest_ms = oldest_ms(args);
    if choice.range.start_ms != i64::MIN && choice.range.start_ms < oldest_ms && !args.skip_old {
        bail!(
            "--min-time is {}, older than the retention of {}; nothing was imported. To keep what is older, give a \
             longer --storage.tsdb.retention.time here and to the server; to leave it out, add --skip-old",
            day(choice.range.start_ms),
            watchfire_model::duration::format(args.retention_time),
        );
    }
    let (start_ms, end_ms) = (choice.range.start_ms.max(oldest_ms), choice.range.end_ms);
    // Whole days, so that a later run asks for the same slices and knows them again.
    let start_ms = if args.min_time.is_none() { start_ms.div_euclid(DAY_MS) * DAY_MS } else { start_ms };
    choice.range = TimeRange::new(start_ms, end_ms.min(SystemClock.now_ms()));
    let store = open(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let imported = runtime.block_on(slices(&mut remote, &store, &choice, terminal));
    store.close();
    imported
}

const DAY_MS: i64 = 86_400_000;

async fn slices(
    remote: &mut Remote,
    store: &Store,
    choice: &Choice,
    terminal: &mut Terminal,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let slices = Remote::slices(choice.range);
    let weight = |slice: TimeRange| slice.end_ms.abs_diff(slice.start_ms);
    terminal.begin(slices.iter().map(|slice| weight(*slice)).sum());
    for slice in slices {
        terminal.part(day(slice.start_ms), weight(slice));
        let report = remote.import(store, slice, choice, &STOP, terminal).await.map_err(explain)?;
        if report.is_none() {
            terminal.skip();
        }
        tally.add(report);
        store.merge_some()?;
    }
    Ok(tally)
}

/// What a file holds, without the line's end.
fn secret(file: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
