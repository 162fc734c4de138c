//! A mail server that takes every mail, and writes each down as what it means: addresses, headers, parts without their
//! encodings.

use super::recorder::{Recorder, Seen};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What is another with every mail.
const PLUMBING: [&str; 2] = ["date", "message-id"];

/// Starts it; its address. A mail belongs to the receiver that its first addressee is named after.
pub(super) async fn start(recorder: Recorder) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(converse(stream, recorder.clone()));
        }
    });
    address
}

async fn converse(stream: TcpStream, recorder: Recorder) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(b"220 mail\r\n").await?;
    let mut said: Vec<String> = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match word.as_str() {
            "EHLO" => "250-mail\r\n250-AUTH CRAM-MD5 PLAIN LOGIN\r\n250 8BITMIME",
            "AUTH" if line.contains("CRAM") => "334 PDEyM0BtYWlsPg==",
            "AUTH" if line.ends_with("LOGIN") => "334 VXNlcm5hbWU6",
            "AUTH" => "235 in",
            "DATA" => "354 go",
            "QUIT" => "221 bye",
            "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 fine",
            _ if said.last().is_some_and(|last| last.starts_with("AUTH")) => "235 in",
            _ => "500 what",
        };
        said.push(line);
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?;
        if word == "QUIT" {
            return Ok(());
        }
        if word == "DATA" {
            let mut mail = String::new();
            while !mail.ends_with("\r\n.\r\n") {
                if stream.read_line(&mut mail).await? == 0 {
                    return Ok(());
                }
            }
            let mail = mail.trim_end_matches(".\r\n").replace("\r\n..", "\r\n.");
            let seen = seen(&std::mem::take(&mut said), &mail);
            let to = seen.request.split("TO:<").nth(1).and_then(|rest| rest.split('@').next());
            recorder.keep(to.unwrap_or_default(), seen.clone());
            stream.get_mut().write_all(b"250 queued\r\n").await?;
        }
    }
}

fn seen(said: &[String], mail: &str) -> Seen {
    let said: Vec<&str> = said.iter().map(String::as_str).filter(|line| *line != "DATA").collect();
    // What is offered is said by neither, and nothing hangs on it.
    let request = said.join("; ").replace(" BODY=8BITMIME", "");
    let (mut headers, body) = part(mail);
    headers.retain(|name, _| !PLUMBING.contains(&name.as_str()));
    let kind = headers.remove("content-type").unwrap_or_default();
    let (kind, boundary) = kind.split_once("boundary=").unwrap_or((&kind, ""));
    headers.insert("content-type".to_owned(), kind.trim_end_matches([' ', ';']).to_owned());
    let marker = format!("--{}", boundary.trim_matches('"'));
    let parts = body.split(&marker).skip(1).filter(|part| !part.starts_with("--"));
    let parts: Vec<Value> = parts
        .map(|text| {
            let (headers, body) = part(text.trim_start_matches("\r\n"));
            let body = body.strip_suffix("\r\n").unwrap_or(&body);
            json!({"headers": headers, "text": plain(body)})
        })
        .collect();
    Seen { request, headers, body: json!({ "parts": parts }) }
}

/// Headers, and what comes after the empty line.
fn part(text: &str) -> (BTreeMap<String, String>, String) {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), words(value.trim())));
    (headers.collect(), body.to_owned())
}

/// A header's words, of which some are encoded.
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut last_was_encoded = false;
    for word in text.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?q?").and_then(|word| word.strip_suffix("?="));
        if !(out.is_empty() || last_was_encoded && encoded.is_some()) {
            out.push(' ');
        }
        last_was_encoded = encoded.is_some();
        match encoded {
            Some(encoded) => out.push_str(&plain(&encoded.replace('_', " "))),
            None => out.push_str(word),
        }
    }
    out
}

/// A quoted-printable text as it is meant.
fn plain(text: &str) -> String {
    let text = text.replace("=\r\n", "").replace("\r\n", "\n");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match (first, code.and_then(|code| u8::from_str_radix(code, 16).ok())) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}
