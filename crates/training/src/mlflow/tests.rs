use super::*;
use crate::testing::{NOW_MS, Room, room};

async fn post(room: &Room, endpoint: Endpoint, body: Value) -> Answer {
    let body = body.to_string().into_bytes();
    handle(&room.runs, Request { endpoint, query: Vec::new(), body, host: Some("here".into()) }).await
}

async fn get(room: &Room, endpoint: Endpoint, query: &[(&str, &str)]) -> Answer {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    handle(&room.runs, Request { endpoint, query, body: Vec::new(), host: None }).await
}

async fn run(room: &Room) -> String {
    let sent = json!({
        "experiment_id": "0", "user_id": "root", "run_name": "r", "start_time": NOW_MS,
        "tags": [{"key": "mlflow.source.name", "value": "ml2.py"}, {"key": "mlflow.runName", "value": "r"}]
    });
    let answer = post(room, Endpoint::RunsCreate, sent).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["run"]["info"]["run_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_client_sends_is_told_again_as_it_was() {
    let room = room();
    let missing = get(&room, Endpoint::ExperimentsGetByName, &[("experiment_name", "e")]).await;
    assert_eq!((missing.status, &missing.body["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
    let id = run(&room).await;
    let sent = [
        (Endpoint::RunsLogParameter, json!({"run_uuid": id, "key": "lr", "value": "0.0001", "run_id": id})),
        (
            Endpoint::RunsLogBatch,
            json!({"run_id": id, "metrics": [
            {"key": "loss", "value": 0.5, "timestamp": NOW_MS, "step": 3, "run_id": id},
            {"key": "loss", "value": "NaN", "timestamp": NOW_MS.to_string(), "step": "4"},
            {"key": "lr", "value": 0.0001, "timestamp": NOW_MS, "step": 3}]}),
        ),
        (
            Endpoint::RunsLogMetric,
            json!({"run_id": id, "key": "eval/acc", "value": 0.9, "timestamp": NOW_MS, "step": 3}),
        ),
        (Endpoint::RunsSetTag, json!({"run_id": id, "key": "x", "value": "y"})),
        (
            Endpoint::RunsLogInputs,
            json!({"run_id": id, "datasets": [
            {"tags": [{"key": "mlflow.data.context", "value": "train"}],
             "dataset": {"name": "wiki", "digest": "abc", "source_type": "local", "source": "{}", "schema": "long"}}]}),
        ),
        (
            Endpoint::RunsUpdate,
            json!({"run_uuid": id, "status": "FINISHED", "end_time": NOW_MS + 5, "run_id": id}),
        ),
    ];
    for (endpoint, body) in sent {
        let answer = post(&room, endpoint, body).await;
        assert_eq!(answer.status, 200, "{endpoint:?} {answer:?}");
    }
    let told = get(&room, Endpoint::RunsGet, &[("run_uuid", &id), ("run_id", &id)]).await.body["run"].clone();
    let info = &told["info"];
    assert_eq!(
        (&info["status"], &info["end_time"], &info["run_name"]),
        (&json!("FINISHED"), &json!(NOW_MS + 5), &json!("r"))
    );
    assert_eq!(info["artifact_uri"], format!("mlartifacts/0/{id}/artifacts"));
    let metrics = told["data"]["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), 3);
    let loss = metrics.iter().find(|metric| metric["key"] == "loss").unwrap();
    assert_eq!((&loss["value"], &loss["step"]), (&json!("NaN"), &json!(4)));
    assert_eq!(told["data"]["params"], json!([{"key": "lr", "value": "0.0001"}]));
    assert_eq!(told["inputs"]["dataset_inputs"][0]["dataset"]["name"], "wiki");
    let host = room.runs.run(&id).await.unwrap().0.host;
    assert_eq!(host, "here", "it came from this machine");
    let history = get(
        &room,
        Endpoint::MetricsGetHistory,
        &[("run_id", &id), ("metric_key", "loss"), ("max_results", "1")],
    )
    .await;
    assert_eq!(
        history.body["metrics"],
        json!([{"key": "loss", "value": 0.5, "timestamp": NOW_MS, "step": 3}])
    );
    let query = [("run_id", id.as_str()), ("metric_key", "loss"), ("max_results", "1"), ("page_token", "1")];
    let rest = get(&room, Endpoint::MetricsGetHistory, &query).await;
    assert_eq!((&rest.body["metrics"][0]["step"], &rest.body["next_page_token"]), (&json!(4), &Value::Null));
    let bulk = get(&room, Endpoint::MetricsGetHistoryBulk, &[("run_id", &id), ("metric_key", "loss")]).await;
    assert_eq!(bulk.body["metrics"][1]["run_id"], json!(id));
}

#[tokio::test]
async fn experiments_are_made_found_renamed_deleted_and_restored() {
    let room = room();
    let made =
        post(&room, Endpoint::ExperimentsCreate, json!({"name": "e", "tags": [{"key": "a", "value": "b"}]}))
            .await;
    let id = made.body["experiment_id"].as_str().unwrap().to_owned();
    let again = post(&room, Endpoint::ExperimentsCreate, json!({"name": "e"})).await;
    assert_eq!((again.status, &again.body["error_code"]), (400, &json!("RESOURCE_ALREADY_EXISTS")));
    let told = get(&room, Endpoint::ExperimentsGetByName, &[("experiment_name", "e")]).await;
    assert_eq!(told.body["experiment"]["tags"], json!([{"key": "a", "value": "b"}]));
    post(&room, Endpoint::ExperimentsUpdate, json!({"experiment_id": id, "new_name": "f"})).await;
    post(&room, Endpoint::ExperimentsSetTag, json!({"experiment_id": id, "key": "team", "value": "nlp"}))
        .await;
    let names = async |body: Value| {
        let answer = post(&room, Endpoint::ExperimentsSearch, body).await;
        let list = answer.body["experiments"].as_array().cloned().unwrap_or_default();
        list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(json!({"filter": "tags.team = 'nlp'"})).await, ["f"]);
    assert_eq!(names(json!({"max_results": 1, "order_by": ["name DESC"]})).await, ["f"]);
    post(&room, Endpoint::ExperimentsDelete, json!({"experiment_id": id})).await;
    assert_eq!(names(json!({})).await, ["Default"]);
    assert_eq!(names(json!({"view_type": "DELETED_ONLY"})).await, ["f"]);
    post(&room, Endpoint::ExperimentsRestore, json!({"experiment_id": id})).await;
    assert_eq!(
        get(&room, Endpoint::ExperimentsGet, &[("experiment_id", &id)]).await.body["experiment"]["lifecycle_stage"],
        "active"
    );
}

#[tokio::test]
async fn runs_are_searched_in_pages() {
    let room = room();
    for step in 0..3 {
        let id = run(&room).await;
        let body = json!({"run_id": id, "key": "loss", "value": step, "timestamp": NOW_MS, "step": 1});
        assert_eq!(post(&room, Endpoint::RunsLogMetric, body).await.status, 200);
    }
    let ask = json!({"experiment_ids": ["0"], "filter": "metrics.loss >= 1", "order_by": ["metrics.loss DESC"], "max_results": 1});
    let first = post(&room, Endpoint::RunsSearch, ask.clone()).await.body;
    assert_eq!(first["runs"][0]["data"]["metrics"][0]["value"], json!(2.0));
    let mut ask = ask;
    ask["page_token"] = first["next_page_token"].clone();
    let second = post(&room, Endpoint::RunsSearch, ask).await.body;
    assert_eq!(
        (&second["runs"][0]["data"]["metrics"][0]["value"], &second["next_page_token"]),
        (&json!(1.0), &Value::Null)
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_in_mlflow_s_shape() {
    let room = room();
    let id = run(&room).await;
    let long = vec![json!({"key": "a", "value": 1, "timestamp": 1, "step": 1}); 1_001];
    for (endpoint, body, code) in [
        (Endpoint::RunsLogMetric, json!({"run_id": id, "value": 1}), "INVALID_PARAMETER_VALUE"),
        (
            Endpoint::RunsLogMetric,
            json!({"run_id": id, "key": "a", "value": "much"}),
            "INVALID_PARAMETER_VALUE",
        ),
        (
            Endpoint::RunsLogMetric,
            json!({"run_id": "nobody", "key": "a", "value": 1}),
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            Endpoint::RunsLogMetric,
            json!({"run_id": id, "key": "a", "value": 1, "timestamp": 5}),
            "INVALID_PARAMETER_VALUE",
        ),
        (Endpoint::RunsLogBatch, json!({"run_id": id, "metrics": long}), "INVALID_PARAMETER_VALUE"),
        (Endpoint::RunsLogBatch, json!({"run_id": id, "metrics": {}}), "INVALID_PARAMETER_VALUE"),
        (
            Endpoint::RunsSearch,
            json!({"experiment_ids": ["0"], "filter": "nonsense"}),
            "INVALID_PARAMETER_VALUE",
        ),
        (
            Endpoint::RunsSearch,
            json!({"experiment_ids": ["0"], "page_token": "-1"}),
            "INVALID_PARAMETER_VALUE",
        ),
        (
            Endpoint::RunsSearch,
            json!({"experiment_ids": ["0"], "max_results": 50_001}),
            "INVALID_PARAMETER_VALUE",
        ),
        (Endpoint::RunsUpdate, json!({"run_id": id, "status": "TIRED"}), "INVALID_PARAMETER_VALUE"),
        (Endpoint::RunsCreate, json!({"experiment_id": "77"}), "RESOURCE_DOES_NOT_EXIST"),
        (Endpoint::RunsDeleteTag, json!({"run_id": id, "key": "a"}), "RESOURCE_DOES_NOT_EXIST"),
    ] {
        let answer = post(&room, endpoint, body).await;
        assert_eq!(answer.body["error_code"], code, "{endpoint:?} {answer:?}");
        assert!(answer.status >= 400 && answer.body["message"].is_string());
    }
    let request =
        Request { endpoint: Endpoint::RunsGet, query: Vec::new(), body: b"[1".to_vec(), host: None };
    assert_eq!(handle(&room.runs, request).await.status, 400);
}

#[tokio::test]
async fn what_is_said_of_a_model_is_kept_and_changed_and_its_files_stay_where_they_are_made() {
    let room = room();
    let id = run(&room).await;
    let sent = json!({"experiment_id": "0", "name": "net", "source_run_id": id, "model_type": "torch",
        "params": [{"key": "lr", "value": "0.1"}], "tags": [{"key": "a", "value": "b"}]});
    let made = post(&room, Endpoint::ModelsCreate, sent).await;
    assert_eq!(made.status, 200, "{made:?}");
    let info = &made.body["model"]["info"];
    let model = info["model_id"].as_str().unwrap().to_owned();
    assert_eq!((info["status"].as_str(), info["name"].as_str()), (Some("LOGGED_MODEL_PENDING"), Some("net")));
    assert_eq!(info["artifact_uri"], format!("mlartifacts/0/models/{model}/artifacts"));
    // As clients do, the id stands in the path and in the body.
    let path = [("model_id", model.as_str())];
    let both = |body: Value| {
        let mut query: Vec<(String, String)> = vec![("model_id".into(), model.clone())];
        query.push(("tag_key".into(), "a".into()));
        Request { endpoint: Endpoint::ModelsFinalize, query, body: body.to_string().into_bytes(), host: None }
    };
    let ready = both(json!({"model_id": model, "status": "LOGGED_MODEL_READY"}));
    assert_eq!(handle(&room.runs, ready).await.body["model"]["info"]["status"], "LOGGED_MODEL_READY");
    let bad = handle(&room.runs, both(json!({"status": "DONE"}))).await;
    assert_eq!((bad.status, &bad.body["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")));
    let more = json!({"model_id": model, "params": [{"key": "depth", "value": "3"}]});
    assert_eq!(post(&room, Endpoint::ModelsLogParams, more).await.status, 200);
    let tags = json!({"model_id": model, "tags": [{"key": "c", "value": "d"}]});
    assert_eq!(post(&room, Endpoint::ModelsSetTags, tags).await.status, 200);
    let gone = Request { endpoint: Endpoint::ModelsDeleteTag, ..both(json!({})) };
    assert_eq!(handle(&room.runs, gone).await.status, 200);
    let told = get(&room, Endpoint::ModelsGet, &path).await.body["model"].clone();
    let pairs = json!([{"key": "depth", "value": "3"}, {"key": "lr", "value": "0.1"}]);
    assert_eq!(
        (&told["data"]["params"], &told["info"]["tags"]),
        (&pairs, &json!([{"key": "c", "value": "d"}]))
    );
    let outputs = json!({"run_id": id, "models": [{"model_id": model, "step": "1"}]});
    assert_eq!(post(&room, Endpoint::RunsLogOutputs, outputs).await.status, 200);
    for (filter, found) in [
        (format!("source_run_id = '{id}' AND name = 'net'"), Some(1)),
        ("name = \"other\"".to_owned(), Some(0)),
        ("metrics.loss < 1".to_owned(), None),
    ] {
        let asked = json!({"experiment_ids": ["0"], "filter": filter});
        let answer = post(&room, Endpoint::ModelsSearch, asked).await;
        assert_eq!(answer.body["models"].as_array().map(Vec::len), found, "{answer:?}");
    }
    assert_eq!(get(&room, Endpoint::ModelsFiles, &path).await.body, json!({"files": []}));
    assert_eq!(get(&room, Endpoint::ModelsDelete, &path).await.status, 200);
    assert_eq!(get(&room, Endpoint::ModelsGet, &path).await.status, 404);
    assert!(
        not_found("/api/2.0/mlflow-artifacts/artifacts/1/x").body["message"]
            .as_str()
            .unwrap()
            .contains("artifact_location")
    );
}
