//! The functions of notification templates.

use std::sync::Arc;
use watchfire_model::time::Clock;
use watchfire_templates::args::{Answer, arg, failure, number_arg, text_arg, texts_arg, wrong_type};
use watchfire_templates::value::{list, map, text};
use watchfire_templates::{
    FuncMap, SafeKind, TemplateError, Value, ValueFunc, go_lower, go_upper, humanize, json, regex, time,
};

/// All of them but `routeLabels`, which every notification has its own of.
pub(super) fn all(clock: Arc<dyn Clock>) -> FuncMap {
    let mut functions = FuncMap::new();
    let mut add = |name: &str, function: ValueFunc| {
        functions.insert(name.to_owned(), function);
    };
    add("toUpper", on_text("toUpper", |word| Ok(text(word.chars().map(go_upper).collect::<String>()))));
    add("toLower", on_text("toLower", |word| Ok(text(word.chars().map(go_lower).collect::<String>()))));
    add("title", on_text("title", |word| Ok(text(title(word)))));
    add("trimSpace", on_text("trimSpace", |word| Ok(text(word.trim()))));
    add("join", Arc::new(|args| Ok(text(texts_arg("join", args, 1)?.join(&text_arg("join", args, 0)?)))));
    add(
        "match",
        Arc::new(|args| {
            let (pattern, subject) = (text_arg("match", args, 0)?, text_arg("match", args, 1)?);
            Ok(Value::Bool(regex(&pattern)?.is_match(&subject)))
        }),
    );
    add(
        "reReplaceAll",
        Arc::new(|args| {
            let word = |index| text_arg("reReplaceAll", args, index);
            let (pattern, by, subject) = (word(0)?, word(1)?, word(2)?);
            Ok(text(regex(&pattern)?.replace_all(&subject, by.as_str())))
        }),
    );
    add(
        "stringSlice",
        Arc::new(|args| {
            (0..args.len())
                .map(|index| text_arg("stringSlice", args, index))
                .collect::<Result<Vec<_>, _>>()
                .map(|words| list(words.iter().map(text)))
        }),
    );
    add("safeHtml", trusted("safeHtml", SafeKind::Html));
    add("safeUrl", trusted("safeUrl", SafeKind::Url));
    add("urlUnescape", on_text("urlUnescape", |word| unescape(word).map(text)));
    add(
        "base64encode",
        on_text("base64encode", |word| Ok(text(watchfire_settings::http::base64(word.as_bytes())))),
    );
    add(
        "base64decode",
        on_text("base64decode", |word| {
            let bytes = crate::encoding::unbase64(word)
                .ok_or_else(|| failure("error calling base64decode: illegal base64 data"))?;
            Ok(text(String::from_utf8_lossy(&bytes)))
        }),
    );
    add("toJson", Arc::new(|args| Ok(text(json::json_text(arg("toJson", args, 0)?)))));
    add("list", Arc::new(|args| Ok(list(args.iter().cloned()))));
    add(
        "append",
        Arc::new(|args| match arg("append", args, 0)? {
            Value::List(items) => Ok(list(items.iter().chain(args.iter().skip(1)).cloned())),
            Value::Nil => Ok(list(args.iter().skip(1).cloned())),
            other => Err(wrong_type("append", "[]interface {}", other)),
        }),
    );
    add("dict", Arc::new(dict));
    add("date", Arc::new(|args| time::format("date", arg("date", args, 1)?, &text_arg("date", args, 0)?)));
    add("tz", Arc::new(|args| time::to_zone("tz", arg("tz", args, 1)?, &text_arg("tz", args, 0)?)));
    add(
        "toDate",
        Arc::new(|args| {
            let (layout, word) = (text_arg("toDate", args, 0)?, text_arg("toDate", args, 1)?);
            Ok(time::parse(&layout, &word).unwrap_or_else(time::zero))
        }),
    );
    add(
        "mustToDate",
        Arc::new(|args| {
            let (layout, word) = (text_arg("mustToDate", args, 0)?, text_arg("mustToDate", args, 1)?);
            time::parse(&layout, &word).ok_or_else(|| {
                failure(format!(
                    "error calling mustToDate: parsing time {word:?} as {layout:?}: cannot parse"
                ))
            })
        }),
    );
    add(
        "humanizeDuration",
        Arc::new(|args| Ok(text(humanize::seconds(number_arg("humanizeDuration", args, 0)?)))),
    );
    let instant =
        move || jiff::Timestamp::from_millisecond(clock.now_ms()).map_err(|error| failure(error.to_string()));
    let now = instant.clone();
    add("now", Arc::new(move |_| Ok(time::time(now()?))));
    add(
        "since",
        Arc::new(move |args| {
            let of = arg("since", args, 0)?;
            let at = time::as_time(of).ok_or_else(|| wrong_type("since", "time.Time", of))?;
            let passed = instant()?.as_nanosecond() - at.as_nanosecond();
            Ok(time::duration(i64::try_from(passed).unwrap_or(i64::MAX)))
        }),
    );
    functions
}

fn on_text(name: &'static str, function: impl Fn(&str) -> Answer + Send + Sync + 'static) -> ValueFunc {
    Arc::new(move |args| function(&text_arg(name, args, 0)?))
}

fn trusted(name: &'static str, kind: SafeKind) -> ValueFunc {
    Arc::new(move |args| Ok(Value::Safe { kind, s: text_arg(name, args, 0)?.into() }))
}

fn dict(args: &[Value]) -> Answer {
    let (pairs, rest) = args.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(failure("error calling dict: expected names and values in turn"));
    }
    let mut entries = Vec::with_capacity(pairs.len());
    for [name, value] in pairs {
        let Value::String(name) = name else { return Err(wrong_type("dict", "string", name)) };
        entries.push((name.as_ref(), value.clone()));
    }
    Ok(map(entries))
}

/// Every word with its first letter in upper case and all others in lower case.
fn title(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut begun = false;
    let mut chars = words.chars().peekable();
    while let Some(c) = chars.next() {
        // An apostrophe or a full stop between two letters is inside of a word.
        let joins = matches!(c, '\'' | '\u{2019}' | '.' | '_' | ':' | '\u{b7}');
        let inside = joins && begun && chars.peek().is_some_and(|next| next.is_alphanumeric());
        if !c.is_alphanumeric() && !inside {
            begun = false;
            out.push(c);
        } else if begun || !c.is_alphabetic() {
            out.extend(c.to_lowercase());
        } else {
            begun = true;
            out.push(go_upper(c));
        }
    }
    out
}

/// Go's `url.QueryUnescape`.
fn unescape(word: &str) -> Result<String, TemplateError> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
                    return Err(failure(format!(
                        "error calling urlUnescape: invalid URL escape in {word:?}"
                    )));
                };
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(0));
            }
            byte => bytes.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
