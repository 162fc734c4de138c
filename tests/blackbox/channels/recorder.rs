//! Every service that people are told through, in one: it keeps what it is sent and says yes as each of them does.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// One request, as far as services look at it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) request: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
}

/// Headers that say nothing about what is told, or differ with every request.
const PLUMBING: [&str; 11] = [
    "accept",
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "connection",
    "content-length",
    "host",
    "idempotency-key",
    "transfer-encoding",
    "user-agent",
    "x-amz-date",
];

#[derive(Clone, Default)]
pub(super) struct Recorder {
    seen: Arc<Mutex<BTreeMap<String, Vec<Seen>>>>,
}

impl Recorder {
    /// Starts it; its address.
    pub(super) async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(take).with_state((self.clone(), base.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        base
    }

    /// Keeps a request to a receiver.
    pub(super) fn keep(&self, receiver: &str, seen: Seen) {
        self.seen.lock().unwrap().entry(receiver.to_owned()).or_default().push(seen);
    }

    /// What came for a receiver.
    pub(super) fn of(&self, receiver: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().get(receiver).cloned().unwrap_or_default()
    }
}

async fn take(State((recorder, base)): State<(Recorder, String)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str().to_owned();
    let mut receiver = path.split('/').nth(1).unwrap_or_default().to_owned();
    let headers = parts.headers.iter().filter(|(name, _)| !PLUMBING.contains(&name.as_str()));
    let headers: BTreeMap<String, String> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let form = headers.get("content-type").is_some_and(|kind| kind.contains("form"));
    let seen = Seen { request: format!("{} {path}", parts.method), headers, body: read(&body, form, &base) };
    if receiver == "sts" {
        // Whoever asks for a role is named after it.
        let role = seen.body["RoleArn"].as_str().unwrap_or_default();
        receiver = role.rsplit('/').next().unwrap_or_default().to_owned();
    }
    recorder.keep(&receiver, seen);
    answer(parts.method.as_str(), &path)
}

/// A body as what it means: JSON, the fields of a form, or a text.
fn read(body: &Bytes, form: bool, base: &str) -> Value {
    let text = String::from_utf8(body.to_vec()).unwrap().replace(base, "@");
    if form {
        let url = reqwest::Url::parse(&format!("http://form/?{text}")).unwrap();
        let pairs = url.query_pairs();
        let pairs = pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())));
        return Value::Object(pairs.collect());
    }
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn answer(method: &str, path: &str) -> Response {
    let has = |part: &str| path.contains(part);
    let said = |status: StatusCode, said: Value| {
        (status, [(header::CONTENT_TYPE, "application/json")], said.to_string()).into_response()
    };
    let ok = |body: Value| said(StatusCode::OK, body);
    if has("/rc/") {
        ok(json!({"success": true}))
    } else if has("/chat.") {
        ok(json!({"ok": true, "channel": "C1", "ts": "1.2"}))
    } else if has("/gettoken") {
        ok(json!({"errcode": 0, "access_token": "T"}))
    } else if has("/wechat/") {
        ok(json!({"errcode": 0, "errmsg": "ok"}))
    } else if has("/tg/") {
        ok(json!({"ok": true, "result": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}}}))
    } else if has("/sts") {
        let text = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                    <AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>\
                    <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
        ([(header::CONTENT_TYPE, "text/xml")], text).into_response()
    } else if has("/sns") {
        let text = "<PublishResponse xmlns=\"https://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                    <MessageId>1</MessageId></PublishResult></PublishResponse>";
        ([(header::CONTENT_TYPE, "text/xml")], text).into_response()
    } else if has("/search") {
        let issue = |category: &str| {
            json!({"total": 1, "issues": [{"id": "1", "key": "P-1",
                "fields": {"status": {"statusCategory": {"key": category}}}}]})
        };
        match (has("/open/"), has("/closed/")) {
            (true, _) => ok(issue("new")),
            (_, true) => ok(issue("done")),
            _ => ok(json!({"total": 0, "issues": []})),
        }
    } else if has("/transitions") && method == "GET" {
        ok(json!({"transitions": [{"id": "11", "name": "Done"}, {"id": "12", "name": "Reopen"}]}))
    } else if has("/transitions") || method == "PUT" || has("/discord") {
        StatusCode::NO_CONTENT.into_response()
    } else if has("/issue") {
        said(StatusCode::CREATED, json!({"id": "1", "key": "P-1"}))
    } else if has("/enqueue") || has("/og/") || has("/ii") {
        said(StatusCode::ACCEPTED, json!({"status": "success", "result": "ok", "requestId": "x"}))
    } else {
        "ok".into_response()
    }
}
