//! WeChat Work: a message by an application.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, text_or};
use crate::encoding::form;
use crate::notification::Pairs;
use crate::sending::{Request, Sending};
use serde_json::{Value, json};
use watchfire_settings::client::{ClientConfig, Source};
use watchfire_settings::{Problem, Reading, Section};

/// How long a token is kept; WeChat gives them out for two hours.
const TOKEN_MS: i64 = 2 * 60 * 60 * 1000 - 60_000;

/// `wechat_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct WeChat {
    /// Where WeChat's API is.
    pub api_url: String,
    /// The application's secret.
    pub api_secret: Source,
    /// The corporation.
    pub corp_id: String,
    /// How WeChat is reached.
    pub http_config: ClientConfig,
    /// Fields that are templates, by their keys.
    pub texts: Pairs,
    /// `text` or `markdown`.
    pub message_type: &'static str,
}

impl WeChat {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let keys = ("api_secret", "api_secret_file");
        let missing = "no WeChat API secret set; expected api_secret, api_secret_file, or wechat_api_secret under global";
        let api_secret = read::secret_or(section, reading, keys, &global.wechat_api_secret, missing)?;
        let corp_id = text_or(section, "corp_id", &global.wechat_api_corp_id)?;
        if corp_id.is_empty() {
            return Err(section
                .problem("no WeChat corp_id set; expected corp_id, or wechat_api_corp_id under global"));
        }
        let mut texts = Pairs::new();
        for key in ["message", "to_user", "to_party", "to_tag", "agent_id"] {
            let default = format!("{{{{ template \"wechat.default.{key}\" . }}}}");
            texts.insert(key.to_owned(), text_or(section, key, &default)?);
        }
        let kinds = [("", "text"), ("text", "text"), ("markdown", "markdown")];
        Ok(Self {
            api_url: read::url_or(section, "api_url", &global.wechat_api_url)?,
            api_secret,
            corp_id,
            http_config: read::http(section, &global.http_config, reading)?,
            texts,
            message_type: section.choice("message_type", &kinds)?.unwrap_or("text"),
        })
    }

    async fn token(&self, sending: &Sending<'_>, key: &str, secret: &str) -> Result<String, Attempt> {
        let now_ms = sending.tools.now_ms();
        if let Some(token) = sending.tools.clients.token(key, now_ms) {
            sending.hide(&token);
            return Ok(token);
        }
        let base = self.api_url.trim_end_matches('/');
        let url = format!("{base}/gettoken?corpid={}&corpsecret={}", form(&self.corp_id), form(secret));
        sending.hide(&form(secret));
        let ask = Request { method: reqwest::Method::GET, headers: Vec::new(), ..Request::json(url, "") };
        let answer = sending.exchange(&self.http_config, ask).await?;
        if !answer.is_success() {
            return Err(answer.judged(&[]));
        }
        match answer.said()?.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty()) {
            Some(token) => {
                sending.hide(token);
                sending.tools.clients.keep_token(key, token, now_ms.saturating_add(TOKEN_MS));
                Ok(token.to_owned())
            }
            None => Err(answer.failed(false, &format!("no token from WeChat: {}", answer.words()))),
        }
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let secret = sending.reveal(&self.api_secret).await?;
        let key = crate::encoding::sha256_hex(format!("wechat\0{}\0{secret}", self.corp_id).as_bytes());
        let token = self.token(sending, &key, &secret).await?;
        let template = |key: &str| self.texts.get(key).map_or("", String::as_str);
        let field = |key: &str| sending.text(key, template(key));
        let mut body = json!({
            "agentid": field("agent_id"),
            "safe": "0",
            "msgtype": self.message_type,
            // Both kinds stand there, as WeChat has had them from Alertmanager; `msgtype` says which counts.
            "text": { "content": "" },
            "markdown": { "content": "" },
        });
        body[self.message_type]["content"] = sending.message("message", template("message")).into();
        for (key, to) in [("touser", "to_user"), ("toparty", "to_party"), ("totag", "to_tag")] {
            let to = field(to);
            if !to.is_empty() {
                body[key] = to.into();
            }
        }
        let url = format!("{}/message/send?access_token={token}", self.api_url.trim_end_matches('/'));
        let answer = sending.exchange(&self.http_config, Request::json(url, body.to_string())).await?;
        if !answer.is_success() {
            return Ok(answer.judged(&[]));
        }
        let code = answer.said()?.get("errcode").and_then(Value::as_i64).unwrap_or(0);
        match code {
            0 => Ok(Attempt::delivered(answer.status)),
            code => {
                // The token was taken back, or WeChat is busy, or too much was sent.
                let passing = matches!(code, 40014 | 42001 | -1 | 45009);
                if matches!(code, 40014 | 42001) {
                    sending.tools.clients.drop_token(&key);
                }
                Ok(answer.failed(passing, &format!("error response from WeChat: {}", answer.words())))
            }
        }
    }
}
