use super::*;
use crate::testing::mutated;
use proptest::prelude::*;

#[derive(Default)]
struct Collected {
    series: Vec<(u32, Vec<u8>)>,
    samples: Vec<(u32, i64, i64, u64)>,
    families: Vec<(String, Metadata)>,
    exemplars: Vec<(Labels, Exemplar)>,
}

impl RecordSink for Collected {
    fn define(&mut self, id: u32, labels: &[u8]) {
        self.series.push((id, labels.to_vec()));
    }

    fn sample(&mut self, id: u32, timestamp_ms: i64, start_ms: i64, value: RecordValue) {
        let bits = match value {
            RecordValue::Float(value) => value.to_bits(),
            RecordValue::Histogram(histogram) => histogram.count.to_bits(),
        };
        self.samples.push((id, timestamp_ms, start_ms, bits));
    }

    fn metadata(&mut self, family: String, metadata: Metadata) {
        self.families.push((family, metadata));
    }

    fn exemplar(&mut self, series: &Labels, exemplar: Exemplar) {
        self.exemplars.push((series.clone(), exemplar));
    }
}

fn bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        Just(STALE_NAN.to_bits()),
        Just((-0.0_f64).to_bits()),
        any::<i32>().prop_map(|number| f64::from(number).to_bits()),
    ]
}

proptest! {
    #[test]
    fn a_batch_comes_back_to_the_last_bit(
        samples in prop::collection::vec((any::<u32>(), any::<i64>(), prop_oneof![Just(0), any::<i64>()], bits()), 0..60),
        series in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..20)), 0..10),
    ) {
        let mut record = Vec::new();
        definitions(series.len(), &mut record);
        for (id, labels) in &series {
            definition(*id, labels, &mut record);
        }
        let mut encoder = SampleEncoder::default();
        for (id, at, start, bits) in &samples {
            encoder.push(*id, *at, *start, ValueRef::Float(f64::from_bits(*bits)));
        }
        record.extend_from_slice(&encoder.bytes);
        let mut found = Collected::default();
        decode(&record, &mut found).unwrap();
        prop_assert_eq!(found.samples, samples);
        prop_assert_eq!(found.series, series);
    }

    #[test]
    fn any_bytes_are_an_answer_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes, &mut Collected::default());
        let _ = decode(&[&[SAMPLES, 0], bytes.as_slice()].concat(), &mut Collected::default());
    }
}

#[test]
fn a_scrape_of_whole_numbers_takes_few_bytes() {
    let mut encoder = SampleEncoder::default();
    for id in 1..1001 {
        encoder.push(id, 1_700_000_000_000, 0, ValueRef::Float(f64::from(id % 50)));
    }
    assert!(encoder.bytes.len() < 2100, "{}", encoder.bytes.len());
}

#[test]
fn metadata_comes_back() {
    let told =
        Metadata { kind: MetricType::Counter, unit: "bytes".to_owned(), help: "Bytes, \n sent.".to_owned() };
    let mut found = Collected::default();
    decode(&metadata("sent_bytes", &told), &mut found).unwrap();
    assert_eq!(found.families, [("sent_bytes".to_owned(), told)]);
}

#[test]
fn mutated_records_say_no_more_than_their_length_allows() {
    let mut samples = Vec::new();
    definitions(3, &mut samples);
    for (id, labels) in [(1, &b"labels"[..]), (2, &b"others"[..]), (900, &b"third"[..])] {
        definition(id, labels, &mut samples);
    }
    let mut encoder = SampleEncoder::default();
    let histogram = Arc::new(Histogram { count: 3.0, sum: 4.5, ..Histogram::default() });
    for step in 0..40_i64 {
        let value = match step % 4 {
            0 => ValueRef::Float(step as f64),
            1 => ValueRef::Float(step as f64 / 3.0),
            2 => ValueRef::Float(STALE_NAN),
            _ => ValueRef::Histogram(&histogram),
        };
        encoder.push([1, 2, 900][step as usize % 3], 1_700_000_000_000 + step * 15, step % 5, value);
    }
    samples.extend_from_slice(&encoder.bytes);
    let told = Metadata { kind: MetricType::Gauge, unit: "seconds".to_owned(), help: "Helps.".to_owned() };
    let family = metadata("some_family", &told);
    let exemplar = Exemplar {
        labels: Labels::from_pairs([("trace_id", "abc")]),
        value: 0.5,
        timestamp_ms: 1_700_000_000_000,
    };
    let mut exemplars = vec![EXEMPLARS];
    let series = Labels::from_pairs([("__name__", "m")]);
    crate::exemplars::record::put_group(&mut exemplars, &series, [&exemplar, &exemplar].into_iter());
    let mut found = Collected::default();
    decode(&exemplars, &mut found).unwrap();
    assert_eq!(found.exemplars, [(series.clone(), exemplar.clone()), (series, exemplar)]);
    let (mut refused, mut random) = (0, fastrand::Rng::with_seed(3));
    for case in 0..10_000 {
        let sound = [&family, &exemplars, &samples, &samples][case % 4];
        let bytes = mutated(sound, &mut random);
        let mut found = Collected::default();
        refused += usize::from(decode(&bytes, &mut found).is_none());
        let said = found.series.iter().map(|(_, labels)| labels.len() + 1).sum::<usize>()
            + found.samples.len()
            + found.exemplars.len()
            + found.families.iter().map(|(name, kept)| name.len() + kept.help.len()).sum::<usize>();
        assert!(said <= bytes.len(), "case {case}");
    }
    println!("10000 mutations, {refused} refused");
    assert!(refused > 1000);
}
