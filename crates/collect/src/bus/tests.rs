use super::*;
use proptest::prelude::*;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const LIMIT: Duration = Duration::from_secs(30);

/// What a bus of a test answers to a call of a member with arguments: a body, or an error.
pub(crate) type Answers = fn(path: &str, member: &str, arguments: &[String]) -> Result<Reply, &'static str>;

/// A body under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    bytes: Vec<u8>,
}

impl Reply {
    fn pad(&mut self, size: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(size), 0);
    }

    pub(crate) fn string(mut self, text: &str) -> Self {
        self = self.u32(text.len() as u32);
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
        self
    }

    pub(crate) fn u32(mut self, number: u32) -> Self {
        self.pad(4);
        self.bytes.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn variant(mut self, kind: u8) -> Self {
        self.bytes.extend([1, kind, 0]);
        self
    }

    pub(crate) fn u64(mut self, number: u64) -> Self {
        self.pad(8);
        self.bytes.extend(number.to_le_bytes());
        self
    }

    /// An array of structures, each with its own way to be filled.
    pub(crate) fn structures(mut self, rows: &[&dyn Fn(Self) -> Self]) -> Self {
        self = self.u32(0);
        let place = self.bytes.len() - 4;
        self.pad(8);
        let start = self.bytes.len();
        for row in rows {
            self.pad(8);
            self = row(self);
        }
        let length = (self.bytes.len() - start) as u32;
        self.bytes[place..place + 4].copy_from_slice(&length.to_le_bytes());
        self
    }
}

/// A bus that answers as a test wants, to one connection after another.
pub(crate) fn fake(answers: Answers) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Ends when the other side has heard enough.
            let _ = serve(BufReader::new(stream), answers);
        }
    });
    (folder, path)
}

fn serve(mut stream: BufReader<UnixStream>, answers: Answers) -> std::io::Result<()> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    assert!(line.starts_with("\0AUTH EXTERNAL "), "{line:?}");
    stream.get_mut().write_all(b"OK 0123456789abcdef\r\n")?;
    line.clear();
    stream.read_line(&mut line)?;
    assert_eq!(line, "BEGIN\r\n");
    loop {
        let mut bytes = vec![0; 16];
        stream.read_exact(&mut bytes)?;
        let rest = wire::rest_bytes(&bytes[..].try_into().unwrap()).unwrap();
        bytes.resize(16 + rest, 0);
        stream.read_exact(&mut bytes[16..])?;
        let serial = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
        let (path, member, arguments) = understand(&bytes);
        let reply = if member == "Hello" {
            Ok(Reply::default().string(":1.1"))
        } else {
            answers(&path, &member, &arguments)
        };
        let mut message = Vec::new();
        // A signal comes in between, as on a real bus.
        push_message(&mut message, 4, None, &Reply::default());
        match reply {
            Ok(reply) => push_message(&mut message, 2, Some((serial, "")), &reply),
            Err(name) => push_message(&mut message, 3, Some((serial, name)), &Reply::default().string("no")),
        }
        stream.get_mut().write_all(&message)?;
    }
}

fn understand(bytes: &[u8]) -> (String, String, Vec<String>) {
    let field = |code: u8| {
        // Fields of a call: a code, one letter of a type, a string.
        let mut at = 16;
        let end = 16 + u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
        while at < end {
            let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
            let is_signature = bytes[at + 2] == b'g';
            let text = if is_signature { &[][..] } else { &bytes[at + 8..at + 8 + length] };
            if bytes[at] == code {
                return String::from_utf8(text.to_vec()).unwrap();
            }
            at = if is_signature { end } else { (at + 8 + length + 1).next_multiple_of(8) };
        }
        String::new()
    };
    let fields = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let mut at = (16 + fields).next_multiple_of(8);
    let mut arguments = Vec::new();
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        arguments.push(String::from_utf8(bytes[at + 4..at + 4 + length].to_vec()).unwrap());
        at = (at + 4 + length + 1).next_multiple_of(4);
    }
    (field(1), field(3), arguments)
}

fn push_message(out: &mut Vec<u8>, kind: u8, answer: Option<(u32, &str)>, body: &Reply) {
    let mut message = Reply::default();
    message.bytes.extend([b'l', kind, 1, 1]);
    message = message.u32(body.bytes.len() as u32).u32(7);
    let fields: Vec<Box<dyn Fn(Reply) -> Reply>> = vec![
        Box::new(move |mut row: Reply| {
            row.bytes.push(5);
            row.variant(b'u').u32(answer.map_or(0, |(serial, _)| serial))
        }),
        Box::new(move |mut row: Reply| {
            row.bytes.push(4);
            row.variant(b's').string(answer.map_or("", |(_, name)| name))
        }),
    ];
    let skipped = usize::from(answer.is_none());
    let rows: Vec<&dyn Fn(Reply) -> Reply> = fields.iter().skip(skipped).map(|row| &**row as _).collect();
    message = message.structures(&rows);
    message.pad(8);
    message.bytes.extend(&body.bytes);
    out.extend(message.bytes);
}

fn ask<'a>(member: &'a str, arguments: &'a [&'a str]) -> Call<'a> {
    Call { destination: "a.b", path: "/c", interface: "a.b.C", member, arguments }
}

#[test]
fn answers_belong_to_their_questions() {
    let (_folder, path) = fake(|_, member, arguments| match member {
        "Echo" => Ok(Reply::default().variant(b's').string(&arguments.join("+"))),
        "Count" => Ok(Reply::default().variant(b't').u64(7)),
        _ => Err("org.freedesktop.DBus.Error.UnknownMethod"),
    });
    let mut bus = Bus::connect(&path, LIMIT).unwrap();
    let many: Vec<Call<'_>> =
        (0..300).map(|number| ask(if number % 3 == 0 { "Count" } else { "Echo" }, &["x", "yy"])).collect();
    let answers = bus.call_all(&many).unwrap();
    assert_eq!(answers.len(), 300);
    for (number, answer) in answers.into_iter().enumerate() {
        let text = answer.unwrap().reader().variant_text().unwrap();
        assert_eq!(text, if number % 3 == 0 { "7" } else { "x+yy" });
    }
    let error = bus.call(ask("Nonsense", &[])).unwrap_err().to_string();
    assert_eq!(error, "org.freedesktop.DBus.Error.UnknownMethod: no");
}

#[test]
fn a_bus_that_says_nothing_costs_its_time_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let _listener = UnixListener::bind(&path).unwrap();
    let error = Bus::connect(&path, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, BusError::Broken(_)), "{error}");
}

#[test]
fn a_bus_that_refuses_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"REJECTED ANONYMOUS\r\n").unwrap();
        // Read until the other side goes, so that it can read what was said.
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
    });
    let error = Bus::connect(&path, LIMIT).unwrap_err();
    assert_eq!(error.to_string(), "the bus refuses: REJECTED ANONYMOUS");
}

/// A bus of its own, ended with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_bus_understands_us() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let started = Command::new("dbus-daemon")
        .args(["--session", "--nofork", "--nopidfile"])
        .arg(format!("--address=unix:path={}", path.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = started else {
        println!("skipped: there is no dbus-daemon on this machine");
        return;
    };
    let mut daemon = Daemon(child);
    let deadline = Instant::now() + LIMIT;
    let mut bus = loop {
        match Bus::connect(&path, LIMIT) {
            Ok(bus) => break bus,
            Err(error) => {
                if let Some(status) = daemon.0.try_wait().unwrap() {
                    println!("skipped: dbus-daemon does not run here: {status}");
                    return;
                }
                assert!(Instant::now() < deadline, "{error}");
                std::thread::yield_now();
            }
        }
    };
    let own = "org.freedesktop.DBus";
    fn owner_of<'a>(arguments: &'a [&'a str]) -> Call<'a> {
        let (own, path) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
        Call { destination: own, path, interface: own, member: "GetNameOwner", arguments }
    }
    let owner = bus.call(owner_of(&[own])).unwrap();
    assert_eq!(owner.reader().string().unwrap(), own);
    let error = bus.call(owner_of(&["no.such"])).unwrap_err().to_string();
    assert!(error.starts_with("org.freedesktop.DBus.Error.NameHasNoOwner"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 0_usize..4) {
        if let Ok(head) = <&[u8; 16]>::try_from(bytes.get(..16).unwrap_or_default()) {
            drop(wire::rest_bytes(head));
        }
        if let Ok(message) = wire::decode(bytes) {
            let mut reader = message.body.reader();
            drop(reader.variant_text());
            if let Ok(mut rows) = reader.array(1 << size) {
                while rows.next_structure() && rows.string().is_ok() {}
            }
        }
    }
}
