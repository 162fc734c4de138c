//! The programs on trial: how each is started, found and killed.

use super::receiver::{Receiver, TIMEOUT};
use crate::harness::{PATIENCE, Peer, Server, Setup, find_program, free_port};
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// How long a group waits, at first and then each time.
pub(super) const TURN: Duration = Duration::from_millis(300);

/// A program that can be started again and again on the same data.
pub(super) enum Program {
    Watchfire(Setup),
    Alertmanager { folder: tempfile::TempDir, program: PathBuf, port: u16 },
}

/// One of its processes. Dropped, it is killed with signal 9.
pub(super) enum Process {
    Watchfire { _server: Server },
    Alertmanager { _peer: Peer },
}

impl Program {
    pub(super) fn watchfire(receiver: &Receiver) -> Self {
        let setup = Setup::new().config(
            "global: {evaluation_interval: 250ms}\nrule_files: [rules.yml]\n\
             alertmanager_file: alertmanager.yml\ncollect: {enabled: false}\n",
        );
        // The same after every start, as it stands in what is told.
        let setup = setup.arg("--web.external-url=http://watchfire.test:9090");
        setup.write("rules.yml", RULES);
        setup.write("alertmanager.yml", &configuration(receiver, true));
        Self::Watchfire(setup)
    }

    /// `None`, said aloud, where it is not installed.
    pub(super) fn alertmanager(receiver: &Receiver) -> Option<Self> {
        let program = find_program("prometheus-alertmanager")?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("alertmanager.yml"), configuration(receiver, false)).unwrap();
        Some(Self::Alertmanager { folder, program, port: free_port() })
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Watchfire(_) => "Watchfire",
            Self::Alertmanager { .. } => "Alertmanager 0.25",
        }
    }

    /// Whether it watches rules itself.
    pub(super) const fn has_rules(&self) -> bool {
        matches!(self, Self::Watchfire(_))
    }

    /// Starts a process, and says where it is once it is ready.
    pub(super) async fn start(&self, line: &Line) -> Process {
        match self {
            Self::Watchfire(setup) => {
                let server = setup.start().await;
                line.leads_to(server.url(""));
                Process::Watchfire { _server: server }
            }
            Self::Alertmanager { folder, program, port } => {
                let base = format!("http://127.0.0.1:{port}");
                let args = [
                    format!("--config.file={}", folder.path().join("alertmanager.yml").display()),
                    format!("--storage.path={}", folder.path().join("data").display()),
                    format!("--web.listen-address=127.0.0.1:{port}"),
                    "--cluster.listen-address=".to_owned(),
                ];
                let peer = Peer::start_at(program, args);
                let started = Instant::now();
                while !line
                    .client
                    .get(format!("{base}/-/ready"))
                    .send()
                    .await
                    .is_ok_and(|it| it.status().is_success())
                {
                    assert!(started.elapsed() < PATIENCE, "Alertmanager did not become ready");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                line.leads_to(base);
                Process::Alertmanager { _peer: peer }
            }
        }
    }
}

/// The line to whichever process runs now.
#[derive(Clone)]
pub(super) struct Line {
    base: Arc<RwLock<String>>,
    pub(super) client: reqwest::Client,
}

impl Line {
    pub(super) fn new() -> Self {
        let client = reqwest::Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build().unwrap();
        Self { base: Arc::default(), client }
    }

    fn leads_to(&self, base: String) {
        *self.base.write().unwrap() = base;
    }

    /// What a page says, if somebody answers.
    pub(super) async fn get(&self, path: &str) -> Option<serde_json::Value> {
        let answer = self.client.get(self.url(path)).send().await.ok()?;
        serde_json::from_str(&answer.text().await.ok()?).ok()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.read().unwrap())
    }
}

const RULES: &str = "groups:\n- name: trial\n  interval: 250ms\n  rules:\n  - alert: Trial\n    expr: trial_level > 0\n    \
                     annotations: {life: '{{ $labels.subject }}/{{ $value }}'}\n";

fn configuration(receiver: &Receiver, ours: bool) -> String {
    let address = &receiver.address;
    let turn = format!("{}ms", TURN.as_millis());
    // Alertmanager 0.25 has no such key: it gives an attempt ten seconds.
    let timeout = if ours { format!(", timeout: {}s", TIMEOUT.as_secs()) } else { String::new() };
    format!(
        "global: {{resolve_timeout: 1h}}\n\
         route:\n  receiver: hook\n  group_by: [team]\n  group_wait: {turn}\n  group_interval: {turn}\n  repeat_interval: 6h\n  \
         routes:\n  - {{receiver: slack, matchers: [channel=\"slack\"]}}\n  - {{receiver: once, matchers: [channel=\"once\"]}}\n\
         receivers:\n\
         - name: hook\n  webhook_configs: [{{url: 'http://{address}/hook'{timeout}}}]\n\
         - name: once\n  webhook_configs: [{{url: 'http://{address}/once', send_resolved: false{timeout}}}]\n\
         - name: slack\n  slack_configs:\n  - api_url: 'http://{address}/slack'\n    channel: '#trial'\n    send_resolved: true\n    \
         text: '{{{{ range .Alerts }}}}[{{{{ .Status }}}}={{{{ .Annotations.life }}}}]{{{{ end }}}}'{}\n",
        timeout.replace(", ", "\n    ")
    )
}
