//! One run: a disk, a clock, a store, and the model beside it.

use crate::draw;
use crate::model::{Found, Model, Ticket, collect};
use crate::plan::{Features, HOUR_MS, Op, Plan};
use fastrand::Rng;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use watchfire_disk::{Disk, Fault, SimDisk};
use watchfire_metrics::{Selection, Store, StoreOptions, TierOptions};
use watchfire_model::ingest::{Batch, Committed, MetricSink, Row, WriteError, WriteReport};
use watchfire_model::time::{Clock, ManualClock};
use watchfire_model::{Labels, MatchOp, Matcher, Samples, TimeRange};

/// Not on the border of a day.
const START_MS: i64 = 1_700_000_000_000;
pub(crate) const ROOT: &str = "/s";
/// How long the coarsest tier is kept.
pub(crate) const TIER_DAYS: i64 = 60;
/// More than ever wait for the log.
const LOG_GROUPS: usize = 8;
/// Few enough that the oldest have to go.
const MAX_EXEMPLARS: usize = 24;

/// What a run came to; the same for the same plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Without those of the end, where nothing fails.
    pub(crate) calls: u64,
    pub(crate) faults: u64,
    pub(crate) samples: u64,
    /// Of every step and its outcome.
    trace: u64,
}

struct Pending {
    ticket: Ticket,
    committed: Committed,
}

pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) rng: Rng,
    store: Option<Store>,
    pub(crate) model: Model,
    pending: Vec<Pending>,
    pub(crate) plan: Plan,
    /// Bits were flipped: a loss that is reported is no failure.
    pub(crate) flipped: bool,
    /// Calls failed that may leave things unread until the next start.
    pub(crate) unreliable: bool,
    /// Little room was told, and the log may not have looked again.
    roomless: bool,
    /// Power cuts so far.
    cuts: u64,
    /// Snapshots made, and what the store held then.
    pub(crate) snapshots: Vec<(String, Found)>,
    told: Told,
    aloud: bool,
}

impl World {
    /// Makes the run and panics where the store breaks a promise.
    pub(crate) fn run(plan: Plan, aloud: bool) -> Told {
        let disk = SimDisk::new(plan.seed);
        if plan.reorder {
            disk.reorder();
        }
        if let Some((call, fault)) = plan.fault {
            disk.fail_at(call, fault);
        }
        let options = Self::options(plan.features);
        let model = Model::new(&options);
        let fault = plan.fault.map(|(_, fault)| fault);
        let mut world = Self {
            disk,
            clock: Arc::new(ManualClock::at(START_MS)),
            rng: Rng::with_seed(plan.seed ^ 0x5eed),
            store: None,
            model,
            pending: Vec::new(),
            flipped: fault == Some(Fault::BitFlip),
            unreliable: fault == Some(Fault::SyncError),
            plan,
            roomless: false,
            cuts: 0,
            snapshots: Vec::new(),
            told: Told::default(),
            aloud,
        };
        world.open();
        for op in world.plan.ops.clone() {
            world.step(&op);
            if world.disk.is_cut() {
                world.down(false);
                world.open();
            }
        }
        world.end();
        world.told
    }

    pub(crate) fn options(features: Features) -> StoreOptions {
        let tier = |resolution_ms, days| TierOptions { resolution_ms, keep_ms: days * 24 * HOUR_MS };
        StoreOptions {
            retention_ms: 72 * HOUR_MS,
            tiers: if features.tiers {
                vec![tier(HOUR_MS / 12, 9), tier(HOUR_MS, TIER_DAYS)]
            } else {
                vec![]
            },
            relaxed: features.relaxed,
            max_exemplars: MAX_EXEMPLARS,
            part_bytes: if features.narrow { 4000 } else { 64 << 20 },
            group_window: Duration::ZERO,
            background: false,
            stepped: true,
            ..StoreOptions::default()
        }
    }

    /// Whatever happened, in the end everything works again without a word.
    fn end(&mut self) {
        self.note("the end", &"");
        self.told.calls = self.disk.calls();
        self.disk.forget_faults();
        self.disk.heal();
        self.disk.set_free_bytes(1 << 40);
        for _ in 0..3 {
            self.store().step_log();
        }
        let written = self.write();
        assert!(written.is_ok(), "writes do not resume on a healthy disk without a restart: {written:?}");
        self.check();
        self.down(false);
        self.open();
        self.check();
        let done = self.store().compact_now();
        assert!(done.is_ok(), "upkeep does not resume: {done:?}");
        self.check();
        self.told.faults = self.disk.faults();
        self.told.samples = self.model.samples();
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().expect("the store is open between steps")
    }

    /// Puts a step or an outcome into the trace.
    pub(crate) fn note(&mut self, what: &str, about: &dyn std::fmt::Debug) {
        let line = format!("{what} {about:?} at {} by call {}", self.now(), self.disk.calls());
        if self.aloud {
            eprintln!("{line}");
        }
        for byte in line.bytes() {
            self.told.trace = (self.told.trace ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn show(&self, rows: &[Row]) {
        for row in rows.iter().filter(|_| self.aloud) {
            let Row { series, timestamp_ms, start_timestamp_ms, value } = row;
            eprintln!("  {series} at {timestamp_ms} from {start_timestamp_ms}: {value:?}");
        }
    }

    /// Whether something has gone wrong that excuses a refusal.
    pub(crate) fn excused(&self) -> bool {
        self.disk.faults() > 0 || self.flipped || self.roomless
    }

    fn step(&mut self, op: &Op) {
        self.note("do", op);
        match op {
            Op::Write => {
                let written = self.write();
                self.note("wrote", &written.is_ok());
            }
            Op::WriteLater => {
                let (ticket, batch) = self.batch();
                let committed = self.store().write(batch);
                self.note_evictions();
                self.pending.push(Pending { ticket, committed });
            }
            Op::Settle => self.settle(),
            Op::StepLog => self.store().step_log(),
            Op::Describe => {
                let (family, metadata) = draw::metadata(&mut self.rng);
                self.model.describe(&family, metadata.clone());
                self.store().describe(&Labels::empty(), &family, metadata);
            }
            Op::Tend { flush } => {
                let done = self.store().tend(*flush);
                self.upkeep(done.map_err(|error| error.to_string()), *flush);
            }
            Op::Compact => {
                let done = self.store().compact_now();
                self.upkeep(done.map_err(|error| error.to_string()), true);
            }
            Op::Delete => self.delete(),
            Op::Clean => {
                let done = self.store().clean_now();
                self.upkeep(done.map_err(|error| error.to_string()), false);
            }
            Op::Across(inside) => self.across(inside),
            Op::Query => self.query(),
            Op::Check => self.check(),
            Op::Snapshot => self.make_snapshot(),
            Op::OpenSnapshot => self.open_snapshot(),
            Op::Close => {
                self.settle();
                self.store().close();
                assert_eq!(self.poll_write(Batch::default()), Err(WriteError::Closed));
                self.down(true);
                self.open();
            }
            Op::Reopen => {
                self.down(true);
                self.open();
            }
            Op::Kill => {
                self.disk.kill();
                self.down(false);
                self.open();
            }
            Op::Cut => {
                self.disk.cut_power();
                self.down(false);
                self.open();
            }
            Op::Advance(by_ms) => {
                self.clock.advance(*by_ms);
                self.model.expire(self.now());
            }
            Op::Fail(fault, calls) => {
                self.flipped |= *fault == Fault::BitFlip;
                self.unreliable |= *fault == Fault::SyncError;
                self.disk.fail_at(self.disk.calls() + calls, *fault);
            }
            Op::Rot => self.rot(),
            Op::Heal => {
                self.disk.heal();
                self.disk.set_free_bytes(1 << 40);
            }
            Op::Room(bytes) => {
                self.roomless = true;
                self.disk.set_free_bytes(*bytes);
            }
        }
    }

    pub(crate) fn upkeep(&mut self, done: Result<(), String>, flushes: bool) {
        self.note("upkeep", &done);
        if done.is_ok() && flushes {
            self.model.synced();
        }
        assert!(done.is_ok() || self.excused(), "upkeep failed on a healthy disk: {done:?}");
    }

    fn delete(&mut self) {
        self.settle();
        if self.plan.features.relaxed {
            // A deletion waits for what the log was given; here that is done by hand.
            (0..LOG_GROUPS).for_each(|_| self.store().step_log());
        }
        let (matchers, range) = draw::deletion(&mut self.rng, self.clock.now_ms());
        self.note("deletes", &(&matchers, range));
        let meant = |labels: &Labels| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
        };
        let done = self.store().delete(vec![matchers.clone()], range);
        // A range that ends before it begins deletes nothing.
        if range.start_ms <= range.end_ms {
            self.model.delete(meant, range, done.is_ok());
        }
        self.upkeep(done.map_err(|error| error.to_string()), true);
    }

    /// Draws a batch and says it to the model.
    fn batch(&mut self) -> (Ticket, Batch) {
        let now_ms = self.now();
        let rows = draw::rows(&mut self.rng, &self.model, now_ms);
        self.show(&rows);
        self.model.seam_ms = self.store().tier_stats().seam_ms.unwrap_or(i64::MIN);
        let mut ticket = self.model.hand_over(&rows, now_ms);
        let mut batch = Batch::from(rows.clone());
        if self.plan.features.exemplars {
            ticket.exemplars = self.model.exemplars.draw(&mut self.rng, &rows, &mut batch);
        }
        (ticket, batch)
    }

    /// Hands over a batch and lets the log work until it is answered.
    fn write(&mut self) -> Result<(), WriteError> {
        let (ticket, batch) = self.batch();
        let answer = self.poll_write(batch);
        self.note_evictions();
        match answer {
            Ok(report) => self.model.acknowledge(&ticket, &report),
            Err(error) => {
                assert!(self.excused(), "refused on a healthy disk: {error}");
                return Err(error);
            }
        }
        Ok(())
    }

    fn poll_write(&mut self, batch: Batch) -> Result<WriteReport, WriteError> {
        let mut committed = self.store().write(batch);
        loop {
            match poll(&mut committed) {
                Some(answer) => return answer,
                None => self.store().step_log(),
            }
        }
    }

    /// Every batch that waits gets its answer.
    pub(crate) fn settle(&mut self) {
        for mut pending in std::mem::take(&mut self.pending) {
            let answer = loop {
                match poll(&mut pending.committed) {
                    Some(answer) => break answer,
                    None => self.store().step_log(),
                }
            };
            self.note("answered", &answer.is_ok());
            match answer {
                Ok(report) => self.model.acknowledge(&pending.ticket, &report),
                Err(error) => assert!(self.excused(), "refused on a healthy disk: {error}"),
            }
        }
    }

    /// Answers that have come by themselves are taken note of; the others never come.
    fn down(&mut self, orderly: bool) {
        for mut pending in std::mem::take(&mut self.pending) {
            if let Some(Ok(report)) = poll(&mut pending.committed) {
                self.model.acknowledge(&pending.ticket, &report);
            }
        }
        self.model.gone();
        // What was only queued is written when the store goes.
        self.store = None;
        if self.plan.features.relaxed && (!orderly || self.excused()) {
            self.model.crash();
        }
        self.cuts += u64::from(self.disk.is_cut());
        self.disk.restart_if_down();
        // A restart forgets the plan.
        if let Some((call, fault)) = self.plan.fault
            && call > self.disk.calls()
        {
            self.disk.fail_at(call, fault);
        }
    }

    fn open(&mut self) {
        for attempt in 0.. {
            let faults = self.disk.faults();
            let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
            let options = Self::options(self.plan.features);
            let store = Store::open(Path::new(ROOT), options, disk, self.clock.clone());
            match store.and_then(|store| store.wait_until_ready().map(|()| store)) {
                Ok(store) => {
                    self.store = Some(store);
                    self.note("opened", &attempt);
                    if self.store().counters().corruptions > 0 && !self.disk.is_cut() {
                        // What was lost and told is known from here on.
                        self.check();
                    }
                    return;
                }
                Err(error) => {
                    self.note("not opened", &error.to_string());
                    let fresh = self.told.samples == 0 && attempt < 2;
                    assert!(self.disk.faults() > faults || fresh, "it does not open again: {error}");
                    // A new folder needs room.
                    self.disk.heal();
                    self.cuts += u64::from(self.disk.is_cut());
                    self.disk.restart_if_down();
                }
            }
        }
    }

    /// One random bit of one random file.
    fn rot(&mut self) {
        let files = self.disk.files();
        let Some((path, len)) = self.rng.choice(files).filter(|(_, len)| *len > 0) else { return };
        let bit = self.rng.u64(0..len * 8);
        self.flipped = true;
        self.note("rots", &(&path, bit / 8));
        self.disk.flip_bit(&path, bit).expect("the file was just listed");
    }

    pub(crate) fn read(&self, mut selection: Selection, found: &mut Found) -> Vec<String> {
        let mut samples = Samples::default();
        while let Some(labels) = selection.next(&mut samples).expect("a damaged place is no error") {
            collect(&labels, &samples, found);
        }
        selection.warnings().to_vec()
    }

    /// Begins to read everything, does something, and reads to the end: what was there before must be in the answer.
    fn across(&mut self, inside: &Op) {
        let required = self.model.required();
        let selection = self.store().select(&[], TimeRange::ALL).expect("reads go on");
        self.step(inside);
        if self.disk.is_cut() {
            return;
        }
        let mut found = Found::new();
        let warnings = self.read(selection, &mut found);
        let damaged = self.tolerated(&warnings);
        self.model.check_none_invented(&found, damaged);
        if self.disk.is_cut() {
            return;
        }
        let missing =
            required.iter().filter(|(labels, at)| !found.get(labels).is_some_and(|of| of.contains_key(at)));
        let missing: Vec<_> = missing.collect();
        assert!(missing.is_empty() || damaged, "lost to a reader: {missing:?}");
    }

    /// Whether the store has said that something is wrong, and something is.
    pub(crate) fn tolerated(&self, warnings: &[String]) -> bool {
        let told = !warnings.is_empty() || self.store().counters().corruptions > 0;
        told && (self.flipped || self.unreliable || self.disk.is_cut())
    }

    /// Compares everything with the model.
    fn check(&mut self) {
        let mut found = Found::new();
        let selection = self.store().select(&[], TimeRange::ALL).expect("reads go on");
        let warnings = self.read(selection, &mut found);
        if self.disk.is_cut() {
            return;
        }
        let damaged = self.tolerated(&warnings);
        self.model.check_none_invented(&found, damaged);
        let missing = self.model.missing(&found);
        if !missing.is_empty() {
            assert!(damaged, "lost without a word: {} samples, the first is {:?}", missing.len(), missing[0]);
        }
        if damaged && self.flipped {
            self.model.excuse(&missing);
            self.model.excuse_changed(&found);
        }
        let calm = !self.flipped && !self.unreliable && !self.plan.reorder && !self.plan.features.relaxed;
        let corruptions = self.store().counters().corruptions;
        // Where a power cut left all but the last bytes of a frame, it may have been whole: better a false alarm.
        let alarmed = warnings.len() as u64 > self.cuts || corruptions > self.cuts;
        assert!(!calm || !alarmed, "a false alarm: {corruptions}, {warnings:?}");
        if let Some(wrong) = self.model.metadata_fault(&self.store().metadata()) {
            assert!(damaged, "metadata: {wrong}");
            self.model.excuse_metadata();
        }
        let listed = self.store().series(&[], TimeRange::ALL).expect("reads go on");
        if !self.disk.is_cut() && !self.tolerated(&[]) {
            let unlisted = found.keys().find(|labels| !listed.contains(labels));
            assert_eq!(unlisted, None, "a series with samples is not listed");
        }
        self.check_exemplars();
        self.check_tiers();
        self.note("found", &found.values().map(|samples| samples.len()).sum::<usize>());
    }

    /// Asks a narrower question: the answer is that part of the whole.
    fn query(&mut self) {
        let text = |rng: &mut Rng| {
            (*rng.choice(&["", "0", "1", "m0", "0|2", "m.*", ".+"]).unwrap_or(&"")).to_owned()
        };
        let op = |rng: &mut Rng| {
            *rng.choice(&[MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex])
                .unwrap_or(&MatchOp::Equal)
        };
        let names = ["__name__", "instance", "pod", "x", "none"];
        let matchers: Vec<Matcher> = (0..self.rng.usize(1..3))
            .map(|_| {
                let name = *self.rng.choice(&names).unwrap_or(&"x");
                let op = op(&mut self.rng);
                Matcher::new(name, op, text(&mut self.rng)).expect("the patterns are sound")
            })
            .collect();
        let end_ms = self.now() - self.rng.i64(0..3) * 10 * HOUR_MS;
        let range = TimeRange::new(end_ms - self.rng.i64(0..30) * HOUR_MS, end_ms);
        let (mut whole, mut part) = (Found::new(), Found::new());
        let mut warnings =
            self.read(self.store().select(&[], TimeRange::ALL).expect("reads go on"), &mut whole);
        warnings.extend(self.read(self.store().select(&matchers, range).expect("reads go on"), &mut part));
        if self.disk.is_cut() {
            return;
        }
        let meant = |labels: &Labels| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
        };
        for (labels, samples) in &part {
            assert!(meant(labels), "{labels} was not asked for by {matchers:?}");
            assert!(samples.keys().all(|at| range.contains(*at)), "{labels} outside {range:?}");
        }
        let damaged = self.tolerated(&warnings);
        self.model.check_none_invented(&part, damaged);
        if damaged {
            return;
        }
        let expected: Found = whole
            .into_iter()
            .filter(|(labels, _)| meant(labels))
            .map(|(labels, mut samples)| {
                samples.retain(|at, _| range.contains(*at));
                (labels, samples)
            })
            .filter(|(_, samples)| !samples.is_empty())
            .collect();
        assert_eq!(part, expected, "{matchers:?} in {range:?}");
    }
}

fn poll(committed: &mut Committed) -> Option<Result<WriteReport, WriteError>> {
    match committed.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
