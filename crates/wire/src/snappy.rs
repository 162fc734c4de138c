//! Snappy's block format, with the declared size checked before memory is reserved for it.

/// Why a body could not be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnappyError {
    /// The sender declares more than is taken.
    #[error("the snappy body declares {declared_bytes} bytes, more than the limit of {limit_bytes}")]
    TooLarge {
        /// What the body says it holds.
        declared_bytes: usize,
        /// What the caller allows.
        limit_bytes: usize,
    },
    /// The sender declares more than a body of this size can hold.
    #[error(
        "the snappy body of {body_bytes} bytes declares {declared_bytes} bytes, more than it can hold; \
         is it cut off?"
    )]
    Impossible {
        /// What the body says it holds.
        declared_bytes: usize,
        /// How long the body is.
        body_bytes: usize,
    },
    /// The bytes are not snappy's block format.
    #[error("the body is not in snappy's block format: {0}")]
    Corrupt(String),
}

/// The longest a byte can grow: a copy of 64 bytes takes three.
const LARGEST_RATIO: usize = 22;

/// Decompresses a block of at most `limit_bytes` to the start of `buffer`, whose memory is used again: what lies behind
/// it there is of earlier blocks.
pub fn decompress_into<'a>(
    body: &[u8],
    limit_bytes: usize,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], SnappyError> {
    let corrupt = |error: snap::Error| SnappyError::Corrupt(error.to_string());
    if body.is_empty() {
        return Err(SnappyError::Corrupt("it is empty".to_owned()));
    }
    let declared_bytes = snap::raw::decompress_len(body).map_err(corrupt)?;
    if declared_bytes > limit_bytes {
        return Err(SnappyError::TooLarge { declared_bytes, limit_bytes });
    }
    if declared_bytes > body.len().saturating_mul(LARGEST_RATIO) {
        return Err(SnappyError::Impossible { declared_bytes, body_bytes: body.len() });
    }
    if buffer.len() < declared_bytes {
        buffer.resize(declared_bytes, 0);
    }
    let bytes = snap::raw::Decoder::new().decompress(body, buffer).map_err(corrupt)?;
    Ok(buffer.get(..bytes).unwrap_or_default())
}

/// Decompresses a block of at most `limit_bytes`.
pub fn decompress(body: &[u8], limit_bytes: usize) -> Result<Vec<u8>, SnappyError> {
    let mut bytes = Vec::new();
    let len = decompress_into(body, limit_bytes, &mut bytes)?.len();
    bytes.truncate(len);
    Ok(bytes)
}

/// Compresses a block.
pub fn compress(bytes: &[u8]) -> Result<Vec<u8>, SnappyError> {
    snap::raw::Encoder::new().compress_vec(bytes).map_err(|error| SnappyError::Corrupt(error.to_string()))
}
