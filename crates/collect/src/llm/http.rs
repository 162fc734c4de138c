//! One question to a port of this host: no redirects, no encryption, little patience.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The most that is read of an answer.
const LARGEST_BYTES: usize = 1 << 20;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Asks for a path. The whole of it takes no longer than `patience`, and a slow body is cut there.
pub(super) fn get(address: SocketAddr, path: &str, patience: Duration) -> std::io::Result<Answer> {
    let started = Instant::now();
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_write_timeout(Some(patience))?;
    // The older protocol: the answer ends with the connection, and comes in one piece.
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: */*\r\nUser-Agent: Watchfire\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 << 10]);
    while bytes.len() < LARGEST_BYTES {
        let left = patience.saturating_sub(started.elapsed());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(_) if !bytes.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let garbage = || std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer is no HTTP");
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(garbage)?;
    let status =
        head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok()).ok_or_else(garbage)?;
    Ok(Answer { status, body: body.to_owned() })
}
