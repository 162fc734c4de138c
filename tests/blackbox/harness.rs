//! Starts the binary, talks to it, and ends it one way or the other.

pub(crate) mod exposition;
pub(crate) mod remote_write;
pub(crate) mod remote_write_v2;
pub(crate) mod webhook;

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a condition may take to come true. Generous: it is only reached when something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    client: reqwest::Client,
}

/// Everything a server is started with.
pub(crate) struct Setup {
    pub(crate) folder: tempfile::TempDir,
    args: Vec<String>,
    port: u16,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), args: Vec::new(), port: 0 }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// With this configuration file.
    pub(crate) fn config(mut self, text: &str) -> Self {
        let path = self.write("prometheus.yml", text);
        self.args.push(format!("--config.file={}", path.display()));
        self
    }

    /// At this port, so that whoever knows it finds the server again after a restart.
    pub(crate) fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchfire"));
        command
            .arg("run")
            .args(&self.args)
            .arg(format!("--storage.tsdb.path={}", self.path("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the server and waits until it is ready.
    pub(crate) async fn start(&self) -> Server {
        self.start_at_prefix("").await
    }

    /// As [`Setup::start`], where the server's routes have a path before them.
    pub(crate) async fn start_at_prefix(&self, prefix: &str) -> Server {
        let server = self.start_unready();
        server.until_ready(prefix).await;
        server
    }

    /// Starts the server and waits until it listens.
    pub(crate) fn start_unready(&self) -> Server {
        let mut child = self.command().spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("address=") {
                    let _ = sender.send(rest.split_whitespace().next().unwrap_or("").to_owned());
                }
                if std::env::var_os("WATCHFIRE_TEST_LOGS").is_some() {
                    eprintln!("{line}");
                }
            }
        });
        let address = receiver.recv_timeout(PATIENCE).expect("the server says where it listens");
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Server { child, address, client }
    }

    /// Starts a server that must refuse to: its exit status and what it said.
    pub(crate) fn fail_to_start(&self) -> (ExitStatus, String) {
        let mut child = self.command().spawn().unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if started.elapsed() > PATIENCE {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = child.wait_with_output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Server {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.client.get(self.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let (_, body) = self.get(path).await;
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let response = self.client.post(self.url(path)).body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The result of an instant query, `data.result`.
    pub(crate) async fn query(&self, expr: &str) -> Vec<Value> {
        let answer = self.get_json(&format!("/api/v1/query?query={}", encode(expr))).await;
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// The value of an instant query that gives one sample.
    pub(crate) async fn value(&self, expr: &str) -> Option<f64> {
        let result = self.query(expr).await;
        result.first()?["value"][1].as_str()?.parse().ok()
    }

    pub(crate) async fn until_ready(&self, prefix: &str) {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Ok(response) = self.client.get(self.url(&format!("{prefix}/-/ready"))).send().await
                && response.status().is_success()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server did not become ready");
    }

    /// Waits until the query gives a value that pleases.
    pub(crate) async fn until(&self, expr: &str, pleases: impl Fn(f64) -> bool) -> f64 {
        let started = Instant::now();
        let mut last = None;
        while started.elapsed() < PATIENCE {
            last = self.value(expr).await;
            if let Some(value) = last.filter(|value| pleases(*value)) {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{expr} stayed {last:?}");
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// An orderly stop.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A child that ends with the test.
pub(crate) struct Peer(Child);

impl Peer {
    /// Starts a peer's program, or says that it is absent and gives nothing.
    pub(crate) fn start(program: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Option<Self> {
        Some(Self::start_at(&find_program(program)?, args))
    }

    /// Starts the program at a path.
    pub(crate) fn start_at(program: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self::start_within(program, args, &[])
    }

    /// The same with variables of the environment.
    pub(crate) fn start_within(
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        environment: &[(&str, String)],
    ) -> Self {
        let child = Command::new(program)
            .args(args)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) {
        let asked = Command::new("kill").arg(self.0.id().to_string()).status().unwrap();
        assert!(asked.success());
        self.0.wait().unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks a peer's program up; prints why the test skips when it is absent.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: {program} is not installed");
    }
    found
}

/// A port that was free a moment ago, and that nobody else is given by chance: it lies below those that systems hand out
/// by themselves, and each is given once.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Processes that run at the same time begin at different places.
    let start = std::process::id().wrapping_mul(97);
    loop {
        let place = start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + place).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Percent-encodes a query parameter.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_watchfire"))
}
