//! Values printed as Go's `fmt` prints them: `print`, `println`, `printf`, and what an action writes.

use crate::engine::Dialect;
use crate::fields::pairs_of;
use crate::{humanize, time, value};
use gotmpl::{Template, TemplateError, Value};

/// More arguments than this are a slip.
const MAX_ARGUMENTS: usize = 64;

/// `name=value, other=value`.
pub(crate) fn pairs_text<'v>(pairs: impl Iterator<Item = (&'v str, &'v Value)>) -> String {
    let words: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    words.join(", ")
}

/// A value as Go's verb `%v` writes it.
pub(crate) fn word(dialect: Dialect, value: &Value) -> String {
    let inner = |value: &Value| word(dialect, value);
    match value {
        Value::Float(number) => humanize::shortest(*number),
        Value::List(items) => {
            let pairs = dialect == Dialect::Notifications
                && !items.is_empty()
                && items.iter().all(|item| value::struct_type(item) == Some("template.Pair"));
            if pairs {
                let pairs = items
                    .iter()
                    .filter_map(|item| Some((item.field("Name")?.as_str()?, item.field("Value")?)));
                return pairs_text(pairs);
            }
            let words: Vec<String> = items.iter().map(inner).collect();
            format!("[{}]", words.join(" "))
        }
        Value::Map(map) => {
            if let Some(text) = time::text_of(value) {
                return text;
            }
            if let Some(name) = value::struct_type(value) {
                let words: Vec<String> =
                    value::struct_fields(name, map).into_iter().map(|(_, value)| inner(value)).collect();
                return format!("{{{}}}", words.join(" "));
            }
            if dialect == Dialect::Notifications
                && map.values().all(|value| matches!(value, Value::String(_)))
            {
                return pairs_text(pairs_of(map));
            }
            let words: Vec<String> =
                map.iter().map(|(name, value)| format!("{name}:{}", inner(value))).collect();
            format!("map[{}]", words.join(" "))
        }
        other => other.to_string(),
    }
}

/// A value as an action writes it; what the engine writes right itself stays as it is.
pub fn printed(dialect: Dialect, value: &Value) -> Value {
    match value {
        Value::Float(_) | Value::List(_) | Value::Map(_) => Value::String(word(dialect, value).into()),
        other => other.clone(),
    }
}

/// Go's `fmt.Sprint`: a space between two operands of which neither is a text.
pub(crate) fn print(dialect: Dialect, args: &[Value]) -> Result<Value, TemplateError> {
    let mut text = String::new();
    let mut after_text = true;
    for value in args {
        let is_text = matches!(value, Value::String(_) | Value::Safe { .. });
        if !after_text && !is_text {
            text.push(' ');
        }
        text.push_str(&word(dialect, value));
        after_text = is_text;
    }
    Ok(Value::String(text.into()))
}

/// Go's `fmt.Sprintln`: a space between all operands.
pub(crate) fn println(dialect: Dialect, args: &[Value]) -> Result<Value, TemplateError> {
    let words: Vec<String> = args.iter().map(|value| word(dialect, value)).collect();
    Ok(Value::String(format!("{}\n", words.join(" ")).into()))
}

/// The engine's `printf`, with what it would write otherwise than Go written out beforehand.
pub(crate) fn printf(dialect: Dialect, args: &[Value]) -> Result<Value, TemplateError> {
    if args.len() > MAX_ARGUMENTS {
        return Err(TemplateError::Exec(format!("printf: more than {MAX_ARGUMENTS} arguments")));
    }
    let mut args = args.to_vec();
    if let Some((Value::String(format), operands)) = args.split_first_mut() {
        let verbs = verbs(format);
        if verbs.contains(&Some('T')) {
            *format = format.replace("%T", "%s").into();
        }
        for (index, operand) in operands.iter_mut().enumerate() {
            let verb = verbs.get(index).copied().flatten();
            let rewritten = match (&*operand, verb) {
                (_, Some('T')) => Some(value::type_name(operand).to_owned()),
                (Value::Float(_), Some('v')) => Some(word(dialect, operand)),
                (Value::Map(_) | Value::List(_), Some('v' | 's' | 'q' | 'x')) => Some(word(dialect, operand)),
                _ => None,
            };
            if let Some(text) = rewritten {
                *operand = Value::String(text.into());
            } else if let Some(number) = time::number_of(operand) {
                *operand = Value::Int(number);
            }
        }
    }
    let names: Vec<String> = (0..args.len()).map(|index| format!("a{index}")).collect();
    let call: String = names.iter().map(|name| format!(" .{name}")).collect();
    let data = value::map(names.iter().map(String::as_str).zip(args));
    let text = Template::new("").parse(&format!("{{{{printf{call}}}}}"))?.execute_to_string(&data)?;
    Ok(Value::String(text.into()))
}

/// The verb of each operand in turn; `None` where a precision changes what a text would look like. Empty where the
/// format counts its operands itself, by `*` or `[n]`.
fn verbs(format: &str) -> Vec<Option<char>> {
    let mut verbs = Vec::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            continue;
        }
        let mut precise = false;
        for c in chars.by_ref() {
            match c {
                '*' | '[' => return Vec::new(),
                '.' => precise = true,
                '0'..='9' | '+' | '-' | '#' | ' ' => {}
                '%' => break,
                verb => {
                    verbs.push(Some(verb).filter(|_| !precise));
                    break;
                }
            }
        }
    }
    verbs
}
