//! Prometheus's parser table and every expression of its test scripts, where they are at hand.

use std::path::{Path, PathBuf};
use watchfire_promql::parser::{parse_bytes, parse_series};
use watchfire_promql::{ParseOptions, parse};

/// How many rows of the parser table must come out as they should.
const TABLE_FLOOR: usize = 255;
/// How many expressions of the scripts must parse, or be refused where a failure is expected.
const SCRIPTS_FLOOR: usize = 1537;
/// How many series lines of the scripts must be readable.
const SERIES_FLOOR: usize = 1052;

fn shared(path: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let full = shared.join("data").join(path);
    if !full.exists() {
        println!("skipped: {} is not there", full.display());
        return None;
    }
    Some(full)
}

fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        bits = bits << 6 | alphabet.iter().position(|letter| *letter == byte).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

#[test]
fn the_parser_table_of_prometheus_comes_out_as_there() {
    let Some(path) = shared("prometheus/promql_parse_expr.json") else { return };
    let rows: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut passed = 0;
    for row in &rows {
        let input = match row["input"].as_str() {
            Some(input) => input.as_bytes().to_vec(),
            None => base64(row["input_b64"].as_str().unwrap()),
        };
        let shown = String::from_utf8_lossy(&input);
        let must_fail = row["fail"].as_bool().unwrap();
        match (parse_bytes(&input, ParseOptions::default()), must_fail) {
            (Ok(_), false) => passed += 1,
            (Err(error), true) => {
                let expected = row["errors"].as_array().and_then(|errors| errors[0].as_str()).unwrap_or("");
                if error.message == expected {
                    passed += 1;
                } else {
                    println!("{shown}\n  expected: {expected}\n       got: {error}");
                }
            }
            (Ok(expr), true) => println!("{shown}\n  must be refused, read as: {expr}"),
            (Err(error), false) => println!("{shown}\n  must be read: {error}"),
        }
    }
    println!("parser table: {passed} of {} rows", rows.len());
    assert!(passed >= TABLE_FLOOR.min(rows.len()), "only {passed} rows");
}

/// The expression of an `eval` line.
fn expression(line: &str) -> Option<(&str, bool)> {
    let rest = line.strip_prefix("eval")?;
    let old_failure = rest.starts_with("_fail");
    let rest = rest.trim_start_matches(|c: char| c == '_' || c.is_ascii_lowercase()).trim_start();
    let rest = if let Some(instant) = rest.strip_prefix("instant") {
        let instant = instant.trim_start();
        match instant.strip_prefix("at ") {
            Some(at) => at.trim_start().split_once(char::is_whitespace)?.1,
            None => instant,
        }
    } else {
        let mut rest = rest.strip_prefix("range")?.trim_start();
        for word in ["from", "to", "step"] {
            rest = rest.strip_prefix(word)?.trim_start().split_once(char::is_whitespace)?.1.trim_start();
        }
        rest
    };
    Some((rest.trim(), old_failure))
}

#[test]
fn every_expression_of_the_test_scripts_is_read() {
    let Some(folder) = shared("promqltest") else { return };
    let (mut passed, mut cases, mut round_trips) = (0, 0, 0);
    let (mut series, mut series_lines) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "test") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let mut in_load = false;
        for (index, line) in lines.iter().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                in_load = in_load && line.starts_with('#');
                continue;
            }
            let place = || format!("{}:{}", path.file_name().unwrap().display(), index + 1);
            if line.starts_with("load") {
                in_load = true;
                continue;
            }
            if in_load && !line.contains("}@st") && !line.contains("@st ") {
                series_lines += 1;
                match parse_series(line) {
                    Ok(_) => series += 1,
                    Err(error) => println!("{} {line}\n  {error}", place()),
                }
                continue;
            }
            let Some((query, old_failure)) = expression(line) else { continue };
            let expects_failure = old_failure
                || lines[index + 1..]
                    .iter()
                    .take_while(|line| !line.is_empty())
                    .any(|line| line.starts_with("expect fail"));
            cases += 1;
            match parse(query, ParseOptions::default()) {
                Ok(expr) => {
                    passed += 1;
                    let printed = expr.to_string();
                    let again = parse(&printed, ParseOptions::default())
                        .unwrap_or_else(|error| panic!("{} {query}\n{printed}\n{error}", place()));
                    assert_eq!(again.to_string(), printed, "{}", place());
                    round_trips += 1;
                }
                Err(_) if expects_failure => passed += 1,
                Err(error) => println!("{} {query}\n  {error}", place()),
            }
        }
    }
    println!("scripts: {passed} of {cases} expressions, {round_trips} printed and read again");
    println!("scripts: {series} of {series_lines} series lines");
    assert!(passed >= SCRIPTS_FLOOR.min(cases), "only {passed} expressions");
    assert!(series >= SERIES_FLOOR.min(series_lines), "only {series} series lines");
}
