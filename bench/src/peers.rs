//! The servers measured: how each is started, and what it costs while it runs.

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server under measurement.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    child: Child,
    pub(crate) base: String,
    /// Keeps a connection to it.
    pub(crate) client: reqwest::Client,
    data: PathBuf,
    program: PathBuf,
    args: Vec<String>,
}

/// What a server has cost so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// CPU time, user and system, in seconds.
    pub(crate) cpu_s: f64,
    /// Resident memory in bytes.
    pub(crate) resident_bytes: u64,
    /// Bytes in its data folder.
    pub(crate) disk_bytes: u64,
}

impl Peer {
    /// Starts a server with an empty data folder; nothing where its program is not found.
    pub(crate) async fn start(name: &'static str, program: &Path, folder: &Path) -> anyhow::Result<Self> {
        Self::start_with(name, program, folder, "").await
    }

    /// As [`Peer::start`], with more in its configuration file.
    pub(crate) async fn start_with(
        name: &'static str,
        program: &Path,
        folder: &Path,
        settings: &str,
    ) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let data = folder.join(name);
        std::fs::create_dir_all(&data)?;
        let empty = folder.join(format!("{name}.yml"));
        let data_path = data.display();
        let address = format!("127.0.0.1:{port}");
        let args: Vec<String> = match name {
            "watchfire" => {
                std::fs::write(
                    &empty,
                    format!("collect: {{enabled: false}}\nbuilt_in_rules: false\n{settings}"),
                )?;
                vec![
                    "run".to_owned(),
                    format!("--config.file={}", empty.display()),
                    format!("--storage.tsdb.path={data_path}"),
                    format!("--web.listen-address={address}"),
                    "--storage.tsdb.retention.time=100d".to_owned(),
                    "--log.level=error".to_owned(),
                ]
            }
            "prometheus" => {
                std::fs::write(&empty, format!("scrape_configs: []\n{settings}"))?;
                vec![
                    format!("--config.file={}", empty.display()),
                    format!("--storage.tsdb.path={data_path}"),
                    format!("--web.listen-address={address}"),
                    "--web.enable-remote-write-receiver".to_owned(),
                    "--web.enable-admin-api".to_owned(),
                    "--enable-feature=native-histograms".to_owned(),
                    "--storage.tsdb.retention.time=100d".to_owned(),
                    "--log.level=error".to_owned(),
                ]
            }
            "watchfire-alerts" => {
                std::fs::write(&empty, settings)?;
                vec![
                    "run".to_owned(),
                    "--alerting.only".to_owned(),
                    format!("--alertmanager.file={}", empty.display()),
                    format!("--storage.tsdb.path={data_path}"),
                    format!("--web.listen-address={address}"),
                    "--log.level=error".to_owned(),
                ]
            }
            "alertmanager" => {
                std::fs::write(&empty, settings)?;
                vec![
                    format!("--config.file={}", empty.display()),
                    format!("--storage.path={data_path}"),
                    format!("--web.listen-address={address}"),
                    "--cluster.listen-address=".to_owned(),
                    "--log.level=error".to_owned(),
                ]
            }
            "victoria-metrics" => vec![
                format!("-storageDataPath={data_path}"),
                format!("-httpListenAddr={address}"),
                "-retentionPeriod=100d".to_owned(),
                "-search.latencyOffset=0s".to_owned(),
                "-search.maxUniqueTimeseries=5000000".to_owned(),
                "-search.maxQueryDuration=300s".to_owned(),
                "-loggerLevel=ERROR".to_owned(),
            ],
            other => bail!("no way is known to start {other}"),
        };
        let child = spawn(program, &args)?;
        let program = program.to_owned();
        let (base, client) = (format!("http://{address}"), reqwest::Client::new());
        let peer = Self { name, child, base, client, data, program, args };
        peer.until_ready().await?;
        Ok(peer)
    }

    /// Kills the server as a crash would, starts it again on its data, and waits until it says it is ready.
    pub(crate) async fn crash_and_restart(&mut self) -> anyhow::Result<Duration> {
        self.child.kill()?;
        self.child.wait()?;
        let started = Instant::now();
        self.child = spawn(&self.program, &self.args)?;
        self.until_ready().await?;
        Ok(started.elapsed())
    }

    /// How many series have a sample at that time, as a query tells.
    pub(crate) async fn count_series(&self, at_ms: i64) -> anyhow::Result<u64> {
        self.count("count({__name__!=\"\"})", at_ms).await
    }

    /// What a query that counts says at that time.
    pub(crate) async fn count(&self, query: &str, at_ms: i64) -> anyhow::Result<u64> {
        let query = crate::queries::percent_encode(query);
        let url = format!("{}/api/v1/query?query={query}&time={}&timeout=300s", self.base, at_ms / 1000);
        let body = reqwest::get(url).await?.text().await?;
        let answer: serde_json::Value =
            serde_json::from_str(&body).with_context(|| format!("{}: {body:.200}", self.name))?;
        if answer["status"] != "success" {
            bail!("{} does not count: {}", self.name, answer["error"]);
        }
        let count = answer["data"]["result"][0]["value"][1].as_str().unwrap_or("0");
        Ok(count.parse::<f64>()? as u64)
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        let path = if self.name == "victoria-metrics" { "/health" } else { "/-/ready" };
        while started.elapsed() < Duration::from_secs(600) {
            if let Ok(response) = reqwest::get(format!("{}{path}", self.base)).await
                && response.status().is_success()
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{} did not become ready", self.name)
    }

    /// CPU time so far, user and system, in seconds.
    pub(crate) fn cpu_s(&self) -> anyhow::Result<f64> {
        Ok(self.process()?.0)
    }

    pub(crate) fn cost(&self) -> anyhow::Result<Cost> {
        let (cpu_s, resident_bytes) = self.process()?;
        Ok(Cost { cpu_s, resident_bytes, disk_bytes: folder_bytes(&self.data)? })
    }

    /// CPU time in seconds and resident bytes.
    fn process(&self) -> anyhow::Result<(f64, u64)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The program's name, in parentheses, may hold spaces.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let number = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let ticks_per_second = 100.0;
        Ok(((number(11) + number(12)) as f64 / ticks_per_second, number(21) * 4096))
    }

    /// Waits until what the load has set in motion is done: less than a tenth of a core for two seconds.
    pub(crate) async fn until_idle(&self) -> anyhow::Result<()> {
        for _ in 0..300 {
            let before = self.cost()?.cpu_s;
            tokio::time::sleep(Duration::from_secs(2)).await;
            if self.cost()?.cpu_s - before < 0.2 {
                return Ok(());
            }
        }
        bail!("{} does not come to rest", self.name)
    }

    /// Lets the kernel count the peak of resident memory from now on.
    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    /// The peak of resident memory since [`Peer::forget_peak`].
    pub(crate) fn peak_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(kib.context("the kernel tells no peak of memory")? * 1024)
    }

    /// Merges what can be merged, so that sizes on disk are those that stay.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let client = reqwest::Client::new();
        match self.name {
            "watchfire" => {
                client
                    .post(format!("{}/api/v1/admin/tsdb/compact", self.base))
                    .send()
                    .await?
                    .error_for_status()?;
            }
            "victoria-metrics" => {
                client.get(format!("{}/internal/force_flush", self.base)).send().await?.error_for_status()?;
                client.get(format!("{}/internal/force_merge", self.base)).send().await?.error_for_status()?;
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(())
    }
}

fn spawn(program: &Path, args: &[String]) -> anyhow::Result<Child> {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder_bytes(folder: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let Ok(entry) = entry else { continue };
        // Files may vanish under a merge; they count for nothing then.
        let Ok(metadata) = entry.metadata() else { continue };
        // Blocks in use, not the apparent size: peers preallocate sparse files.
        total += if metadata.is_dir() {
            folder_bytes(&entry.path()).unwrap_or(0)
        } else {
            metadata.blocks() * 512
        };
    }
    Ok(total)
}
