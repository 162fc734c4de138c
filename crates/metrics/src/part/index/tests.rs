use super::*;
use crate::part::{PageCache, Part, PartWriter};
use crate::read::texts::Texts;
use std::collections::BTreeSet;
use watchfire_disk::{Fault, SimDisk};
use watchfire_model::{Matcher, Samples, TimeRange};

const DIR: &str = "/p";

/// A part of so many series, whose index may take so much memory.
fn write(disk: &SimDisk, name: &str, series: u32, max_bytes: usize) -> io::Result<()> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut writer = PartWriter::create(shared, Path::new(DIR), name, (1, 0, Vec::new()), max_bytes)?;
    let mut samples = Samples::default();
    samples.push_float(1000, 1.0);
    for number in 0..series {
        let (id, pod, job) =
            (format!("{number:06}"), format!("pod-{}", number % (series / 3)), (number % 7).to_string());
        let labels = Labels::from_pairs([("__name__", "m"), ("id", &*id), ("job", &*job), ("pod", &*pod)]);
        writer.add(&labels, &samples, 0..1)?;
    }
    writer.finish().map(drop)
}

fn open(disk: &SimDisk, name: &str) -> Part {
    Part::open(disk, &Path::new(DIR).join(name), 1, 0, &PageCache::new(1 << 20)).unwrap()
}

fn values(part: &Part, name: &str) -> BTreeSet<String> {
    let (mut damage, mut values) = (Vec::new(), Texts::default());
    part.label_values(name, None, &mut damage, &mut values);
    assert_eq!(damage, [""; 0]);
    values.into_sorted().into_iter().collect()
}

#[test]
fn an_index_that_went_to_files_is_the_one_that_fits_into_memory() {
    let disk = SimDisk::new(1);
    write(&disk, "large.part", 3000, usize::MAX).unwrap();
    write(&disk, "small.part", 3000, 10_000).unwrap();
    assert_eq!(disk.files().len(), 2, "the runs are gone: {:?}", disk.files());
    let bytes = |name: &str| {
        let file = disk.open(&Path::new(DIR).join(name)).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(&mut bytes, 0).unwrap();
        bytes
    };
    assert!(bytes("small.part") == bytes("large.part"), "to the last byte");
    let part = open(&disk, "small.part");
    for (name, count) in [("__name__", 1), ("id", 3000), ("job", 7), ("pod", 1000)] {
        assert_eq!(values(&part, name).len(), count, "{name}");
    }
    let mut damage = Vec::new();
    let found = part.select(&[Matcher::equal("pod", "pod-12")], &mut damage);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [12, 1012, 2012]);
    let found = part.select(&[Matcher::equal("job", "3"), Matcher::equal("pod", "pod-3")], &mut damage);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [3]);
    assert!(part.range().overlaps(TimeRange::new(1000, 1000)) && damage.is_empty());
}

#[test]
fn a_fault_at_any_call_is_told_and_leaves_no_part_that_is_not_whole() {
    for fault in [Fault::SyncError, Fault::Full, Fault::BitFlip] {
        for call in 1.. {
            let disk = SimDisk::new(call);
            disk.fail_at(call, fault);
            let written = write(&disk, "a.part", 300, 4000);
            if disk.faults() == 0 {
                assert!(call > 20, "{call} calls: no run was written");
                break;
            }
            disk.heal();
            match (&written, fault) {
                // The bit may be of the part itself, which readers find out.
                (Ok(()), Fault::BitFlip) => {}
                (Ok(()), _) => {
                    assert_eq!(values(&open(&disk, "a.part"), "id").len(), 300, "{fault:?} at {call}")
                }
                (Err(_), _) => {
                    let whole = |name: &str| !name.ends_with(".tmp");
                    let left = disk.list(Path::new(DIR)).unwrap_or_default();
                    let left: Vec<_> = left.into_iter().filter(|entry| whole(&entry.name)).collect();
                    // A rename whose directory could not be synced may have been made.
                    assert!(left.len() <= 1, "{left:?}");
                }
            }
        }
    }
}
