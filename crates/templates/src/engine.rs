//! Templates compiled and run.

use crate::args::arg;
use crate::rewrite::{self, FIELD, METHOD, PRINTED, RANGED};
use crate::{compare, fields, printing, value};
use gotmpl::parse::{ListNode, Node};
use gotmpl::{FuncMap, Template, TemplateError, Value, html};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Templates whose ranges go on longer than this are cut off with an error.
const MAX_RANGE_ITERATIONS: u64 = 1_000_000;

/// Whose templates they are: what values can do and how they print depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Prometheus's: labels are plain maps.
    Rules,
    /// Alertmanager's: labels, pairs and alerts have methods.
    Notifications,
}

/// What the text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is escaped.
    Text,
    /// Values are escaped by where in the HTML they stand.
    Html,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One line, in Go's words where there are such.
    pub message: String,
    /// The byte in the text where it was noticed, if known.
    pub offset: Option<usize>,
}

/// Named templates in one namespace, and the functions they and the texts run with them may call.
#[derive(Clone)]
pub struct Library {
    functions: FuncMap,
    known: BTreeSet<String>,
    trees: BTreeMap<String, Arc<ListNode>>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("templates", &self.trees.keys()).finish_non_exhaustive()
    }
}

impl Library {
    /// A library of no templates.
    pub fn new(dialect: Dialect, functions: FuncMap) -> Self {
        let mut all = builtins(dialect);
        all.extend(functions);
        let known = all.keys().cloned().collect();
        Self { functions: all, known, trees: BTreeMap::new() }
    }

    /// The same with other functions in place of those of the same names.
    pub fn with_functions(&self, functions: FuncMap) -> Self {
        let mut library = self.clone();
        library.known.extend(functions.keys().cloned());
        library.functions.extend(functions);
        library
    }

    /// Whether a template of this name is defined.
    pub fn defines(&self, name: &str) -> bool {
        self.trees.contains_key(name)
    }

    /// Adds the definitions of a text; those of the same name are replaced.
    ///
    /// # Errors
    /// What is wrong in the text.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        for (name, tree) in self.parse(name, text)? {
            self.trees.insert(name, Arc::new(tree));
        }
        Ok(())
    }

    /// Whether a text is a sound template; it is not run.
    ///
    /// # Errors
    /// What is wrong in the text.
    pub fn check(&self, text: &str) -> Result<(), Problem> {
        self.parse("text", text).map(drop)
    }

    /// Fills a text in.
    ///
    /// # Errors
    /// One line, in Go's words where there are such.
    pub fn expand(&self, name: &str, text: &str, mode: Mode, data: &Value) -> Result<String, String> {
        if !text.contains("{{") && mode == Mode::Text {
            return Ok(text.to_owned());
        }
        let own = self.parse(name, text).map_err(|problem| problem.message)?;
        let failed = |error: TemplateError| told(name, one_line(&error));
        let trees = self.reachable(own);
        match mode {
            Mode::Text => {
                let base =
                    Template::new(name).max_range_iters(MAX_RANGE_ITERATIONS).funcs(self.functions.clone());
                let template = trees
                    .into_iter()
                    .fold(base, |template, (name, tree)| template.add_parse_tree(&name, (*tree).clone()));
                template.execute_template_to_string(name, data).map_err(failed)
            }
            Mode::Html => {
                let mut template = html::Template::new(ROOT)
                    .max_range_iters(MAX_RANGE_ITERATIONS)
                    .funcs(self.functions.clone())
                    // Escaped from here, a text that cannot be escaped says why.
                    .parse(&format!("{{{{template {name:?} .}}}}"))
                    .map_err(failed)?;
                for (name, tree) in trees {
                    template = template.add_parse_tree(&name, (*tree).clone()).map_err(failed)?;
                }
                template.execute_to_string(data).map_err(failed)
            }
        }
    }

    /// The trees of a text and of every template it can come to.
    fn reachable(&self, own: BTreeMap<String, ListNode>) -> BTreeMap<String, Arc<ListNode>> {
        let mut found: BTreeMap<String, Arc<ListNode>> =
            own.into_iter().map(|(name, tree)| (name, Arc::new(tree))).collect();
        let mut open: Vec<Arc<ListNode>> = found.values().cloned().collect();
        while let Some(tree) = open.pop() {
            let mut names = Vec::new();
            called(&tree, &mut names);
            for name in names {
                if let (false, Some(tree)) = (found.contains_key(&name), self.trees.get(&name)) {
                    found.insert(name, Arc::clone(tree));
                    open.push(Arc::clone(tree));
                }
            }
        }
        found
    }

    /// Runs one of the library's own templates by name, whatever its data: what a template asks for by a value.
    ///
    /// # Errors
    /// When there is none, or it fails.
    pub fn call(&self, name: &str, data: &Value) -> Result<String, TemplateError> {
        let Some(tree) = self.trees.get(name) else {
            return Err(TemplateError::UndefinedTemplate(name.to_owned()));
        };
        let own = BTreeMap::from([(name.to_owned(), (**tree).clone())]);
        let base = Template::new(name).max_range_iters(MAX_RANGE_ITERATIONS).funcs(self.functions.clone());
        self.reachable(own)
            .into_iter()
            .fold(base, |template, (name, tree)| template.add_parse_tree(&name, (*tree).clone()))
            .execute_template_to_string(name, data)
    }

    fn parse(&self, name: &str, text: &str) -> Result<BTreeMap<String, ListNode>, Problem> {
        let problem = |error: &TemplateError| {
            let offset = match error {
                TemplateError::Parse { line, col, .. } | TemplateError::Lex { line, col, .. } => {
                    offset_of(text, *line, *col)
                }
                _ => None,
            };
            let mut message = one_line(error);
            if let Some(word) =
                Some(text).filter(|_| message.contains("empty command")).and_then(bare_keyword)
            {
                message = format!("missing value for {word}");
            }
            Problem { message: told(name, message), offset }
        };
        // Once for places that are those of the text, once for what the parser passes over in silence.
        Template::new(name).parse(text).map_err(|error| problem(&error))?;
        let parsed = Template::new(name)
            .parse(&format!("{text}{}", rewrite::LAST))
            .map_err(|error| problem(&error))?;
        rewrite::rewrite(&parsed, &self.known)
            .map_err(|unknown| Problem { message: told(name, unknown.message), offset: Some(unknown.offset) })
    }
}

/// No text and no definition is called so.
const ROOT: &str = "\0root";

/// What is wrong, with whose template it is where the engine does not say so itself.
fn told(name: &str, message: String) -> String {
    if message.starts_with("template: ") { message } else { format!("template: {name}: {message}") }
}

/// The first keyword in a text that has no value behind it.
fn bare_keyword(text: &str) -> Option<&'static str> {
    text.split("{{").skip(1).find_map(|action| {
        let inside = action.split("}}").next()?.trim_start_matches('-').trim_end_matches('-').trim();
        let word = inside.strip_prefix("else").map_or(inside, str::trim_start);
        ["if", "with", "range"].into_iter().find(|keyword| *keyword == word)
    })
}

/// An error on one line, in Go's words where the engine has others.
fn one_line(error: &TemplateError) -> String {
    match error {
        TemplateError::UndefinedTemplate(name) => format!("template {name:?} not defined"),
        error => {
            error.to_string().replace('\n', " ").replace("unterminated string", "unterminated quoted string")
        }
    }
}

/// The templates that a tree calls.
fn called(list: &ListNode, names: &mut Vec<String>) {
    for node in &list.nodes {
        match node {
            Node::List(list) => called(list, names),
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                called(&branch.body, names);
                if let Some(otherwise) = &branch.else_body {
                    called(otherwise, names);
                }
            }
            Node::Template(call) => names.push(call.name.to_string()),
            Node::Define(define) => called(&define.body, names),
            Node::Action(_) | Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
        }
    }
}

fn offset_of(source: &str, line: usize, column: usize) -> Option<usize> {
    let mut start = 0;
    for (index, text) in source.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            let chars = column.saturating_sub(1);
            return Some(start + text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte));
        }
        start += text.len();
    }
    None
}

/// What every template can call, in place of the engine's own where those do not know Go's types.
fn builtins(dialect: Dialect) -> FuncMap {
    let mut map = FuncMap::new();
    let mut add = |name: &str, function: gotmpl::ValueFunc| {
        map.insert(name.to_owned(), function);
    };
    add(FIELD, Arc::new(move |args| fields::chain(dialect, args)));
    add(METHOD, Arc::new(move |args| fields::method(dialect, args)));
    add(PRINTED, Arc::new(move |args| Ok(printing::printed(dialect, arg(PRINTED, args, 0)?))));
    add(
        RANGED,
        Arc::new(|args| {
            let value = arg(RANGED, args, 0)?;
            match value::struct_type(value) {
                Some(name) => Err(crate::args::failure(format!("range can't iterate over {name}"))),
                None => Ok(value.clone()),
            }
        }),
    );
    add("print", Arc::new(move |args| printing::print(dialect, args)));
    add("println", Arc::new(move |args| printing::println(dialect, args)));
    add("printf", Arc::new(move |args| printing::printf(dialect, args)));
    add("html", escaping(dialect, gotmpl::html_escape));
    add("js", escaping(dialect, gotmpl::js_escape));
    add("urlquery", escaping(dialect, |text| gotmpl::url_encode(text).to_string()));
    add("eq", Arc::new(compare::eq));
    add("ne", Arc::new(compare::ne));
    use std::cmp::Ordering;
    add("lt", Arc::new(|args| compare::ordered("lt", |order| order == Some(Ordering::Less), args)));
    add("le", Arc::new(|args| compare::ordered("le", |order| order.is_some_and(Ordering::is_le), args)));
    add("gt", Arc::new(|args| compare::ordered("gt", |order| order == Some(Ordering::Greater), args)));
    add("ge", Arc::new(|args| compare::ordered("ge", |order| order.is_some_and(Ordering::is_ge), args)));
    add("index", Arc::new(index));
    map
}

/// A function that prints its arguments and escapes the text.
fn escaping(dialect: Dialect, escape: fn(&str) -> String) -> gotmpl::ValueFunc {
    Arc::new(move |args| {
        let printed = printing::print(dialect, args)?;
        Ok(value::text(escape(printed.as_str().unwrap_or(""))))
    })
}

/// Go's `index`: the zero value of a map of texts is an empty text.
fn index(args: &[Value]) -> crate::args::Answer {
    let mut value = arg("index", args, 0)?.clone();
    for key in args.iter().skip(1) {
        let found = value
            .index(key)
            .map_err(|error| crate::args::failure(format!("error calling index: {error}")))?;
        value = match (&value, found) {
            (Value::Map(map), Value::Nil) if map.values().all(|value| matches!(value, Value::String(_))) => {
                value::text("")
            }
            (_, found) => found,
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests;
