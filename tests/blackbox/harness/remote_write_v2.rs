//! A remote-write 2.0 sender small enough to be read at a glance, independent of the product's own encoder and decoder.

use super::remote_write::{field, varint};

/// A request in the making: the table of texts, and the series after it.
pub(crate) struct Request {
    symbols: Vec<String>,
    series: Vec<u8>,
}

/// Pairs of name and value.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// What a request may hold of one series. Times are milliseconds; a start of 0 is not sent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Series<'a> {
    /// Label pairs sorted by name.
    pub(crate) labels: Labels<'a>,
    /// Time, start, value.
    pub(crate) floats: &'a [(i64, i64, f64)],
    /// Time, start, histogram.
    pub(crate) histograms: &'a [(i64, i64, Histogram)],
    /// Label pairs, time, value.
    pub(crate) exemplars: &'a [(Labels<'a>, i64, f64)],
    /// Number of the type, help, unit.
    pub(crate) metadata: (u8, &'a str, &'a str),
}

/// A native histogram of a few neighbouring buckets that begin at the first index.
#[derive(Clone, Copy)]
pub(crate) enum Histogram {
    /// Counts of buckets, schema 0, and a zero bucket with one observation.
    Integer([i64; 3]),
    /// As above, with floats.
    Float([f64; 3]),
    /// Custom bounds 0.5 and 2, and the bucket above them.
    Custom([i64; 3]),
}

impl Request {
    pub(crate) fn new() -> Self {
        Self { symbols: vec![String::new()], series: Vec::new() }
    }

    fn symbol(&mut self, text: &str) -> u64 {
        let known = self.symbols.iter().position(|symbol| symbol == text);
        known.unwrap_or_else(|| {
            self.symbols.push(text.to_owned());
            self.symbols.len() - 1
        }) as u64
    }

    fn references(&mut self, labels: &[(&str, &str)]) -> Vec<u8> {
        let mut packed = Vec::new();
        for (name, value) in labels {
            varint(&mut packed, self.symbol(name));
            varint(&mut packed, self.symbol(value));
        }
        packed
    }

    pub(crate) fn add(mut self, series: Series<'_>) -> Self {
        let mut message = Vec::new();
        field(&mut message, 1, &self.references(series.labels));
        for (timestamp_ms, start_ms, value) in series.floats {
            let mut sample = Vec::new();
            double(&mut sample, 1, *value);
            number(&mut sample, 2, timestamp_ms.cast_unsigned());
            number(&mut sample, 3, start_ms.cast_unsigned());
            field(&mut message, 2, &sample);
        }
        for (timestamp_ms, start_ms, histogram) in series.histograms {
            let mut sample = histogram.bytes();
            number(&mut sample, 15, timestamp_ms.cast_unsigned());
            number(&mut sample, 17, start_ms.cast_unsigned());
            field(&mut message, 3, &sample);
        }
        for (labels, timestamp_ms, value) in series.exemplars {
            let mut exemplar = Vec::new();
            field(&mut exemplar, 1, &self.references(labels));
            double(&mut exemplar, 2, *value);
            number(&mut exemplar, 3, timestamp_ms.cast_unsigned());
            field(&mut message, 4, &exemplar);
        }
        let (kind, help, unit) = series.metadata;
        let mut metadata = Vec::new();
        number(&mut metadata, 1, u64::from(kind));
        number(&mut metadata, 3, self.symbol(help));
        number(&mut metadata, 4, self.symbol(unit));
        field(&mut message, 5, &metadata);
        field(&mut self.series, 5, &message);
        self
    }

    /// A series with a sample whose name is not in the table.
    pub(crate) fn add_dangling(mut self, timestamp_ms: i64) -> Self {
        let (mut sample, mut message, mut references) = (Vec::new(), Vec::new(), Vec::new());
        number(&mut sample, 2, timestamp_ms.cast_unsigned());
        varint(&mut references, self.symbol("__name__"));
        varint(&mut references, 12_345);
        field(&mut message, 1, &references);
        field(&mut message, 2, &sample);
        field(&mut self.series, 5, &message);
        self
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for symbol in &self.symbols {
            field(&mut message, 4, symbol.as_bytes());
        }
        message.extend_from_slice(&self.series);
        snap::raw::Encoder::new().compress_vec(&message).unwrap()
    }

    /// Sends it: the status, how many samples, histograms and exemplars were kept, and the body.
    pub(crate) async fn send(&self, server: &super::Server) -> (u16, [usize; 3], String) {
        let request = server
            .client()
            .post(server.url("/api/v1/write"))
            .header("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-write-version", "2.0.0");
        let response = request.body(self.body()).send().await.unwrap();
        let kept = ["samples", "histograms", "exemplars"].map(|what| {
            let count = &response.headers()[format!("x-prometheus-remote-write-{what}-written")];
            count.to_str().unwrap().parse().unwrap()
        });
        (response.status().as_u16(), kept, response.text().await.unwrap())
    }
}

impl Histogram {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut span = Vec::new();
        number(&mut span, 2, 3);
        match self {
            Self::Integer(counts) | Self::Custom(counts) => {
                let is_custom = matches!(self, Self::Custom(_));
                number(&mut out, 1, counts.iter().sum::<i64>().cast_unsigned() + u64::from(!is_custom));
                double(&mut out, 3, 2.5);
                if is_custom {
                    number(&mut out, 4, zigzag(-53));
                } else {
                    number(&mut out, 6, 1);
                }
                field(&mut out, 11, &span);
                let mut deltas = Vec::new();
                for (index, count) in counts.iter().enumerate() {
                    let before = index.checked_sub(1).map_or(0, |index| counts[index]);
                    varint(&mut deltas, zigzag(count - before));
                }
                field(&mut out, 12, &deltas);
                if is_custom {
                    field(&mut out, 16, &[0.5_f64.to_le_bytes(), 2.0_f64.to_le_bytes()].concat());
                }
            }
            Self::Float(counts) => {
                double(&mut out, 2, counts.iter().sum::<f64>() + 1.0);
                double(&mut out, 3, 2.5);
                double(&mut out, 7, 1.0);
                field(&mut out, 11, &span);
                field(&mut out, 13, &counts.map(f64::to_le_bytes).concat());
            }
        }
        out
    }
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn double(out: &mut Vec<u8>, number: u8, value: f64) {
    out.push(number << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// An integer; 0 is not sent.
fn number(out: &mut Vec<u8>, number: u8, value: u64) {
    if value != 0 {
        varint(out, u64::from(number) << 3);
        varint(out, value);
    }
}
