//! A remote-write 1.0 sender small enough to be read at a glance, independent of the product's own encoder.

/// One series of a request: label pairs sorted by name, and samples of (milliseconds, value).
pub(crate) type Series<'a> = (&'a [(&'a str, &'a str)], &'a [(i64, f64)]);

/// A snappy-compressed `prometheus.WriteRequest`.
pub(crate) fn request(series: &[Series<'_>]) -> Vec<u8> {
    let mut message = Vec::new();
    for (labels, samples) in series {
        let mut timeseries = Vec::new();
        for (name, value) in *labels {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut timeseries, 1, &label);
        }
        for (timestamp_ms, value) in *samples {
            let mut sample = vec![1 << 3 | 1];
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(2 << 3);
            varint(&mut sample, timestamp_ms.cast_unsigned());
            field(&mut timeseries, 2, &sample);
        }
        field(&mut message, 1, &timeseries);
    }
    snap::raw::Encoder::new().compress_vec(&message).unwrap()
}

/// An uncompressed `prometheus.TimeSeries` of a `WriteRequest`, with a native histogram of schema 9, which there is not.
pub(crate) fn impossible_histogram(name: &str, timestamp_ms: i64) -> Vec<u8> {
    let mut label = Vec::new();
    field(&mut label, 1, b"__name__");
    field(&mut label, 2, name.as_bytes());
    let mut histogram = vec![4 << 3, 9 << 1, 15 << 3];
    varint(&mut histogram, timestamp_ms.cast_unsigned());
    let mut timeseries = Vec::new();
    field(&mut timeseries, 1, &label);
    field(&mut timeseries, 4, &histogram);
    let mut message = Vec::new();
    field(&mut message, 1, &timeseries);
    message
}

/// Sends a request; the HTTP status and body.
pub(crate) async fn send(
    server: &super::Server,
    series: &[Series<'_>],
) -> Result<(u16, String), reqwest::Error> {
    let response = server
        .client()
        .post(server.url("/api/v1/write"))
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0")
        .body(request(series))
        .send()
        .await?;
    Ok((response.status().as_u16(), response.text().await?))
}

pub(crate) fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    varint(out, u64::from(number) << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
