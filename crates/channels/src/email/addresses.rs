//! Addresses of mails: `a@b`, `Name <a@b>`, `"Last, First" <a@b>`, several of them with commas between.

/// The bare addresses.
pub(super) fn parse(text: &str) -> Result<Vec<String>, String> {
    let found: Result<Vec<String>, String> =
        split(text).into_iter().map(|one| address(one).map(|(_, bare)| bare)).collect();
    let found = found?;
    if found.is_empty() {
        Err("no address; expected one such as ops@example.org".to_owned())
    } else {
        Ok(found)
    }
}

/// The addresses as a header has them, names that are not ASCII encoded.
pub(super) fn encoded(text: &str) -> Result<String, String> {
    let mut words = Vec::new();
    for one in split(text) {
        let (name, bare) = address(one)?;
        words.push(match name {
            "" if !one.contains('<') => bare,
            "" => format!("<{bare}>"),
            name if name.is_ascii() => {
                format!("\"{}\" <{bare}>", name.replace('\\', "\\\\").replace('"', "\\\""))
            }
            name => format!("{} <{bare}>", super::mime::encoded_word(name)),
        });
    }
    Ok(words.join(", "))
}

/// A name, maybe empty, and the bare address.
fn address(text: &str) -> Result<(&str, String), String> {
    let (name, bare) = match text.split_once('<') {
        Some((name, rest)) => {
            let bare = rest.trim_end().strip_suffix('>').ok_or_else(|| format!("{text:?} has no >"))?;
            (name.trim().trim_matches('"'), bare.trim())
        }
        None => ("", text.trim()),
    };
    let sound = !bare.is_empty()
        && !name.contains(|c: char| c.is_control() || matches!(c, '<' | '>'))
        && !bare.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ','))
        && bare.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if sound {
        Ok((name, bare.to_owned()))
    } else {
        Err(format!("{text:?} is no address; expected one such as ops@example.org"))
    }
}

/// The parts between commas that stand outside of quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(start..at).unwrap_or(""));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or(""));
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}
