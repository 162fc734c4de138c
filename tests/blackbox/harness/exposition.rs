//! A target that says whatever it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a target behaves.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Answers with this body and content type.
    Body(&'static str, String),
    /// Never stops sending.
    Endless,
    /// Sends a byte now and then.
    Trickle,
    /// Accepts and says nothing.
    Silent,
}

/// A target on loopback.
pub(crate) struct Target {
    pub(crate) address: String,
    behaviour: Arc<Mutex<Behaviour>>,
    asked: Arc<AtomicUsize>,
}

impl Target {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let behaviour = Arc::new(Mutex::new(behaviour));
        let shared = Arc::clone(&behaviour);
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let behaviour = shared.lock().unwrap().clone();
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || answer(stream, behaviour));
            }
        });
        Self { address, behaviour, asked }
    }

    /// How often it was asked, the answer that is under way included.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn becomes(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }
}

pub(crate) fn text(body: impl Into<String>) -> Behaviour {
    Behaviour::Body("text/plain; version=0.0.4", body.into())
}

fn answer(mut stream: TcpStream, behaviour: Behaviour) {
    let mut request = [0; 4096];
    let Ok(_) = stream.read(&mut request) else { return };
    let head = |kind: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n");
    let _ = match behaviour {
        Behaviour::Body(kind, body) => {
            write!(stream, "{}content-length: {}\r\n\r\n{body}", head(kind), body.len())
        }
        Behaviour::Endless => {
            let _ = write!(stream, "{}\r\n", head("text/plain; version=0.0.4"));
            let block = "endless{a=\"b\"} 1\n".repeat(1024);
            while stream.write_all(block.as_bytes()).is_ok() {}
            Ok(())
        }
        Behaviour::Trickle => {
            let _ = write!(stream, "{}\r\n", head("text/plain; version=0.0.4"));
            while stream.write_all(b"#").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        }
        Behaviour::Silent => {
            std::thread::sleep(Duration::from_secs(30));
            Ok(())
        }
    };
}
