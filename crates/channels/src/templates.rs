//! Notification templates: Alertmanager's functions, its default templates, and the files of a configuration.

mod functions;

use crate::notification::{Alert, Notification, Pairs};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use watchfire_model::time::Clock;
use watchfire_settings::{Fault, glob, yaml};
use watchfire_templates::value::{list, map, structure, text};
use watchfire_templates::{Dialect, FuncMap, Library, Mode, TemplateError, Value, time};

/// The default templates for texts.
const TEXTS: &str = include_str!("templates/default.tmpl");
/// The default templates for mails. Mail readers heed only styles written at every element, so the ones that repeat
/// are marks here.
const MAILS: &str = include_str!("templates/email.tmpl");
const FONT: &str = "font-family: 'Helvetica Neue', Helvetica, Arial, sans-serif; box-sizing: border-box;";

/// How deep route labels may speak of each other.
const MAX_ROUTE_LABEL_DEPTH: usize = 16;

/// The templates of a configuration, ready to be filled in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Templates {
    library: Arc<Library>,
}

/// The styles that repeat, written out.
fn styled(mails: &str) -> String {
    let mut styled = String::with_capacity(mails.len() * 2);
    let mut rest = mails;
    // A banner in its colour.
    while let Some((before, after)) = rest.split_once("@banner(") {
        let (color, after) = after.split_once(')').unwrap_or((after, ""));
        styled.push_str(before);
        styled.push_str(&format!(
            "style=\"margin: 0; @font vertical-align: top; font-size: 16px; color: #fff; font-weight: 500; \
             padding: 20px; text-align: center; border-radius: 3px 3px 0 0; background-color: {color};\" \
             valign=\"top\" align=\"center\" bgcolor=\"{color}\""
        ));
        rest = after;
    }
    styled.push_str(rest);
    styled
        .replace(
            "@block",
            "<td class=\"content-block\" style=\"@base vertical-align: top; padding: 0 0 20px;\" valign=\"top\">",
        )
        .replace("@plain", "style=\"@base\"")
        .replace("@base", "margin: 0; @font font-size: 14px;")
        .replace("@font", FONT)
}

impl Templates {
    /// The default templates alone.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let mut library = Library::new(Dialect::Notifications, functions::all(clock));
        let functions = FuncMap::from_iter([("routeLabels".to_owned(), route_label_of(Pairs::new()))]);
        library = library.with_functions(functions);
        for texts in [TEXTS, &styled(MAILS)] {
            let added = library.add("default", texts);
            debug_assert!(added.is_ok(), "a default template is wrong: {added:?}");
        }
        Self { library: Arc::new(library) }
    }

    /// The default templates and those of files; `patterns` are files or patterns of files, and a definition replaces
    /// an earlier one of its name.
    ///
    /// # Errors
    /// Every file that cannot be read or is no template, with the place.
    pub fn load(clock: Arc<dyn Clock>, patterns: &[PathBuf]) -> Result<Self, Vec<Fault>> {
        let mut library = (*Self::new(clock).library).clone();
        let mut faults = Vec::new();
        for file in patterns.iter().flat_map(|pattern| glob::expand(pattern)) {
            match yaml::read_file(&file) {
                Ok(text) => faults.extend(add(&mut library, &file, &text)),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Self { library: Arc::new(library) }) } else { Err(faults) }
    }

    /// Whether a text is a sound template; it is not run.
    ///
    /// # Errors
    /// What is wrong with it, on one line.
    pub fn check(&self, text: &str) -> Result<(), String> {
        self.library.check(text).map_err(|problem| problem.message)
    }

    /// Fills a text in for a notification.
    ///
    /// # Errors
    /// What went wrong, on one line.
    pub fn expand(&self, text: &str, mode: Mode, notification: &Notification) -> Result<String, String> {
        if !text.contains("{{") && mode == Mode::Text {
            return Ok(text.to_owned());
        }
        self.prepared(notification).expand(text, mode)
    }

    /// What filling in the texts of one notification needs, made once.
    pub(crate) fn prepared(&self, notification: &Notification) -> Prepared {
        let route_labels = route_label_of(notification.route_labels.clone());
        let functions = FuncMap::from_iter([("routeLabels".to_owned(), route_labels)]);
        Prepared { library: self.library.with_functions(functions), data: data(notification) }
    }

    /// Fills a route's labels in, which may speak of each other by the function `routeLabels`.
    ///
    /// # Errors
    /// The first label that fails.
    pub fn route_labels(&self, labels: &Pairs, notification: &Notification) -> Result<Pairs, String> {
        let rendering = Rendering {
            library: Arc::clone(&self.library),
            labels: labels.clone(),
            data: data(notification),
            open: Mutex::new(Vec::new()),
        };
        let rendering = Arc::new(rendering);
        labels.keys().map(|name| Ok((name.clone(), rendering.label(name)?))).collect()
    }
}

/// The templates and the data of one notification.
pub(crate) struct Prepared {
    library: Library,
    data: Value,
}

impl Prepared {
    pub(crate) fn expand(&self, text: &str, mode: Mode) -> Result<String, String> {
        self.library.expand("text", text, mode, &self.data)
    }
}

/// A route's labels while they are filled in.
struct Rendering {
    library: Arc<Library>,
    labels: Pairs,
    data: Value,
    /// The labels being filled in, one inside the other.
    open: Mutex<Vec<String>>,
}

impl Rendering {
    fn label(self: &Arc<Self>, name: &str) -> Result<String, String> {
        let Some(written) = self.labels.get(name) else { return Ok(String::new()) };
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.iter().any(|other| other == name) || open.len() >= MAX_ROUTE_LABEL_DEPTH {
                return Err(format!("route label {name:?} speaks of itself"));
            }
            open.push(name.to_owned());
        }
        let rendering = Arc::clone(self);
        let inner: watchfire_templates::ValueFunc = Arc::new(move |args| {
            let name = watchfire_templates::args::text_arg("routeLabels", args, 0)?;
            rendering.label(&name).map(|label| text(&label)).map_err(TemplateError::Exec)
        });
        let functions = FuncMap::from_iter([("routeLabels".to_owned(), inner)]);
        let filled = self.library.with_functions(functions).expand("text", written, Mode::Text, &self.data);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).pop();
        filled.map_err(|error| format!("route label {name:?}: {error}"))
    }
}

fn route_label_of(labels: Pairs) -> watchfire_templates::ValueFunc {
    Arc::new(move |args| match args {
        [] => Ok(pairs(&labels)),
        _ => {
            let name = watchfire_templates::args::text_arg("routeLabels", args, 0)?;
            Ok(text(labels.get(&name).map_or("", String::as_str)))
        }
    })
}

fn add(library: &mut Library, file: &Path, text: &str) -> Option<Fault> {
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let problem = library.add(&name, text).err()?;
    let before = text.get(..problem.offset.unwrap_or(0)).unwrap_or("");
    let (line, column) = before.chars().fold((1, 1), |(line, column), c| match c {
        '\n' => (line + 1, 1),
        _ => (line, column + 1),
    });
    Some(Fault {
        file: file.to_owned(),
        place: watchfire_settings::Place { line, column },
        message: problem.message,
    })
}

fn pairs(pairs: &Pairs) -> Value {
    map(pairs.iter().map(|(name, value)| (name.as_str(), text(value))))
}

/// A notification as templates see it.
fn data(notification: &Notification) -> Value {
    structure(
        "template.Data",
        [
            ("Receiver", text(&notification.receiver)),
            ("Status", text(notification.status.as_str())),
            ("Alerts", list(notification.alerts.iter().map(alert))),
            ("NotificationReason", text(&notification.notification_reason)),
            ("GroupLabels", pairs(&notification.group_labels)),
            ("CommonLabels", pairs(&notification.common_labels)),
            ("CommonAnnotations", pairs(&notification.common_annotations)),
            ("RouteLabels", pairs(&notification.route_labels)),
            ("ExternalURL", text(&notification.external_url)),
        ],
    )
}

fn alert(alert: &Alert) -> Value {
    let at = |at: Option<jiff::Timestamp>| at.map_or_else(time::zero, time::time);
    structure(
        "template.Alert",
        [
            ("Status", text(alert.status.as_str())),
            ("Labels", pairs(&alert.labels)),
            ("Annotations", pairs(&alert.annotations)),
            ("StartsAt", at(alert.starts_at)),
            ("EndsAt", at(alert.ends_at)),
            ("GeneratorURL", text(&alert.generator_url)),
            ("Fingerprint", text(&alert.fingerprint)),
        ],
    )
}

/// Texts of JSON or YAML with templates in their strings: filled in, and read again as YAML, so that a text that is a
/// number or a list becomes one.
pub(crate) fn typed(text: &str) -> serde_json::Value {
    match yaml::parse(text) {
        Ok(node) => typed_node(&node),
        Err(_) => text.into(),
    }
}

fn typed_node(node: &yaml::Node) -> serde_json::Value {
    match &node.value {
        yaml::Value::Null => serde_json::Value::Null,
        yaml::Value::Scalar(_, yaml::ScalarKind::Bool(flag)) => (*flag).into(),
        yaml::Value::Scalar(text, yaml::ScalarKind::Number) => {
            serde_json::from_str::<serde_json::Number>(text).map_or_else(|_| text.as_str().into(), Into::into)
        }
        yaml::Value::Scalar(text, yaml::ScalarKind::Text) => text.as_str().into(),
        yaml::Value::List(items) => items.iter().map(typed_node).collect(),
        yaml::Value::Map(entries) => {
            let entries: BTreeMap<String, serde_json::Value> =
                entries.iter().map(|(key, node)| (key.name.clone(), typed_node(node))).collect();
            serde_json::Value::Object(entries.into_iter().collect())
        }
    }
}

#[cfg(test)]
mod tests;
