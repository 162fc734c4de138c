use super::*;
use proptest::prelude::*;

fn row(series: u8, timestamp_ms: i64, value: f64) -> Row {
    let series = Labels::from_pairs([("__name__", "m"), ("s", &*series.to_string())]);
    Row { series, timestamp_ms, start_timestamp_ms: 0, value: SampleValue::Float(value) }
}

#[test]
fn a_decoder_fills_a_batch_label_by_label() {
    let mut batch = Batch::new();
    batch.begin_series();
    batch.push_label(b"b", b"2");
    batch.push_label(b"a", b"1");
    batch.push_float(10, 5, 1.5);
    batch.push_histogram(20, 0, Arc::new(Histogram::default()));
    batch.push_exemplar(9, 1.0, [(b"trace_id".as_slice(), b"x".as_slice())]);
    batch.begin_packed(Labels::from_pairs([("c", "3")]).as_bytes());
    batch.push_float(30, 0, 2.5);
    let all: Vec<SeriesRef<'_>> = batch.series().collect();
    assert_eq!(all.iter().map(SeriesRef::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(all[0].checked_labels().unwrap(), Labels::from_pairs([("a", "1"), ("b", "2")]));
    assert_ne!(all[0].packed_labels(), all[0].checked_labels().unwrap().as_bytes(), "as sent");
    let samples: Vec<_> = all[0].samples().collect();
    assert!(matches!(samples[0].value, ValueRef::Float(1.5)) && samples[0].start_timestamp_ms == 5);
    assert!(matches!(samples[1].value, ValueRef::Histogram(_)) && samples[1].timestamp_ms == 20);
    let exemplars: Vec<_> = all[0].exemplars().collect();
    assert_eq!(exemplars.len(), 1);
    assert_eq!(Labels::from_raw(exemplars[0].packed_labels).unwrap().get("trace_id"), Some("x"));
    assert_eq!(all[1].exemplars().count(), 0);
    assert_eq!((batch.len(), batch.histogram_count(), batch.exemplar_count()), (3, 1, 1));
}

#[test]
fn a_series_taken_back_leaves_nothing_of_itself() {
    let mut batch = Batch::new();
    batch.push(row(1, 1, 1.0));
    let before = format!("{batch:?}");
    batch.begin_series();
    batch.push_label(b"a", b"1");
    batch.push_float(10, 0, 1.5);
    batch.push_histogram(20, 0, Arc::new(Histogram::default()));
    batch.push_exemplar(9, 1.0, [(b"a".as_slice(), b"x".as_slice())]);
    batch.drop_series();
    assert_eq!(format!("{batch:?}"), before);
}

#[test]
fn rows_of_one_series_share_its_labels() {
    let batch: Batch = [row(1, 1, 1.0), row(1, 2, 2.0), row(2, 1, 3.0), row(1, 3, 4.0)].into_iter().collect();
    assert_eq!(batch.series().map(|series| series.len()).collect::<Vec<_>>(), [2, 1, 1]);
}

#[test]
fn an_emptied_batch_keeps_its_memory() {
    let mut batch: Batch = (0..100).map(|series| row(series, 1, 1.0)).collect();
    let bytes = batch.capacity_bytes();
    batch.clear();
    assert!(batch.is_empty() && batch.series().next().is_none());
    assert_eq!(batch.capacity_bytes(), bytes);
}

proptest! {
    #[test]
    fn rows_come_out_as_they_went_in(
        rows in prop::collection::vec((0..4_u8, any::<i64>(), 0..9_i64, prop::option::of(0..5_u8)), 0..40)
    ) {
        let rows: Vec<Row> = rows.into_iter().map(|(series, timestamp_ms, start_timestamp_ms, count)| {
            let value = match count {
                None => SampleValue::Float(timestamp_ms as f64),
                Some(count) => SampleValue::Histogram(Arc::new(Histogram { count: f64::from(count), ..Histogram::default() })),
            };
            Row { start_timestamp_ms, value, ..row(series, timestamp_ms, 0.0) }
        }).collect();
        let batch = Batch::from(rows.clone());
        prop_assert_eq!(batch.rows().collect::<Vec<_>>(), rows);
    }
}
