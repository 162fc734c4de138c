//! Go's quoting of strings, both ways: error texts and printed queries quote as Go does, and PromQL's string
//! literals are Go's.

use crate::ast::StringLiteral;
use std::fmt::Write;

/// A text in double quotes, with everything unprintable escaped. The result is always a PromQL string literal.
pub(crate) fn go_quote(text: &str) -> String {
    go_quote_prefix(text, usize::MAX)
}

/// As [`go_quote`], of the first `limit` characters only.
pub(crate) fn go_quote_prefix(text: &str, limit: usize) -> String {
    let mut quoted = String::with_capacity(text.len().min(limit) + 2);
    quoted.push('"');
    for c in text.chars().take(limit) {
        push_escaped(&mut quoted, c, '"');
    }
    quoted.push('"');
    quoted
}

/// As [`go_quote`], of a string literal: bytes that are not UTF-8 stay what they are.
pub(crate) fn go_quote_literal(literal: &StringLiteral) -> String {
    let mut quoted = String::with_capacity(literal.as_bytes().len() + 2);
    quoted.push('"');
    for chunk in literal.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            push_escaped(&mut quoted, c, '"');
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

/// A character in single quotes.
pub(crate) fn go_quote_char(c: char) -> String {
    let mut quoted = String::from("'");
    // The replacement character stands for itself here: it is how Go shows a byte that is not UTF-8.
    if c == char::REPLACEMENT_CHARACTER {
        quoted.push(c);
    } else {
        push_escaped(&mut quoted, c, '\'');
    }
    quoted.push('\'');
    quoted
}

/// A character as `U+0063 'c'`.
pub(crate) fn go_unicode(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    if is_printable(c) { format!("{number} '{c}'") } else { number }
}

fn push_escaped(quoted: &mut String, c: char, quote: char) {
    let short = match c {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        '\\' => '\\',
        _ if c == quote => quote,
        _ if is_printable(c) && c != char::REPLACEMENT_CHARACTER => {
            quoted.push(c);
            return;
        }
        _ => {
            let code = u32::from(c);
            // Writing to a String cannot fail.
            let _ = match code {
                0..0x80 => write!(quoted, "\\x{code:02x}"),
                0x80..0x10000 => write!(quoted, "\\u{code:04x}"),
                _ => write!(quoted, "\\U{code:08x}"),
            };
            return;
        }
    };
    quoted.push('\\');
    quoted.push(short);
}

fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\x7f' => false,
        // Go counts only the ASCII space as printable among spaces.
        _ => !c.is_whitespace() && !c.escape_debug().to_string().starts_with("\\u"),
    }
}

/// The value of a string literal that the lexer has accepted, quotes included.
pub(crate) fn unquote(literal: &str) -> StringLiteral {
    let inner = literal.get(1..literal.len().saturating_sub(1)).unwrap_or("");
    if literal.starts_with('`') || !inner.contains('\\') {
        return inner.into();
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        rest = push_unescaped(&mut bytes, escape.get(1..).unwrap_or(""));
    }
    bytes.extend_from_slice(rest.as_bytes());
    StringLiteral::from_bytes(bytes)
}

/// Reads one escape after its backslash; gives what follows it.
fn push_unescaped<'a>(bytes: &mut Vec<u8>, escape: &'a str) -> &'a str {
    let mut chars = escape.chars();
    let Some(first) = chars.next() else { return "" };
    let plain = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        'x' => return push_coded(bytes, chars.as_str(), 2, 16),
        'u' => return push_coded(bytes, chars.as_str(), 4, 16),
        'U' => return push_coded(bytes, chars.as_str(), 8, 16),
        '0'..='7' => return push_coded(bytes, escape, 3, 8),
        other => {
            bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
            return chars.as_str();
        }
    };
    bytes.push(plain);
    chars.as_str()
}

fn push_coded<'a>(bytes: &mut Vec<u8>, text: &'a str, digits: usize, radix: u32) -> &'a str {
    let (code, rest) = text.split_at_checked(digits).unwrap_or((text, ""));
    let code = u32::from_str_radix(code, radix).unwrap_or(0);
    if digits > 3 {
        let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        // `\x` and octal escapes are bytes; the lexer has checked that they fit.
        bytes.push(code.to_le_bytes().first().copied().unwrap_or(0));
    }
    rest
}
