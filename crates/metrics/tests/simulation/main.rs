//! The store against a model of what was acknowledged, on a disk that fails on demand and a clock that is told the time.
//!
//! Every run is drawn from a seed and takes place on one thread: the log and the upkeep work when they are told to, so
//! the same seed makes the same calls in the same order. A failure prints the seed and the command that replays it.
//! What was acknowledged must be there bit for bit, what was refused or never acknowledged may be there unless it was
//! refused by name, and nothing else may. After a flipped bit the answer is right or the loss is reported.
//!
//! `SIM_RUNS` sets how many runs there are, `SIM_FROM` the first seed, `SIM_SEED` runs one seed and tells every step.

mod draw;
mod exemplars;
mod model;
mod plan;
mod script;
mod snapshots;
mod tiers;
mod world;

use plan::{Features, Plan};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Runs the seeds on as many threads as there are cores; each run stays on one of them.
fn on_all_cores(seeds: std::ops::Range<u64>, run: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end {
                            return;
                        }
                        run(seed);
                    }
                })
            })
            .collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                // The others need not go on.
                next.store(u64::MAX / 2, Ordering::Relaxed);
                resume_unwind(panic);
            }
        }
    });
}

/// Says how to see a failure again before passing it on.
fn replayable<T>(replay: &str, run: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done,
        Err(panic) => {
            eprintln!("replay it with: {replay}");
            resume_unwind(panic)
        }
    }
}

#[test]
fn whatever_fails_nothing_acknowledged_is_lost_and_nothing_is_invented() {
    let test = "whatever_fails_nothing_acknowledged_is_lost_and_nothing_is_invented";
    let replay = |seed| {
        format!("SIM_SEED={seed} cargo test -p watchfire-metrics --test simulation {test} -- --nocapture")
    };
    if let Some(seed) = number("SIM_SEED") {
        let told = replayable(&replay(seed), || World::run(Plan::broad(seed), true));
        println!("seed {seed}: {told:?}");
        return;
    }
    let from = number("SIM_FROM").unwrap_or(1);
    let runs = number("SIM_RUNS").unwrap_or(5000);
    let (calls, faults, samples) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    on_all_cores(from..from + runs, |seed| {
        let told = replayable(&replay(seed), || World::run(Plan::broad(seed), false));
        calls.fetch_add(told.calls, Ordering::Relaxed);
        faults.fetch_add(told.faults, Ordering::Relaxed);
        samples.fetch_add(told.samples, Ordering::Relaxed);
    });
    println!("{runs} runs from seed {from}: {samples:?} samples, {calls:?} calls, {faults:?} faults");
    assert!(runs < 100 || faults.into_inner() > runs / 4, "most runs saw no fault; that proves little");
}

/// Few seeds find it: retention dropped the part that was back, and with it the newer one of its number.
#[test]
fn a_part_that_a_power_cut_brings_back_takes_none_of_another_day_with_it() {
    World::run(Plan::drawn(141_043), false);
}

/// Few seeds find it: a flush put a batch into a part while its record was still on its way to the log.
#[test]
fn a_record_that_reaches_the_log_after_the_flush_brings_no_deleted_sample_back() {
    World::run(Plan::drawn(204_495), false);
}

#[test]
fn the_same_seed_runs_the_same_way() {
    for seed in 1..40 {
        let (first, second) = (World::run(Plan::broad(seed), false), World::run(Plan::broad(seed), false));
        assert_eq!(first, second, "seed {seed} does not replay");
    }
}

#[test]
fn every_fault_at_every_call_of_a_fixed_script_loses_and_invents_nothing() {
    let test = "every_fault_at_every_call_of_a_fixed_script_loses_and_invents_nothing";
    let only = number("SIM_CALL");
    let kinds = script::FAULTS;
    let clean = World::run(script::plan(None, Features::default()), false);
    assert_eq!(clean.faults, 0);
    let cases = AtomicU64::new(0);
    on_all_cores(0..clean.calls * kinds.len() as u64, |case| {
        let (call, kind) = (case / kinds.len() as u64 + 1, kinds[(case % kinds.len() as u64) as usize]);
        if only.is_some_and(|only| only != call) {
            return;
        }
        let replay = format!(
            "SIM_CALL={call} cargo test -p watchfire-metrics --test simulation {test} -- --nocapture"
        );
        let told = replayable(&format!("{replay}   ({kind:?})"), || {
            World::run(script::plan(Some((call, kind)), Features::default()), only.is_some())
        });
        assert_eq!(told.faults, 1, "{kind:?} at call {call} never happened: the calls before it differ");
        cases.fetch_add(1, Ordering::Relaxed);
    });
    println!("{cases:?} faults, {} calls in the script", clean.calls);
}
