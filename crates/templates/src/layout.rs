//! Go's time layouts: a layout is the reference time, Mon Jan 2 15:04:05 MST 2006, written as one wants it.

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// The months.
pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// The days of the week, from Sunday.
pub(crate) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part<'l> {
    Literal(&'l str),
    LongMonth,
    Month,
    MonthNumber { padded: bool },
    LongWeekday,
    Weekday,
    Day { pad: Option<char> },
    YearDay { pad: char },
    Hour,
    Hour12 { padded: bool },
    Minute { padded: bool },
    Second { padded: bool },
    LongYear,
    Year,
    Noon { upper: bool },
    ZoneName,
    Offset { z: bool, colon: bool, seconds: bool, short: bool },
    Fraction { mark: char, digits: usize, trimmed: bool },
}

const WORDS: [(&str, Part<'static>); 33] = [
    ("January", Part::LongMonth),
    ("Jan", Part::Month),
    ("Monday", Part::LongWeekday),
    ("Mon", Part::Weekday),
    ("MST", Part::ZoneName),
    ("2006", Part::LongYear),
    ("__2", Part::YearDay { pad: ' ' }),
    ("_2", Part::Day { pad: Some(' ') }),
    ("002", Part::YearDay { pad: '0' }),
    ("01", Part::MonthNumber { padded: true }),
    ("02", Part::Day { pad: Some('0') }),
    ("03", Part::Hour12 { padded: true }),
    ("04", Part::Minute { padded: true }),
    ("05", Part::Second { padded: true }),
    ("06", Part::Year),
    ("15", Part::Hour),
    ("PM", Part::Noon { upper: true }),
    ("pm", Part::Noon { upper: false }),
    ("-07:00:00", Part::Offset { z: false, colon: true, seconds: true, short: false }),
    ("-070000", Part::Offset { z: false, colon: false, seconds: true, short: false }),
    ("-07:00", Part::Offset { z: false, colon: true, seconds: false, short: false }),
    ("-0700", Part::Offset { z: false, colon: false, seconds: false, short: false }),
    ("-07", Part::Offset { z: false, colon: false, seconds: false, short: true }),
    ("Z07:00:00", Part::Offset { z: true, colon: true, seconds: true, short: false }),
    ("Z070000", Part::Offset { z: true, colon: false, seconds: true, short: false }),
    ("Z07:00", Part::Offset { z: true, colon: true, seconds: false, short: false }),
    ("Z0700", Part::Offset { z: true, colon: false, seconds: false, short: false }),
    ("Z07", Part::Offset { z: true, colon: false, seconds: false, short: true }),
    ("1", Part::MonthNumber { padded: false }),
    ("2", Part::Day { pad: None }),
    ("3", Part::Hour12 { padded: false }),
    ("4", Part::Minute { padded: false }),
    ("5", Part::Second { padded: false }),
];

fn parts(layout: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut rest, mut literal) = (layout, 0);
    let mut start = layout;
    while let Some(c) = rest.chars().next() {
        match part(rest) {
            Some((found, length)) => {
                if literal > 0 {
                    parts.push(Part::Literal(start.get(..literal).unwrap_or("")));
                }
                parts.push(found);
                rest = rest.get(length..).unwrap_or("");
                (start, literal) = (rest, 0);
            }
            None => {
                literal += c.len_utf8();
                rest = rest.get(c.len_utf8()..).unwrap_or("");
            }
        }
    }
    if literal > 0 {
        parts.push(Part::Literal(start.get(..literal).unwrap_or("")));
    }
    parts
}

fn part(text: &str) -> Option<(Part<'_>, usize)> {
    if text.starts_with("_2006") {
        return Some((Part::Literal("_"), 1));
    }
    if let Some(mark @ ('.' | ',')) = text.chars().next() {
        return fraction(text, mark);
    }
    let (word, part) = WORDS.iter().find(|(word, _)| text.starts_with(word))?;
    // `Jan` begins no other word: "Janitor" is just a text. Go looks only at a lower case letter behind it.
    let behind = text.get(word.len()..).and_then(|rest| rest.chars().next());
    if matches!(part, Part::Month | Part::Weekday) && behind.is_some_and(|c| c.is_ascii_lowercase()) {
        return None;
    }
    Some((*part, word.len()))
}

/// `.000` or `.999`, where no other digit follows.
fn fraction(text: &str, mark: char) -> Option<(Part<'_>, usize)> {
    let digits = text.get(1..)?;
    let kind = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let count = digits.chars().take_while(|c| *c == kind).count();
    if digits.chars().nth(count).is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    Some((Part::Fraction { mark, digits: count, trimmed: kind == '9' }, 1 + count))
}

/// A time by a layout.
pub(crate) fn format(layout: &str, at: &Zoned) -> String {
    let mut out = String::new();
    let two = |number: i8, padded: bool| if padded { format!("{number:02}") } else { number.to_string() };
    let name = |names: &[&'static str], index: i8| {
        usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or("")
    };
    let short = |name: &str| name.get(..3).unwrap_or(name).to_owned();
    for part in parts(layout) {
        let text = match part {
            Part::Literal(text) => text.to_owned(),
            Part::LongMonth => name(&MONTHS, at.month() - 1).to_owned(),
            Part::Month => short(name(&MONTHS, at.month() - 1)),
            Part::MonthNumber { padded } => two(at.month(), padded),
            Part::LongWeekday => name(&WEEKDAYS, at.weekday().to_sunday_zero_offset()).to_owned(),
            Part::Weekday => short(name(&WEEKDAYS, at.weekday().to_sunday_zero_offset())),
            Part::Day { pad: None } => at.day().to_string(),
            Part::Day { pad: Some('0') } => two(at.day(), true),
            Part::Day { pad: Some(_) } => format!("{:>2}", at.day()),
            Part::YearDay { pad: '0' } => format!("{:03}", at.day_of_year()),
            Part::YearDay { .. } => format!("{:>3}", at.day_of_year()),
            Part::Hour => two(at.hour(), true),
            Part::Hour12 { padded } => two(if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 }, padded),
            Part::Minute { padded } => two(at.minute(), padded),
            Part::Second { padded } => two(at.second(), padded),
            Part::LongYear => format!("{:04}", at.year()),
            Part::Year => format!("{:02}", at.year().rem_euclid(100)),
            Part::Noon { upper: true } => if at.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
            Part::Noon { upper: false } => if at.hour() >= 12 { "pm" } else { "am" }.to_owned(),
            Part::ZoneName => zone_name(at),
            Part::Offset { z, colon, seconds, short } => {
                offset_text(at.offset().seconds(), z, colon, seconds, short)
            }
            Part::Fraction { mark, digits, trimmed } => {
                let all = format!("{:09}", at.subsec_nanosecond());
                let cut = all.get(..digits.min(9)).unwrap_or(&all);
                let kept = if trimmed { cut.trim_end_matches('0') } else { cut };
                if kept.is_empty() { String::new() } else { format!("{mark}{kept}") }
            }
        };
        out.push_str(&text);
    }
    out
}

fn zone_name(at: &Zoned) -> String {
    let name = at.time_zone().to_offset_info(at.timestamp()).abbreviation().to_owned();
    // An offset without a name is written as a number.
    if name.starts_with(['+', '-']) {
        return offset_text(at.offset().seconds(), false, false, false, at.offset().seconds() % 3600 == 0);
    }
    name
}

fn offset_text(offset: i32, z: bool, colon: bool, seconds: bool, short: bool) -> String {
    if z && offset == 0 {
        return "Z".to_owned();
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let offset = offset.unsigned_abs();
    let (hour, minute, second) = (offset / 3600, offset / 60 % 60, offset % 60);
    let mark = if colon { ":" } else { "" };
    let mut text = format!("{sign}{hour:02}");
    if !short {
        text.push_str(&format!("{mark}{minute:02}"));
    }
    if seconds {
        text.push_str(&format!("{mark}{second:02}"));
    }
    text
}

/// What is read of a text so far.
struct Reading {
    year: i16,
    month: i8,
    day: i8,
    year_day: Option<i64>,
    hour: i8,
    afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    offset: Option<i32>,
}

/// Reads a text by a layout; gives the time and its offset, if one was written.
pub(crate) fn parse(layout: &str, text: &str) -> Option<(Timestamp, Option<i32>)> {
    let mut found = Reading {
        year: 0,
        month: 1,
        day: 1,
        year_day: None,
        hour: 0,
        afternoon: None,
        minute: 0,
        second: 0,
        nanosecond: 0,
        offset: None,
    };
    let mut rest = text;
    for part in parts(layout) {
        rest = found.take(part, rest)?;
    }
    if !rest.is_empty() {
        return None;
    }
    found.finish()
}

/// One to `most` digits.
fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let count = text.chars().take(most).take_while(char::is_ascii_digit).count();
    if count < least {
        return None;
    }
    Some((text.get(..count)?.parse().ok()?, text.get(count..)?))
}

fn named<'t>(names: &[&str], text: &'t str, length: Option<usize>) -> Option<(i8, &'t str)> {
    (0_i8..).zip(names).find_map(|(index, name)| {
        let name = length.and_then(|length| name.get(..length)).unwrap_or(name);
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| (index, text.get(name.len()..).unwrap_or("")))
    })
}

impl Reading {
    fn take<'t>(&mut self, part: Part<'_>, text: &'t str) -> Option<&'t str> {
        let small = |padded: bool, text: &'t str| {
            let (number, rest) = digits(text, if padded { 2 } else { 1 }, 2)?;
            Some((i8::try_from(number).ok()?, rest))
        };
        let rest;
        match part {
            Part::Literal(literal) => rest = text.strip_prefix(literal)?,
            Part::LongMonth => {
                let (index, after) = named(&MONTHS, text, None)?;
                (self.month, rest) = (index + 1, after);
            }
            Part::Month => {
                let (index, after) = named(&MONTHS, text, Some(3))?;
                (self.month, rest) = (index + 1, after);
            }
            Part::MonthNumber { padded } => (self.month, rest) = small(padded, text)?,
            Part::LongWeekday => (_, rest) = named(&WEEKDAYS, text, None)?,
            Part::Weekday => (_, rest) = named(&WEEKDAYS, text, Some(3))?,
            Part::Day { pad } => {
                let text = if pad == Some(' ') { text.strip_prefix(' ').unwrap_or(text) } else { text };
                (self.day, rest) = small(pad == Some('0'), text)?;
            }
            Part::YearDay { .. } => {
                let (number, after) = digits(text.trim_start(), 1, 3)?;
                (self.year_day, rest) = (Some(number), after);
            }
            Part::Hour => (self.hour, rest) = small(true, text)?,
            Part::Hour12 { padded } => (self.hour, rest) = small(padded, text)?,
            Part::Minute { padded } => (self.minute, rest) = small(padded, text)?,
            Part::Second { padded } => {
                let (second, mut after) = small(padded, text)?;
                self.second = second;
                // A fraction may follow the seconds also where the layout has none.
                if let Some(fraction) = after.strip_prefix(['.', ','])
                    && fraction.starts_with(|c: char| c.is_ascii_digit())
                {
                    after = self.fraction(fraction)?;
                }
                rest = after;
            }
            Part::LongYear => {
                let (year, after) = digits(text, 4, 4)?;
                (self.year, rest) = (i16::try_from(year).ok()?, after);
            }
            Part::Year => {
                let (year, after) = digits(text, 2, 2)?;
                self.year = i16::try_from(if year >= 69 { year + 1900 } else { year + 2000 }).ok()?;
                rest = after;
            }
            Part::Noon { .. } => {
                let (index, after) = named(&["AM", "PM"], text, None)?;
                (self.afternoon, rest) = (Some(index == 1), after);
            }
            Part::ZoneName => {
                let length = text.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(text.len());
                if !(3..=5).contains(&length) {
                    return None;
                }
                rest = text.get(length..)?;
            }
            Part::Offset { z, colon, seconds, short } => {
                rest = self.offset(text, z, colon, seconds, short)?
            }
            Part::Fraction { .. } => match text.strip_prefix(['.', ',']) {
                Some(fraction) => rest = self.fraction(fraction)?,
                None => rest = text,
            },
        }
        Some(rest)
    }

    fn fraction<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let count = text.chars().take_while(char::is_ascii_digit).count();
        let nine: String = text.chars().take(count.min(9)).chain(std::iter::repeat('0')).take(9).collect();
        self.nanosecond = nine.parse().ok()?;
        text.get(count..)
    }

    fn offset<'t>(
        &mut self,
        text: &'t str,
        z: bool,
        colon: bool,
        seconds: bool,
        short: bool,
    ) -> Option<&'t str> {
        if let (true, Some(rest)) = (z, text.strip_prefix('Z')) {
            self.offset = Some(0);
            return Some(rest);
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let (hour, mut rest) = digits(text.get(1..)?, 2, 2)?;
        let mut total = hour * 3600;
        for (wanted, unit) in [(!short, 60), (seconds, 1)] {
            if wanted {
                let after = if colon { rest.strip_prefix(':')? } else { rest };
                let (number, after) = digits(after, 2, 2)?;
                total += number * unit;
                rest = after;
            }
        }
        self.offset = Some(i32::try_from(total).ok()? * sign);
        Some(rest)
    }

    fn finish(self) -> Option<(Timestamp, Option<i32>)> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let day = match self.year_day {
            Some(day) => date(self.year, 1, 1).checked_add((day - 1).days()).ok()?,
            None => jiff::civil::Date::new(self.year, self.month, self.day).ok()?,
        };
        let time = jiff::civil::Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        let at = DateTime::from_parts(day, time).to_zoned(TimeZone::UTC).ok()?.timestamp();
        let offset = i64::from(self.offset.unwrap_or(0));
        Some((at.checked_sub(offset.seconds()).ok()?, self.offset))
    }
}
