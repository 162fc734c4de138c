//! Services of one's own: the examples of the documentation, run, used and watched; every panel of their pages has data.

use crate::harness::{PATIENCE, Setup, encode};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A server of `examples/personal-stack`, ended with the test.
struct Example {
    child: Child,
    url: String,
}

impl Example {
    fn start(python: &Path, file: &str, args: &[&str]) -> Self {
        let mut child = Command::new(python)
            .current_dir(root().join("examples/personal-stack"))
            .args([file, "0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Python that has Prometheus's client library, or a line that says there is none.
pub(crate) fn python() -> Option<PathBuf> {
    let own = root().join("target/test-tools/bin/python3");
    let found = [own, PathBuf::from("python3")].into_iter().find(|python| {
        let import =
            Command::new(python).args(["-c", "import prometheus_client"]).stderr(Stdio::null()).status();
        import.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        println!("skipped: no Python with prometheus-client (tools/test-tools)");
    }
    found
}

#[tokio::test]
async fn the_three_servers_of_a_personal_stack_fill_their_pages() {
    let Some(python) = python() else { return };
    let memory = Example::start(&python, "memory_server.py", &[]);
    let llm = Example::start(&python, "llm_server.py", &[&memory.url]);
    let gui = Example::start(&python, "gui_server.py", &[&llm.url]);
    let jobs: String = [("memory-server", &memory), ("llm-server", &llm), ("gui-server", &gui)]
        .iter()
        .map(|(job, example)| {
            format!("- job_name: {job}\n  static_configs: [{{targets: ['{}']}}]\n", example.address())
        })
        .collect();
    let setup = Setup::new().config(&format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}"));
    let server = setup.start().await;
    server.until("count(up == 1)", |up| up == 3.0).await;

    let chat = |text: &str| {
        let body = serde_json::json!({"session": "me", "text": text}).to_string();
        let request = server.client().post(format!("{}/chat", gui.url)).body(body);
        async move {
            let answer = request.send().await.unwrap().text().await.unwrap();
            serde_json::from_str::<Value>(&answer).unwrap()
        }
    };
    assert_eq!(chat("hello").await["text"], "You said: hello");
    assert_eq!(chat("hello").await["turns"], 2);
    let error = server.client().post(format!("{}/error", gui.url)).body(r#"{"page": "/chat"}"#);
    assert_eq!(error.send().await.unwrap().status().as_u16(), 200);
    let recall = |key: &str| {
        server.client().post(format!("{}/recall", memory.url)).body(format!(r#"{{"key": "{key}"}}"#)).send()
    };
    recall("hello").await.unwrap();

    // A counter grows only between two samples of it, so people keep talking until every panel has something to show.
    let mut open = ["memory-server", "llm-server", "gui-server"]
        .iter()
        .flat_map(|page| panels(page))
        .collect::<Vec<_>>();
    assert!(open.len() > 40, "{} queries", open.len());
    let (started, mut turn) = (Instant::now(), 0);
    while !open.is_empty() {
        assert!(started.elapsed() < PATIENCE, "no data: {open:#?}");
        chat(&format!("turn {turn}")).await;
        chat("hello").await;
        turn += 1;
        let mut still = Vec::new();
        for expr in open {
            let answer = server.get_json(&format!("/api/v1/query?query={}", encode(&expr))).await;
            assert_eq!(answer["status"], "success", "{expr}: {answer}");
            let result = answer["data"]["result"].as_array().unwrap();
            if result.is_empty() || result.iter().any(|series| series["value"][1] == "NaN") {
                still.push(expr);
            }
        }
        open = still;
    }
    let calls = server.query("sum by (job, peer, outcome) (ipc_requests_total)").await;
    assert_eq!(calls.len(), 2, "{calls:?}");

    // The memory server goes away: its caller says so, and so does the caller's caller.
    drop(memory);
    let answer = chat("something new").await;
    assert!(answer["error"].is_string(), "{answer}");
    server.until("ipc_requests_total{job=\"llm-server\", outcome=\"error\"}", |errors| errors >= 1.0).await;
    server.until("http_requests_total{job=\"gui-server\", code=\"502\"}", |errors| errors >= 1.0).await;
}

/// The queries of a page, its variables set to everything.
fn panels(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(format!("content/dashboards/{page}.json"))).unwrap();
    let board: Value = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    targets
        .map(|target| {
            let expr = target["expr"].as_str().unwrap();
            let job = format!("=\"{page}\"");
            expr.replace("=~\"$job\"", &job).replace("$instance", ".+").replace("$__rate_interval", "1m")
        })
        .collect()
}
