//! How costs grow with the number of series: four sizes, each ten times the one before.

use crate::{IngestCost, Plan, chart, ingest, start};
use anyhow::Context;

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Measures all sizes up to `BENCH_SERIES`, prints a table of each and one of growth, and draws the chart.
pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<()> {
    let mut names: Vec<&'static str> = Vec::new();
    let mut rows: Vec<(usize, Vec<IngestCost>)> = Vec::new();
    for series in SIZES.into_iter().filter(|series| *series <= plan.series) {
        let plan = Plan { series, ..plan.clone() };
        // Every size gets servers of its own, which have seen nothing before.
        let (_folder, mut peers) = start(&plan).await?;
        let ingested = ingest(&plan, &mut peers).await?;
        ingested.print(&plan, &peers);
        names = peers.iter().map(|peer| peer.name).collect();
        rows.push((series, ingested.costs));
    }
    println!("\ngrowth of Watchfire's cost, 1.00 is linear:");
    println!("{:>12}{:>16}{:>16}{:>16}", "series", "CPU", "memory", "restart");
    for pair in rows.windows(2) {
        let [(from, before), (to, after)] = pair else { continue };
        let (Some(before), Some(after)) = (before.first(), after.first()) else { continue };
        let times = *to as f64 / *from as f64;
        println!(
            "{to:>12}{:>16.2}{:>16.2}{:>16.2}",
            after.cpu_us / before.cpu_us,
            after.resident / before.resident,
            after.restart_s / before.restart_s / times,
        );
    }
    if let Some(path) = &plan.chart {
        let svg = chart::draw(&names, &rows);
        std::fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))?;
        println!("\nchart: {}", path.display());
    }
    Ok(())
}
