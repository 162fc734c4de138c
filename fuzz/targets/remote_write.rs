//! A pushed body of any bytes, as it comes from the network, compressed or already not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchfire_model::ingest::Batch;
use watchfire_wire::remote_write::{decode, decompress_into, v2};

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = Vec::new();
    let plain = decompress_into(bytes, &mut buffer).map(<[u8]>::to_vec);
    for message in [Some(bytes), plain.as_deref().ok()].into_iter().flatten() {
        let (mut batch, mut families) = (Batch::default(), Vec::new());
        if decode(message, &mut batch, &mut families).is_ok() {
            every_sample_is_counted(&batch);
        }
        let (mut batch, mut families) = (Batch::default(), Vec::new());
        if v2::decode(message, &mut batch, &mut families).is_ok() {
            every_sample_is_counted(&batch);
        }
    }
});

fn every_sample_is_counted(batch: &Batch) {
    let samples: usize = batch.series().map(|series| series.samples().count()).sum();
    assert!(samples <= batch.len(), "every sample is counted");
}
