//! What happens in a run, drawn from its seed.

use fastrand::Rng;
use watchfire_disk::Fault;

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// What happens next. What it happens with is drawn when it does.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Writes a batch and waits for the answer.
    Write,
    /// Hands a batch over and lets it wait.
    WriteLater,
    /// Lets the log work until every batch has its answer.
    Settle,
    StepLog,
    Describe,
    /// One round of upkeep.
    Tend {
        flush: bool,
    },
    Compact,
    /// Deletes samples.
    Delete,
    /// Writes parts again without what was deleted.
    Clean,
    /// Begins to read, does something else, and reads on.
    Across(Box<Op>),
    /// Asks with matchers and a range.
    Query,
    /// Compares everything.
    Check,
    /// Makes a snapshot.
    Snapshot,
    /// Opens one of the snapshots and compares it with what the store held when it was made.
    OpenSnapshot,
    /// An orderly end and a new start.
    Close,
    /// An end without a flush.
    Reopen,
    /// `kill -9` and a new start.
    Kill,
    /// A power cut and a new start.
    Cut,
    /// The clock moves.
    Advance(i64),
    /// Something will fail some calls from now.
    Fail(Fault, u64),
    /// A bit of a file rots.
    Rot,
    Heal,
    /// So much room is told to be left.
    Room(u64),
}

/// A run to be made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) ops: Vec<Op>,
    /// A fault at this call.
    pub(crate) fault: Option<(u64, Fault)>,
    /// Power cuts may keep later sectors and lose earlier ones.
    pub(crate) reorder: bool,
    pub(crate) features: Features,
}

/// What takes part in a run besides samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Features {
    /// Downsampled tiers are made.
    pub(crate) tiers: bool,
    /// Exemplars come with the samples.
    pub(crate) exemplars: bool,
    /// Acknowledged is not yet on disk.
    pub(crate) relaxed: bool,
    /// The index of a part hardly fits into memory while it is written.
    pub(crate) narrow: bool,
}

impl Plan {
    /// A run drawn from a seed. What may fail is chosen first, so that some runs see only faults of one kind.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let menu: &[Fault] = match rng.u8(0..8) {
            0 => &[],
            1 => &[Fault::PowerCut],
            2 => &[Fault::SyncError],
            3 => &[Fault::Full],
            4 | 5 => &[Fault::BitFlip],
            _ => &[Fault::PowerCut, Fault::SyncError, Fault::Full],
        };
        let mut ops: Vec<Op> = (0..rng.usize(5..60)).map(|_| Self::op(&mut rng, menu)).collect();
        // Samples are deleted in every third run: the others are what they were before there were deletions.
        for _ in 0..if seed.is_multiple_of(3) { rng.usize(1..8) } else { 0 } {
            let op = if rng.u8(0..4) == 0 { Op::Clean } else { Op::Delete };
            ops.insert(rng.usize(0..=ops.len()), op);
        }
        Self { seed, ops, fault: None, reorder: rng.bool(), features: Features::default() }
    }

    /// As [`Plan::drawn`], with all that the store does besides.
    pub(crate) fn broad(seed: u64) -> Self {
        let mut plan = Self::drawn(seed);
        let mut rng = Rng::with_seed(seed ^ 0xb0ad);
        plan.features = Features {
            tiers: rng.bool(),
            exemplars: rng.u8(0..3) > 0,
            relaxed: rng.u8(0..4) == 0,
            narrow: rng.u8(0..3) == 0,
        };
        let mut insert = |op: Op, rng: &mut Rng| plan.ops.insert(rng.usize(0..=plan.ops.len()), op);
        for _ in 0..if rng.u8(0..3) == 0 { rng.usize(1..5) } else { 0 } {
            insert(Op::Snapshot, &mut rng);
            insert(Op::OpenSnapshot, &mut rng);
        }
        for _ in 0..if plan.features.tiers { rng.usize(1..8) } else { 0 } {
            insert(Op::Advance(rng.i64(12..60) * HOUR_MS), &mut rng);
            insert(Op::Tend { flush: rng.bool() }, &mut rng);
        }
        plan
    }

    fn op(rng: &mut Rng, menu: &[Fault]) -> Op {
        match rng.u8(0..100) {
            0..=29 => Op::Write,
            30..=35 => Op::WriteLater,
            36..=38 => Op::StepLog,
            39 | 40 => Op::Settle,
            41..=44 => Op::Describe,
            45..=52 => Op::Tend { flush: rng.u8(0..4) > 0 },
            53..=56 => Op::Compact,
            57..=60 => {
                let inside = [Op::Write, Op::Tend { flush: true }, Op::Compact];
                Op::Across(Box::new(rng.choice(inside).unwrap_or(Op::Compact)))
            }
            61..=66 => Op::Query,
            67..=70 => Op::Check,
            71 | 72 => Op::Close,
            73 | 74 => Op::Reopen,
            75..=77 => Op::Kill,
            78..=79 => Op::Cut,
            80..=85 => Op::Advance(rng.i64(0..4) * 15_000),
            86 | 87 => Op::Advance(rng.i64(0..30) * HOUR_MS),
            88 => Op::Advance(*rng.choice(&[-HOUR_MS, 100 * HOUR_MS, 24 * 40 * HOUR_MS]).unwrap_or(&0)),
            89..=95 => match rng.choice(menu) {
                Some(Fault::BitFlip) if rng.bool() => Op::Rot,
                Some(fault) => Op::Fail(*fault, rng.u64(1..40)),
                None => Op::Write,
            },
            96 | 97 => Op::Heal,
            98 if menu.contains(&Fault::Full) => Op::Room(if rng.bool() { 1 } else { 1 << 40 }),
            _ => Op::Check,
        }
    }
}
