//! A range's answer drawn with characters: braille dots, eight to a character.

use super::metric;
use serde_json::Value;
use std::fmt::Write;

/// Characters of the canvas.
const WIDTH: usize = 72;
const HEIGHT: usize = 14;
/// The series that are told apart; more are drawn, and counted.
const LEGEND: usize = 12;
/// Terminal colours of series, one after the other.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];
/// The bit of each dot of a braille character, by row and column.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u8,
    colour: Option<u8>,
}

/// The picture of a matrix between two times, with its scale and legend.
pub(super) fn of_matrix(result: &Value, (start_s, end_s): (f64, f64), colours: bool) -> String {
    let series: Vec<(String, Vec<(f64, f64)>)> = result
        .as_array()
        .into_iter()
        .flatten()
        .map(|series| (metric(&series["metric"]), points(series)))
        .collect();
    let values = || series.iter().flat_map(|(_, points)| points).map(|(_, value)| *value);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return "nothing to draw: the answer has no number that is finite\n".to_owned();
    }
    let span = if high > low { high - low } else { 1.0 };
    let length_s = (end_s - start_s).max(f64::MIN_POSITIVE);
    let mut canvas = vec![[Cell::default(); WIDTH]; HEIGHT];
    for (index, (_, points)) in series.iter().enumerate() {
        let mut before: Option<(usize, usize)> = None;
        for (time_s, value) in points {
            let column = ((time_s - start_s) / length_s * (WIDTH * 2 - 1) as f64).round() as usize;
            let row = ((high - value) / span * (HEIGHT * 4 - 1) as f64).round() as usize;
            // Neighbours are joined, so that a jump is a line.
            let from =
                before.filter(|(last, _)| column.saturating_sub(*last) <= 2).map_or(row, |(_, row)| row);
            for row in from.min(row)..=from.max(row) {
                dot(&mut canvas, column, row, colour(index));
            }
            before = Some((column, row));
        }
    }
    let mut out = String::new();
    for (index, row) in canvas.iter().enumerate() {
        let scale = match index {
            0 => high,
            index if index + 1 == HEIGHT => low,
            index if index == HEIGHT / 2 => high - span * index as f64 / (HEIGHT - 1) as f64,
            _ => f64::NAN,
        };
        let scale = if scale.is_nan() { String::new() } else { short(scale) };
        let _ = write!(out, "{scale:>10} ┤");
        for cell in row {
            let letter = char::from_u32(0x2800 + u32::from(cell.dots)).unwrap_or(' ');
            paint(&mut out, letter, cell.colour.filter(|_| colours));
        }
        out.push('\n');
    }
    let (first, last) = (clock(start_s), clock(end_s));
    let gap = WIDTH.saturating_sub(first.len() + last.len());
    let _ = writeln!(out, "{:>12}{first}{:gap$}{last}", "", "");
    for (index, (name, points)) in series.iter().enumerate().take(LEGEND) {
        out.push_str("  ");
        paint(&mut out, '●', Some(colour(index)).filter(|_| colours));
        let newest = points.last().map_or_else(|| "-".to_owned(), |(_, value)| short(*value));
        let _ = writeln!(out, " {name}  {newest}");
    }
    if series.len() > LEGEND {
        let _ = writeln!(out, "  and {} more series", series.len() - LEGEND);
    }
    out
}

fn colour(index: usize) -> u8 {
    COLOURS[index % COLOURS.len()]
}

fn dot(canvas: &mut [[Cell; WIDTH]], column: usize, row: usize, colour: u8) {
    let cell = canvas.get_mut(row / 4).and_then(|cells| cells.get_mut(column / 2));
    if let Some(cell) = cell {
        cell.dots |= DOTS[row % 4][column % 2];
        cell.colour = Some(colour);
    }
}

fn paint(out: &mut String, letter: char, colour: Option<u8>) {
    let _ = match colour {
        Some(colour) => write!(out, "\x1b[{colour}m{letter}\x1b[0m"),
        None => write!(out, "{letter}"),
    };
}

/// Finite values only: there is no place for others.
fn points(series: &Value) -> Vec<(f64, f64)> {
    let values = series["values"].as_array().into_iter().flatten();
    let point = |point: &Value| Some((point[0].as_f64()?, point[1].as_str()?.parse::<f64>().ok()?));
    values.filter_map(point).filter(|(_, value)| value.is_finite()).collect()
}

/// A number in at most nine characters or so.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e7).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.3}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn clock(seconds: f64) -> String {
    let instant = jiff::Timestamp::from_millisecond((seconds * 1_000.0) as i64);
    instant.map_or_else(|_| String::new(), |instant| instant.strftime("%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rise_and_a_flat_line_are_drawn_with_their_scale() {
        let rise: Vec<Value> = (0..=60).map(|second| json!([second, second.to_string()])).collect();
        let flat: Vec<Value> = (0..=60).map(|second| json!([second, "30"])).collect();
        let result = json!([
            {"metric": {"__name__": "up", "job": "a"}, "values": rise},
            {"metric": {"job": "b"}, "values": flat},
        ]);
        let picture = of_matrix(&result, (0.0, 60.0), false);
        let lines: Vec<&str> = picture.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 3);
        assert!(
            lines[0].starts_with("        60 ┤") && lines[HEIGHT - 1].starts_with("         0 ┤"),
            "{picture}"
        );
        // The rise ends at the top right and begins at the bottom left.
        assert_ne!(lines[0].chars().last(), Some('\u{2800}'), "{picture}");
        assert_ne!(lines[HEIGHT - 1].chars().nth(12), Some('\u{2800}'), "{picture}");
        assert!(lines[HEIGHT].contains("01-01 00:00:00") && lines[HEIGHT].ends_with("01-01 00:01:00"));
        assert_eq!(lines[HEIGHT + 1], "  ● up{job=\"a\"}  60");
        assert!(of_matrix(&result, (0.0, 60.0), true).contains("\x1b[36m"));
    }

    #[test]
    fn what_has_no_finite_number_is_told() {
        let result = json!([{"metric": {}, "values": [[1, "NaN"], [2, "+Inf"]]}]);
        assert!(of_matrix(&result, (0.0, 60.0), false).starts_with("nothing to draw"));
        assert!(of_matrix(&json!([]), (0.0, 60.0), false).starts_with("nothing to draw"));
    }
}
