//! LLM: a tiny question to a model, and whether, how soon and how fast it is answered. Watchfire's own.
//!
//! Speaks what vLLM, SGLang, TensorRT-LLM, llama.cpp, Ollama, LiteLLM and hosted services have in common: OpenAI's
//! streamed completions (server-sent events, a JSON object each).

use crate::config::{Llm, LlmStyle};
use crate::connection::{Connection, Opening, Protocol, request};
use crate::dial::IpChoice;
use crate::report::{Report, shortened};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use reqwest::Url;
use serde_json::{Value, json};
use std::time::Instant;

/// An answer to a tiny question is tiny.
const MAX_ANSWER_BYTES: usize = 1 << 20;

pub(crate) async fn probe(llm: &Llm, target: &str, report: &mut Report) -> Result<(), String> {
    let base = base_of(target)?;
    let model = match &llm.model {
        Some(model) => model.clone(),
        None => first_model(llm, &base, report).await?,
    };
    report.labelled("probe_llm_model_info", "The model that was asked", &[("model", &model)], 1.0);
    let (path, question) = question(llm, &model);
    let url = under(&base, path)?;
    let start = Instant::now();
    let (status, mut body) = send(llm, "POST", &url, Bytes::from(question.to_string()), report).await?;
    report.gauge("probe_http_status_code", "Response HTTP status code", f64::from(status));
    if status != 200 {
        let text = read_all(&mut body).await.unwrap_or_default();
        return Err(format!("answered HTTP {status}: {}", shortened(&String::from_utf8_lossy(&text))));
    }
    let told = listen(body, start).await?;
    let took = start.elapsed().as_secs_f64();
    report.gauge("probe_llm_duration_seconds", "How long the whole answer took", took);
    if let Some(first) = told.first_token_s {
        report.gauge(
            "probe_llm_time_to_first_token_seconds",
            "How long it took until the first part of the answer came",
            first,
        );
        let (parts, rest) = (told.parts.saturating_sub(1), took - first);
        if parts > 0 && rest > 0.0 {
            report.gauge(
                "probe_llm_parts_per_second",
                "Parts of the answer that came in a second after the first; most servers send a token in each",
                parts as f64 / rest,
            );
        }
    }
    if let Some(tokens) = told.completion_tokens {
        report.gauge("probe_llm_completion_tokens", "Tokens of the answer, as the server counts", tokens);
    }
    report.say(format!("answered {:?}", shortened(&told.text)));
    let right = llm.expect.as_ref().is_none_or(|expect| expect.is_match(told.text.as_bytes()));
    report.flag("probe_llm_answer_correct", "Whether the answer matched what was expected", right);
    report.flag("probe_failed_due_to_regex", "Indicates if probe failed due to regex", !right);
    match (&llm.expect, told.text.trim().is_empty(), right) {
        (_, true, _) => Err("the model answered nothing".to_owned()),
        (Some(expect), _, false) => {
            Err(format!("the answer {:?} does not match {expect}", shortened(&told.text)))
        }
        _ => Ok(()),
    }
}

/// Where the server is; a path in front of `/v1` is kept.
fn base_of(target: &str) -> Result<Url, String> {
    let full = if target.contains("://") { target.to_owned() } else { format!("http://{target}") };
    let wrong = || format!("{target:?} is no address; expected one such as http://host:8000");
    let mut url = Url::parse(&full).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    let path = url.path().trim_end_matches('/').trim_end_matches("/v1").to_owned();
    url.set_path(&path);
    Ok(url)
}

fn under(base: &Url, path: &str) -> Result<Url, String> {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    Ok(url)
}

fn question(llm: &Llm, model: &str) -> (&'static str, Value) {
    let common = json!({
        "model": model,
        "max_tokens": llm.max_tokens,
        "temperature": 0,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    let (path, key, asked) = match llm.style {
        LlmStyle::Chat => {
            ("v1/chat/completions", "messages", json!([{ "role": "user", "content": llm.prompt }]))
        }
        LlmStyle::Completion => ("v1/completions", "prompt", json!(llm.prompt)),
    };
    let mut question = common;
    if let Some(object) = question.as_object_mut() {
        object.insert(key.to_owned(), asked);
    }
    (path, question)
}

async fn first_model(llm: &Llm, base: &Url, report: &mut Report) -> Result<String, String> {
    let url = under(base, "v1/models")?;
    let (status, mut body) = send(llm, "GET", &url, Bytes::new(), report).await?;
    let text = read_all(&mut body).await?;
    if status != 200 {
        return Err(format!("{url} answered HTTP {status}; name the model in the module"));
    }
    let list: Value = serde_json::from_slice(&text)
        .map_err(|_| format!("{url} answered no JSON; name the model in the module"))?;
    let name = list.pointer("/data/0/id").and_then(Value::as_str);
    name.map(str::to_owned).ok_or_else(|| "the server serves no model".to_owned())
}

async fn send(
    llm: &Llm,
    method: &str,
    url: &Url,
    body: Bytes,
    report: &mut Report,
) -> Result<(u16, Incoming), String> {
    let encrypted = url.scheme() == "https";
    let opening =
        Opening { ip: IpChoice::default(), tls: &llm.client.tls, protocols: &[Protocol::Http1], encrypted };
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let (mut connection, _) = Connection::open(&host, port, opening, report).await?;
    let json = [("content-type".to_owned(), "application/json".to_owned())];
    let headers = if body.is_empty() { &[][..] } else { &json[..] };
    let answer = connection.send(request(method, url, false, &llm.client, headers, body)?).await?;
    report.say(format!("{method} {url} answered {}", answer.status()));
    let (head, body) = answer.into_parts();
    Ok((head.status.as_u16(), body))
}

async fn read_all(body: &mut Incoming) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the answer broke off: {error}"))?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() > MAX_ANSWER_BYTES {
            return Err(format!("the answer is longer than {MAX_ANSWER_BYTES} bytes"));
        }
    }
    Ok(bytes)
}

/// What a stream told.
#[derive(Debug, Default, PartialEq)]
struct Told {
    text: String,
    first_token_s: Option<f64>,
    parts: usize,
    completion_tokens: Option<f64>,
}

async fn listen(mut body: Incoming, start: Instant) -> Result<Told, String> {
    let mut told = Told::default();
    let (mut waiting, mut read) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the answer broke off: {error}"))?;
        let Some(data) = frame.data_ref() else { continue };
        read += data.len();
        if read > MAX_ANSWER_BYTES {
            return Err(format!("the answer is longer than {MAX_ANSWER_BYTES} bytes"));
        }
        waiting.extend_from_slice(data);
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            hear(&line, start.elapsed().as_secs_f64(), &mut told)?;
        }
    }
    // A server that does not stream answers one object without the end of a line.
    let rest = if waiting.starts_with(b"{") { [b"data: ", waiting.as_slice()].concat() } else { waiting };
    hear(&rest, start.elapsed().as_secs_f64(), &mut told)?;
    Ok(told)
}

/// Takes in one line of the stream.
fn hear(line: &[u8], at_s: f64, told: &mut Told) -> Result<(), String> {
    let text = String::from_utf8_lossy(line);
    let Some(data) = text.trim().strip_prefix("data:").map(str::trim) else { return Ok(()) };
    if data.is_empty() || data == "[DONE]" {
        return Ok(());
    }
    let event: Value =
        serde_json::from_str(data).map_err(|_| format!("the stream holds no JSON: {:?}", shortened(data)))?;
    if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
        return Err(format!("the server failed: {}", shortened(&error.to_string())));
    }
    let part = ["/choices/0/delta/content", "/choices/0/text", "/choices/0/message/content"]
        .iter()
        .find_map(|place| event.pointer(place).and_then(Value::as_str));
    // Models that think aloud first have begun to answer all the same.
    let thought = ["/choices/0/delta/reasoning_content", "/choices/0/delta/reasoning"]
        .iter()
        .find_map(|place| event.pointer(place).and_then(Value::as_str));
    if part.or(thought).is_some_and(|part| !part.is_empty()) {
        told.parts += 1;
        told.first_token_s.get_or_insert(at_s);
    }
    if let Some(part) = part {
        told.text.push_str(part);
    }
    if let Some(tokens) = event.pointer("/usage/completion_tokens").and_then(Value::as_f64) {
        told.completion_tokens = Some(tokens);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
