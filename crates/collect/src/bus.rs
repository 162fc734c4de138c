//! A client of D-Bus, as small as asking for properties needs: one connection to a bus on this machine, calls and their
//! answers. Nothing is offered, no signal is listened to.
//!
//! The libraries that there are bring a runtime of their own or a dozen crates that nothing else needs; the part of the
//! protocol that asks is two hundred lines.

mod wire;

pub(crate) use wire::Body;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};
use wire::{Kind, Message};

/// The longest answer that is read. A machine with a hundred thousand units says twenty MiB about them.
const LARGEST_MESSAGE_BYTES: usize = 32 << 20;

/// What went wrong between here and who was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    /// The connection failed, or took too long.
    #[error("{0}")]
    Broken(#[from] std::io::Error),
    /// The bus does not let us in.
    #[error("the bus refuses: {0}")]
    Refused(String),
    /// What came is not as the protocol has it.
    #[error("what the bus says makes no sense: {0}")]
    Garbage(&'static str),
    /// Who was asked answers with an error.
    #[error("{name}: {text}")]
    Failed {
        /// The error's name, such as `org.freedesktop.DBus.Error.AccessDenied`.
        name: String,
        /// What it says.
        text: String,
    },
}

/// What is asked: of whom, which object, and what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
    /// Arguments, all of them strings: properties are asked for by name.
    pub(crate) arguments: &'a [&'a str],
}

/// A connection to a bus.
#[derive(Debug)]
pub(crate) struct Bus {
    stream: BufReader<UnixStream>,
    serial: u32,
    deadline: Instant,
}

impl Bus {
    /// Connects and says who we are. All that is asked afterwards has to be answered within `limit`.
    pub(crate) fn connect(socket: &Path, limit: Duration) -> Result<Self, BusError> {
        let stream = UnixStream::connect(socket)?;
        let mut bus = Self { stream: BufReader::new(stream), serial: 0, deadline: Instant::now() + limit };
        bus.arm()?;
        // The kernel tells the bus who we are; the number in hexadecimal digits of its decimal form repeats it.
        let user = rustix::process::geteuid().as_raw().to_string();
        let digits: String = user.bytes().map(|byte| format!("{byte:02x}")).collect();
        bus.send(format!("\0AUTH EXTERNAL {digits}\r\n").as_bytes())?;
        let mut line = String::new();
        (&mut bus.stream).take(1024).read_line(&mut line)?;
        if !line.starts_with("OK ") {
            return Err(BusError::Refused(line.trim().to_owned()));
        }
        bus.send(b"BEGIN\r\n")?;
        let hello = Call {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            member: "Hello",
            arguments: &[],
        };
        bus.call(hello)?;
        Ok(bus)
    }

    /// Asks, and waits for the answer.
    pub(crate) fn call(&mut self, call: Call<'_>) -> Result<Body, BusError> {
        self.call_all(&[call])?.pop().unwrap_or(Err(BusError::Garbage("no answer")))
    }

    /// Asks everything at once, and waits for all answers, which come in the order of the questions. An error of one is
    /// no error of the others.
    pub(crate) fn call_all(&mut self, calls: &[Call<'_>]) -> Result<Vec<Result<Body, BusError>>, BusError> {
        let mut answers = Vec::with_capacity(calls.len());
        // Few enough at a time that neither side's buffer can fill up while the other one waits.
        for some in calls.chunks(64) {
            self.call_some(some, &mut answers)?;
        }
        Ok(answers)
    }

    fn call_some(
        &mut self,
        calls: &[Call<'_>],
        answers: &mut Vec<Result<Body, BusError>>,
    ) -> Result<(), BusError> {
        let first = self.serial.wrapping_add(1).max(1);
        let mut bytes = Vec::new();
        for (call, serial) in calls.iter().zip(first..) {
            wire::encode(call, serial, &mut bytes);
            self.serial = serial;
        }
        self.send(&bytes)?;
        let mut open: Vec<Option<Result<Body, BusError>>> = calls.iter().map(|_| None).collect();
        let mut missing = calls.len();
        while missing > 0 {
            let message = self.receive()?;
            let Some(serial) = message.reply_serial else { continue };
            let place = serial.checked_sub(first).and_then(|place| usize::try_from(place).ok());
            let Some(slot) = place.and_then(|place| open.get_mut(place)) else { continue };
            let answer = match message.kind {
                Kind::Return => Ok(message.body),
                Kind::Error => Err(BusError::Failed {
                    text: message.body.reader().string().unwrap_or_default().to_owned(),
                    name: message.error_name,
                }),
                Kind::Other => continue,
            };
            missing -= usize::from(slot.replace(answer).is_none());
        }
        answers.extend(open.into_iter().flatten());
        Ok(())
    }

    /// Lets nothing take longer than the deadline.
    fn arm(&self) -> Result<(), BusError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(BusError::Broken(std::io::ErrorKind::TimedOut.into()));
        }
        let stream = self.stream.get_ref();
        stream.set_read_timeout(Some(left))?;
        stream.set_write_timeout(Some(left))?;
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), BusError> {
        self.arm()?;
        self.stream.get_mut().write_all(bytes)?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Message, BusError> {
        self.arm()?;
        let mut head = [0_u8; 16];
        self.stream.read_exact(&mut head)?;
        let rest_bytes = wire::rest_bytes(&head)?;
        if rest_bytes > LARGEST_MESSAGE_BYTES {
            return Err(BusError::Garbage("an answer without end"));
        }
        let mut bytes = head.to_vec();
        bytes.resize(head.len() + rest_bytes, 0);
        let rest = bytes.get_mut(head.len()..).unwrap_or_default();
        self.stream.read_exact(rest)?;
        wire::decode(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests;
