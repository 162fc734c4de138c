//! `print`, `println` and `printf`, which write numbers as Go does also under the verb `%v`.

use super::{humanize, map_value};
use gotmpl::{Template, TemplateError, Value};

/// More arguments than this are a slip.
const MAX_ARGUMENTS: usize = 64;

fn word(value: &Value) -> String {
    match value {
        Value::Float(number) => humanize::shortest(*number),
        other => other.to_string(),
    }
}

/// Go's `fmt.Sprint`: a space between two operands of which neither is a text.
pub(super) fn print(args: &[Value]) -> Result<Value, TemplateError> {
    let mut text = String::new();
    let mut after_text = true;
    for value in args {
        let is_text = matches!(value, Value::String(_));
        if !after_text && !is_text {
            text.push(' ');
        }
        text.push_str(&word(value));
        after_text = is_text;
    }
    Ok(Value::String(text.into()))
}

/// Go's `fmt.Sprintln`: a space between all operands.
pub(super) fn println(args: &[Value]) -> Result<Value, TemplateError> {
    let words: Vec<String> = args.iter().map(word).collect();
    Ok(Value::String(format!("{}\n", words.join(" ")).into()))
}

/// The engine's `printf`, with the numbers that stand under a plain `%v` written out beforehand.
pub(super) fn printf(args: &[Value]) -> Result<Value, TemplateError> {
    if args.len() > MAX_ARGUMENTS {
        return Err(TemplateError::Exec(format!("printf: more than {MAX_ARGUMENTS} arguments")));
    }
    let mut args = args.to_vec();
    if let Some((Value::String(format), operands)) = args.split_first_mut() {
        for (index, verb) in verbs(format).into_iter().enumerate() {
            if let (Some('v'), Some(operand @ Value::Float(_))) = (verb, operands.get_mut(index)) {
                *operand = Value::String(word(operand).into());
            }
        }
    }
    let names: Vec<String> = (0..args.len()).map(|index| format!("a{index}")).collect();
    let call: String = names.iter().map(|name| format!(" .{name}")).collect();
    let data = map_value(names.iter().map(String::as_str).zip(args));
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
