//! Number literals, read as Go's `strconv` reads them: `0755` is octal, `0x1F` hexadecimal, `1_000` a thousand.

use super::quote::go_quote;

/// The value of a number token, or Go's words for why it has none.
pub(crate) fn parse_number(text: &str) -> Result<f64, String> {
    if let Some(integer) = parse_integer(text) {
        // Rounds to the nearest float, as Go's conversion does.
        return Ok(integer as f64);
    }
    let failure = |reason: &str| format!("strconv.ParseFloat: parsing {}: {reason}", go_quote(text));
    let plain = without_underscores(text).ok_or_else(|| failure("invalid syntax"))?;
    let value: f64 = plain.parse().map_err(|_| failure("invalid syntax"))?;
    if value.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(failure("value out of range"));
    }
    Ok(value)
}

fn parse_integer(text: &str) -> Option<i64> {
    // The common case first: a few decimal digits.
    let has_prefix = text.len() > 1 && text.starts_with('0');
    if !has_prefix && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let plain = without_underscores(text)?;
    let digits = plain.strip_prefix('0').filter(|digits| !digits.is_empty());
    match digits {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(hex) if !hex.starts_with(['+', '-']) => i64::from_str_radix(hex, 16).ok(),
            Some(_) => None,
            None if digits.bytes().all(|byte| byte.is_ascii_digit()) => i64::from_str_radix(digits, 8).ok(),
            None => None,
        },
        None if plain.bytes().all(|byte| byte.is_ascii_digit()) => plain.parse().ok(),
        None => None,
    }
}

/// Takes underscores out; `None` when one does not stand between digits (or after a base prefix).
fn without_underscores(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !text.contains('_') {
        return Some(text.into());
    }
    let is_hex = text.starts_with("0x") || text.starts_with("0X");
    let is_digit =
        |c: char| if is_hex { c.is_ascii_hexdigit() || c == 'x' || c == 'X' } else { c.is_ascii_digit() };
    let mut previous = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '_' && !(is_digit(previous) && chars.peek().is_some_and(|next| is_digit(*next))) {
            return None;
        }
        previous = c;
    }
    Some(text.replace('_', "").into())
}
