//! A configuration written back as YAML, without its secrets.

use super::secret::MASK;
use super::yaml::{Node, ScalarKind, Value};

/// Keys whose value is a secret wherever it stands in Prometheus's configuration.
const SECRET_KEYS: [&str; 17] = [
    "password",
    "credentials",
    "bearer_token",
    "client_secret",
    "secret_key",
    "token",
    "auth_token",
    "key",
    "secrets",
    "application_secret",
    "consumer_key",
    "key_passphrase",
    "application_credential_secret",
    "service_account_key",
    "private_key",
    "secret",
    "client_certificate_key",
];

/// Keys whose entries are headers, which may carry credentials.
const SECRET_MAPS: [&str; 2] = ["proxy_connect_header", "headers"];

/// Writes a tree as YAML.
pub(super) fn render(node: &Node) -> String {
    let mut text = String::new();
    match &node.value {
        Value::Null => {}
        _ => write_block(node, 0, &mut text),
    }
    text
}

fn write_block(node: &Node, indent: usize, text: &mut String) {
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                push_indent(indent, text);
                text.push_str(&scalar(&key.name, ScalarKind::Text));
                text.push(':');
                write_entry(&key.name, value, indent, text);
            }
        }
        Value::List(items) if !items.is_empty() => {
            for item in items {
                push_indent(indent, text);
                text.push('-');
                write_item(item, indent, text);
            }
        }
        _ => {
            push_indent(indent, text);
            text.push_str(&inline(node));
            text.push('\n');
        }
    }
}

fn write_entry(key: &str, value: &Node, indent: usize, text: &mut String) {
    let secret_key = SECRET_KEYS.contains(&key);
    match &value.value {
        Value::Scalar(content, _) if secret_key && !content.is_empty() => {
            text.push_str(&format!(" {MASK}\n"));
        }
        Value::List(items) if secret_key => {
            text.push('\n');
            for _ in items {
                push_indent(indent, text);
                text.push_str(&format!("- {MASK}\n"));
            }
        }
        Value::Map(entries) if SECRET_MAPS.contains(&key) && !entries.is_empty() => {
            text.push('\n');
            for (name, _) in entries {
                push_indent(indent + 2, text);
                text.push_str(&format!("{}: {MASK}\n", scalar(&name.name, ScalarKind::Text)));
            }
        }
        Value::Map(entries) if key == "heartbeat" => {
            // Whoever knows the address can keep the alarm quiet.
            text.push('\n');
            for (name, node) in entries {
                push_indent(indent + 2, text);
                text.push_str(&scalar(&name.name, ScalarKind::Text));
                text.push(':');
                write_entry(if name.name == "url" { "secret" } else { &name.name }, node, indent + 2, text);
            }
        }
        Value::Map(entries) if !entries.is_empty() => {
            text.push('\n');
            write_block(value, indent + 2, text);
        }
        Value::List(items) if !items.is_empty() => {
            text.push('\n');
            write_block(value, indent, text);
        }
        Value::Null => text.push('\n'),
        _ => {
            text.push(' ');
            text.push_str(&inline(value));
            text.push('\n');
        }
    }
}

/// The first line of an item stands beside its dash.
fn write_item(item: &Node, indent: usize, text: &mut String) {
    match &item.value {
        Value::Map(entries) if !entries.is_empty() => {
            let mut block = String::new();
            write_block(item, indent + 2, &mut block);
            text.push(' ');
            text.push_str(block.trim_start_matches(' '));
        }
        Value::List(items) if !items.is_empty() => {
            text.push('\n');
            write_block(item, indent + 2, text);
        }
        Value::Null => text.push('\n'),
        _ => {
            text.push(' ');
            text.push_str(&inline(item));
            text.push('\n');
        }
    }
}

fn inline(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Scalar(content, kind) => scalar(&without_password(content), *kind),
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) => "{}".to_owned(),
    }
}

/// Masks the password of an URL.
fn without_password(content: &str) -> String {
    match reqwest::Url::parse(content) {
        Ok(mut url) if url.password().is_some() => {
            // Setting a password fails only for URLs that cannot have one.
            let _ = url.set_password(Some("xxxxx"));
            url.to_string()
        }
        _ => content.to_owned(),
    }
}

fn scalar(content: &str, kind: ScalarKind) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./$<>+()*,@%^=~|".contains(c);
    let starts_plain = content.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/');
    let word = matches!(
        content.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
    );
    if kind != ScalarKind::Text || (starts_plain && !word && content.chars().all(plain)) {
        return content.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in content.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn push_indent(indent: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', indent));
}
