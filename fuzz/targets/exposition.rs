//! What a scraped target answers, of any bytes, in both formats: the parser goes on or says where it cannot, and what it
//! lends out are label sets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchfire_model::Labels;
use watchfire_wire::exposition::created::StartTimes;
use watchfire_wire::exposition::{Entry, Format, Parser, strict, utf8};

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = utf8(bytes) else { return };
    let _ = strict::check(body);
    for format in [Format::Text, Format::OpenMetrics] {
        let created = StartTimes::read(body);
        let (mut parser, mut family, mut before) = (Parser::new(body, format), String::new(), 0);
        while let Some(Ok(entry)) = parser.next() {
            assert!(parser.offset() > before, "every entry takes a byte at least");
            before = parser.offset();
            match entry {
                Entry::Type { family: name, .. } => family = name.into_owned(),
                Entry::Sample(sample) => {
                    let labels = sample.to_labels();
                    assert!(Labels::from_bytes(labels.as_bytes()).is_some(), "{labels}");
                    let _ = created.of(&family, &sample);
                    if let Some(exemplar) = &sample.exemplar {
                        exemplar.labels().for_each(drop);
                    }
                }
                _ => {}
            }
        }
    }
});
