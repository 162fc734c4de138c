//! Cost against size as a picture: one panel for each cost, both axes in powers of ten.

use crate::IngestCost;
use std::fmt::Write;

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
const MARGIN: (f64, f64) = (64.0, 44.0);
const COLOURS: [&str; 3] = ["#d9480f", "#1971c2", "#6741d9"];

/// A cost, its name, and its unit.
type Panel = (&'static str, fn(usize, &IngestCost) -> f64);

const PANELS: [Panel; 3] = [
    ("CPU seconds per scrape of all series", |series, cost| cost.cpu_us * series as f64 / 1e6),
    ("resident memory, MiB", |series, cost| cost.resident * series as f64 / f64::from(1 << 20)),
    ("restart after a crash, seconds", |_, cost| cost.restart_s),
];

/// The picture as SVG. `rows` has, for each number of series, what every one of `names` has cost.
pub(crate) fn draw(names: &[&str], rows: &[(usize, Vec<IngestCost>)]) -> String {
    let total = (WIDTH + MARGIN.0) * PANELS.len() as f64 + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total}\" height=\"{}\" \
         font-family=\"sans-serif\" font-size=\"11\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
        HEIGHT + 2.0 * MARGIN.1 + 20.0
    );
    for (index, panel) in PANELS.iter().enumerate() {
        let left = MARGIN.0 + index as f64 * (WIDTH + MARGIN.0);
        draw_panel(&mut svg, left, panel, names.len(), rows);
    }
    for (index, (name, colour)) in names.iter().zip(COLOURS).enumerate() {
        let x = MARGIN.0 + 150.0 * index as f64;
        let y = HEIGHT + 2.0 * MARGIN.1 + 8.0;
        let _ = write!(
            svg,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y}\">{name}</text>",
            y - 4.0,
            x + 8.0
        );
    }
    svg.push_str("<text x=\"600\" y=\"316\" fill=\"#666\">dashed: linear growth</text></svg>\n");
    svg
}

fn draw_panel(
    svg: &mut String,
    left: f64,
    (title, cost): &Panel,
    servers: usize,
    rows: &[(usize, Vec<IngestCost>)],
) {
    let points = |server: usize| {
        rows.iter().filter_map(move |(series, costs)| {
            let value = cost(*series, costs.get(server)?).max(1e-4);
            Some(((*series as f64).log10(), value.log10()))
        })
    };
    let all: Vec<(f64, f64)> = (0..servers).flat_map(points).collect();
    let bounds = |values: Vec<f64>| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min).floor();
        (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil().max(low + 1.0))
    };
    let (x_low, x_high) = bounds(all.iter().map(|point| point.0).collect());
    let (y_low, y_high) = bounds(all.iter().map(|point| point.1).collect());
    let place = |(x, y): (f64, f64)| {
        (
            left + (x - x_low) / (x_high - x_low) * WIDTH,
            MARGIN.1 + HEIGHT - (y - y_low) / (y_high - y_low) * HEIGHT,
        )
    };
    let _ = write!(svg, "<text x=\"{left}\" y=\"24\" font-size=\"13\">{title}</text>");
    let lines = |low: f64, high: f64| (low as i32)..=(high as i32);
    for power in lines(x_low, x_high) {
        let (x, bottom) = place((f64::from(power), y_low));
        let _ = write!(
            svg,
            "<path d=\"M{x:.1} {bottom:.1}V{}\" stroke=\"#ddd\"/><text x=\"{x:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{}</text>",
            MARGIN.1,
            bottom + 16.0,
            short(power)
        );
    }
    for power in lines(y_low, y_high) {
        let (_, y) = place((x_low, f64::from(power)));
        let _ = write!(
            svg,
            "<path d=\"M{left} {y:.1}h{WIDTH}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>",
            left - 6.0,
            y + 4.0,
            short(power)
        );
    }
    // What linear growth from our own largest size would have cost at the others.
    if let (Some(first), Some(last)) = (points(0).next(), points(0).next_back()) {
        let (from, to) = (place((first.0, (last.1 - (last.0 - first.0)).max(y_low))), place(last));
        let _ = write!(
            svg,
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"#888\" stroke-dasharray=\"4 4\"/>",
            from.0, from.1, to.0, to.1
        );
    }
    for (server, colour) in (0..servers).zip(COLOURS) {
        let mut path = String::new();
        for (index, point) in points(server).enumerate() {
            let (x, y) = place(point);
            let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
            let _ = write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let _ = write!(svg, "<path d=\"{path}\" stroke=\"{colour}\" fill=\"none\" stroke-width=\"2\"/>");
    }
}

/// A power of ten for people.
fn short(power: i32) -> String {
    match power {
        6 => "1M".to_owned(),
        3..=5 => format!("{}k", 10_i32.pow(power.unsigned_abs() - 3)),
        0..=2 => 10_i32.pow(power.unsigned_abs()).to_string(),
        _ => format!("{:.*}", usize::try_from(-power).unwrap_or(0), 10_f64.powi(power)),
    }
}
