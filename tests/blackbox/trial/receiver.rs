//! Somebody to be told who is often ill: each request gets the next answer of a plan, and once the plan is used up, a good one.

use crate::differential::random::Random;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an attempt may take, as the program on trial is configured.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
/// Whoever got no answer for so long has surely turned away.
const NEVER: Duration = Duration::from_secs(40);

/// How a request is answered, with its letter in the printed plan and how many of a hundred get it.
const ANSWERS: [(char, Reply, usize); 11] = [
    ('.', Reply::Good, 50),
    ('4', Reply::TooMany, 8),
    ('r', Reply::TooManyWait, 8),
    ('5', Reply::Broken, 6),
    ('u', Reply::Unavailable, 6),
    ('o', Reply::NotOk, 6),
    ('n', Reply::Never, 2),
    ('s', Reply::Slow, 4),
    ('t', Reply::SlowCut, 2),
    ('b', Reply::CutBefore, 4),
    ('a', Reply::CutAfter, 4),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    /// 200.
    Good,
    /// 429, and no word of when.
    TooMany,
    /// 429, in a second.
    TooManyWait,
    /// 500.
    Broken,
    /// 503.
    Unavailable,
    /// Slack's 200 that says `ok: false`; for others 502.
    NotOk,
    /// The request is read, and nothing comes.
    Never,
    /// 200, its body a byte at a time.
    Slow,
    /// 200, its body cut in the middle.
    SlowCut,
    /// The connection is cut before anything is read.
    CutBefore,
    /// The request is read, and the connection cut.
    CutAfter,
}

/// What a notification came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was read, and its sender was told so: by a 2xx, and from Slack by the whole of its body.
    Confirmed,
    /// It was read, and its sender cannot know.
    Ambiguous,
    /// Its sender was told that it was not taken.
    Refused,
}

/// A notification that was read.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    /// The path it came to.
    pub(super) destination: String,
    /// What it says: of each life, whether it fires.
    pub(super) lives: BTreeSet<(String, bool)>,
    pub(super) standing: Standing,
    /// Its sender was gone before it could be answered: it may have waited here for longer than its repetition.
    pub(super) is_late: bool,
    /// How often the program had been killed before.
    pub(super) process: usize,
    /// The sender's name for this content.
    pub(super) key: Option<String>,
}

pub(super) struct Receiver {
    pub(super) address: String,
    plan: Vec<(char, Reply)>,
    tellings: Arc<Mutex<Vec<Telling>>>,
    requests: Arc<AtomicUsize>,
    kills: Arc<AtomicUsize>,
}

impl Receiver {
    pub(super) fn start(seed: u64, ill_for: usize) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut random = Random::new(seed);
        let plan = (0..ill_for).map(|_| draw(&mut random)).collect();
        let receiver = Arc::new(Self {
            address,
            plan,
            tellings: Arc::default(),
            requests: Arc::default(),
            kills: Arc::default(),
        });
        let shared = Arc::downgrade(&receiver);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(receiver) = shared.upgrade() else { return };
                std::thread::spawn(move || receiver.serve(stream));
            }
        });
        receiver
    }

    /// The plan as far as it was used, a letter for each request.
    pub(super) fn plan(&self) -> String {
        let used = self.requests.load(Ordering::SeqCst).min(self.plan.len());
        self.plan[..used].iter().map(|(letter, _)| *letter).collect()
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// The program was killed and is gone.
    pub(super) fn killed(&self) -> usize {
        self.kills.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn tellings(&self) -> MutexGuard<'_, Vec<Telling>> {
        self.tellings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody confirmed to have heard of the beginning or the end of a life.
    pub(super) fn heard(&self, life: &str, fires: bool) -> bool {
        self.tellings().iter().any(|telling| {
            telling.standing == Standing::Confirmed
                && telling.lives.iter().any(|(name, state)| name == life && *state == fires)
        })
    }

    fn serve(&self, stream: TcpStream) {
        let (process, begun) = (self.kills.load(Ordering::SeqCst), Instant::now());
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let reply = self.plan.get(number).map_or(Reply::Good, |(_, reply)| *reply);
        if reply == Reply::CutBefore {
            return;
        }
        let Some(request) = Request::read(stream) else { return };
        let is_slack = request.path == "/slack";
        let lives = if is_slack { lives_of_slack(&request.body) } else { lives_of_webhook(&request.body) };
        let mut telling = Telling {
            destination: request.path.clone(),
            lives,
            standing: Standing::Ambiguous,
            is_late: !request.is_waited_for(),
            process,
            key: request.key.clone(),
        };
        // It is written down before the answer goes out, for by the answer others may know of it.
        let place = {
            let mut tellings = self.tellings();
            telling.standing = match reply {
                Reply::TooMany
                | Reply::TooManyWait
                | Reply::Broken
                | Reply::Unavailable
                | Reply::NotOk
                | Reply::CutBefore => Standing::Refused,
                Reply::Never | Reply::SlowCut | Reply::CutAfter | Reply::Good | Reply::Slow => {
                    Standing::Ambiguous
                }
            };
            tellings.push(telling);
            tellings.len() - 1
        };
        let confirmed = answer(request, reply, is_slack) && begun.elapsed() < TIMEOUT / 2;
        if confirmed {
            self.tellings()[place].standing = Standing::Confirmed;
        }
    }
}

fn draw(random: &mut Random) -> (char, Reply) {
    let mut left = random.below(100);
    for (letter, reply, share) in ANSWERS {
        if left < share {
            return (letter, reply);
        }
        left -= share;
    }
    unreachable!("the shares are a hundred")
}

struct Request {
    stream: TcpStream,
    path: String,
    key: Option<String>,
    body: Value,
}

impl Request {
    fn read(stream: TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first).ok()?;
        let path = first.split_whitespace().nth(1)?.to_owned();
        let (mut length, mut key, mut line) = (0, None, String::new());
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            if let Some((name, value)) = line.split_once(':') {
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap_or(0),
                    "idempotency-key" => key = Some(value.trim().to_owned()),
                    _ => {}
                }
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = serde_json::from_slice(&body).ok()?;
        Some(Self { stream: reader.into_inner(), path, key, body })
    }

    /// Whether the sender still waits for an answer.
    fn is_waited_for(&self) -> bool {
        let waits = self.stream.set_nonblocking(true).is_ok()
            && self.stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        waits && self.stream.set_nonblocking(false).is_ok()
    }
}

/// Answers, and says whether the sender has got a whole 2xx.
fn answer(mut request: Request, reply: Reply, is_slack: bool) -> bool {
    let body = if is_slack { r#"{"ok":true,"channel":"C1","ts":"1.1"}"# } else { "thanks, noted" };
    let head = |status: &str, more: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n")
    };
    let refusal = |status: &str, more: &str| head(status, more, 0);
    let text = match reply {
        Reply::Good => head("200 OK", "", body.len()) + body,
        Reply::TooMany => refusal("429 Too Many Requests", ""),
        Reply::TooManyWait => refusal("429 Too Many Requests", "retry-after: 1\r\n"),
        Reply::Broken => refusal("500 Internal Server Error", ""),
        Reply::Unavailable => refusal("503 Service Unavailable", ""),
        Reply::NotOk if is_slack => {
            let body = r#"{"ok":false,"error":"internal_error"}"#;
            head("200 OK", "", body.len()) + body
        }
        Reply::NotOk => refusal("502 Bad Gateway", ""),
        Reply::Slow | Reply::SlowCut => head("200 OK", "", body.len()),
        Reply::Never => {
            let _ = request.stream.set_read_timeout(Some(NEVER));
            let _ = request.stream.read(&mut [0]);
            return false;
        }
        Reply::CutBefore | Reply::CutAfter => return false,
    };
    if !request.is_waited_for() || request.stream.write_all(text.as_bytes()).is_err() {
        return false;
    }
    let slowly = match reply {
        Reply::Good => return true,
        Reply::Slow => body,
        Reply::SlowCut => &body[..body.len() / 2],
        _ => return false,
    };
    let is_said = !is_slack;
    for byte in slowly.as_bytes() {
        std::thread::sleep(Duration::from_millis(20));
        if !request.is_waited_for() || request.stream.write_all(&[*byte]).is_err() {
            return is_said;
        }
    }
    is_said || reply == Reply::Slow
}

fn lives_of_webhook(body: &Value) -> BTreeSet<(String, bool)> {
    let alerts = body["alerts"].as_array().into_iter().flatten();
    alerts
        .map(|alert| {
            let life = alert["annotations"]["life"].as_str().unwrap_or_default().to_owned();
            (life, alert["status"] == "firing")
        })
        .collect()
}

/// The template of the Slack receiver writes `[firing=12/1]` for each alert.
fn lives_of_slack(body: &Value) -> BTreeSet<(String, bool)> {
    let text = body["attachments"][0]["text"].as_str().unwrap_or_default();
    let marks = text.split('[').skip(1).filter_map(|mark| mark.split(']').next()?.split_once('='));
    marks.map(|(status, life)| (life.to_owned(), status == "firing")).collect()
}
