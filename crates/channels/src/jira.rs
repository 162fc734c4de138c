//! Jira: an issue for each group, found again by a label, updated, resolved and reopened.

use crate::attempt::{Attempt, Outcome};
use crate::config::Global;
use crate::config::read::{self, text_or};
use crate::encoding::cut_chars;
use crate::notification::Pairs;
use crate::sending::{Answer, Request, Sending};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::time::Duration;
use watchfire_settings::client::ClientConfig;
use watchfire_settings::yaml::Node;
use watchfire_settings::{Problem, Reading, Section, yaml};

const MAX_SUMMARY_CHARS: usize = 255;
const MAX_DESCRIPTION_CHARS: usize = 32_767;

/// `jira_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Jira {
    /// Where Jira's API is.
    pub api_url: String,
    /// Whether it is Jira in the cloud (API 3) and not a data center (API 2).
    pub cloud: bool,
    /// How Jira is reached.
    pub http_config: ClientConfig,
    /// Fields that are templates, by their keys.
    pub texts: Pairs,
    /// Whether summary, description and labels of an open issue are updated.
    pub update: (bool, bool, bool),
    /// Labels, templates.
    pub labels: Vec<String>,
    /// Issues resolved longer ago are not reopened.
    pub reopen_duration: Option<Duration>,
    /// More fields; their texts are templates.
    pub fields: Vec<(String, Value)>,
}

impl Jira {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let api_url = read::url(section, "api_url")?.or_else(|| global.jira_api_url.clone());
        let api_url = api_url.ok_or_else(|| {
            section.problem("no Jira API URL set; expected api_url, or jira_api_url under global")
        })?;
        let kinds = [("auto", None), ("cloud", Some(true)), ("datacenter", Some(false))];
        let kind = section.choice("api_type", &kinds)?.flatten();
        let cloud =
            kind.unwrap_or_else(|| api_url.contains(".atlassian.net") || api_url.contains("/rest/api/3"));
        let mut texts = Pairs::new();
        for key in ["project", "issue_type"] {
            texts.insert(key.to_owned(), read::required(section, key)?);
        }
        for (key, default) in [
            ("priority", r#"{{ template "jira.default.priority" . }}"#),
            ("resolve_transition", ""),
            ("reopen_transition", ""),
            ("wont_fix_resolution", ""),
        ] {
            texts.insert(key.to_owned(), text_or(section, key, default)?);
        }
        let summary = take_field(section, "summary", r#"{{ template "jira.default.summary" . }}"#)?;
        let description =
            take_field(section, "description", r#"{{ template "jira.default.description" . }}"#)?;
        texts.insert("summary".to_owned(), summary.0);
        texts.insert("description".to_owned(), description.0);
        let labels = take_labels(section)?;
        let fields = section.take("fields").or_else(|| section.take("custom_fields"));
        Ok(Self {
            api_url,
            cloud,
            http_config: read::http(section, &global.http_config, reading)?,
            texts,
            update: (summary.1, description.1, labels.1),
            labels: labels.0,
            reopen_duration: section.duration("reopen_duration")?.filter(|duration| !duration.is_zero()),
            fields: fields.map_or_else(|| Ok(Vec::new()), |node| trees(&node))?,
        })
    }

    fn template(&self, key: &str) -> &str {
        self.texts.get(key).map_or("", String::as_str)
    }

    async fn ask(
        &self,
        sending: &Sending<'_>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, Attempt> {
        let url = format!("{}/{path}", self.api_url.trim_end_matches('/'));
        let body = body.map_or_else(String::new, |body| body.to_string());
        let request = Request { method, ..Request::json(url, body) };
        // The names of transitions and priorities are those of the configuration, not of the user's language.
        let request = request.header("accept", "application/json").header("accept-language", "en");
        let answer = sending.exchange(&self.http_config, request).await?;
        if answer.is_success() { Ok(answer) } else { Err(answer.judged(&[])) }
    }

    /// The newest issue of this group that may be used: its key, and whether it is done.
    async fn existing(
        &self,
        sending: &Sending<'_>,
        project: &str,
        label: &str,
    ) -> Result<Option<(String, bool)>, Attempt> {
        let firing = sending.notification.is_firing();
        let mut query = String::new();
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let wont_fix = sending.required("wont_fix_resolution", self.template("wont_fix_resolution"))?;
        if !wont_fix.is_empty() {
            // A comparison alone leaves out what has no resolution, which is every open issue.
            query.push_str(&format!("(resolution is EMPTY or resolution != {}) and ", quoted(&wont_fix)));
        }
        let reopens = firing && !self.template("reopen_transition").is_empty();
        match self.reopen_duration.filter(|_| reopens) {
            Some(duration) => {
                let minutes = duration.as_secs() / 60;
                query.push_str(&format!("(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m) and "));
            }
            None => query.push_str("statusCategory != Done and "),
        }
        query.push_str(&format!("project={} and labels={}", quoted(project), quoted(label)));
        query.push_str(" order by status ASC,resolutiondate DESC");
        let body = json!({ "jql": query, "maxResults": 2, "fields": ["status"] });
        let path = if self.cloud { "search/jql" } else { "search" };
        let answer = self.ask(sending, Method::POST, path, Some(body)).await?;
        let found = answer.said()?;
        let Some(issue) = found.pointer("/issues/0") else { return Ok(None) };
        let key = issue.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
        let category = issue.pointer("/fields/status/statusCategory/key").and_then(Value::as_str);
        Ok(Some((key, category == Some("done"))))
    }

    fn issue_fields(
        &self,
        sending: &Sending<'_>,
        project: &str,
        label: &str,
    ) -> Result<Map<String, Value>, Attempt> {
        let cut = |key: &str, text: String, most: usize| {
            let (text, cut) = cut_chars(&text, most);
            if cut {
                sending.note(format!("{key} cut to {most} characters"));
            }
            text
        };
        let summary = cut("summary", sending.title("summary", self.template("summary")), MAX_SUMMARY_CHARS);
        let description = sending.message("description", self.template("description"));
        let description = cut("description", description, MAX_DESCRIPTION_CHARS);
        let mut labels = vec![label.to_owned()];
        labels.extend(
            self.labels.iter().map(|label| sending.text("labels", label)).filter(|label| !label.is_empty()),
        );
        labels.sort();
        let mut fields = Map::new();
        fields.insert("project".to_owned(), json!({ "key": project }));
        let kind = sending.required("issue_type", self.template("issue_type"))?;
        fields.insert("issuetype".to_owned(), json!({ "name": kind }));
        fields.insert("summary".to_owned(), summary.replace('\n', " ").trim().into());
        fields.insert("description".to_owned(), self.described(&description));
        fields.insert("labels".to_owned(), labels.into());
        let priority = sending.text("priority", self.template("priority"));
        if !priority.is_empty() {
            fields.insert("priority".to_owned(), json!({ "name": priority }));
        }
        for (name, value) in &self.fields {
            fields.insert(name.clone(), crate::webhook::filled(value, sending)?);
        }
        Ok(fields)
    }

    /// In version 3 of the API a description is a document, given as one or made of the text's paragraphs.
    fn described(&self, text: &str) -> Value {
        if !self.api_url.trim_end_matches('/').ends_with("/3") {
            return text.into();
        }
        if let Ok(document @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
            return document;
        }
        let paragraph = |line: &str| match line {
            "" => json!({ "type": "paragraph", "content": [] }),
            line => json!({ "type": "paragraph", "content": [{ "type": "text", "text": line }] }),
        };
        let paragraphs: Vec<Value> = text.trim().lines().map(paragraph).collect();
        json!({ "type": "doc", "version": 1, "content": paragraphs })
    }

    async fn transition(&self, sending: &Sending<'_>, issue: &str, wanted: &str) -> Result<(), Attempt> {
        let path = format!("issue/{issue}/transitions");
        let answer = self.ask(sending, Method::GET, &path, None).await?;
        let list = answer.said()?;
        let list = list.get("transitions").and_then(Value::as_array).cloned().unwrap_or_default();
        let found = list.iter().find(|transition| {
            let name = transition.get("name").and_then(Value::as_str).unwrap_or_default();
            name.eq_ignore_ascii_case(wanted)
        });
        let Some(id) = found.and_then(|found| found.get("id")) else {
            return Err(answer.failed(false, &format!("can't find transition {wanted} for issue {issue}")));
        };
        let body = json!({ "transition": { "id": id } });
        self.ask(sending, Method::POST, &path, Some(body)).await.map(drop)
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let project = sending.required("project", self.template("project"))?;
        let label = format!("ALERT{{{}}}", sending.key_hash());
        let existing = self.existing(sending, &project, &label).await?;
        let firing = sending.notification.is_firing();
        let delivered = Attempt {
            outcome: Outcome::Delivered,
            status: Some(200),
            error: None,
            retry_after: None,
            receipt: None,
        };
        let Some((issue, done)) = existing else {
            if !firing {
                // Nothing is open, so there is nothing to resolve.
                return Ok(delivered);
            }
            let fields = self.issue_fields(sending, &project, &label)?;
            let answer = self.ask(sending, Method::POST, "issue", Some(json!({ "fields": fields }))).await?;
            return Ok(Attempt::delivered(answer.status));
        };
        let mut fields = self.issue_fields(sending, &project, &label)?;
        for key in ["project", "issuetype"] {
            fields.remove(key);
        }
        for (key, update) in
            [("summary", self.update.0), ("description", self.update.1), ("labels", self.update.2)]
        {
            if !update {
                fields.remove(key);
            }
        }
        let path = format!("issue/{issue}");
        self.ask(sending, Method::PUT, &path, Some(json!({ "fields": fields }))).await?;
        let transition = match (firing, done) {
            (true, true) => self.template("reopen_transition"),
            (false, false) => self.template("resolve_transition"),
            _ => "",
        };
        let transition = sending.required("transition", transition)?;
        if !transition.is_empty() {
            self.transition(sending, &issue, &transition).await?;
        }
        Ok(delivered)
    }
}

/// A template, or a mapping of a template and whether it is updated.
fn take_field(section: &mut Section, key: &'static str, default: &str) -> Result<(String, bool), Problem> {
    match section.take(key) {
        None => Ok((default.to_owned(), true)),
        Some(node) if matches!(node.value, yaml::Value::Map(_)) => {
            let mut inner = Section::open(node, "Jira field")?;
            let template = text_or(&mut inner, "template", default)?;
            let update = inner.flag("enable_update")?.unwrap_or(true);
            inner.finish()?;
            Ok((template, update))
        }
        Some(node) => Ok((watchfire_settings::section::text(node)?, true)),
    }
}

/// A list of labels, or a mapping of such a list and whether it is updated.
fn take_labels(section: &mut Section) -> Result<(Vec<String>, bool), Problem> {
    match section.take("labels") {
        None => Ok((Vec::new(), true)),
        Some(node) if matches!(node.value, yaml::Value::Map(_)) => {
            let mut inner = Section::open(node, "Jira labels")?;
            let values = inner.texts("values")?;
            let update = inner.flag("enable_update")?.unwrap_or(true);
            inner.finish()?;
            Ok((values, update))
        }
        Some(node) => match node.value {
            yaml::Value::List(items) => {
                let labels = items.into_iter().map(watchfire_settings::section::text);
                Ok((labels.collect::<Result<_, _>>()?, true))
            }
            _ => Err(node.expected("a list of labels")),
        },
    }
}

fn trees(node: &Node) -> Result<Vec<(String, Value)>, Problem> {
    match &node.value {
        yaml::Value::Map(entries) => Ok(entries
            .iter()
            .map(|(key, node)| (key.name.clone(), crate::webhook::plain_json(node)))
            .collect()),
        _ => Err(node.expected("a mapping of fields")),
    }
}
