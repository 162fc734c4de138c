//! What a sound configuration may still be mistaken in. Alertmanager accepts all of it and fails when it sends, so it is
//! accepted here, too, and told at once.

use std::path::Path;
use watchfire_channels::Templates;
use watchfire_settings::glob;
use watchfire_settings::yaml::{self, Node, Value};

/// Each doubt with its line and column.
pub(super) fn of(text: &str, folder: &Path, templates: &Templates) -> Vec<String> {
    let Ok(node) = yaml::parse(text) else { return Vec::new() };
    let mut doubts = Doubts { folder, templates, found: Vec::new() };
    doubts.templates_of(&node);
    doubts.look("", &node);
    doubts.found
}

struct Doubts<'a> {
    folder: &'a Path,
    templates: &'a Templates,
    found: Vec<String>,
}

impl Doubts<'_> {
    fn doubt(&mut self, node: &Node, message: String) {
        self.found.push(format!("{}:{}: {message}", node.place.line, node.place.column));
    }

    fn templates_of(&mut self, root: &Node) {
        let Value::Map(entries) = &root.value else { return };
        let Some((_, Node { value: Value::List(patterns), .. })) =
            entries.iter().find(|(key, _)| key.name == "templates")
        else {
            return;
        };
        for node in patterns {
            if let Value::Scalar(pattern, _) = &node.value
                && glob::expand(&self.folder.join(pattern)).is_empty()
            {
                let message = format!("templates: {pattern:?} matches no file; expected a file or a pattern");
                self.doubt(node, message);
            }
        }
    }

    fn look(&mut self, key: &str, node: &Node) {
        match &node.value {
            Value::Map(entries) => entries.iter().for_each(|(key, node)| self.look(&key.name, node)),
            Value::List(items) => items.iter().for_each(|item| self.look(key, item)),
            Value::Scalar(text, _) if text.contains("{{") => {
                if let Err(error) = self.templates.check(text) {
                    let message = format!("{key} is no template, and is sent plain with the error: {error}");
                    self.doubt(node, message);
                }
            }
            Value::Scalar(path, _) if key.ends_with("_file") && !path.is_empty() => {
                if let Err(error) = std::fs::File::open(self.folder.join(path)) {
                    let message = format!(
                        "{key}: {path:?} cannot be read now ({error}); until it can, nobody is told this way"
                    );
                    self.doubt(node, message);
                }
            }
            _ => {}
        }
    }
}
