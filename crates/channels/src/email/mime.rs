//! A mail as it is written: headers, and parts of which the reader chooses one.

/// No line of a quoted-printable part is longer.
const MAX_LINE: usize = 76;

/// A mail in the making.
pub(super) struct Message {
    headers: Vec<(String, String)>,
    parts: Vec<(&'static str, String)>,
    boundary: String,
}

/// A header's name as it is usually written: `Message-Id`.
pub(super) fn canonical(name: &str) -> String {
    let mut inside = false;
    name.chars()
        .map(|c| {
            let written = if inside { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
            inside = c != '-';
            written
        })
        .collect()
}

/// RFC 2047, encoding Q, in words that leave room for the header's name on a line of 76 characters.
pub(super) fn encoded_word(text: &str) -> String {
    const ROOM: usize = 60 - "=?utf-8?q??=".len();
    let mut words = vec![String::new()];
    for c in text.chars() {
        let mut encoded = String::new();
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            match byte {
                b' ' => encoded.push('_'),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'*' | b'+' | b'-' | b'/' => {
                    encoded.push(char::from(byte));
                }
                byte => encoded.push_str(&format!("={byte:02X}")),
            }
        }
        if words.last().is_some_and(|word| word.len() + encoded.len() > ROOM) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push_str(&encoded);
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?q?{word}?=")).collect();
    words.join("\r\n ")
}

impl Message {
    pub(super) fn new(now_ms: i64) -> Self {
        let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(jiff::tz::TimeZone::UTC));
        let headers = vec![("Date".to_owned(), date.unwrap_or_default())];
        Self { headers, parts: Vec::new(), boundary: String::new() }
    }

    /// Sets a header. What is not ASCII is encoded, and no value begins another line.
    pub(super) fn header(&mut self, name: &str, value: &str) {
        let addresses = matches!(name, "To" | "From" | "Cc" | "Reply-To" | "Sender");
        let line: String = if addresses {
            value.to_owned()
        } else {
            let flat =
                value.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
            let flat = flat.join(" ");
            if flat.bytes().all(|byte| matches!(byte, b' '..=b'~')) { flat } else { encoded_word(&flat) }
        };
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), line));
    }

    /// Sets a header that nobody has set.
    pub(super) fn header_unless(&mut self, name: &str, value: &str) {
        if !self.headers.iter().any(|(known, _)| known == name) {
            self.header(name, value);
        }
    }

    pub(super) fn part(&mut self, kind: &'static str, text: &str) {
        self.parts.push((kind, text.to_owned()));
        let all: String = self.parts.iter().map(|(_, text)| text.as_str()).collect();
        let hash = crate::encoding::sha256_hex(all.as_bytes());
        self.boundary = hash.get(..30).unwrap_or("").to_owned();
    }

    /// The whole, with CR LF at the end of every line.
    pub(super) fn written(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str("Mime-Version: 1.0\r\n");
        let boundary = &self.boundary;
        out.push_str(&format!("Content-Type: multipart/alternative; boundary={boundary}\r\n\r\n"));
        for (kind, text) in &self.parts {
            out.push_str(&format!("--{boundary}\r\nContent-Transfer-Encoding: quoted-printable\r\n"));
            out.push_str(&format!(
                "Content-Type: {kind}; charset=UTF-8\r\n\r\n{}\r\n",
                quoted_printable(text)
            ));
        }
        out.push_str(&format!("--{boundary}--\r\n"));
        out
    }
}

/// RFC 2045, section 6.7.
pub(super) fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push_str("\r\n");
        }
        let bytes = line.strip_suffix('\r').unwrap_or(line).as_bytes();
        let mut width = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let last = at + 1 == bytes.len();
            let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !last);
            let needed = if plain { 1 } else { 3 };
            if width + needed > MAX_LINE - 1 {
                out.push_str("=\r\n");
                width = 0;
            }
            if plain {
                out.push(char::from(*byte));
            } else {
                out.push_str(&format!("={byte:02X}"));
            }
            width += needed;
        }
    }
    out
}
