//! The agent: shows this machine, sends it on, waits for a server that is away.

use crate::harness::exposition::{Target, text};
use crate::harness::{PATIENCE, Setup, free_port};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Agent {
    child: Child,
    address: String,
}

impl Agent {
    fn command(args: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchfire"));
        command.arg("agent").args(args);
        if !args.iter().any(|arg| arg.starts_with("--web.listen-address")) {
            command.arg("--web.listen-address=127.0.0.1:0");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn start(args: &[String]) -> Self {
        let mut child = Self::command(args).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("address=") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "the agent says where it listens");
        }
        let address = line.rsplit("address=").next().unwrap().trim().to_owned();
        // Its log goes on; nobody must have to wait for a reader.
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(drop));
        Self { child, address }
    }

    fn refused(args: &[String]) -> String {
        let output = Self::command(args).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("http://{}{path}", self.address)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics").await;
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    async fn until(&self, name: &str, pleases: impl Fn(f64) -> bool) {
        let started = Instant::now();
        while !self.metric(name).await.is_some_and(&pleases) {
            assert!(started.elapsed() < PATIENCE, "{name} stayed {:?}", self.metric(name).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn terminate(mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success() && self.child.wait().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn an_agent_shows_this_machine_and_itself_and_nothing_else() {
    let agent = Agent::start(&[]);
    let (status, text) = agent.get("/metrics").await;
    assert_eq!(status, 200);
    for family in [
        "node_memory_MemTotal_bytes ",
        "node_cpu_seconds_total{",
        "watchfire_build_info{",
        "process_open_fds ",
    ] {
        assert!(text.lines().any(|line| line.starts_with(family)), "{family}: {text}");
    }
    assert_eq!(agent.get("/-/healthy").await.0, 200);
    let (status, text) = agent.get("/api/v1/query?query=up").await;
    assert_eq!((status, text.contains("an agent has no /api/v1/query")), (404, true), "{text}");
    let foreign = reqwest::Client::new()
        .get(format!("http://{}/metrics", agent.address))
        .header("host", "evil.example");
    assert_eq!(foreign.send().await.unwrap().status().as_u16(), 403);
    agent.terminate();
}

#[tokio::test]
async fn what_an_agent_collects_while_its_server_is_away_arrives_when_it_is_back() {
    let target = Target::start(text("phase 1\n"));
    let port = free_port();
    let setup = Setup::new().port(port);
    let config = setup.write(
        "agent.yml",
        &format!(
            "global: {{scrape_interval: 1s, external_labels: {{region: eu}}}}\ncollect: {{interval: 1s}}\n\
             scrape_configs:\n- job_name: t\n  static_configs: [{{targets: ['{}']}}]\n\
             remote_write:\n- url: http://127.0.0.1:{port}/api/v1/write\n  queue_config: {{batch_send_deadline: 200ms, max_backoff: 500ms}}\n",
            target.address
        ),
    );
    // Nobody is there yet.
    let agent = Agent::start(&[format!("--config.file={}", config.display())]);
    scraped(&target).await;
    agent.until("prometheus_remote_storage_samples_retried_total", |samples| samples > 0.0).await;
    target.becomes(text("phase 2\n"));
    let server = setup.start().await;
    server.until("min_over_time(phase{region=\"eu\"}[1h])", |phase| phase == 1.0).await;
    server.until("phase", |phase| phase == 2.0).await;
    server.until("node_memory_MemTotal_bytes{region=\"eu\", job=\"node\"}", |bytes| bytes > 1e6).await;
    let metadata = server.get_json("/api/v1/metadata?metric=node_memory_MemTotal_bytes").await;
    assert_eq!(metadata["data"]["node_memory_MemTotal_bytes"][0]["type"], "gauge", "{metadata}");

    // It dies, and comes back later: what was collected meanwhile is there.
    server.kill();
    target.becomes(text("phase 3\n"));
    scraped(&target).await;
    target.becomes(text("phase 4\n"));
    scraped(&target).await;
    let server = setup.start().await;
    server.until("phase", |phase| phase == 4.0).await;
    server.until("max_over_time((phase == 3)[1h:1s])", |phase| phase == 3.0).await;
    assert_eq!(agent.metric("prometheus_remote_storage_samples_failed_total").await, Some(0.0));
    agent.terminate();
}

/// Waits until what the target says now was taken in.
async fn scraped(target: &Target) {
    let (before, started) = (target.asked(), Instant::now());
    // The first may have been under way, the third says that the second is over.
    while target.asked() < before + 3 {
        assert!(started.elapsed() < PATIENCE, "the target is not asked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_an_agent_does_not_do_is_refused_with_its_place() {
    let setup = Setup::new();
    for (config, expected) in [
        ("rule_files: [a.yml]\n", "rule_files means nothing to an agent"),
        ("scrape_configs: [{job_name: a}]\n", "scrape_configs without remote_write"),
        ("remote_write: [{url: 'http://127.0.0.1:1/'}]\n", "there is nothing to collect"),
        ("collect: {}\nremote_write: [{url: 'server:9090'}]\n", "it needs a scheme and a host"),
        ("collect: {}\nremote_write: [{urls: x}]\n", "agent.yml:2:"),
    ] {
        let file = setup.write("agent.yml", config);
        let said = Agent::refused(&[format!("--config.file={}", file.display())]);
        assert!(said.contains(expected), "{config}: {said}");
    }
    let said = Agent::refused(&["--web.listen-address=0.0.0.0:9100".to_owned()]);
    assert!(said.contains("refusing to listen on 0.0.0.0:9100"), "{said}");
}
