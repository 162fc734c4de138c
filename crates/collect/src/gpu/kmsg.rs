//! The kernel's log, read to its end without ever waiting: errors of GPUs, and the other lines after which a machine
//! is not what it was.

use super::device::pci_address;
use crate::CollectError;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The most that is read at one look; a kernel's whole ring buffer is smaller.
const BYTES_AT_ONCE: usize = 4 << 20;

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An error of a GPU: PCI address and number.
    Xid(String, u32),
    /// Something else, by name.
    Other(&'static str),
}

/// What a message of the kernel means to somebody who watches the machine; most mean nothing.
pub(super) fn event(message: &str) -> Option<Event> {
    if let Some((_, rest)) = message.split_once("NVRM: Xid (") {
        let (pci, rest) = rest.split_once("): ")?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        return Some(Event::Xid(pci_address(pci), digits.parse().ok()?));
    }
    let has = |text: &str| message.contains(text);
    let name = if has(": SXid (PCI:") {
        "nvswitch_error"
    } else if has("soft lockup - CPU#") {
        "soft_lockup"
    } else if has(" blocked for more than ") && has(" seconds") {
        "hung_task"
    } else if has(" invoked oom-killer") {
        "oom_kill"
    } else if has("Remounting filesystem read-only") {
        "filesystem_read_only"
    } else if message.starts_with("nvme ") && has(": I/O ") && has("timeout") {
        "nvme_timeout"
    } else if has(" segfault at ") && has(" in libnccl.so") {
        "nccl_segfault"
    } else if has("Port module event") && has("High Temperature") {
        "network_module_hot"
    } else if message.starts_with("nfs: server ") && has(" not responding") {
        "nfs_not_responding"
    } else if has("Detected insufficient power on the PCIe slot") {
        "pcie_power_short"
    } else if has("Machine check events logged") || has("[Hardware Error]: Machine check") {
        "machine_check"
    } else if has("got invalid context, peer memory") || has("nv_peer_mem") && has("ERROR") {
        "peer_memory_error"
    } else if has(": EXT4-fs error ") || message.starts_with("EXT4-fs error ") {
        "filesystem_error"
    } else {
        return None;
    };
    Some(Event::Other(name))
}

/// A line of the log's device: when it was written, in microseconds since the machine started, and the message.
fn record(line: &str) -> Option<(i64, &str)> {
    let (prefix, message) = line.split_once(';')?;
    Some((prefix.split(',').nth(2)?.parse().ok()?, message))
}

/// The log, read from where the last look ended.
#[derive(Debug)]
pub(super) struct Kmsg {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
}

impl Kmsg {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, rest: Vec::new() }
    }

    /// The events since the last look, each with microseconds since the machine started. The first look brings all that
    /// the kernel remembers.
    pub(super) fn look(&mut self) -> Result<Vec<(i64, Event)>, CollectError> {
        let failed = |path: &Path, source| CollectError::Read { path: path.to_path_buf(), source };
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                // Reading an open log would wait for the kernel's next word.
                let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
                let opened = OpenOptions::new().read(true).custom_flags(flags).open(&self.path);
                none.insert(opened.map_err(|source| failed(&self.path, source))?)
            }
        };
        let mut events = Vec::new();
        let (mut buffer, mut total) = ([0; 8192], 0);
        while total < BYTES_AT_ONCE {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    total += count;
                    self.rest.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    take_lines(&mut self.rest, &mut events);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The kernel wrote over what was not read yet; the next read goes on with what is there.
                Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::Interrupted) => {}
                Err(source) => {
                    self.file = None;
                    return Err(failed(&self.path, source));
                }
            }
        }
        Ok(events)
    }
}

/// Takes the whole lines off the front.
fn take_lines(rest: &mut Vec<u8>, events: &mut Vec<(i64, Event)>) {
    let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
        // No message is this long: what is here is no log.
        if rest.len() > 64 << 10 {
            rest.clear();
        }
        return;
    };
    let lines: Vec<u8> = rest.drain(..=end).collect();
    for line in String::from_utf8_lossy(&lines).lines() {
        if let Some((micros, message)) = record(line)
            && let Some(event) = event(message)
        {
            events.push((micros, event));
        }
    }
}

#[cfg(test)]
mod tests;
