//! The syntax tree made to behave as Go's types would: empty texts for missing labels, errors for unknown names.

use gotmpl::Template;
use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, PipeNode, Pos};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The function that a field access becomes: the value, then the names of the fields.
pub(crate) const FIELD: &str = "__field";

/// The function that a method call with arguments becomes: the value, the method's name, the arguments.
pub(crate) const METHOD: &str = "__method";

/// The function that everything ranged over goes through.
pub(crate) const RANGED: &str = "__ranged";

/// The function that everything goes through on its way out: it writes numbers as Go does.
pub(crate) const PRINTED: &str = "__printed";

/// Put behind the text before it is parsed: the parser stops at an `{{end}}` too many and says nothing, and then this
/// is missing from the tree.
pub(crate) const LAST: char = '\u{1}';

/// Functions of the engine itself.
const BUILTINS: [&str; 20] = [
    "and", "call", "html", "index", "slice", "js", "len", "not", "or", "print", "printf", "println",
    "urlquery", "eq", "ne", "lt", "le", "gt", "ge", "nil",
];

/// A variable or function that does not exist.
pub(crate) struct Unknown {
    pub(crate) message: String,
    pub(crate) offset: usize,
}

/// The rewritten definitions of a template. `functions` are the names of the functions registered with it.
pub(crate) fn rewrite(
    template: &Template,
    functions: &BTreeSet<String>,
) -> Result<BTreeMap<String, ListNode>, Unknown> {
    let mut rewritten = BTreeMap::new();
    for name in template.templates() {
        let Some(tree) = template.lookup(name) else { continue };
        let mut tree = tree.clone();
        let mut walk = Walk { functions, variables: vec![BTreeSet::from(["$".to_owned()])] };
        walk.list(&mut tree)?;
        if name == template.name() {
            remove_last(&mut tree)?;
        }
        rewritten.insert(name.to_owned(), tree);
    }
    // With the text's last letter the whole text is gone where nothing stands before the superfluous end.
    if !rewritten.contains_key(template.name()) {
        return Err(superfluous_end());
    }
    Ok(rewritten)
}

fn remove_last(tree: &mut ListNode) -> Result<(), Unknown> {
    if let Some(Node::Text(last)) = tree.nodes.last_mut()
        && let Some(text) = last.text.strip_suffix(LAST)
    {
        last.text = text.into();
        return Ok(());
    }
    Err(superfluous_end())
}

fn superfluous_end() -> Unknown {
    Unknown { message: "unexpected {{end}} or {{else}}".to_owned(), offset: 0 }
}

struct Walk<'a> {
    functions: &'a BTreeSet<String>,
    /// The variables in sight, by nesting.
    variables: Vec<BTreeSet<String>>,
}

impl Walk<'_> {
    fn list(&mut self, list: &mut ListNode) -> Result<(), Unknown> {
        list.nodes.iter_mut().try_for_each(|node| self.node(node))
    }

    fn node(&mut self, node: &mut Node) -> Result<(), Unknown> {
        match node {
            Node::List(list) => self.list(list),
            Node::Action(action) => {
                self.pipe(&mut action.pipe)?;
                if action.pipe.decl.is_empty() && !ends_in_escape(&action.pipe) {
                    let args = vec![Expr::Identifier(action.pos, PRINTED.into())];
                    action.pipe.commands.push(CommandNode { pos: action.pos, args });
                }
                Ok(())
            }
            Node::If(branch) => self.branch(branch, "if", false),
            Node::With(branch) => self.branch(branch, "with", false),
            Node::Range(branch) => self.branch(branch, "range", true),
            Node::Template(call) => call.pipe.as_mut().map_or(Ok(()), |pipe| self.pipe(pipe)),
            Node::Define(_) | Node::Text(_) | Node::Break(_) | Node::Continue(_) => Ok(()),
        }
    }

    fn branch(&mut self, branch: &mut BranchNode, word: &str, ranged: bool) -> Result<(), Unknown> {
        self.variables.push(BTreeSet::new());
        if branch.pipe.commands.iter().all(|command| command.args.is_empty()) {
            let message = format!("missing value for {word}");
            return Err(Unknown { message, offset: branch.pos.offset });
        }
        self.pipe(&mut branch.pipe)?;
        if ranged {
            let args = vec![Expr::Identifier(branch.pos, RANGED.into())];
            branch.pipe.commands.push(CommandNode { pos: branch.pos, args });
        }
        self.variables.push(BTreeSet::new());
        self.list(&mut branch.body)?;
        self.variables.pop();
        if let Some(otherwise) = &mut branch.else_body {
            self.variables.push(BTreeSet::new());
            self.list(otherwise)?;
            self.variables.pop();
        }
        self.variables.pop();
        Ok(())
    }

    fn pipe(&mut self, pipe: &mut PipeNode) -> Result<(), Unknown> {
        for (index, command) in pipe.commands.iter_mut().enumerate() {
            let given = index > 0 || command.args.len() > 1;
            let method = command.args.first().and_then(|first| method_of(first).filter(|_| given));
            if let (Some((of, name)), Some(first)) = (method, command.args.first_mut()) {
                *first = of;
                let pos = command.pos;
                command.args.insert(1, Expr::String(pos, name));
                command.args.insert(0, Expr::Identifier(pos, METHOD.into()));
            }
            command.args.iter_mut().try_for_each(|expr| self.expr(expr))?;
        }
        for name in &pipe.decl {
            if pipe.is_assign {
                self.known_variable(pipe.pos, name)?;
            } else if let Some(scope) = self.variables.last_mut() {
                scope.insert(name.to_string());
            }
        }
        Ok(())
    }

    fn known_variable(&self, pos: Pos, name: &str) -> Result<(), Unknown> {
        if self.variables.iter().any(|scope| scope.contains(name)) {
            return Ok(());
        }
        Err(Unknown { message: format!("undefined variable {name:?}"), offset: pos.offset })
    }

    fn expr(&mut self, expr: &mut Expr) -> Result<(), Unknown> {
        match expr {
            Expr::Identifier(pos, name) => {
                let known = BUILTINS.contains(&name.as_str()) || self.functions.contains(name.as_str());
                if known {
                    return Ok(());
                }
                Err(Unknown {
                    message: format!("function {:?} not defined", name.as_str()),
                    offset: pos.offset,
                })
            }
            Expr::Variable(pos, name, fields) => {
                let pos = *pos;
                self.known_variable(pos, name)?;
                if !fields.is_empty() {
                    let names: Vec<Arc<str>> = fields.iter().map(|field| field.as_str().into()).collect();
                    let variable = Expr::Variable(pos, name.clone(), Vec::new());
                    *expr = field_call(pos, variable, names);
                }
                Ok(())
            }
            Expr::Field(pos, fields) => {
                let names = fields.iter().map(|field| field.as_str().into()).collect();
                let pos = *pos;
                *expr = field_call(pos, Expr::Dot(pos), names);
                Ok(())
            }
            Expr::Chain(pos, inner, fields) => {
                self.expr(inner)?;
                // `function.Field argument` is called by the engine, with its arguments.
                if !matches!(**inner, Expr::Identifier(..)) {
                    let names = fields.iter().map(|field| field.as_str().into()).collect();
                    let (pos, inner) = (*pos, (**inner).clone());
                    *expr = field_call(pos, inner, names);
                }
                Ok(())
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Dot(_) | Expr::String(..) | Expr::Number(..) | Expr::Bool(..) | Expr::Nil(_) => Ok(()),
        }
    }
}

/// What a method is called on, and its name, where an expression ends in a name.
fn method_of(expr: &Expr) -> Option<(Expr, Arc<str>)> {
    match expr {
        Expr::Field(pos, fields) => {
            let (last, before) = fields.split_last()?;
            let of = if before.is_empty() { Expr::Dot(*pos) } else { Expr::Field(*pos, before.to_vec()) };
            Some((of, last.as_str().into()))
        }
        Expr::Variable(pos, name, fields) => {
            let (last, before) = fields.split_last()?;
            Some((Expr::Variable(*pos, name.clone(), before.to_vec()), last.as_str().into()))
        }
        Expr::Chain(pos, inner, fields) if !matches!(**inner, Expr::Identifier(..)) => {
            let (last, before) = fields.split_last()?;
            let of = if before.is_empty() {
                (**inner).clone()
            } else {
                Expr::Chain(*pos, inner.clone(), before.to_vec())
            };
            Some((of, last.as_str().into()))
        }
        _ => None,
    }
}

/// Whether a pipeline ends in an escape of its own. The HTML pass looks for it there, and it gives a text anyway.
fn ends_in_escape(pipe: &PipeNode) -> bool {
    let last = pipe.commands.last().and_then(|command| command.args.first());
    matches!(last, Some(Expr::Identifier(_, name)) if matches!(name.as_str(), "html" | "urlquery"))
}

fn field_call(pos: Pos, of: Expr, names: Vec<Arc<str>>) -> Expr {
    let mut args = vec![Expr::Identifier(pos, FIELD.into()), of];
    args.extend(names.into_iter().map(|name| Expr::String(pos, name)));
    let command = CommandNode { pos, args };
    Expr::Pipe(pos, PipeNode { pos, decl: Vec::new(), commands: vec![command], is_assign: false })
}
