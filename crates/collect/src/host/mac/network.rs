//! Network traffic by device, from what `netstat -ibnd` prints.

use crate::Collection;

/// Headings, and what their columns become.
const COLUMNS: [(&str, &str); 8] = [
    ("Ipkts", "receive_packets_total"),
    ("Ierrs", "receive_errs_total"),
    ("Ibytes", "receive_bytes_total"),
    ("Opkts", "transmit_packets_total"),
    ("Oerrs", "transmit_errs_total"),
    ("Obytes", "transmit_bytes_total"),
    ("Coll", "transmit_colls_total"),
    ("Drop", "receive_drop_total"),
];

/// Tells of each device that `passes`. False where the text is something else.
pub(super) fn tell(text: &str, passes: impl Fn(&str) -> bool, out: &mut Collection) -> bool {
    let mut lines = text.lines();
    let headings: Vec<&str> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
    if !headings.contains(&"Ibytes") {
        return false;
    }
    for line in lines {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        // A device has a line for itself and one for each address; the counters are the same.
        let [name, _, network, ..] = words.as_slice() else { continue };
        if !network.starts_with("<Link#") {
            continue;
        }
        let device = name.trim_end_matches('*');
        if !passes(device) {
            continue;
        }
        // The address may be missing, so columns are counted from the end.
        for (heading, word) in headings.iter().rev().zip(words.iter().rev()) {
            let Some((_, metric)) = COLUMNS.iter().find(|(known, _)| known == heading) else { continue };
            if let Ok(count) = word.parse::<f64>() {
                let help = "Network traffic of a device.";
                out.counter(format!("node_network_{metric}"), help, &[("device", device)], count);
            }
        }
    }
    true
}
