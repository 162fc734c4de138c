//! The real program killed at random moments while it is written to, flushes and merges.
//!
//! Several writers push numbered samples by remote write, in order, backwards and days apart, and note what was
//! acknowledged; meanwhile the store is told to flush and merge without a pause, so that kills land inside of both.
//! After every kill each acknowledged sample must be there with its value, and none that was never sent.
//!
//! `CRASH_ROUNDS` sets how many kills there are, `CRASH_SEED` when they come.

use crate::harness::remote_write::send;
use crate::harness::{Server, Setup, binary, encode, now_ms};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const WRITERS: usize = 4;
const LANES: usize = 3;
const DAY_MS: i64 = 86_400_000;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

/// Numbers that a seed gives (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// One sender with its series, one for each lane.
struct Writer {
    name: String,
    random: Random,
    base_ms: i64,
    sent: u64,
    /// The numbers of the samples in flight when the server died, and before: first and last of each request.
    acknowledged: Vec<(u64, u64)>,
}

impl Writer {
    /// When sample `number` of a lane was measured: in order, backwards, or on four days in turn.
    fn time(&self, lane: usize, number: u64) -> i64 {
        let number = i64::try_from(number).unwrap();
        match lane {
            0 => self.base_ms + number,
            1 => self.base_ms - 1 - number,
            _ => self.base_ms - (number % 4) * DAY_MS - DAY_MS - number,
        }
    }

    fn value(&self, lane: usize, number: u64) -> f64 {
        // A few bits of the number in the places behind the point, so that not all columns are alike.
        number as f64 + (number.wrapping_mul(0x9e37_79b9) % 1024) as f64 / 1024.0 + lane as f64 * 1e6
    }

    async fn write_until(&mut self, server: &Server, dead: &AtomicBool) {
        loop {
            let (first, last) = (self.sent + 1, self.sent + 1 + self.random.below(20));
            self.sent = last;
            let samples: Vec<Vec<(i64, f64)>> = (0..LANES)
                .map(|lane| (first..=last).map(|at| (self.time(lane, at), self.value(lane, at))).collect())
                .collect();
            let lanes: Vec<String> = (0..LANES).map(|lane| lane.to_string()).collect();
            let labels: Vec<[(&str, &str); 3]> = lanes
                .iter()
                .map(|lane| [("__name__", "sequence"), ("lane", &**lane), ("writer", &*self.name)])
                .collect();
            let series: Vec<_> =
                labels.iter().zip(&samples).map(|(labels, samples)| (&labels[..], &samples[..])).collect();
            match send(server, &series).await {
                Ok((204, _)) => self.acknowledged.push((first, last)),
                Ok((status, body)) => panic!("{status}: {body}"),
                Err(error) => {
                    assert!(dead.load(Ordering::SeqCst), "the server died by itself: {error}");
                    return;
                }
            }
        }
    }

    /// Everything acknowledged is there with its value, and nothing that was never sent.
    async fn check(&self, server: &Server) {
        for lane in 0..LANES {
            let range = format!("sequence{{writer=\"{}\",lane=\"{lane}\"}}[20d]", self.name);
            let end_s = (self.base_ms + 1_000_000) as f64 / 1000.0;
            let answer =
                server.get_json(&format!("/api/v1/query?query={}&time={end_s}", encode(&range))).await;
            assert_eq!(answer["status"], "success", "{answer}");
            assert!(answer["warnings"].is_null(), "{}", answer["warnings"]);
            let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
            let mut found: BTreeMap<i64, f64> = BTreeMap::new();
            for sample in &values {
                let at = (sample[0].as_f64().unwrap() * 1000.0).round() as i64;
                found.insert(at, sample[1].as_str().unwrap().parse().unwrap());
            }
            for number in self.acknowledged.iter().flat_map(|(first, last)| *first..=*last) {
                let kept = found.get(&self.time(lane, number)).copied();
                assert_eq!(kept, Some(self.value(lane, number)), "acknowledged number {number} of {range}");
            }
            let mut sent: BTreeMap<i64, f64> = BTreeMap::new();
            sent.extend((1..=self.sent).map(|at| (self.time(lane, at), self.value(lane, at))));
            for (at, value) in &found {
                assert_eq!(sent.get(at), Some(value), "{value} at {at} of {range} was never sent");
            }
        }
    }
}

async fn check(setup: &Setup, writers: &[Writer]) -> Arc<Server> {
    let server = Arc::new(setup.start().await);
    for writer in writers {
        writer.check(&server).await;
    }
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_acknowledged_sample_survives_kill_nine_also_inside_flushes_and_merges() {
    let (rounds, seed) = (number("CRASH_ROUNDS", 5), number("CRASH_SEED", now_ms().unsigned_abs()));
    println!("CRASH_SEED={seed}");
    let mut random = Random(seed | 1);
    let setup = Setup::new().config("");
    let base_ms = now_ms() - 2_000_000;
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|writer| Writer {
            name: writer.to_string(),
            random: Random(seed.wrapping_add(writer as u64) << 1 | 1),
            base_ms,
            sent: 0,
            acknowledged: Vec::new(),
        })
        .collect();
    let mut upkeeps = 0;
    for _ in 0..rounds {
        let server = check(&setup, &writers).await;
        let dead = Arc::new(AtomicBool::new(false));
        let writing: Vec<_> = writers
            .drain(..)
            .map(|mut writer| {
                let (server, dead) = (Arc::clone(&server), Arc::clone(&dead));
                tokio::spawn(async move {
                    writer.write_until(&server, &dead).await;
                    writer
                })
            })
            .collect();
        let merging = tokio::spawn({
            let server = Arc::clone(&server);
            async move {
                let mut done = 0;
                let url = server.url("/api/v1/admin/tsdb/compact");
                while let Ok(answer) = server.client().post(&url).send().await {
                    assert!(answer.status().is_success(), "{answer:?}");
                    done += 1;
                }
                done
            }
        });
        // A kill at a moment of the seed's choosing, from the first request to well into the writing.
        tokio::time::sleep(Duration::from_micros(1000 + random.below(500_000))).await;
        dead.store(true, Ordering::SeqCst);
        server.signal("-KILL");
        for writing in writing {
            writers.push(writing.await.unwrap());
        }
        upkeeps += merging.await.unwrap();
        drop(server);
    }
    // Once more, after an orderly stop, merged into few parts, and read with a checksum at every byte.
    let server = check(&setup, &writers).await;
    let (status, body) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert!(status < 300, "{status}: {body}");
    for writer in &writers {
        writer.check(&server).await;
    }
    assert!(Arc::into_inner(server).unwrap().terminate().success());
    let data = format!("--storage.tsdb.path={}", setup.path("data").display());
    let verified = Command::new(binary()).args(["verify", &data]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let requests: usize = writers.iter().map(|writer| writer.acknowledged.len()).sum();
    let numbers =
        writers.iter().flat_map(|writer| &writer.acknowledged).map(|(first, last)| last - first + 1);
    let samples = numbers.sum::<u64>() * LANES as u64;
    println!(
        "{rounds} kills, {requests} requests and {samples} samples acknowledged, {upkeeps} flushes and merges"
    );
    assert!(requests as u64 > rounds, "only {requests} requests were acknowledged; that proves nothing");
}
