//! `time.Time`, `time.Duration`, `time.Month` and `time.Weekday` in templates: how they print and what they can do.

use crate::args::{Answer, failure, wrong_type};
use crate::{duration, layout, value};
use gotmpl::Value;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

const TIME: &str = "time.Time";
const DURATION: &str = "time.Duration";
const MONTH: &str = "time.Month";
const WEEKDAY: &str = "time.Weekday";
const LOCATION: &str = "time.Location";
const SECONDS: &str = "\0s";
const NANOSECONDS: &str = "\0n";
const ZONE: &str = "\0z";
const NUMBER: &str = "\0v";

/// Seconds from Go's zero time, the first of January of the year 1, to the Unix epoch.
const ZERO_SECONDS: i64 = -62_135_596_800;

/// A time in UTC.
pub fn time(at: Timestamp) -> Value {
    in_zone(at, "UTC")
}

/// Go's zero time.
pub fn zero() -> Value {
    time(Timestamp::from_second(ZERO_SECONDS).unwrap_or(Timestamp::MIN))
}

fn in_zone(at: Timestamp, zone: &str) -> Value {
    value::structure(
        TIME,
        [
            (SECONDS, Value::Int(at.as_second())),
            (NANOSECONDS, Value::Int(i64::from(at.subsec_nanosecond()))),
            (ZONE, value::text(zone)),
        ],
    )
}

/// A duration, in nanoseconds.
pub fn duration(nanoseconds: i64) -> Value {
    value::structure(DURATION, [(NUMBER, Value::Int(nanoseconds))])
}

fn numbered(type_name: &str, number: i64) -> Value {
    value::structure(type_name, [(NUMBER, Value::Int(number))])
}

fn number(of: &Value) -> Option<i64> {
    of.field(NUMBER).and_then(Value::as_int)
}

/// The nanoseconds of a duration.
pub fn as_duration(of: &Value) -> Option<i64> {
    (value::struct_type(of)? == DURATION).then(|| number(of)).flatten()
}

/// The number behind a duration, a month or a weekday.
pub(crate) fn number_of(of: &Value) -> Option<i64> {
    matches!(value::struct_type(of)?, DURATION | MONTH | WEEKDAY).then(|| number(of)).flatten()
}

/// The instant of a time.
pub fn as_time(of: &Value) -> Option<Timestamp> {
    if value::struct_type(of)? != TIME {
        return None;
    }
    let second = of.field(SECONDS).and_then(Value::as_int)?;
    let nanosecond = i32::try_from(of.field(NANOSECONDS).and_then(Value::as_int)?).ok()?;
    Timestamp::new(second, nanosecond).ok()
}

/// The time in its zone.
pub(crate) fn zoned(of: &Value) -> Option<Zoned> {
    let zone = of.field(ZONE).and_then(Value::as_str).unwrap_or("UTC");
    Some(as_time(of)?.to_zoned(zone_named(zone).unwrap_or(TimeZone::UTC)))
}

/// A zone by its name in the time zone database, `UTC`, `Local`, or a fixed offset as written here.
fn zone_named(name: &str) -> Option<TimeZone> {
    match name {
        "" | "UTC" => Some(TimeZone::UTC),
        "Local" => Some(TimeZone::system()),
        name => match name.strip_prefix('\0') {
            Some(seconds) => Some(TimeZone::fixed(Offset::from_seconds(seconds.parse().ok()?).ok()?)),
            None => TimeZone::get(name).ok(),
        },
    }
}

/// A time seen from a zone.
///
/// # Errors
/// When there is no such zone, or no time.
pub fn to_zone(function: &str, of: &Value, zone: &str) -> Answer {
    let Some(at) = as_time(of) else { return Err(wrong_type(function, TIME, of)) };
    if zone_named(zone).is_none() || zone.starts_with('\0') {
        return Err(failure(format!("error calling {function}: unknown time zone {zone}")));
    }
    Ok(in_zone(at, zone))
}

/// A text read by one of Go's layouts; `None` where it does not fit.
pub fn parse(pattern: &str, text: &str) -> Option<Value> {
    let (at, offset) = layout::parse(pattern, text)?;
    Some(match offset {
        Some(0) | None => time(at),
        Some(seconds) => in_zone(at, &format!("\0{seconds}")),
    })
}

/// A time by one of Go's layouts.
///
/// # Errors
/// When it is no time.
pub fn format(function: &str, of: &Value, pattern: &str) -> Answer {
    match zoned(of) {
        Some(zoned) => Ok(value::text(layout::format(pattern, &zoned))),
        None => Err(wrong_type(function, TIME, of)),
    }
}

/// How times, durations, months and weekdays print; `None` for everything else.
pub(crate) fn text_of(of: &Value) -> Option<String> {
    Some(match value::struct_type(of)? {
        TIME => layout::format("2006-01-02 15:04:05.999999999 -0700 MST", &zoned(of)?),
        DURATION => duration::nanoseconds_text(number(of)?),
        MONTH => layout::MONTHS.get(usize::try_from(number(of)?).ok()?.checked_sub(1)?)?.to_string(),
        WEEKDAY => layout::WEEKDAYS.get(usize::try_from(number(of)?).ok()?)?.to_string(),
        LOCATION => of.field(ZONE)?.as_str()?.to_owned(),
        _ => return None,
    })
}

/// A time as Go's JSON writes it.
pub(crate) fn json_text(of: &Value) -> Option<String> {
    Some(layout::format("2006-01-02T15:04:05.999999999Z07:00", &zoned(of)?))
}

/// The answer of a method; `None` where the value is none of these types.
pub(crate) fn method(of: &Value, name: &str, args: &[Value]) -> Option<Answer> {
    let type_name = value::struct_type(of)?;
    let answer = match type_name {
        TIME => time_method(of, name, args),
        DURATION => duration_method(number(of)?, name, args),
        MONTH | WEEKDAY | LOCATION if name == "String" => text_of(of).map(|text| Ok(value::text(text))),
        MONTH | WEEKDAY | LOCATION => None,
        _ => return None,
    };
    Some(answer.unwrap_or_else(|| Err(failure(format!("can't evaluate field {name} in type {type_name}")))))
}

fn int(number: impl Into<i64>) -> Option<Answer> {
    Some(Ok(Value::Int(number.into())))
}

/// `None` where times have no such method.
fn time_method(of: &Value, name: &str, args: &[Value]) -> Option<Answer> {
    let (at, zoned) = (as_time(of)?, zoned(of)?);
    let wrong = |expected: &str| match args.first() {
        Some(found) => Err(wrong_type(name, expected, found)),
        None => Err(failure(format!("wrong number of args for {name}: want 1 got 0"))),
    };
    let with_time = |then: &dyn Fn(Timestamp) -> Value| match args.first().and_then(as_time) {
        Some(other) => Ok(then(other)),
        None => wrong(TIME),
    };
    let with_duration = |then: &dyn Fn(i64) -> Option<Value>| match args.first().and_then(as_int_like) {
        Some(nanoseconds) => then(nanoseconds).ok_or_else(|| failure(format!("{name}: out of range"))),
        None => wrong(DURATION),
    };
    let zone = of.field(ZONE).and_then(Value::as_str).unwrap_or("UTC");
    match name {
        "Format" => Some(match args.first() {
            Some(Value::String(pattern)) => Ok(value::text(layout::format(pattern, &zoned))),
            _ => wrong("string"),
        }),
        "String" => text_of(of).map(|text| Ok(value::text(text))),
        "Unix" => int(at.as_second()),
        "UnixMilli" => int(at.as_millisecond()),
        "UnixMicro" => int(at.as_microsecond()),
        "UnixNano" => int(i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)),
        "Year" => int(zoned.year()),
        "Month" => Some(Ok(numbered(MONTH, i64::from(zoned.month())))),
        "Day" => int(zoned.day()),
        "Hour" => int(zoned.hour()),
        "Minute" => int(zoned.minute()),
        "Second" => int(zoned.second()),
        "Nanosecond" => int(zoned.subsec_nanosecond()),
        "YearDay" => int(zoned.day_of_year()),
        "Weekday" => Some(Ok(numbered(WEEKDAY, i64::from(zoned.weekday().to_sunday_zero_offset())))),
        "IsZero" => Some(Ok(Value::Bool(at.as_second() == ZERO_SECONDS && at.subsec_nanosecond() == 0))),
        "UTC" => Some(Ok(time(at))),
        "Local" => Some(Ok(in_zone(at, "Local"))),
        "Location" => Some(Ok(value::structure(LOCATION, [(ZONE, value::text(zone))]))),
        "In" => Some(match args.first().filter(|arg| value::struct_type(arg) == Some(LOCATION)) {
            Some(location) => Ok(in_zone(at, location.field(ZONE).and_then(Value::as_str).unwrap_or("UTC"))),
            None => wrong("*time.Location"),
        }),
        "Sub" => Some(with_time(&|other| duration(between(at, other)))),
        "Before" => Some(with_time(&|other| Value::Bool(at < other))),
        "After" => Some(with_time(&|other| Value::Bool(at > other))),
        "Equal" => Some(with_time(&|other| Value::Bool(at == other))),
        "Compare" => Some(with_time(&|other| Value::Int(at.cmp(&other) as i64))),
        "Add" => Some(with_duration(&|nanoseconds| {
            Some(in_zone(at.checked_add(SignedDuration::from_nanos(nanoseconds)).ok()?, zone))
        })),
        "Truncate" => Some(with_duration(&|step| Some(in_zone(stepped(at, step, false)?, zone)))),
        "Round" => Some(with_duration(&|step| Some(in_zone(stepped(at, step, true)?, zone)))),
        "AddDate" => Some(add_date(&zoned, zone, args)),
        _ => None,
    }
}

fn as_int_like(of: &Value) -> Option<i64> {
    as_duration(of).or_else(|| of.as_int())
}

fn between(left: Timestamp, right: Timestamp) -> i64 {
    let nanoseconds = left.as_nanosecond() - right.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// Go counts the steps from its zero time.
fn stepped(at: Timestamp, step: i64, half_up: bool) -> Option<Timestamp> {
    if step <= 0 {
        return Some(at);
    }
    let (zero, step) = (i128::from(ZERO_SECONDS) * 1_000_000_000, i128::from(step));
    let rest = (at.as_nanosecond() - zero).rem_euclid(step);
    let up = if half_up && rest * 2 >= step { step } else { 0 };
    Timestamp::from_nanosecond(at.as_nanosecond() - rest + up).ok()
}

fn add_date(zoned: &Zoned, zone: &str, args: &[Value]) -> Answer {
    let number = |index: usize| {
        args.get(index)
            .and_then(Value::as_int)
            .ok_or_else(|| failure("wrong number of args for AddDate: want 3 whole numbers"))
    };
    let (years, months, days) = (number(0)?, number(1)?, number(2)?);
    let outside = |error: jiff::Error| failure(format!("AddDate: {error}"));
    // Go carries a day that a month does not have into the next month.
    let first = zoned.first_of_month().map_err(outside)?;
    let span =
        jiff::Span::new().try_years(years).and_then(|span| span.try_months(months)).map_err(outside)?;
    let moved = first.checked_add(span).map_err(outside)?;
    let days = days.saturating_add(i64::from(zoned.day()) - 1);
    let moved = moved.checked_add(jiff::Span::new().try_days(days).map_err(outside)?).map_err(outside)?;
    Ok(in_zone(moved.timestamp(), zone))
}

/// `None` where durations have no such method.
fn duration_method(nanoseconds: i64, name: &str, args: &[Value]) -> Option<Answer> {
    let float = |value: f64| Some(Ok(Value::Float(value)));
    let step = || match args.first().and_then(as_int_like) {
        Some(step) => Ok(step),
        None => Err(failure(format!("error calling {name}: wrong type for value; expected {DURATION}"))),
    };
    let exact = nanoseconds as f64;
    match name {
        "String" => Some(Ok(value::text(duration::nanoseconds_text(nanoseconds)))),
        "Hours" => float(exact / 3.6e12),
        "Minutes" => float(exact / 6e10),
        "Seconds" => float(exact / 1e9),
        "Milliseconds" => int(nanoseconds / 1_000_000),
        "Microseconds" => int(nanoseconds / 1_000),
        "Nanoseconds" => int(nanoseconds),
        "Abs" => Some(Ok(duration(nanoseconds.saturating_abs()))),
        "Truncate" => Some(step().map(|step| match step {
            ..=0 => duration(nanoseconds),
            step => duration(nanoseconds - nanoseconds % step),
        })),
        "Round" => Some(step().map(|step| match step {
            ..=0 => duration(nanoseconds),
            step => {
                let rest = nanoseconds % step;
                let cut = nanoseconds - rest;
                let away = rest.unsigned_abs().saturating_mul(2) >= step.unsigned_abs();
                duration(if away { cut.saturating_add(step * rest.signum()) } else { cut })
            }
        })),
        _ => None,
    }
}
