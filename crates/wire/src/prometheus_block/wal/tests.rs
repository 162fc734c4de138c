use super::*;
use proptest::prelude::*;
use watchfire_model::{Histogram, Metadata};

/// A fragment of a record.
fn fragment(flags: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flags];
    bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(data).to_be_bytes());
    bytes.extend_from_slice(data);
    bytes
}

type Told = Vec<Result<Vec<u8>, FormatError>>;

fn read(pages: &[&[u8]]) -> (Told, Result<(), FormatError>) {
    let mut records = Records::new();
    let (mut told, mut offset) = (Vec::new(), 0);
    for page in pages {
        records.page(page, offset, |record| told.push(record.map(<[u8]>::to_vec)));
        offset += page.len() as u64;
    }
    (told, records.finish())
}

#[test]
fn records_are_put_together_across_pages_and_decompressed() {
    let long = vec![7; 3000];
    let zstd = zstd::bulk::compress(&long, 1).unwrap();
    let snappy = crate::snappy::compress(&long).unwrap();
    let mut first = fragment(1, b"whole");
    first.extend(fragment(1 | SNAPPY, &snappy));
    first.extend(fragment(2 | ZSTD, &zstd[..5]));
    let mut second = fragment(3 | ZSTD, &zstd[5..9]);
    second.extend(fragment(4 | ZSTD, &zstd[9..]));
    second.extend([0; 100]);
    let third = fragment(1, b"");
    let (told, end) = read(&[&first, &second, &third]);
    assert_eq!(told, [Ok(b"whole".to_vec()), Ok(long.clone()), Ok(long), Ok(vec![])]);
    assert_eq!(end, Ok(()));
}

#[test]
fn damage_costs_the_rest_of_its_page_and_no_more() {
    let mut first = fragment(1, b"kept");
    let at = first.len();
    first.extend(fragment(1, b"damaged"));
    *first.last_mut().unwrap() ^= 1;
    first.extend(fragment(1, b"behind it"));
    first.extend(fragment(2, b"begins there"));
    let mut second = fragment(4, b"and ends here");
    second.extend(fragment(1, b"kept too"));
    let (told, end) = read(&[&first, &second]);
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!((&told[0], &told[2]), (&Ok(b"kept".to_vec()), &Ok(b"kept too".to_vec())));
    assert_eq!(told[1].as_ref().unwrap_err().offset, at as u64);
    assert_eq!(end, Ok(()));
}

#[test]
fn a_torn_record_is_told_where_it_began() {
    let mut page = fragment(1, b"kept");
    let at = page.len() as u64;
    page.extend(fragment(2, b"torn"));
    let (told, end) = read(&[&page]);
    assert_eq!(told, [Ok(b"kept".to_vec())]);
    assert_eq!(end.unwrap_err().offset, at);
    // A writer that crashed and went on begins anew.
    page.extend(fragment(1, b"next"));
    let (told, end) = read(&[&page]);
    assert_eq!((told.len(), end), (3, Ok(())));
    assert_eq!(told[1].as_ref().unwrap_err().offset, at);
    assert_eq!(told[2], Ok(b"next".to_vec()));
    let cut = &page[..page.len() - 2];
    assert!(read(&[cut]).0.last().unwrap().is_err());
}

#[test]
fn rubbish_that_claims_to_be_compressed_is_told() {
    for flags in [1 | SNAPPY, 1 | ZSTD] {
        let page = fragment(flags, &[0xff; 40]);
        let (told, _) = read(&[&page]);
        assert!(told[0].is_err());
    }
}

#[derive(Debug, Default, PartialEq)]
struct Heard {
    series: Vec<(u64, String)>,
    floats: Vec<(u64, i64, f64)>,
    histograms: Vec<(u64, i64, Histogram)>,
    deleted: Vec<(u64, i64, i64)>,
    metadata: Vec<(u64, Metadata)>,
    exemplars: usize,
    unknown: Vec<u8>,
}

impl RecordSink for Heard {
    fn series(&mut self, number: u64, labels: &[(&str, &str)]) {
        self.series.push((number, format!("{labels:?}")));
    }
    fn float(&mut self, series: u64, timestamp_ms: i64, value: f64) {
        self.floats.push((series, timestamp_ms, value));
    }
    fn histogram(&mut self, series: u64, timestamp_ms: i64, histogram: Histogram) {
        self.histograms.push((series, timestamp_ms, histogram));
    }
    fn deleted(&mut self, series: u64, min_ms: i64, max_ms: i64) {
        self.deleted.push((series, min_ms, max_ms));
    }
    fn metadata(&mut self, series: u64, metadata: Metadata) {
        self.metadata.push((series, metadata));
    }
    fn exemplars(&mut self, count: usize) {
        self.exemplars += count;
    }
    fn unknown(&mut self, kind: u8) {
        self.unknown.push(kind);
    }
}

#[test]
fn records_tell_series_samples_and_what_belongs_to_them() {
    let mut heard = Heard::default();
    let mut hear = |record: &[u8]| decode(record, 0, &mut heard).unwrap();
    let id = |number: u64| number.to_be_bytes();
    hear(&[&[1][..], &id(5), &[1, 1, b'a', 1, b'b'], &id(6), &[0]].concat());
    // Series 5 a second after 1000 ms, then series 4 a millisecond before.
    let floats = [2.5_f64, -0.0].map(f64::to_be_bytes);
    hear(&[&[2][..], &id(5), &id(1000), &[0, 0], &floats[0], &[1, 1], &floats[1]].concat());
    hear(&[&[3][..], &id(5), &[1, 4]].concat());
    hear(&[&[4][..], &id(5), &id(1000), &[0, 0], &floats[0], &[1, 1, b't', 1, b'x']].concat());
    hear(&[5, 1, 2, 3]);
    hear(&[&[6, 5, 1, 2, 4][..], b"UNIT", &[1], b"s", &[4], b"HELP", &[2], b"hi"].concat());
    hear(&[11, 1, 2]);
    // Custom buckets 3 and 1 below the bounds 0.5.
    let (zero, half, sum) = (0.0_f64.to_be_bytes(), 0.5_f64.to_be_bytes(), 9.5_f64.to_be_bytes());
    let histogram = [
        &[9][..],
        &id(5),
        &id(1000),
        &[0, 0],
        &[3, 105],
        &zero,
        &[0, 4],
        &sum,
        &[1, 0, 2, 0],
        &[2, 6, 3, 0],
        &[1],
        &half,
    ];
    hear(&histogram.concat());
    assert_eq!(heard.series, [(5, "[(\"a\", \"b\")]".to_owned()), (6, "[]".to_owned())]);
    assert_eq!(heard.floats, [(5, 1000, 2.5), (4, 999, -0.0)]);
    assert_eq!((heard.deleted, heard.exemplars, heard.unknown), (vec![(5, -1, 2)], 1, vec![11]));
    assert_eq!((heard.metadata[0].1.unit.as_str(), heard.metadata[0].1.help.as_str()), ("s", "hi"));
    let (_, _, histogram) = &heard.histograms[0];
    assert_eq!((histogram.schema, histogram.count, histogram.sum), (-53, 4.0, 9.5));
    assert_eq!(
        (&histogram.positive_buckets[..], &histogram.custom_values[..]),
        (&[3.0, 1.0][..], &[0.5][..])
    );
}

proptest! {
    #[test]
    fn records_of_any_bytes_are_refused_without_harm(
        kind in 0..12_u8,
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut heard = Heard::default();
        if let Err(error) = decode(&[&[kind][..], &rest].concat(), 77, &mut heard) {
            prop_assert_eq!(error.offset, 77);
        }
    }

    #[test]
    fn pages_of_any_bytes_are_read_without_harm(pages in prop::collection::vec(any::<[u8; 32]>(), 0..4)) {
        let pages: Vec<&[u8]> = pages.iter().map(<[u8; 32]>::as_slice).collect();
        let _ = read(&pages);
    }
}
