//! Which alert is which, and how Alertmanager writes label sets.

use watchfire_ledger::Fingerprint;
use watchfire_model::Labels;

/// Alertmanager's fingerprint of a label set: FNV-1a over names and values, each followed by `0xff`.
pub fn fingerprint(labels: &Labels) -> Fingerprint {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for (name, value) in labels {
        name.bytes().for_each(&mut add);
        add(0xff);
        value.bytes().for_each(&mut add);
        add(0xff);
    }
    hash
}

/// A label set as Go's `model.LabelSet` prints itself: `{alertname="X", job="Y"}`.
pub(crate) fn label_set_text(labels: &Labels) -> String {
    let words: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={}", go_quoted(value))).collect();
    format!("{{{}}}", words.join(", "))
}

/// Go's `strconv.Quote`.
pub(crate) fn go_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            ' ' => quoted.push(' '),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            // Unprintable in Go: control characters, all white space but the space, and a few formats.
            c if c.is_control()
                || c.is_whitespace()
                || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}') =>
            {
                let code = u32::from(c);
                quoted.push_str(&if code < 0x1_0000 {
                    format!("\\u{code:04x}")
                } else {
                    format!("\\U{code:08x}")
                });
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_alertmanager() {
        // FNV-1a's offset basis, and a set worked out by hand from the definition.
        assert_eq!(fingerprint(&Labels::empty()), 0xcbf2_9ce4_8422_2325);
        let mut by_hand = 0xcbf2_9ce4_8422_2325_u64;
        for byte in b"alertname\xffX\xffjob\xffY\xff" {
            by_hand = (by_hand ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        assert_eq!(fingerprint(&Labels::from_pairs([("job", "Y"), ("alertname", "X")])), by_hand);
    }

    #[test]
    fn label_sets_are_written_as_go_writes_them() {
        let labels = Labels::from_pairs([("b", "say \"hi\"\n"), ("a", "x\u{1}é\u{2028}")]);
        assert_eq!(label_set_text(&labels), r#"{a="x\x01é\u2028", b="say \"hi\"\n"}"#);
        assert_eq!(label_set_text(&Labels::empty()), "{}");
    }
}
