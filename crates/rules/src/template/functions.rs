//! Prometheus's template functions.

use super::{Surroundings, labels_value};
use std::cell::Cell;
use std::sync::{Arc, OnceLock, Weak};
use watchfire_templates::args::{Answer, arg, failure, number_arg, text_arg};
use watchfire_templates::value::{list, map, structure, text};
use watchfire_templates::{
    FuncMap, Library, Value, ValueFunc, go_lower, go_upper, humanize, regex, time, url_encode,
};

/// How deep `tmpl` may call itself.
const MAX_TMPL_DEPTH: u32 = 16;

/// The functions that every template has, except `tmpl`.
pub(super) fn all(around: &Surroundings) -> FuncMap {
    let mut functions = FuncMap::new();
    let mut add = |name: &str, function: ValueFunc| {
        functions.insert(name.to_owned(), function);
    };
    add("first", Arc::new(first));
    add(
        "label",
        Arc::new(|args| Ok(text(label_of(text_arg("label", args, 0)?.as_str(), arg("label", args, 1)?)))),
    );
    add("value", Arc::new(value));
    add("strvalue", Arc::new(|args| Ok(text(label_of("__value__", arg("strvalue", args, 0)?)))));
    add("sortByLabel", Arc::new(sort_by_label));
    add("args", Arc::new(numbered));
    add("reReplaceAll", Arc::new(replace_all));
    add("match", Arc::new(is_match));
    add("safeHtml", Arc::new(|args| Ok(arg("safeHtml", args, 0)?.clone())));
    add("title", text_function("title", title));
    add("toUpper", text_function("toUpper", |s| s.chars().map(go_upper).collect()));
    add("toLower", text_function("toLower", |s| s.chars().map(go_lower).collect()));
    add("graphLink", text_function("graphLink", |s| format!("/graph?g0.expr={}&g0.tab=0", url_encode(s))));
    add("tableLink", text_function("tableLink", |s| format!("/graph?g0.expr={}&g0.tab=1", url_encode(s))));
    add("urlQueryEscape", text_function("urlQueryEscape", |s| url_encode(s).to_string()));
    add(
        "stripPort",
        text_function("stripPort", |s| split_host_port(s).map_or(s, |(host, _)| host).to_owned()),
    );
    add("stripDomain", text_function("stripDomain", strip_domain));
    add("humanize", number_function("humanize", |v| Ok(text(humanize::si(v)))));
    add("humanize1024", number_function("humanize1024", |v| Ok(text(humanize::binary(v)))));
    add("humanizeDuration", number_function("humanizeDuration", |v| Ok(text(humanize::seconds(v)))));
    add(
        "humanizePercentage",
        number_function("humanizePercentage", |v| Ok(text(format!("{}%", humanize::four_digits(v * 100.0))))),
    );
    add(
        "humanizeTimestamp",
        number_function("humanizeTimestamp", |v| humanize::timestamp(v).map(text).map_err(failure)),
    );
    add("toTime", number_function("toTime", to_time));
    add("toDuration", number_function("toDuration", |v| Ok(time::duration(humanize::nanoseconds(v)))));
    add(
        "parseDuration",
        Arc::new(|args| {
            let written = text_arg("parseDuration", args, 0)?;
            let (negative, bare) =
                written.strip_prefix('-').map_or((false, written.as_str()), |bare| (true, bare));
            let parsed =
                watchfire_model::duration::parse(bare).map_err(|error| failure(error.to_string()))?;
            Ok(Value::Float(if negative { -parsed.as_secs_f64() } else { parsed.as_secs_f64() }))
        }),
    );
    let now = around.now_ms as f64 / 1000.0;
    add("now", Arc::new(move |_| Ok(Value::Float(now))));
    let url = around.external_url.clone();
    add("externalURL", Arc::new(move |_| Ok(text(&url))));
    let path = path_of(&around.external_url);
    add("pathPrefix", Arc::new(move |_| Ok(text(&path))));
    let query = Arc::clone(&around.query);
    add(
        "query",
        Arc::new(move |args| {
            let samples = query(&text_arg("query", args, 0)?).map_err(failure)?;
            Ok(list(samples.iter().map(|sample| {
                structure(
                    "*template.sample",
                    [("Labels", labels_value(&sample.labels)), ("Value", Value::Float(sample.value))],
                )
            })))
        }),
    );
    functions
}

thread_local! {
    static TMPL_DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// `tmpl "name" data`: executes a template that is named by a value.
pub(super) fn tmpl(library: Arc<OnceLock<Weak<Library>>>) -> ValueFunc {
    Arc::new(move |args| {
        let name = text_arg("tmpl", args, 0)?;
        let data = args.get(1).cloned().unwrap_or(Value::Nil);
        let library =
            library.get().and_then(Weak::upgrade).ok_or_else(|| failure("template is not ready"))?;
        let depth = TMPL_DEPTH.get();
        if depth >= MAX_TMPL_DEPTH {
            return Err(failure(format!("tmpl {name:?}: nested more than {MAX_TMPL_DEPTH} deep")));
        }
        TMPL_DEPTH.set(depth + 1);
        let result = library.call(&name, &data);
        TMPL_DEPTH.set(depth);
        result.map(text)
    })
}

fn text_function(name: &'static str, function: impl Fn(&str) -> String + Send + Sync + 'static) -> ValueFunc {
    Arc::new(move |args| Ok(text(function(&text_arg(name, args, 0)?))))
}

fn number_function(
    name: &'static str,
    function: impl Fn(f64) -> Answer + Send + Sync + 'static,
) -> ValueFunc {
    Arc::new(move |args| function(number_arg(name, args, 0)?))
}

/// Seconds since the Unix epoch as Go's `time.Time`, with all it can do.
fn to_time(seconds: f64) -> Answer {
    if !seconds.is_finite() {
        return Err(failure("error calling toTime: value is NaN or Inf"));
    }
    humanize::instant(seconds).map(time::time).map_err(failure)
}

fn value(args: &[Value]) -> Answer {
    match arg("value", args, 0)? {
        Value::Nil => Err(failure("error calling value: nil is no sample")),
        sample => sample.field("Value").cloned().ok_or_else(|| {
            failure(format!("error calling value: expected a sample; got {}", sample.type_name()))
        }),
    }
}

fn first(args: &[Value]) -> Answer {
    match arg("first", args, 0)? {
        Value::List(list) => {
            list.first().cloned().ok_or_else(|| failure("first() called on vector with no elements"))
        }
        other => Err(failure(format!("error calling first: expected a vector, got {}", other.type_name()))),
    }
}

fn label_of(name: &str, sample: &Value) -> String {
    let labels = sample.field("Labels");
    let value = labels.and_then(|labels| labels.field(name));
    value.and_then(Value::as_str).unwrap_or("").to_owned()
}

fn sort_by_label(args: &[Value]) -> Answer {
    let name = text_arg("sortByLabel", args, 0)?;
    let Value::List(list) = arg("sortByLabel", args, 1)? else {
        return Err(failure("error calling sortByLabel: expected a vector"));
    };
    let mut list: Vec<Value> = list.to_vec();
    list.sort_by_key(|sample| label_of(&name, sample));
    Ok(Value::List(list.into()))
}

fn numbered(args: &[Value]) -> Answer {
    let names: Vec<String> = (0..args.len()).map(|index| format!("arg{index}")).collect();
    Ok(map(names.iter().map(String::as_str).zip(args.iter().cloned())))
}

fn replace_all(args: &[Value]) -> Answer {
    let (pattern, by) = (text_arg("reReplaceAll", args, 0)?, text_arg("reReplaceAll", args, 1)?);
    let subject = text_arg("reReplaceAll", args, 2)?;
    Ok(text(regex(&pattern)?.replace_all(&subject, by.as_str())))
}

fn is_match(args: &[Value]) -> Answer {
    let (pattern, subject) = (text_arg("match", args, 0)?, text_arg("match", args, 1)?);
    Ok(Value::Bool(regex(&pattern)?.is_match(&subject)))
}

/// Go's `strings.Title`: the first letter of every word in upper case. In ASCII all but letters, digits and `_`
/// separates words, beyond it only white space does.
fn title(text: &str) -> String {
    let mut inside_word = false;
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        result.push(if inside_word { c } else { go_upper(c) });
        inside_word = if c.is_ascii() { c.is_ascii_alphanumeric() || c == '_' } else { !c.is_whitespace() };
    }
    result
}

/// `host:port` or `[v6]:port` in two; `None` where it is neither.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    if let Some(inside) = host.strip_prefix('[') {
        return Some((inside.strip_suffix(']')?, port));
    }
    (!host.contains(':') && !host.contains('[') && !host.contains(']')).then_some((host, port))
}

fn strip_domain(text: &str) -> String {
    let (host, port) = split_host_port(text).unwrap_or((text, ""));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let short = host.split('.').next().unwrap_or(host);
    if port.is_empty() { short.to_owned() } else { format!("{short}:{port}") }
}

fn path_of(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').and_then(|slash| after_scheme.get(slash..)).unwrap_or("").to_owned()
}
