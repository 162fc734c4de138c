//! Shifts as a calendar that other programs can subscribe to.

use crate::shift::Shift;
use jiff::Timestamp;
use std::fmt::Write as _;

/// No line is longer, in bytes.
const LINE_BYTES: usize = 75;

/// A calendar of shifts; `name` is that of the schedule, and `now_ms` when it is written. The identity of a shift stays the
/// same while its beginning and its people do.
pub fn write(name: &str, shifts: &[Shift], now_ms: i64) -> String {
    let mut out = String::new();
    let mut line = |text: &str| fold(text, &mut out);
    line("BEGIN:VCALENDAR");
    line("VERSION:2.0");
    line("PRODID:-//Watchfire//on call//EN");
    line("CALSCALE:GREGORIAN");
    line("METHOD:PUBLISH");
    line(&format!("NAME:{}", escaped(name)));
    line(&format!("X-WR-CALNAME:{}", escaped(name)));
    for shift in shifts {
        let people = shift.people.join(", ");
        line("BEGIN:VEVENT");
        line(&format!("UID:{:016x}@watchfire", identity(&[name, &people, &shift.from_ms.to_string()])));
        line(&format!("DTSTAMP:{}", stamp(now_ms)));
        line(&format!("DTSTART:{}", stamp(shift.from_ms)));
        line(&format!("DTEND:{}", stamp(shift.to_ms)));
        line(&format!("SUMMARY:{}", escaped(&people)));
        line(&format!("DESCRIPTION:{}", escaped(&format!("On call for {name}, by {}.", shift.by))));
        line("TRANSP:TRANSPARENT");
        line("END:VEVENT");
    }
    line("END:VCALENDAR");
    out
}

fn stamp(at_ms: i64) -> String {
    let time = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(letter);
            }
            '\n' => out.push_str("\\n"),
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
    out
}

/// Long lines go on after a line break and a space.
fn fold(text: &str, out: &mut String) {
    let mut room = LINE_BYTES;
    for letter in text.chars() {
        if letter.len_utf8() > room {
            out.push_str("\r\n ");
            room = LINE_BYTES - 1;
        }
        room -= letter.len_utf8();
        out.push(letter);
    }
    out.push_str("\r\n");
}

/// FNV-1a over the words.
fn identity(words: &[&str]) -> u64 {
    let mut text = String::new();
    for word in words {
        let _ = write!(text, "{word}\u{0}");
    }
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
