//! Bytes as texts: base 64 read, hexadecimal written, what a URL may hold, hashes.

/// Base 64 (RFC 4648) read; padding may be left out, white space does not count.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| !letter.is_ascii_whitespace() && *letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap_or(0));
        }
    }
    Some(bytes)
}

/// Lower case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}

/// HMAC with SHA-256.
pub(crate) fn hmac_sha256(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    aws_lc_rs::hmac::sign(&key, bytes).as_ref().to_vec()
}

/// Per cent escapes of everything but letters, digits and `-._~` (RFC 3986).
pub(crate) fn form(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// A text cut to a number of characters, with an ellipsis for what is gone; and whether anything is.
pub(crate) fn cut_chars(text: &str, most: usize) -> (String, bool) {
    if text.chars().count() <= most {
        return (text.to_owned(), false);
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    (cut, true)
}

/// A text cut to a number of bytes, with an ellipsis for what is gone; and whether anything is.
pub(crate) fn cut_bytes(text: &str, most: usize) -> (String, bool) {
    if text.len() <= most {
        return (text.to_owned(), false);
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (format!("{}…", text.get(..end).unwrap_or("")), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_back() {
        for text in ["", "a", "ab", "abc", "hé€"] {
            let encoded = watchfire_settings::http::base64(text.as_bytes());
            assert_eq!(unbase64(&encoded).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(unbase64("a$"), None);
    }

    #[test]
    fn texts_are_cut_between_characters_and_never_longer_than_allowed() {
        assert_eq!(cut_chars("äöü", 3), ("äöü".to_owned(), false));
        assert_eq!(cut_chars("äöüx", 3), ("äö…".to_owned(), true));
        assert_eq!(cut_bytes("äöü", 6), ("äöü".to_owned(), false));
        assert_eq!(cut_bytes("äöüx", 6), ("ä…".to_owned(), true));
    }
}
