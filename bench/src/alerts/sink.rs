//! A webhook receiver that takes everything and notes when.

use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
struct State {
    requests: usize,
    groups: HashSet<String>,
    /// When each instance was heard of first.
    heard: HashMap<String, i64>,
}

pub(super) struct Sink {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

impl Sink {
    pub(super) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/", listener.local_addr()?);
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Ok(Self { url, state })
    }

    pub(super) fn groups(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).groups.len()
    }

    pub(super) fn requests(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).requests
    }

    pub(super) fn heard(&self) -> HashMap<String, i64> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).heard.clone()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? <= 2 {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        if length == 0 {
            return None;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body: Value = serde_json::from_slice(&body).ok()?;
        {
            let at_ms = crate::now_ms().ok()?;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.requests += 1;
            state.groups.insert(body["groupKey"].as_str().unwrap_or_default().to_owned());
            for alert in body["alerts"].as_array().into_iter().flatten() {
                let instance = alert["labels"]["instance"].as_str().unwrap_or_default();
                state.heard.entry(instance.to_owned()).or_insert(at_ms);
            }
        }
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}
