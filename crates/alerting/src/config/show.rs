//! The configuration for people and tools to see: the same YAML, written anew with every secret masked.

use std::fmt::Write as _;
use watchfire_settings::yaml::{Node, ScalarKind, Value};

/// What stands where a secret was, in Alertmanager's word.
const MASK: &str = "<secret>";

/// Keys whose values are secrets wherever they stand, and lists or mappings of which all values are.
const SECRETS: [&str; 34] = [
    "access_key",
    "alert_source_token",
    "api_key",
    "api_secret",
    "app_token",
    "auth_password",
    "auth_secret",
    "bearer_token",
    "bot_token",
    "client_secret",
    "credentials",
    "key",
    "mattermost_webhook_url",
    "opsgenie_api_key",
    "password",
    "proxy_connect_header",
    "proxy_url",
    "rocketchat_token",
    "rocketchat_token_id",
    "routing_key",
    "secret_key",
    "secrets",
    "service_key",
    "slack_api_url",
    "slack_app_token",
    "smtp_auth_password",
    "smtp_auth_secret",
    "telegram_bot_token",
    "token",
    "token_id",
    "user_key",
    "victorops_api_key",
    "webhook_url",
    "wechat_api_secret",
];

/// Keys that are a secret only inside another one.
const SECRETS_BELOW: [(&str, &str); 4] = [
    ("slack_configs", "api_url"),
    ("webhook_configs", "url"),
    ("webhook_outputs", "url"),
    ("outputs", "url"),
];

/// What stands where a secret address was: amtool reads what is shown, and older ones want an address there. This is one
/// to them.
const MASKED_ADDRESS: &str = "http://<secret>/";

/// Writes a configuration with its secrets masked.
pub(super) fn masked(node: &Node) -> String {
    let mut out = String::new();
    write(&mut out, node, 0, "", false);
    out
}

fn write(out: &mut String, node: &Node, depth: usize, below: &str, secret: bool) {
    match &node.value {
        Value::Null => out.push_str("null\n"),
        Value::Scalar(text, _) if secret && !text.is_empty() => {
            let is_address = below == "webhook_configs" && text.starts_with("http");
            let _ = writeln!(out, "{}", if is_address { MASKED_ADDRESS } else { MASK });
        }
        Value::Scalar(text, kind) => {
            scalar(out, text, *kind);
            out.push('\n');
        }
        Value::List(items) if items.is_empty() => out.push_str("[]\n"),
        Value::Map(entries) if entries.is_empty() => out.push_str("{}\n"),
        Value::List(items) => {
            if depth > 0 {
                out.push('\n');
            }
            for item in items {
                indent(out, depth);
                out.push('-');
                inline(out, item, depth, below, secret);
            }
        }
        Value::Map(entries) => {
            if depth > 0 {
                out.push('\n');
            }
            for (key, value) in entries {
                indent(out, depth);
                scalar(out, &key.name, ScalarKind::Text);
                out.push(':');
                let name = key.name.as_str();
                let is_secret = secret || SECRETS.contains(&name) || SECRETS_BELOW.contains(&(below, name));
                let below =
                    if name.ends_with("_configs") || name.ends_with("outputs") { name } else { below };
                inline(out, value, depth, below, is_secret);
            }
        }
    }
}

/// A value behind a key or a dash: on the same line, or on those below, further in.
fn inline(out: &mut String, node: &Node, depth: usize, below: &str, secret: bool) {
    if matches!(&node.value, Value::Null | Value::Scalar(..)) || is_empty(node) {
        out.push(' ');
    }
    write(out, node, depth + 1, below, secret);
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Numbers and plain words as they are, everything else as JSON writes it, which YAML reads, too.
fn scalar(out: &mut String, text: &str, kind: ScalarKind) {
    let is_plain = match kind {
        ScalarKind::Number | ScalarKind::Bool(_) => true,
        ScalarKind::Text => {
            let word = |c: char| c.is_ascii_alphanumeric() || "_/.-".contains(c);
            // What could be read as a number or a truth is quoted.
            text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
                && text.chars().all(word)
                && !["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"]
                    .contains(&text.to_ascii_lowercase().as_str())
        }
    };
    if is_plain {
        out.push_str(text);
    } else {
        // A text can always be written as JSON.
        out.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}
