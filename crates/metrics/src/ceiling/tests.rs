use super::*;
use std::sync::Mutex;

const MIB: u64 = 1 << 20;

#[derive(Debug, Default)]
struct Told(Mutex<MemoryUse>);

impl MemoryProbe for Told {
    fn measure(&self) -> MemoryUse {
        *self.0.lock().unwrap()
    }
}

struct Bench {
    told: Arc<Told>,
    ceiling: Ceiling,
}

fn bench(ceiling_mib: u64) -> Bench {
    let told = Arc::new(Told::default());
    let ceiling = Ceiling::new(Some(Arc::clone(&told) as Arc<dyn MemoryProbe>));
    ceiling.limit(ceiling_mib * MIB);
    Bench { told, ceiling }
}

impl Bench {
    fn at(&self, live_mib: u64, resident_mib: u64) -> Pressure {
        *self.told.0.lock().unwrap() =
            MemoryUse { live_bytes: live_mib * MIB, resident_bytes: resident_mib * MIB };
        self.ceiling.measure()
    }
}

#[test]
fn pressure_rises_with_the_live_heap_and_falls_with_it() {
    let bench = bench(1100);
    for (live, pressure) in [
        (100, Pressure::Calm),
        (599, Pressure::Calm),
        (601, Pressure::Tight),
        (749, Pressure::Tight),
        (751, Pressure::Full),
        (801, Pressure::Over),
        (2000, Pressure::Over),
        (590, Pressure::Calm),
    ] {
        // An overhead of 100 leaves a budget of 1000.
        let resident = if live <= 801 { live + 100 } else { 0 };
        assert_eq!(bench.at(live, resident), pressure, "{live}");
    }
}

#[test]
fn a_heap_that_fragments_gets_a_smaller_share() {
    let bench = bench(1000);
    assert_eq!(bench.at(500, 550), Pressure::Calm);
    assert_eq!(bench.at(500, 900), Pressure::Over);
}

#[test]
fn freed_memory_is_free_though_the_allocator_keeps_it() {
    let bench = bench(1000);
    assert_eq!(bench.at(850, 900), Pressure::Over);
    assert_eq!(bench.at(300, 900), Pressure::Calm);
    let stats = bench.ceiling.stats();
    assert_eq!((stats.live_bytes, stats.overhead_bytes), (300 * MIB, 50 * MIB));
}

#[test]
fn without_a_ceiling_or_a_probe_there_is_no_pressure() {
    assert_eq!(bench(0).at(1 << 20, 1 << 20), Pressure::Calm);
    let ceiling = Ceiling::new(None);
    ceiling.limit(1);
    assert_eq!(ceiling.pressure(1), Pressure::Calm);
    assert_eq!(ceiling.stats().ceiling_bytes, 1);
}

#[test]
fn what_a_flush_needs_is_kept_free_before_it_and_while_it_takes_it() {
    // A flush of a million series needs 64 MiB for them and 33 MiB for its parts.
    let bench = bench(1050);
    assert_eq!(bench.at(550, 600), Pressure::Calm);
    bench.ceiling.pressure(1 << 20);
    assert_eq!(bench.at(550, 600), Pressure::Tight);
    bench.ceiling.flushing(true, 1 << 20);
    assert_eq!(bench.at(550, 600), Pressure::Tight, "nothing of it is taken yet");
    assert_eq!(bench.at(640, 690), Pressure::Tight, "most of it is");
    assert_eq!(bench.ceiling.stats().flush_bytes, 1050 * MIB / 32 - (640 - 550 - 64) * MIB);
    // Series that come meanwhile are to be flushed next.
    bench.ceiling.pressure(3 << 20);
    assert_eq!(bench.at(640, 690), Pressure::Full);
    bench.ceiling.flushing(false, 0);
    assert_eq!(bench.at(550, 690), Pressure::Calm);
}
