use super::*;
use crate::{Choice, Stop};
use std::sync::Arc;
use watchfire_disk::SimDisk;
use watchfire_metrics::{ImportReport, Store, StoreOptions};
use watchfire_model::time::ManualClock;
use watchfire_model::{Samples, TimeRange};

/// A block that promtool 2.42 made: `fixture{n="0"}` to `n="3"`, 130 samples each, 15 seconds apart.
const FIRST_MS: i64 = 1_790_000_000_000;
const FILES: [&str; 3] = ["meta.json", "index", "chunks/000001"];

#[derive(Default)]
struct Heard {
    damage: Vec<String>,
}

impl Watch for Heard {
    fn progress(&mut self, done: f64, _: &ImportReport) {
        assert!((0.0..=1.0).contains(&done));
    }
    fn damaged(&mut self, text: String) {
        self.damage.push(text);
    }
    fn note(&mut self, _: String) {}
}

/// The block's folder in the repository.
fn block() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

/// A disk with the block, one byte of one file changed.
fn disk_with(damaged: Option<(&str, usize)>) -> SimDisk {
    let disk = SimDisk::new(1);
    let block = block();
    let to = Path::new("/source").join(block.file_name().unwrap());
    disk.create_dir_all(&to.join("chunks")).unwrap();
    for name in FILES {
        let mut bytes = std::fs::read(block.join(name)).unwrap();
        if let Some((_, place)) = damaged.filter(|(file, _)| *file == name) {
            bytes[place] ^= 0x11;
        }
        disk.create(&to.join(name)).unwrap().append(&bytes).unwrap();
    }
    disk
}

type Told = Vec<(String, Vec<(i64, u64)>)>;

fn import(disk: &SimDisk, choice: &Choice) -> Result<(Told, Vec<String>), ImportError> {
    let options = StoreOptions { background: false, min_free_bytes: 1, ..StoreOptions::default() };
    let clock = Arc::new(ManualClock::at(FIRST_MS + 86_400_000));
    let store = Store::open(Path::new("/data"), options, Arc::new(disk.clone()), clock).unwrap();
    let mut heard = Heard::default();
    for block in find(disk, Path::new("/source"), &mut heard)?.blocks {
        block.import(disk, &store, choice, &Stop::new(), &mut heard)?;
    }
    let mut selection = store.select(&[], TimeRange::ALL).unwrap();
    let (mut told, mut samples) = (Told::new(), Samples::default());
    while let Some(labels) = selection.next(&mut samples).unwrap() {
        let bits = samples.timestamps_ms.iter().zip(&samples.floats);
        told.push((labels.to_string(), bits.map(|(at, value)| (*at, value.to_bits())).collect()));
    }
    Ok((told, heard.damage))
}

#[test]
fn a_block_that_promtool_made_is_read_whole() {
    let (told, damage) = import(&disk_with(None), &Choice::default()).unwrap();
    assert_eq!((told.len(), damage), (4, vec![]));
    for (number, (labels, samples)) in told.iter().enumerate() {
        assert_eq!(*labels, format!("fixture{{n=\"{number}\"}}"));
        let times: Vec<i64> = samples.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, (0..130).map(|index| FIRST_MS + index * 15_000).collect::<Vec<_>>());
    }
    assert_eq!(told[0].1[129].1, 0.0_f64.to_bits());
    assert_eq!(told[1].1[129].1, 18.43_f64.to_bits());
    assert_eq!((told[2].1[0].1, f64::from_bits(told[2].1[1].1).is_nan()), (1.5_f64.to_bits(), true));
    assert_eq!(told[3].1[7].1, f64::INFINITY.to_bits());
}

#[test]
fn only_what_was_chosen_is_imported() {
    let range = TimeRange::new(FIRST_MS + 15_000, FIRST_MS + 40_000);
    let matcher = watchfire_model::Matcher::equal("n", "1");
    let (told, _) = import(&disk_with(None), &Choice { selectors: vec![vec![matcher]], range }).unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.iter().map(|(at, _)| at - FIRST_MS).collect::<Vec<_>>(), [15_000, 30_000]);
}

#[test]
fn a_flipped_byte_anywhere_is_told_or_harmless_and_never_invents_a_sample() {
    let (whole, _) = import(&disk_with(None), &Choice::default()).unwrap();
    for name in &FILES[1..] {
        let len = std::fs::read(block().join(name)).unwrap().len();
        for place in 0..len {
            let (told, damage) = import(&disk_with(Some((name, place))), &Choice::default()).unwrap();
            for (labels, samples) in &told {
                let (_, sound) = whole.iter().find(|(known, _)| known == labels).expect("a known series");
                assert!(samples.iter().all(|sample| sound.contains(sample)), "{name} byte {place}: {labels}");
            }
            if told != whole {
                assert!(!damage.is_empty(), "{name} byte {place}: something is missing and nothing was told");
                assert!(damage.iter().all(|text| text.contains("/source/")), "{damage:?}");
            }
        }
    }
}
