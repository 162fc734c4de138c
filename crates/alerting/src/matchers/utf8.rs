//! The grammar of Alertmanager 0.27 and later: any name, and quotes around whatever is not a plain word.

use super::{AlertMatcher, MatcherParseError, is_reserved, operator};

/// Reads one or more matchers.
pub(super) fn parse(text: &str) -> Result<Vec<AlertMatcher>, MatcherParseError> {
    let error = |what: String| MatcherParseError(format!("bad matcher format: {text:?}: {what}"));
    let mut rest = text.trim();
    let braced = rest.starts_with('{');
    if braced {
        rest = rest.strip_prefix('{').unwrap_or(rest).trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return if after.trim().is_empty() {
                Ok(Vec::new())
            } else {
                Err(error("text after }".to_owned()))
            };
        }
    }
    if rest.is_empty() && !braced {
        return Ok(Vec::new());
    }
    let mut matchers = Vec::new();
    loop {
        let (name, tail) = word(rest).map_err(&error)?;
        let tail = tail.trim_start();
        let (op, tail) =
            operator(tail).ok_or_else(|| error("expected an operator, one of =, !=, =~, !~".to_owned()))?;
        let (value, tail) = word(tail.trim_start()).map_err(&error)?;
        if name.is_empty() {
            return Err(error("a label name must not be empty".to_owned()));
        }
        matchers.push(AlertMatcher::new(&name, op, &value)?);
        rest = tail.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
            let ended = if braced { rest.starts_with('}') } else { rest.is_empty() };
            if !ended {
                continue;
            }
        }
        let after = match (braced, rest.strip_prefix('}')) {
            (true, Some(after)) => after,
            (true, None) => return Err(error("expected , or }".to_owned())),
            (false, _) => rest,
        };
        if !after.trim().is_empty() {
            return Err(error(format!("unexpected {:?}", after.trim())));
        }
        return Ok(matchers);
    }
}

/// A quoted text, or a run of unreserved characters.
fn word(text: &str) -> Result<(String, &str), String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(is_reserved).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        return if word.is_empty() {
            Err("expected a name or value".to_owned())
        } else {
            Ok((word.to_owned(), rest))
        };
    };
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let inside = quoted.get(..at).unwrap_or("");
                let value = go_unquoted(inside).ok_or_else(|| format!("{inside:?}: invalid input"))?;
                return Ok((value, quoted.get(at + 1..).unwrap_or("")));
            }
            _ => {}
        }
    }
    Err("missing end quote".to_owned())
}

/// Go's `strconv.Unquote` of what stands between double quotes; `None` where it is not such a text.
fn go_unquoted(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..)?;
        match c {
            '\n' => return None,
            '\\' => rest = unescape(rest, &mut bytes)?,
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Reads what stands behind a backslash; returns the text after it.
fn unescape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let letter = text.chars().next()?;
    let plain = match letter {
        'a' => Some(0x07),
        'b' => Some(0x08),
        'f' => Some(0x0c),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(0x0b),
        '\\' | '"' => u8::try_from(letter).ok(),
        _ => None,
    };
    if let Some(plain) = plain {
        bytes.push(plain);
        return text.get(1..);
    }
    let (start, digits, radix) = match letter {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => return None,
    };
    let number = text.get(start..start + digits)?;
    if !number.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(number, radix).ok()?;
    match letter {
        'u' | 'U' => {
            bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => bytes.push(u8::try_from(code).ok()?),
    }
    text.get(start + digits..)
}
