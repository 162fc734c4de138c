//! A Mac, under the names that node_exporter has there. What the kernel tells by programs is read from what they print,
//! so that it can be tested anywhere; processors are asked directly, since no program tells their time.

mod disks;
mod memory;
mod network;

#[cfg(target_os = "macos")]
mod collectors;
#[cfg(target_os = "macos")]
pub(super) use collectors::builtin;

/// `"Bytes (Read)"=123` and its like in braces, as `ioreg` prints a table.
pub(crate) fn entries(line: &str) -> impl Iterator<Item = (&str, f64)> {
    let inner = line.split_once('{').map_or("", |(_, inner)| inner).trim_end().trim_end_matches('}');
    inner.split(',').filter_map(|entry| {
        let (name, value) = entry.rsplit_once('=')?;
        Some((name.trim().trim_matches('"'), value.trim().parse().ok()?))
    })
}

/// The value of `"name" = value` in what `ioreg` prints, without its quotes.
pub(crate) fn property<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let line = line.trim_start_matches(['|', ' ']);
    let rest = line.strip_prefix('"')?.strip_prefix(name)?.strip_prefix('"')?;
    Some(rest.trim_start().strip_prefix('=')?.trim().trim_matches('"'))
}

/// `{ 1.50 1.75 2.00 }`, as `sysctl -n vm.loadavg` prints.
fn load(text: &str) -> Option<[f64; 3]> {
    let mut words = text.trim().trim_matches(['{', '}']).split_ascii_whitespace();
    let mut number = || words.next()?.replace(',', ".").parse::<f64>().ok();
    Some([number()?, number()?, number()?])
}

/// `{ sec = 1700000000, usec = 123456 } Tue Nov 14 …`, as `sysctl -n kern.boottime` prints.
fn boot_time(text: &str) -> Option<f64> {
    let field = |name: &str| {
        let rest = text.split_once(name)?.1.trim_start().strip_prefix('=')?.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse::<f64>().ok()
    };
    Some(field("sec ")? + field("usec ").unwrap_or(0.0) / 1e6)
}

#[cfg(test)]
mod tests;
