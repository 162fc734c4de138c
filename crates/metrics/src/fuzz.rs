//! Decoders for the fuzz targets (feature `fuzz`): each takes bytes of any kind where otherwise those of a file come,
//! and panics only if there is a fault.

use crate::codec::bytes::Reader;
use crate::codec::floats::{put_floats, take_floats};
use crate::codec::ints::{put_ints, take_ints};
use crate::exemplars::Exemplar;
use crate::part::BLOCK_SAMPLES;
use crate::record::{self, RecordSink, RecordValue};
use watchfire_model::{Labels, Metadata};

pub use crate::part::fuzz::{footer, series_page, value_page};

/// A column of values or timestamps. Two bytes say how many there are to be. What is read can be written and read again.
pub fn columns(bytes: &[u8]) {
    let Some((head, column)) = bytes.split_first_chunk::<2>() else { return };
    let count = usize::from(u16::from_le_bytes(*head)) % (BLOCK_SAMPLES + 1);
    let mut ints = Vec::new();
    if take_ints(&mut Reader::new(column), count, &mut ints).is_some() {
        assert_eq!(ints.len(), count);
        let (mut again, mut read) = (Vec::new(), Vec::new());
        put_ints(&mut again, &ints);
        assert!(take_ints(&mut Reader::new(&again), count, &mut read).is_some() && read == ints);
    }
    let (mut scratch, mut floats) = (Vec::new(), Vec::new());
    if take_floats(&mut Reader::new(column), count, &mut scratch, &mut floats).is_some() {
        assert_eq!(floats.len(), count);
        let (mut again, mut read) = (Vec::new(), Vec::new());
        put_floats(&mut again, &floats);
        let bits = |floats: &[f64]| floats.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert!(take_floats(&mut Reader::new(&again), count, &mut scratch, &mut read).is_some());
        assert_eq!(bits(&read), bits(&floats), "every bit comes back");
    }
}

/// Counts what a record says.
struct Counting(usize);

impl RecordSink for Counting {
    fn define(&mut self, _id: u32, labels: &[u8]) {
        self.0 += usize::from(Labels::from_bytes(labels).is_some());
    }

    fn sample(&mut self, _id: u32, _timestamp_ms: i64, _start_ms: i64, _value: RecordValue) {
        self.0 += 1;
    }

    fn metadata(&mut self, _family: String, _metadata: Metadata) {
        self.0 += 1;
    }

    fn exemplar(&mut self, _series: &Labels, _exemplar: Exemplar) {
        self.0 += 1;
    }
}

/// A record of the log.
pub fn record(bytes: &[u8]) {
    let mut found = Counting(0);
    let _ = record::decode(bytes, &mut found);
    assert!(found.0 <= bytes.len(), "everything takes a byte at least");
}
