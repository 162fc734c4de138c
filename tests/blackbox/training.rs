//! Training runs, told by real clients: MLflow's, tensorboardX's, and the helper that comes with Watchfire.

use crate::harness::{PATIENCE, Server, Setup, binary, find_program};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// A Python that has a module, or a word about why there is none.
fn python_with(module: &str) -> Option<PathBuf> {
    let beside = binary().ancestors().nth(2).map(|target| target.join("test-tools/bin/python"));
    let found = beside.filter(|path| path.is_file()).or_else(|| find_program("python3"));
    let has_it = |python: &PathBuf| {
        Command::new(python)
            .args(["-c", &format!("import {module}")])
            .output()
            .is_ok_and(|said| said.status.success())
    };
    let found = found.filter(has_it);
    if found.is_none() {
        println!("skipped: no Python with the module {module}");
    }
    found
}

async fn runs_python(python: &Path, script: &str, server: &Server, folder: &Path) -> String {
    let mut command = Command::new(python);
    command.args(["-c", script]).current_dir(folder).env_remove("MLFLOW_RUN_ID");
    command.env("MLFLOW_TRACKING_URI", server.url("")).env("WATCHFIRE_URL", server.url(""));
    command.env("GIT_PYTHON_REFRESH", "quiet").env("PYTHONPATH", folder).env("HOME", folder);
    let said = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{text}\n{}", String::from_utf8_lossy(&said.stderr));
    text
}

/// Asks until the answer pleases.
async fn until(server: &Server, path: &str, pleases: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let answer = server.get_json(path).await;
        if answer["status"] == "success" && pleases(&answer["data"]) {
            return answer["data"].clone();
        }
        assert!(started.elapsed() < PATIENCE, "{path} stayed {answer}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

const MLFLOW: &str = r#"
import mlflow, math
from mlflow.tracking import MlflowClient
mlflow.set_experiment("llama")
with mlflow.start_run(run_name="<b>first</b>") as run:
    mlflow.log_params({"lr": 0.001, "max_steps": 50})
    for step in range(20):
        mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
    mlflow.log_metrics({"eval_loss": 0.25, "bad": math.nan}, step=19)
    mlflow.set_tag("team", "nlp")
client = MlflowClient()
back = client.get_run(run.info.run_id)
assert back.info.status == "FINISHED", back.info.status
assert back.data.params == {"lr": "0.001", "max_steps": "50"}, back.data.params
assert abs(back.data.metrics["loss"] - 0.05) < 1e-12 and math.isnan(back.data.metrics["bad"])
history = client.get_metric_history(run.info.run_id, "loss")
assert [point.step for point in history] == list(range(20)), history
found = mlflow.search_runs(experiment_names=["llama"], filter_string="metrics.loss < 0.1 and tags.team = 'nlp'", output_format="list")
assert [one.info.run_id for one in found] == [run.info.run_id]
try:
    with mlflow.start_run():
        mlflow.log_param("a", 1)
        raise RuntimeError("on purpose")
except RuntimeError:
    pass
failed = mlflow.search_runs(experiment_names=["llama"], filter_string="attributes.status = 'FAILED'", output_format="list")
assert len(failed) == 1, failed
try:
    client.log_param(run.info.run_id, "lr", "0.5")
    raise SystemExit("a parameter was changed")
except mlflow.exceptions.MlflowException as error:
    assert "already" in str(error), error
client.delete_run(failed[0].info.run_id)
print(run.info.run_id)
"#;

#[tokio::test]
async fn an_unmodified_mlflow_client_reports_here() {
    let Some(python) = python_with("mlflow") else { return };
    let setup = Setup::new().config("");
    let server = setup.start().await;
    let id = runs_python(&python, MLFLOW, &server, setup.folder.path()).await;
    // The client has a word of its own about where to look.
    let id = id.lines().last().unwrap_or_default().trim();
    let run = server.get_json(&format!("/api/v1/training/runs/{id}")).await["data"].clone();
    assert_eq!((&run["name"], &run["status"]), (&"<b>first</b>".into(), &"finished".into()), "{run}");
    assert_eq!(run["metrics"]["bad"]["last"], "NaN");
    assert_eq!(run["progress"]["totalSteps"], 50);
    server.kill();
    // What was acknowledged is there after a kill, in the metric store too.
    let server = setup.start().await;
    let lines =
        server.get_json(&format!("/api/v1/training/runs/{id}/metrics?metric=loss")).await["data"].clone();
    assert_eq!(lines["series"][0]["steps"].as_array().unwrap().len(), 20, "{lines}");
    let points = server
        .value(&format!("sum(count_over_time(training_metric{{run_id=\"{id}\",metric=\"loss\"}}[1h]))"))
        .await;
    assert_eq!(points, Some(20.0));
    let list = server.get_json("/api/v1/training/runs?experiment=llama").await["data"].clone();
    assert_eq!((&list["total"], &list["counts"]["finished"]), (&1.into(), &1.into()), "{list}");
    let compared =
        server.get_json(&format!("/api/v1/training/compare?run={id}&metric=eval_loss")).await["data"].clone();
    assert_eq!(compared["series"][0]["values"][0], 0.25, "{compared}");
    for (path, status) in [
        ("/api/v1/training/runs?filter=nonsense", 400),
        ("/api/v1/training/runs?experiment=none", 404),
        ("/api/v1/training/runs/none", 404),
        ("/api/2.0/mlflow/registered-models/search", 404),
    ] {
        let (found, told) = server.get(path).await;
        assert_eq!(found, status, "{path} {told}");
    }
}

/// What MLflow's clients since version 3 do before they tell of metrics that autologging measured on a model.
const MODELS: &str = r#"
import mlflow
from mlflow.entities import LoggedModelOutput
mlflow.set_experiment("models")
with mlflow.start_run() as run:
    model = mlflow.initialize_logged_model(name="net", source_run_id=run.info.run_id, model_type="torch", params={f"p{i}": str(i) for i in range(250)})
    mlflow.MlflowClient().log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=3)])
    mlflow.log_metric("score", 0.9, model_id=model.model_id)
    # Files stay where the program runs.
    mlflow.log_text("words", "note.txt")
    assert [file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)] == ["note.txt"]
    assert open(f"mlartifacts/{run.info.experiment_id}/{run.info.run_id}/artifacts/note.txt").read() == "words"
    mlflow.finalize_logged_model(model.model_id, "READY")
    with mlflow.start_run(nested=True) as child:
        mlflow.log_metric("score", 0.8)
back = mlflow.get_logged_model(model.model_id)
assert (back.name, str(back.status), back.params["p249"]) == ("net", "READY", "249"), back
found = mlflow.search_logged_models(filter_string=f"source_run_id = '{run.info.run_id}'", output_format="list")
assert [one.model_id for one in found] == [model.model_id], found
assert mlflow.get_run(run.info.run_id).data.metrics == {"score": 0.9}
children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'", output_format="list")
assert [one.info.run_id for one in children] == [child.info.run_id]
"#;

#[tokio::test]
async fn a_client_tells_of_its_models_and_keeps_their_files_with_itself() {
    let Some(python) = python_with("mlflow.entities.logged_model") else { return };
    let setup = Setup::new();
    let server = setup.start().await;
    runs_python(&python, MODELS, &server, setup.folder.path()).await;
}

const TENSORBOARD: &str = r#"
from tensorboardX import SummaryWriter
writer = SummaryWriter("runs/first")
for step in range(30):
    writer.add_scalar("train/loss", 1.0 / (step + 1), step)
writer.add_text("note", "nothing to draw", 1)
writer.add_scalar("train/loss", float("nan"), 30)
writer.add_hparams({"lr": 0.001, "batch": 32, "optimizer": "adam", "amp": True}, {"hp/loss": 0.1}, name="tuned")
writer.flush()
writer.close()
"#;

#[tokio::test]
async fn event_files_of_tensorboardx_are_read_while_they_are_written() {
    let Some(python) = python_with("tensorboardX") else { return };
    let setup = Setup::new();
    let folder = setup.path("runs");
    let config = format!("training:\n  tensorboard_directories: [{:?}]\n", folder.display().to_string());
    let setup = setup.config(&config);
    let server = setup.start().await;
    runs_python(&python, TENSORBOARD, &server, setup.folder.path()).await;
    let list = until(&server, "/api/v1/training/runs?q=first&order=name", |data| {
        data["runs"][0]["metrics"]["train/loss"]["step"] == 30
    })
    .await;
    let tuned = until(&server, "/api/v1/training/runs?q=first%2Ftuned", |data| {
        data["runs"][0]["params"]["amp"] == "true"
    })
    .await;
    let params = serde_json::json!({"lr": "0.001", "batch": "32", "optimizer": "adam", "amp": "true"});
    assert_eq!(tuned["runs"][0]["params"], params, "what the plug-in hparams keeps");
    let run = &list["runs"][0];
    assert_eq!((&run["name"], &run["reporter"]), (&"first".into(), &"tensorboard".into()), "{run}");
    let id = run["id"].as_str().unwrap();
    let lines =
        server.get_json(&format!("/api/v1/training/runs/{id}/metrics?metric=train/loss")).await["data"]
            .clone();
    assert_eq!(lines["series"][0]["values"][30], "NaN", "{lines}");
    assert_eq!(lines["series"][0]["total"], 31);
}

const HELPER: &str = r#"
import sys, watchfire
run = watchfire.start("mine", experiment="small", params={"lr": 3e-4}, total_steps=100)
for step in range(1, 51):
    run.log({"loss": 1.0 / step, "odd": float("inf")}, step)
assert run.finish(timeout=60), run.dropped
assert run.dropped == 0
print(run.id)
# A server that is not there harms nothing.
lost = watchfire.start("lost", url="http://127.0.0.1:9")
lost.log({"loss": 1.0})
assert not lost.finish(timeout=0.2)
"#;

#[tokio::test]
async fn the_helper_reports_and_never_breaks_the_training() {
    let Some(python) = python_with("json") else { return };
    let setup = Setup::new().config("");
    let server = setup.start().await;
    let (status, helper) = server.get("/watchfire.py").await;
    assert_eq!(status, 200);
    let printed = Command::new(binary()).arg("python-helper").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&printed.stdout), helper);
    setup.write("watchfire.py", &helper);
    let id = runs_python(&python, HELPER, &server, setup.folder.path()).await;
    let run = server.get_json(&format!("/api/v1/training/runs/{}", id.trim())).await["data"].clone();
    assert_eq!(
        (&run["name"], &run["status"], &run["reporter"]),
        (&"mine".into(), &"finished".into(), &"watchfire".into())
    );
    assert_eq!(
        (&run["metrics"]["loss"]["step"], &run["metrics"]["odd"]["last"]),
        (&50.into(), &"+Inf".into()),
        "{run}"
    );
    assert_eq!(run["progress"]["totalSteps"], 100);
    assert!(run["tags"]["pid"].is_string() && run["host"].is_string());
}
