//! Memory, from what `vm_stat` and `sysctl` print.

use crate::Collection;

/// Lines of `vm_stat`, and what they become.
const PAGES: [(&str, &str); 7] = [
    ("Pages active", "node_memory_active_bytes"),
    ("Pages occupied by compressor", "node_memory_compressed_bytes"),
    ("Pages free", "node_memory_free_bytes"),
    ("Pages inactive", "node_memory_inactive_bytes"),
    ("Anonymous pages", "node_memory_internal_bytes"),
    ("Pages purgeable", "node_memory_purgeable_bytes"),
    ("Pages wired down", "node_memory_wired_bytes"),
];
const SWAPPED: [(&str, &str); 2] =
    [("Swapins", "node_memory_swapped_in_bytes_total"), ("Swapouts", "node_memory_swapped_out_bytes_total")];

/// Tells of what `vm_stat` printed. False where the text is something else.
pub(super) fn tell(text: &str, out: &mut Collection) -> bool {
    let page = text.split_once("page size of ").and_then(|(_, rest)| rest.split_once(' '));
    let Some(page_bytes) = page.and_then(|(bytes, _)| bytes.parse::<f64>().ok()) else { return false };
    for line in text.lines().skip(1) {
        let Some((what, pages)) = line.split_once(':') else { continue };
        let Ok(pages) = pages.trim().trim_end_matches('.').parse::<f64>() else { continue };
        let what = what.trim().trim_matches('"');
        if let Some((_, name)) = PAGES.iter().find(|(line, _)| *line == what) {
            out.gauge(*name, "Memory by what it is used for.", &[], pages * page_bytes);
        } else if let Some((_, name)) = SWAPPED.iter().find(|(line, _)| *line == what) {
            out.counter(*name, "Memory moved from and to the disk.", &[], pages * page_bytes);
        }
    }
    true
}

/// Tells of what `sysctl -n vm.swapusage` printed: `total = 2048.00M  used = 1024.50M  free = 1023.50M`.
pub(super) fn tell_swap(text: &str, out: &mut Collection) {
    for (word, name) in [("total", "node_memory_swap_total_bytes"), ("used", "node_memory_swap_used_bytes")] {
        let rest = text.split_once(&format!("{word} = ")).map(|(_, rest)| rest.trim_start());
        let Some(amount) = rest.and_then(|rest| rest.split_ascii_whitespace().next()) else { continue };
        let Some(digits) = amount.get(..amount.len().saturating_sub(1)) else { continue };
        let factor = match amount.as_bytes().last() {
            Some(b'K') => 1024.0,
            Some(b'M') => 1_048_576.0,
            Some(b'G') => 1_073_741_824.0,
            _ => continue,
        };
        // A Mac that counts in the way of its country writes a comma.
        if let Ok(number) = digits.replace(',', ".").parse::<f64>() {
            out.gauge(name, "Space for memory on the disk.", &[], number * factor);
        }
    }
}
