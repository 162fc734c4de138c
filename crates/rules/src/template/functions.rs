//! Prometheus's template functions.

use super::rewrite::{FIELD, PRINTED};
use super::{Surroundings, duration, humanize, labels_value, map_value, printing};
use gotmpl::{FuncMap, Template, TemplateError, Value, ValueFunc};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

type Answer = Result<Value, TemplateError>;

/// How deep `tmpl` may call itself.
const MAX_TMPL_DEPTH: u32 = 16;

fn failure(message: impl Into<String>) -> TemplateError {
    TemplateError::Exec(message.into())
}

fn text(value: impl AsRef<str>) -> Value {
    Value::String(value.as_ref().into())
}

/// The functions that every template has, except `tmpl`.
pub(super) fn all(around: &Surroundings) -> FuncMap {
    let mut map = FuncMap::new();
    let mut add = |name: &str, function: ValueFunc| {
        map.insert(name.to_owned(), function);
    };
    add(FIELD, Arc::new(field));
    add(PRINTED, Arc::new(printed));
    add("print", Arc::new(printing::print));
    add("println", Arc::new(printing::println));
    add("printf", Arc::new(printing::printf));
    add("first", Arc::new(first));
    add(
        "label",
        Arc::new(|args| Ok(text(label_of(text_arg("label", args, 0)?.as_str(), arg("label", args, 1)?)))),
    );
    add("value", Arc::new(|args| field(&[arg("value", args, 0)?.clone(), text("Value")])));
    add("strvalue", Arc::new(|args| Ok(text(label_of("__value__", arg("strvalue", args, 0)?)))));
    add("sortByLabel", Arc::new(sort_by_label));
    add("args", Arc::new(numbered));
    add("reReplaceAll", Arc::new(replace_all));
    add("match", Arc::new(is_match));
    add("safeHtml", Arc::new(|args| Ok(arg("safeHtml", args, 0)?.clone())));
    add("title", text_function("title", title));
    add("toUpper", text_function("toUpper", |s| s.chars().map(upper).collect()));
    add("toLower", text_function("toLower", |s| s.chars().map(lower).collect()));
    add(
        "graphLink",
        text_function("graphLink", |s| format!("/graph?g0.expr={}&g0.tab=0", gotmpl::url_encode(s))),
    );
    add(
        "tableLink",
        text_function("tableLink", |s| format!("/graph?g0.expr={}&g0.tab=1", gotmpl::url_encode(s))),
    );
    add("urlQueryEscape", text_function("urlQueryEscape", |s| gotmpl::url_encode(s).to_string()));
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
    let time = |v| humanize::timestamp(v).map(text).map_err(failure);
    add("humanizeTimestamp", number_function("humanizeTimestamp", time));
    add("toTime", number_function("toTime", time));
    add("toDuration", number_function("toDuration", |v| Ok(text(duration::go_text(v)))));
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
            let list: Vec<Value> = samples
                .iter()
                .map(|sample| {
                    map_value([
                        ("Labels", labels_value(&sample.labels)),
                        ("Value", Value::Float(sample.value)),
                    ])
                })
                .collect();
            Ok(Value::List(list.into()))
        }),
    );
    map
}

thread_local! {
    static TMPL_DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// `tmpl "name" data`: executes a template that is named by a value.
pub(super) fn tmpl(template: Arc<OnceLock<Weak<Template>>>) -> ValueFunc {
    Arc::new(move |args| {
        let name = text_arg("tmpl", args, 0)?;
        let data = args.get(1).cloned().unwrap_or(Value::Nil);
        let template =
            template.get().and_then(Weak::upgrade).ok_or_else(|| failure("template is not ready"))?;
        let depth = TMPL_DEPTH.get();
        if depth >= MAX_TMPL_DEPTH {
            return Err(failure(format!("tmpl {name:?}: nested more than {MAX_TMPL_DEPTH} deep")));
        }
        TMPL_DEPTH.set(depth + 1);
        let result = template.execute_template_to_string(&name, &data);
        TMPL_DEPTH.set(depth);
        result.map(text)
    })
}

fn arg<'v>(function: &str, args: &'v [Value], index: usize) -> Result<&'v Value, TemplateError> {
    args.get(index).ok_or_else(|| {
        failure(format!(
            "wrong number of args for {function}: want at least {}, got {}",
            index + 1,
            args.len()
        ))
    })
}

fn text_arg(function: &str, args: &[Value], index: usize) -> Result<String, TemplateError> {
    match arg(function, args, index)? {
        Value::String(text) => Ok(text.to_string()),
        Value::Nil => Ok(String::new()),
        other => Err(failure(format!(
            "error calling {function}: wrong type for value; expected string; got {}",
            other.type_name()
        ))),
    }
}

fn number_arg(function: &str, args: &[Value], index: usize) -> Result<f64, TemplateError> {
    match arg(function, args, index)? {
        Value::Float(value) => Ok(*value),
        Value::Int(value) => Ok(*value as f64),
        Value::Uint(value) => Ok(*value as f64),
        Value::String(text) => parse_float(text).ok_or_else(|| {
            failure(format!("error calling {function}: strconv.ParseFloat: parsing {text:?}: invalid syntax"))
        }),
        other => {
            Err(failure(format!("error calling {function}: can't convert {} to float", other.type_name())))
        }
    }
}

fn parse_float(text: &str) -> Option<f64> {
    if text.is_empty() || text.trim() != text {
        return None;
    }
    text.parse().ok()
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

/// A chain of field accesses. Maps that stand for Go structs have fixed fields, the others are label sets.
fn field(args: &[Value]) -> Answer {
    let mut value = arg(FIELD, args, 0)?.clone();
    for name in args.iter().skip(1) {
        let Value::String(name) = name else { continue };
        value = match &value {
            Value::Map(map) => match map.get(name.as_ref()) {
                Some(found) => found.clone(),
                None if map.contains_key("Labels") => {
                    return Err(failure(format!("can't evaluate field {name} in type template data")));
                }
                None => text(""),
            },
            other => {
                return Err(failure(format!("can't evaluate field {name} in type {}", other.type_name())));
            }
        };
    }
    Ok(value)
}

fn printed(args: &[Value]) -> Answer {
    Ok(match arg(PRINTED, args, 0)? {
        Value::Float(value) => text(humanize::shortest(*value)),
        value => value.clone(),
    })
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
    let map: BTreeMap<Arc<str>, Value> =
        args.iter().enumerate().map(|(index, value)| (format!("arg{index}").into(), value.clone())).collect();
    Ok(Value::Map(Arc::new(map)))
}

fn compile_regex(pattern: &str) -> Result<regex::Regex, TemplateError> {
    regex::Regex::new(pattern).map_err(|error| {
        failure(format!("invalid regular expression {pattern:?}: {}", error.to_string().replace('\n', " ")))
    })
}

fn replace_all(args: &[Value]) -> Answer {
    let (pattern, by) = (text_arg("reReplaceAll", args, 0)?, text_arg("reReplaceAll", args, 1)?);
    let subject = text_arg("reReplaceAll", args, 2)?;
    Ok(text(compile_regex(&pattern)?.replace_all(&subject, by.as_str())))
}

fn is_match(args: &[Value]) -> Answer {
    let (pattern, subject) = (text_arg("match", args, 0)?, text_arg("match", args, 1)?);
    Ok(Value::Bool(compile_regex(&pattern)?.is_match(&subject)))
}

/// Go maps letter by letter: where there is no single letter, the letter stays.
fn upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    mapped.next().filter(|_| mapped.next().is_none()).unwrap_or(c)
}

fn lower(c: char) -> char {
    let mut mapped = c.to_lowercase();
    mapped.next().filter(|_| mapped.next().is_none()).unwrap_or(c)
}

/// Go's `strings.Title`: the first letter of every word in upper case. In ASCII all but letters, digits and `_`
/// separates words, beyond it only white space does.
fn title(text: &str) -> String {
    let mut inside_word = false;
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        result.push(if inside_word { c } else { upper(c) });
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
