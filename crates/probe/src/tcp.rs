//! TCP: a connection, encrypted or not, and a conversation on it (blackbox_exporter's `tcp`).

use crate::config::Tcp;
use crate::dial;
use crate::report::{Report, shortened};
use regex::bytes::{Captures, Regex};
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Lines longer than this are no conversation.
const MAX_LINE_BYTES: u64 = 64 << 10;
const REGEX: &str = "probe_failed_due_to_regex";
const REGEX_HELP: &str = "Indicates if probe failed due to regex";

/// A connection that may become encrypted on the way.
enum Line {
    Plain(BufReader<TcpStream>),
    Encrypted(Box<BufReader<TlsStream<TcpStream>>>),
}

pub(crate) async fn probe(tcp: &Tcp, target: &str, report: &mut Report) -> Result<(), String> {
    let (host, port) = dial::host_and_port(target)?;
    let (address, _) = dial::resolve(&host, tcp.ip, report).await?;
    report.flag(REGEX, REGEX_HELP, false);
    let stream = dial::connect(SocketAddr::new(address, port), tcp.source).await?;
    report.say(format!("connected to {address}, port {port}"));
    let mut line = if tcp.encrypted {
        let stream = dial::encrypt(stream, &host, &tcp.tls, &[], report).await?;
        Line::Encrypted(Box::new(BufReader::new(stream)))
    } else {
        Line::Plain(BufReader::new(stream))
    };
    for exchange in &tcp.talk {
        let mut captured: Option<(Regex, Vec<u8>)> = None;
        if let Some(expect) = &exchange.expect {
            let found = match &mut line {
                Line::Plain(stream) => expect_line(stream, expect, report).await,
                Line::Encrypted(stream) => expect_line(stream.as_mut(), expect, report).await,
            };
            captured = Some((expect.clone(), found.inspect_err(|_| report.flag(REGEX, REGEX_HELP, true))?));
        }
        let captures = captured.as_ref().and_then(|(regex, line)| regex.captures(line));
        if !exchange.labels.is_empty() {
            let filled: Vec<(String, String)> = exchange
                .labels
                .iter()
                .map(|(name, value)| (name.clone(), expanded(captures.as_ref(), value)))
                .collect();
            report.info("probe_expect_info", "Explicit content matched", &filled);
        }
        if let Some(send) = &exchange.send {
            let text = expanded(captures.as_ref(), send);
            report.say(format!("sending {text:?}"));
            let bytes = format!("{text}\n");
            match &mut line {
                Line::Plain(stream) => write(stream.get_mut(), bytes.as_bytes()).await?,
                Line::Encrypted(stream) => write(stream.get_mut(), bytes.as_bytes()).await?,
            }
        }
        if exchange.starttls {
            let Line::Plain(stream) = line else {
                return Err("starttls on a connection that is encrypted already".to_owned());
            };
            if !stream.buffer().is_empty() {
                return Err("the other side spoke before encryption began".to_owned());
            }
            let stream = dial::encrypt(stream.into_inner(), &host, &tcp.tls, &[], report).await?;
            line = Line::Encrypted(Box::new(BufReader::new(stream)));
        }
    }
    Ok(())
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot send: {error}");
    stream.write_all(bytes).await.map_err(failed)?;
    stream.flush().await.map_err(failed)
}

/// Reads until a line matches.
async fn expect_line<S: AsyncRead + Unpin>(
    stream: &mut BufReader<S>,
    expect: &Regex,
    report: &mut Report,
) -> Result<Vec<u8>, String> {
    loop {
        let mut line = Vec::new();
        let mut limited = stream.take(MAX_LINE_BYTES);
        let read =
            limited.read_until(b'\n', &mut line).await.map_err(|error| format!("cannot read: {error}"))?;
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        if read == 0 {
            return Err(format!("the connection ended before a line matched {expect}"));
        }
        report.say(format!("read {:?}", shortened(&String::from_utf8_lossy(&line))));
        if expect.is_match(&line) {
            return Ok(line);
        }
    }
}

/// Puts what was captured in place of `${1}` and `$name`.
fn expanded(captures: Option<&Captures<'_>>, text: &str) -> String {
    let Some(captures) = captures else { return text.to_owned() };
    let mut bytes = Vec::new();
    captures.expand(text.as_bytes(), &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
