//! E-mail: text and HTML by SMTP.

mod addresses;
mod mime;
mod smtp;

use crate::attempt::Attempt;
use crate::config::read::{self, pairs, text_or};
use crate::config::{Global, Smtp};
use crate::notification::Pairs;
use crate::sending::Sending;
use mime::Message;
use smtp::{Login, Server};
use watchfire_settings::client::{Source, TlsConfig, take_source};
use watchfire_settings::{Problem, Reading, Section};
use watchfire_templates::Mode;

/// `email_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// Who is told: addresses, a template.
    pub to: String,
    /// How it goes out: the global settings with what is said here.
    pub smtp: Smtp,
    /// Watchfire's own key: a token for the mechanism XOAUTH2.
    pub auth_token: Option<Source>,
    /// Headers, templates by their names.
    pub headers: Pairs,
    /// The HTML, a template; empty for none.
    pub html: String,
    /// The text, a template; empty for none.
    pub text: String,
    /// Whether the mails of a group are one thread, and whether every day begins another.
    pub threading: Option<Thread>,
}

/// How long the mails of a group are one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thread {
    /// A day.
    Daily,
    /// For ever.
    Always,
}

impl Email {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let base = &global.smtp;
        let to = match section.take("to") {
            Some(node) => match &node.value {
                watchfire_settings::yaml::Value::List(items) => {
                    let texts: Result<Vec<String>, Problem> =
                        items.iter().cloned().map(watchfire_settings::section::text).collect();
                    texts?.join(", ")
                }
                _ => watchfire_settings::section::text(node)?,
            },
            None => String::new(),
        };
        if to.is_empty() {
            return Err(section.problem("missing to address in email config"));
        }
        let username = section.text("auth_username")?;
        let password =
            take_source(section, reading, "auth_password", "auth_password_file")?.map(|(source, _)| source);
        let secret =
            take_source(section, reading, "auth_secret", "auth_secret_file")?.map(|(source, _)| source);
        let token = take_source(section, reading, "auth_token", "auth_token_file")?;
        let smarthost = read::host_port(section, "smarthost")?;
        let tls_config = match section.has("tls_config") {
            Some(_) => TlsConfig::take(section, "tls_config", reading)?,
            None => base.tls_config.clone(),
        };
        let smtp = Smtp {
            from: text_or(section, "from", &base.from)?,
            hello: text_or(section, "hello", &base.hello)?,
            smarthost: smarthost.unwrap_or_else(|| base.smarthost.clone()),
            auth_username: username.unwrap_or_else(|| base.auth_username.clone()),
            auth_password: password.or_else(|| base.auth_password.clone()),
            auth_secret: secret.or_else(|| base.auth_secret.clone()),
            auth_identity: text_or(section, "auth_identity", &base.auth_identity)?,
            require_tls: section.flag("require_tls")?.unwrap_or(base.require_tls),
            force_implicit_tls: section.flag("force_implicit_tls")?.or(base.force_implicit_tls),
            tls_config,
        };
        if smtp.smarthost.is_empty() {
            return Err(
                section.problem("no SMTP smarthost set; expected smarthost, or smtp_smarthost under global")
            );
        }
        if smtp.from.is_empty() {
            return Err(section.problem("no SMTP from set; expected from, or smtp_from under global"));
        }
        let mut headers = Pairs::from([
            ("Subject".to_owned(), r#"{{ template "email.default.subject" . }}"#.to_owned()),
            ("To".to_owned(), to.clone()),
            ("From".to_owned(), smtp.from.clone()),
        ]);
        let mut own = Pairs::new();
        for (name, template) in pairs(section, "headers")? {
            let canonical = mime::canonical(&name);
            if own.insert(canonical.clone(), template.clone()).is_some() {
                return Err(section.problem(format!("duplicate header {canonical:?} in email config")));
            }
            headers.insert(canonical, template);
        }
        let html = text_or(section, "html", r#"{{ template "email.default.html" . }}"#)?;
        let threading = match section.section("threading", "threading")? {
            Some(mut inner) => {
                let on = inner.flag("enabled")?.unwrap_or(false);
                let words = [("daily", Thread::Daily), ("none", Thread::Always)];
                let by_date = inner.choice("thread_by_date", &words)?.unwrap_or(Thread::Daily);
                inner.finish()?;
                on.then_some(by_date)
            }
            None => None,
        };
        Ok(Self {
            to,
            smtp,
            auth_token: token.map(|(source, _)| source),
            headers,
            html,
            text: text_or(section, "text", "")?,
            threading,
        })
    }

    async fn login(&self, sending: &Sending<'_>) -> Result<Login, Attempt> {
        let mut secrets = [None, None, None];
        let sources = [&self.smtp.auth_password, &self.smtp.auth_secret, &self.auth_token];
        for (secret, source) in secrets.iter_mut().zip(sources) {
            if let Some(source) = source {
                *secret = Some(sending.reveal(source).await?);
            }
        }
        let [password, secret, token] = secrets;
        Ok(Login {
            identity: self.smtp.auth_identity.clone(),
            username: self.smtp.auth_username.clone(),
            password,
            secret,
            token,
        })
    }

    /// The mail, and the addresses it is from and for.
    fn message(&self, sending: &Sending<'_>) -> Result<(Message, String, Vec<String>), Attempt> {
        let dead = |what: &str, error: String| Attempt::dead(format!("{what}: {error}"));
        let to = addresses::parse(&sending.required("to", &self.to)?).map_err(|error| dead("to", error))?;
        let from = addresses::parse(&sending.required("from", &self.smtp.from)?)
            .map_err(|error| dead("from", error))?;
        let [from] = from.as_slice() else {
            return Err(Attempt::dead(format!("from: {} addresses; expected one", from.len())));
        };
        let now_ms = sending.tools.now_ms();
        let mut message = Message::new(now_ms);
        for (name, template) in &self.headers {
            let value = match name.as_str() {
                "Subject" => sending.title("headers.Subject", template),
                "To" | "From" | "Cc" | "Reply-To" | "Sender" => {
                    addresses::encoded(&sending.required(name, template)?)
                        .map_err(|error| dead(name, error))?
                }
                _ => sending.text(name, template),
            };
            message.header(name, &value);
        }
        let domain = from.rsplit('@').next().unwrap_or("localhost");
        // The same for every attempt at the same content, so that a mailbox can tell a repetition from news.
        let key = &sending.notification.delivery_key;
        let identity = if key.is_empty() { now_ms.to_string() } else { key.clone() };
        let identity = crate::encoding::sha256_hex(format!("{identity}\0{}", to.join(",")).as_bytes());
        message.header_unless("Message-Id", &format!("<{}@{domain}>", identity.get(..32).unwrap_or("")));
        if let Some(thread) = self.threading {
            let hash = sending.key_hash();
            let day = match thread {
                Thread::Daily => {
                    let earliest =
                        sending.notification.alerts.iter().filter_map(|alert| alert.starts_at).min();
                    let at = earliest.or_else(|| jiff::Timestamp::from_millisecond(now_ms).ok());
                    at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d").to_string())
                }
                Thread::Always => String::new(),
            };
            // The line stays where there is no day: it is how Alertmanager names that thread.
            let root = format!("<alert-{}-{day}@alertmanager>", hash.get(..16).unwrap_or(""));
            message.header("References", &root);
            message.header("In-Reply-To", &root);
        }
        if !self.text.is_empty() {
            message.part("text/plain", &sending.message("text", &self.text));
        }
        if !self.html.is_empty() {
            match sending.expand(&self.html, Mode::Html) {
                Ok(html) => message.part("text/html", &html),
                Err(error) => {
                    sending.note(format!("html: {error}"));
                    let plain = format!("{}\n(the template of html failed: {error})\n", sending.plain());
                    message.part("text/plain", &plain);
                }
            }
        }
        Ok((message, from.clone(), to))
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let (message, from, to) = self.message(sending)?;
        let (host, port) = self.smtp.smarthost.rsplit_once(':').unwrap_or((&self.smtp.smarthost, "25"));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = match port {
            "smtp" => 25,
            "smtps" | "submissions" => 465,
            "submission" => 587,
            port => port.parse().map_err(|_| Attempt::dead(format!("smarthost: no port {port:?}")))?,
        };
        let server = Server {
            host,
            port,
            hello: &self.smtp.hello,
            implicit_tls: self.smtp.force_implicit_tls.unwrap_or(port == 465),
            require_tls: self.smtp.require_tls,
            tls: &self.smtp.tls_config,
        };
        let login = self.login(sending).await?;
        smtp::deliver(sending, &server, &login, &from, &to, &message.written()).await
    }
}

#[cfg(test)]
mod tests;
