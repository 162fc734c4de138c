//! `llm`: Watchfire's own.

use super::take_regex;
use regex::bytes::Regex;
use watchfire_settings::client::ClientConfig;
use watchfire_settings::{Node, Problem, Reading, Section};

/// A tiny question to a model.
#[derive(Clone, Debug)]
pub struct Llm {
    /// The dialect the server speaks.
    pub style: LlmStyle,
    /// Which model; where none is named, the first that the server lists.
    pub model: Option<String>,
    /// What is asked.
    pub prompt: String,
    /// The answer must match this.
    pub expect: Option<Regex>,
    /// So many tokens at most.
    pub max_tokens: u64,
    /// Credentials, TLS.
    pub client: ClientConfig,
}

/// How a server of models is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LlmStyle {
    /// `POST /v1/chat/completions`, streamed.
    Chat,
    /// `POST /v1/completions`, streamed: for models without a chat template.
    Completion,
}

impl Default for Llm {
    fn default() -> Self {
        Self {
            style: LlmStyle::Chat,
            model: None,
            prompt: "What is the capital of France? Answer with one word.".to_owned(),
            expect: Regex::new("(?i)paris").ok(),
            max_tokens: 16,
            client: ClientConfig::default(),
        }
    }
}

pub(super) fn read(node: Option<Node>, reading: &mut Reading<'_>) -> Result<Llm, Problem> {
    let usual = Llm::default();
    let Some(node) = node else { return Ok(usual) };
    let mut section = Section::open(node, "llm probe")?;
    let prompt = section.text("prompt")?.filter(|prompt| !prompt.is_empty());
    let expect = take_regex(&mut section, "expect")?;
    let llm = Llm {
        style: section
            .choice("style", &[("chat", LlmStyle::Chat), ("completion", LlmStyle::Completion)])?
            .unwrap_or(usual.style),
        model: section.text("model")?.filter(|model| !model.is_empty()),
        // Another question has another answer.
        expect: if prompt.is_some() { expect } else { expect.or(usual.expect) },
        prompt: prompt.unwrap_or(usual.prompt),
        max_tokens: section.count("max_tokens")?.filter(|most| *most > 0).unwrap_or(usual.max_tokens),
        client: ClientConfig::take(&mut section, reading)?,
    };
    section.finish()?;
    Ok(llm)
}
