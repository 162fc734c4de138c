//! Running `nvidia-smi` and its kin, within a time limit.

use super::Fault;
use super::device::Snapshot;
use super::smi;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The largest answer that is read.
const LARGEST_ANSWER_BYTES: u64 = 8 << 20;

/// How old an answer may be that is given again: the program takes a second of a CPU on some machines, and the host is
/// looked at every five seconds.
const FRESH: Duration = Duration::from_secs(15);

/// How often a program is tried again that somebody writes to at the moment.
const BUSY_RETRIES: usize = 10;

/// The program, and the fields that it said it knows.
pub(super) struct SmiProgram {
    name: PathBuf,
    limit: Duration,
    fields: Option<String>,
    last: Option<(Instant, Snapshot)>,
}

/// A program's place: as it stands with a slash in it, otherwise in PATH.
pub(super) fn find(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return name.is_file().then(|| name.to_path_buf());
    }
    let places = std::env::var_os("PATH")?;
    std::env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_file())
}

impl SmiProgram {
    pub(super) fn new(name: PathBuf, limit: Duration) -> Self {
        // Three questions share the time that one answer may take.
        Self { name, limit: limit.mul_f64(0.3), fields: None, last: None }
    }

    /// What the program says; `None` when there is no such program.
    pub(super) fn look(&mut self) -> Option<Result<Snapshot, Fault>> {
        let program = find(&self.name)?;
        if let Some((at, snapshot)) = &self.last
            && at.elapsed() < FRESH
        {
            return Some(Ok(snapshot.clone()));
        }
        let answer = self.ask(&program);
        self.last = answer.as_ref().ok().map(|snapshot| (Instant::now(), snapshot.clone()));
        Some(answer)
    }

    fn ask(&mut self, program: &Path) -> Result<Snapshot, Fault> {
        let fields = match &self.fields {
            Some(fields) => fields.clone(),
            None => {
                let known = smi::known_fields(&self.run(program, &["--help-query-gpu"])?).join(",");
                if known.is_empty() {
                    let message = format!("{} does not say which fields it knows", program.display());
                    return Err(Fault { reason: "garbage", message });
                }
                self.fields.insert(known).clone()
            }
        };
        let text = self.run(program, &[&format!("--query-gpu={fields}"), "--format=csv"]);
        // A new driver may know other fields than the one before it.
        let text = text.inspect_err(|_| self.fields = None)?;
        let mut devices = smi::devices(&text);
        if devices.is_empty() {
            let said: String = text.trim().chars().take(200).collect();
            let message = format!("{} tells of no GPU; it says {said:?}", program.display());
            return Err(Fault { reason: "garbage", message });
        }
        let query = "--query-compute-apps=gpu_uuid,pid,used_gpu_memory,process_name";
        let processes = self.run(program, &[query, "--format=csv"]).map(|text| smi::processes(&text));
        let list =
            if devices.iter().any(smi::is_split) { self.run(program, &["-L"])? } else { String::new() };
        smi::complete(&mut devices, processes.unwrap_or_default(), &list);
        Ok(Snapshot { source: "nvidia-smi", devices, ..Snapshot::default() })
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Result<String, Fault> {
        run(program, arguments, self.limit)
    }
}

/// What a program prints, or why it does not.
pub(crate) fn run(program: &Path, arguments: &[&str], limit: Duration) -> Result<String, Fault> {
    let failed = |reason, text: String| Fault { reason, message: format!("{}: {text}", program.display()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut spawned = command.spawn();
    // A program that is being replaced is busy for a moment.
    for _ in 0..BUSY_RETRIES {
        match &spawned {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(20));
                spawned = command.spawn();
            }
            _ => break,
        }
    }
    let mut child = spawned.map_err(|error| {
        let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
        failed(if denied { "permission_denied" } else { "program_failed" }, error.to_string())
    })?;
    let (send, answers) = channel();
    if let Some(output) = child.stdout.take() {
        thread::spawn(move || {
            let mut text = Vec::new();
            let read = output.take(LARGEST_ANSWER_BYTES).read_to_end(&mut text);
            drop(send.send(read.map(|_| String::from_utf8_lossy(&text).into_owned())));
        });
    }
    let text = match answers.recv_timeout(limit) {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => {
            drop(child.kill());
            return Err(failed("program_failed", error.to_string()));
        }
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            // A program that waits for a dead driver cannot even be killed; nobody waits for it.
            drop(child.kill());
            thread::spawn(move || child.wait());
            return Err(failed("timeout", format!("no answer within {:.1?}", limit)));
        }
    };
    let status = child.wait().map_err(|error| failed("program_failed", error.to_string()))?;
    if status.success() {
        return Ok(text);
    }
    let said: String = text.trim().chars().take(200).collect();
    Err(failed(complaint(&said), format!("{status}; it says {said:?}")))
}

/// The reason in what the program complains of.
fn complaint(said: &str) -> &'static str {
    if said.contains("Driver/library version mismatch") {
        "driver_mismatch"
    } else if said.contains("Insufficient Permissions") {
        "permission_denied"
    } else if said.contains("GPU is lost") || said.contains("fallen off the bus") {
        "gpu_lost"
    } else {
        "program_failed"
    }
}
