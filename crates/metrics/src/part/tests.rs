use super::values::ValuePage;
use super::*;
use crate::read::gather::Gather;
use crate::read::texts::Texts;
use crate::testing::mutated;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use watchfire_disk::SimDisk;
use watchfire_model::{Histogram, Labels, Matcher, Samples};

type Truth = BTreeMap<String, Vec<(i64, u64)>>;

/// A part of series with floats of all kinds, histograms and start timestamps, and what is in it.
fn written(disk: &SimDisk) -> (Part, Truth) {
    let dir = Path::new("/p");
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut writer = PartWriter::create(shared, dir, "a.part", (1, 0, vec![5, 6]), 1 << 20).unwrap();
    let mut truth = Truth::new();
    for number in 0..60_i64 {
        let (job, instance) = ((number % 3).to_string(), format!("host-{number:03}"));
        let labels = Labels::from_pairs([("__name__", "m"), ("instance", &instance), ("job", &job)]);
        let mut samples = Samples::default();
        for step in 0..50_i64 {
            if number % 7 == 3 && step % 5 == 0 {
                let histogram = Histogram { count: step as f64, sum: 1.5, ..Histogram::default() };
                samples.push_histogram(step * 1000, Arc::new(histogram));
            } else {
                samples.push_float(step * 1000, (step * number) as f64 / 7.0);
            }
            samples.set_last_start_timestamp(if number % 5 == 4 { number } else { 0 });
        }
        writer.add(&labels, &samples, 0..samples.len()).unwrap();
        truth.insert(labels.to_string(), bits(&samples));
    }
    writer.finish().unwrap();
    (Part::open(disk, &dir.join("a.part"), 1, 0, &PageCache::new(1 << 20)).unwrap(), truth)
}

fn bits(samples: &Samples) -> Vec<(i64, u64)> {
    let floats = samples.timestamps_ms.iter().zip(&samples.floats);
    let mut found: Vec<(i64, u64)> = floats.map(|(at, value)| (*at, value.to_bits())).collect();
    for (slot, histogram) in found.iter_mut().zip(&samples.histograms) {
        if let Some(histogram) = histogram {
            slot.1 = histogram.count.to_bits();
        }
    }
    found
}

/// All samples of a series, and what was left out.
fn read(part: &Part, series: &PartSeries) -> (Samples, Vec<String>) {
    let (mut samples, mut damage) = (Samples::default(), Vec::new());
    let mut gather = Gather::new(TimeRange::ALL, &mut samples);
    part.read(series, &mut Scratch::default(), &mut gather, &mut damage);
    gather.finish();
    (samples, damage)
}

#[test]
fn a_mutated_file_gives_errors_or_what_was_written() {
    let disk = SimDisk::new(1);
    let (part, truth) = written(&disk);
    let mut whole = vec![0; usize::try_from(part.bytes()).unwrap()];
    disk.open(part.path()).unwrap().read_at(&mut whole, 0).unwrap();
    let (mut opened, mut told, mut random) = (0, 0, fastrand::Rng::with_seed(5));
    for case in 0..2000 {
        let path = Path::new("/p/b.part");
        disk.create(path).unwrap().append(&mutated(&whole, &mut random)).unwrap();
        let Ok(part) = Part::open(&disk, path, 2, 0, &PageCache::new(0)) else { continue };
        opened += 1;
        let mut damage = Vec::new();
        let ids = part.select(&[Matcher::equal("job", "1")], &mut damage);
        let mut names = BTreeSet::new();
        part.label_names(Some(&ids), &mut damage, &mut names);
        part.label_values("instance", Some(&ids), &mut damage, &mut Texts::default());
        match part.series_page(0, false) {
            Err((error, _)) => damage.push(error.to_string()),
            Ok(page) => {
                for rank in 0..page.len() {
                    let series = PartSeries::on(&page, rank as u32).unwrap();
                    let (samples, lost) = read(&part, &series);
                    let expected = &truth[&series.labels().to_string()];
                    assert!(!lost.is_empty() || bits(&samples) == *expected, "case {case}: changed data");
                    damage.extend(lost);
                }
            }
        }
        told += usize::from(!damage.is_empty());
    }
    println!("2000 mutations, {opened} files opened, {told} with damage told");
    assert!(told > 100);
}

#[test]
fn mutated_pages_and_footers_behind_a_right_checksum_never_panic_nor_grow() {
    let disk = SimDisk::new(2);
    let (part, _) = written(&disk);
    let footer = part.reader.footer().unwrap();
    let pages: Vec<Vec<u8>> =
        part.summary.series_pages.iter().map(|(_, block)| part.page(*block).unwrap()).collect();
    let values: Vec<Vec<u8>> = part
        .summary
        .names
        .iter()
        .flat_map(|entry| &entry.pages)
        .map(|(_, block)| part.page(*block).unwrap())
        .collect();
    let (mut refused, mut random) = (0, fastrand::Rng::with_seed(6));
    for case in 0..6000 {
        let bytes = mutated(&footer, &mut random);
        match Summary::decode(&bytes) {
            None => refused += 1,
            Some(summary) => {
                let pages = summary.names.iter().map(|entry| entry.pages.len() + 1).sum::<usize>();
                let said = summary.replaces.len() + summary.series_pages.len() + pages;
                assert!(said <= bytes.len(), "case {case}");
            }
        }
        let bytes = mutated(&pages[case % pages.len()], &mut random);
        match SeriesPage::decode(0, &bytes) {
            None => refused += 1,
            Some(page) => {
                assert!(page.len() <= bytes.len(), "case {case}");
                let page = Arc::new(page);
                for rank in 0..page.len() {
                    let series = PartSeries::on(&page, rank as u32).unwrap();
                    let blocks = series.blocks().count();
                    assert!(blocks <= bytes.len(), "case {case}");
                    let (samples, _) = read(&part, &series);
                    assert!(samples.len() <= blocks * BLOCK_SAMPLES, "case {case}");
                }
            }
        }
        let bytes = mutated(&values[case % values.len()], &mut random);
        let mut page = ValuePage::new(&bytes);
        while !page.is_empty() {
            if page.next().is_none_or(|(_, ids)| ids.read().is_none()) {
                refused += 1;
                break;
            }
        }
    }
    println!("18000 mutations, {refused} refused");
    assert!(refused > 5000);
}

#[test]
fn few_series_are_asked_for_their_own_labels_and_many_for_their_values() {
    let disk = SimDisk::new(3);
    let (part, _) = written(&disk);
    let mut damage = Vec::new();
    for ids in [vec![], vec![3], (0..60).collect::<Vec<u32>>()] {
        let ids = RoaringBitmap::from_iter(ids);
        let expected: BTreeSet<String> = ids.iter().map(|id| format!("host-{id:03}")).collect();
        for most in [0, 100] {
            let mut found = BTreeSet::new();
            let few = part.each_of_few(&ids, most, &mut damage, &mut |labels| {
                found.extend(labels.get("instance").map(str::to_owned));
            });
            assert_eq!(few, most > 0);
            assert!(!few || found == expected);
        }
        let (mut names, mut values) = (BTreeSet::new(), Texts::default());
        part.label_names(Some(&ids), &mut damage, &mut names);
        part.label_values("instance", Some(&ids), &mut damage, &mut values);
        assert_eq!(names.len(), if ids.is_empty() { 0 } else { 3 });
        assert_eq!(values.into_sorted(), expected.into_iter().collect::<Vec<_>>());
    }
    assert!(damage.is_empty());
}
