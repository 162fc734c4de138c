//! `global`: what receivers use unless they say otherwise.

use super::read::{text_or, url_or};
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Source, TlsConfig, take_source};
use watchfire_settings::{Problem, Reading, Section};

/// What receivers use unless they say otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// After how long without news an alert is taken for ended; `None` for the default. Not about receivers, and here
    /// because this is where `global` is read.
    pub resolve_timeout: Option<Duration>,
    /// `http_config`: how servers are reached.
    pub http_config: ClientConfig,
    /// `smtp_*`: how mails go out.
    pub smtp: Smtp,
    /// `slack_api_url`, `slack_api_url_file`.
    pub slack_api_url: Option<Source>,
    /// `slack_app_token`, `slack_app_token_file`.
    pub slack_app_token: Option<Source>,
    /// `slack_app_url`.
    pub slack_app_url: String,
    /// `jira_api_url`.
    pub jira_api_url: Option<String>,
    /// `pagerduty_url`.
    pub pagerduty_url: String,
    /// `opsgenie_api_url`.
    pub opsgenie_api_url: String,
    /// `opsgenie_api_key`, `opsgenie_api_key_file`.
    pub opsgenie_api_key: Option<Source>,
    /// `wechat_api_url`.
    pub wechat_api_url: String,
    /// `wechat_api_secret`, `wechat_api_secret_file`.
    pub wechat_api_secret: Option<Source>,
    /// `wechat_api_corp_id`.
    pub wechat_api_corp_id: String,
    /// `victorops_api_url`.
    pub victorops_api_url: String,
    /// `victorops_api_key`, `victorops_api_key_file`.
    pub victorops_api_key: Option<Source>,
    /// `telegram_api_url`.
    pub telegram_api_url: String,
    /// `telegram_bot_token`, `telegram_bot_token_file`.
    pub telegram_bot_token: Option<Source>,
    /// `webex_api_url`.
    pub webex_api_url: String,
    /// `rocketchat_api_url`.
    pub rocketchat_api_url: String,
    /// `rocketchat_token`, `rocketchat_token_file`.
    pub rocketchat_token: Option<Source>,
    /// `rocketchat_token_id`, `rocketchat_token_id_file`.
    pub rocketchat_token_id: Option<Source>,
    /// `mattermost_webhook_url`, `mattermost_webhook_url_file`.
    pub mattermost_webhook_url: Option<Source>,
}

/// `smtp_*`.
#[derive(Clone, Debug, PartialEq)]
pub struct Smtp {
    /// Who the mails are from.
    pub from: String,
    /// The name said in greeting.
    pub hello: String,
    /// The server, `host:port`.
    pub smarthost: String,
    /// The user's name.
    pub auth_username: String,
    /// The user's password.
    pub auth_password: Option<Source>,
    /// The secret of CRAM-MD5.
    pub auth_secret: Option<Source>,
    /// On whose behalf, for PLAIN.
    pub auth_identity: String,
    /// Whether nothing goes out unencrypted.
    pub require_tls: bool,
    /// Whether the connection is encrypted from its first byte; by default on port 465.
    pub force_implicit_tls: Option<bool>,
    /// How the server's certificate is checked.
    pub tls_config: TlsConfig,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            from: String::new(),
            hello: "localhost".to_owned(),
            smarthost: String::new(),
            auth_username: String::new(),
            auth_password: None,
            auth_secret: None,
            auth_identity: String::new(),
            require_tls: true,
            force_implicit_tls: None,
            tls_config: TlsConfig::default(),
        }
    }
}

/// Slack's method that posts a message.
pub(crate) const SLACK_POST: &str = "https://slack.com/api/chat.postMessage";

impl Default for Global {
    fn default() -> Self {
        Self {
            resolve_timeout: None,
            http_config: ClientConfig::default(),
            smtp: Smtp::default(),
            slack_api_url: None,
            slack_app_token: None,
            slack_app_url: SLACK_POST.to_owned(),
            jira_api_url: None,
            pagerduty_url: "https://events.pagerduty.com/v2/enqueue".to_owned(),
            opsgenie_api_url: "https://api.opsgenie.com/".to_owned(),
            opsgenie_api_key: None,
            wechat_api_url: "https://qyapi.weixin.qq.com/cgi-bin/".to_owned(),
            wechat_api_secret: None,
            wechat_api_corp_id: String::new(),
            victorops_api_url: "https://alert.victorops.com/integrations/generic/20131114/alert/".to_owned(),
            victorops_api_key: None,
            telegram_api_url: "https://api.telegram.org".to_owned(),
            telegram_bot_token: None,
            webex_api_url: "https://webexapis.com/v1/messages".to_owned(),
            rocketchat_api_url: "https://open.rocket.chat/".to_owned(),
            rocketchat_token: None,
            rocketchat_token_id: None,
            mattermost_webhook_url: None,
        }
    }
}

impl Global {
    /// Reads all its keys.
    pub(super) fn read(mut section: Section, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let base = Self::default();
        let http_config = super::read::http(&mut section, &base.http_config, reading)?;
        let smtp = Smtp::take(&mut section, reading)?;
        let from = &mut section;
        let mut source = |inline, file| {
            take_source(from, reading, inline, file).map(|found| found.map(|(source, _)| source))
        };
        let slack_api_url = source("slack_api_url", "slack_api_url_file")?;
        let slack_app_token = source("slack_app_token", "slack_app_token_file")?;
        let opsgenie_api_key = source("opsgenie_api_key", "opsgenie_api_key_file")?;
        let wechat_api_secret = source("wechat_api_secret", "wechat_api_secret_file")?;
        let victorops_api_key = source("victorops_api_key", "victorops_api_key_file")?;
        let telegram_bot_token = source("telegram_bot_token", "telegram_bot_token_file")?;
        let rocketchat_token = source("rocketchat_token", "rocketchat_token_file")?;
        let rocketchat_token_id = source("rocketchat_token_id", "rocketchat_token_id_file")?;
        let mattermost_webhook_url = source("mattermost_webhook_url", "mattermost_webhook_url_file")?;
        let global = Self {
            resolve_timeout: section.duration("resolve_timeout")?,
            http_config,
            smtp,
            slack_api_url,
            slack_app_token,
            slack_app_url: url_or(&mut section, "slack_app_url", &base.slack_app_url)?,
            jira_api_url: super::read::url(&mut section, "jira_api_url")?,
            pagerduty_url: url_or(&mut section, "pagerduty_url", &base.pagerduty_url)?,
            opsgenie_api_url: url_or(&mut section, "opsgenie_api_url", &base.opsgenie_api_url)?,
            opsgenie_api_key,
            wechat_api_url: url_or(&mut section, "wechat_api_url", &base.wechat_api_url)?,
            wechat_api_secret,
            wechat_api_corp_id: text_or(&mut section, "wechat_api_corp_id", "")?,
            victorops_api_url: url_or(&mut section, "victorops_api_url", &base.victorops_api_url)?,
            victorops_api_key,
            telegram_api_url: url_or(&mut section, "telegram_api_url", &base.telegram_api_url)?,
            telegram_bot_token,
            webex_api_url: url_or(&mut section, "webex_api_url", &base.webex_api_url)?,
            rocketchat_api_url: url_or(&mut section, "rocketchat_api_url", &base.rocketchat_api_url)?,
            rocketchat_token,
            rocketchat_token_id,
            mattermost_webhook_url,
        };
        if let (Some(Source::Inline(url)), Some(_)) = (&global.slack_api_url, &global.slack_app_token)
            && url.expose() != global.slack_app_url
        {
            return Err(section.problem(
                "slack_app_token and slack_api_url exclude each other, unless slack_api_url is the app's own URL",
            ));
        }
        if let (Some(Source::File(_)), Some(_)) = (&global.slack_api_url, &global.slack_app_token) {
            return Err(section.problem("slack_app_token and slack_api_url_file exclude each other"));
        }
        section.finish()?;
        Ok(global)
    }
}

impl Smtp {
    fn take(section: &mut Section, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let base = Self::default();
        let password = take_source(section, reading, "smtp_auth_password", "smtp_auth_password_file")?;
        let secret = take_source(section, reading, "smtp_auth_secret", "smtp_auth_secret_file")?;
        Ok(Self {
            from: text_or(section, "smtp_from", "")?,
            hello: text_or(section, "smtp_hello", &base.hello)?,
            smarthost: super::read::host_port(section, "smtp_smarthost")?.unwrap_or_default(),
            auth_username: text_or(section, "smtp_auth_username", "")?,
            auth_password: password.map(|(source, _)| source),
            auth_secret: secret.map(|(source, _)| source),
            auth_identity: text_or(section, "smtp_auth_identity", "")?,
            require_tls: section.flag("smtp_require_tls")?.unwrap_or(true),
            force_implicit_tls: section.flag("smtp_force_implicit_tls")?,
            tls_config: TlsConfig::take(section, "smtp_tls_config", reading)?,
        })
    }
}
