//! What Ollama says of the models that it has loaded. It has no metrics; it has `/api/ps`.

use super::http;
use crate::{CollectError, Collection};
use std::net::SocketAddr;
use std::time::Duration;

/// Tells which models are loaded, how large they are, and when they will be unloaded.
pub(super) fn tell(
    address: SocketAddr,
    patience: Duration,
    out: &mut Collection,
) -> Result<(), CollectError> {
    let failed = |text: String| CollectError::Device {
        reason: "no_answer",
        message: format!("Ollama at {address}: {text}"),
    };
    let answer = http::get(address, "/api/ps", patience).map_err(|error| failed(error.to_string()))?;
    if answer.status != 200 {
        return Err(failed(format!("GET /api/ps was answered with status {}", answer.status)));
    }
    read(&address.to_string(), &answer.body, out)
        .ok_or_else(|| failed("the answer to GET /api/ps is not what it should be".to_owned()))
}

fn read(address: &str, body: &str, out: &mut Collection) -> Option<()> {
    let answer: serde_json::Value = serde_json::from_str(body).ok()?;
    let models = answer.get("models")?.as_array()?;
    let loaded = models.len() as f64;
    out.gauge("ollama_models_loaded", "Models that Ollama holds in memory.", &[("address", address)], loaded);
    for model in models {
        let text = |key: &str| model.get(key).and_then(serde_json::Value::as_str);
        let Some(name) = text("name").or_else(|| text("model")) else { continue };
        let labels = [("address", address), ("model", name)];
        for (key, metric, help) in [
            ("size", "ollama_model_size_bytes", "Memory that a loaded model takes, on host and GPU."),
            ("size_vram", "ollama_model_vram_bytes", "GPU memory that a loaded model takes."),
            ("context_length", "ollama_model_context_tokens", "Tokens that a loaded model's context holds."),
        ] {
            if let Some(number) = model.get(key).and_then(serde_json::Value::as_f64) {
                out.gauge(metric, help, &labels, number);
            }
        }
        let expires = text("expires_at").and_then(|at| at.parse::<jiff::Timestamp>().ok());
        if let Some(expires) = expires {
            let help = "When a model will be unloaded, in seconds since 1970.";
            let seconds = expires.as_millisecond() as f64 / 1e3;
            out.gauge("ollama_model_expires_timestamp_seconds", help, &labels, seconds);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
