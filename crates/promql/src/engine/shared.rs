//! An expression that stands in a query more than once, evaluated once.
//!
//! Each place has an operator of its own. The one that is asked first keeps what it hands out, and the others hand that
//! out again; they evaluate for themselves if it was too much to keep, or is not complete yet when they are asked. So
//! remarks name the place that is evaluated first, as if nothing were shared.

use super::QueryError;
use super::annotations::Notes;
use super::column::{BoxOperator, HeldSeries, Operator, SeriesKey, StepVector};
use super::context::{Context, Steps};
use super::queried::Queried;
use super::selector::beyond_samples;
use crate::ast::{Expr, ExprKind, ValueType, VectorSelector};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::rc::Rc;

/// No more values than this are kept: about 64 MB.
const MAX_KEPT: usize = 4_000_000;
/// In a query with more selectors, or an expression with a longer text, nothing is looked for: that would take long.
const MAX_SELECTORS: usize = 200;
const MAX_TEXT: usize = 4096;

/// Which expressions of a query are the same, and what is kept of them.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    /// Expressions by where they lie in memory, with the number of all that are the same.
    numbers: HashMap<usize, usize>,
    slots: RefCell<HashMap<SlotKey, Rc<RefCell<Slot>>>>,
}

/// The number of an expression, when it is evaluated, and what else decides about its values.
type SlotKey = (usize, Steps, (bool, bool));

fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}

impl Shares {
    /// Looks for what stands in a query more than once.
    pub(crate) fn of(expr: &Expr) -> Self {
        let mut selectors = Vec::new();
        find_selectors(expr, &mut selectors);
        let selects_again = |(index, one): (usize, &&VectorSelector)| {
            selectors.iter().take(index).any(|other| other.matchers == one.matchers)
        };
        // Nearly always nothing does, and nothing else need be looked at.
        if selectors.len() > MAX_SELECTORS || !selectors.iter().enumerate().any(selects_again) {
            return Self::default();
        }
        let mut found = HashMap::new();
        find_repeats(expr, false, &mut found);
        let mut numbers = HashMap::new();
        for (number, repeated) in found.into_values().filter(|repeated| repeated.evaluated > 1).enumerate() {
            numbers.extend(repeated.addresses.into_iter().map(|address| (address, number)));
        }
        Self { numbers, slots: RefCell::default() }
    }

    /// Wraps the operator of an expression that stands in the query more than once. `kind` tells apart what else decides
    /// about its values.
    pub(crate) fn wrap<'a>(
        &self,
        expr: &Expr,
        steps: Steps,
        kind: (bool, bool),
        operator: BoxOperator<'a>,
    ) -> BoxOperator<'a> {
        let Some(number) = self.numbers.get(&address(expr)) else { return operator };
        let slot = Rc::clone(self.slots.borrow_mut().entry((*number, steps, kind)).or_default());
        slot.borrow_mut().waiting += 1;
        Box::new(Shared { slot, role: Role::Waiting(operator) })
    }
}

/// Expressions that are the same.
#[derive(Default)]
struct Repeated {
    addresses: Vec<usize>,
    /// How often it would be evaluated if all larger ones that repeat were evaluated once.
    evaluated: usize,
}

fn find_repeats(expr: &Expr, inside_repeat: bool, found: &mut HashMap<String, Repeated>) {
    let mut inside_repeat = inside_repeat;
    if expr.value_type() == ValueType::Vector && reads(expr) && !matches!(expr.kind, ExprKind::Paren(_)) {
        let mut text = Bounded(String::new());
        // Canonical text is the same for the same expressions only.
        if write!(text, "{expr}").is_ok() {
            let known = found.entry(text.0).or_default();
            known.addresses.push(address(expr));
            known.evaluated += usize::from(!inside_repeat);
            inside_repeat |= known.addresses.len() > 1;
        }
    }
    for child in expr.children() {
        find_repeats(child, inside_repeat, found);
    }
}

/// A text that refuses to become long.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if self.0.len() + text.len() > MAX_TEXT {
            return Err(std::fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

fn reads(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::VectorSelector(_) | ExprKind::MatrixSelector(_))
        || expr.children().any(reads)
}

fn find_selectors<'e>(expr: &'e Expr, found: &mut Vec<&'e VectorSelector>) {
    match &expr.kind {
        ExprKind::VectorSelector(selector) => found.push(selector),
        ExprKind::MatrixSelector(matrix) => found.push(&matrix.selector),
        _ => expr.children().for_each(|child| find_selectors(child, found)),
    }
}

/// What all places of one expression know of it.
#[derive(Debug, Default)]
struct Slot {
    state: State,
    /// How many places were not evaluated yet.
    waiting: usize,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Untouched,
    /// Somebody keeps what it hands out, or has stopped to: others are on their own.
    Taken,
    Kept(Rc<Record>),
}

/// What an expression gave.
#[derive(Debug, Default)]
struct Record {
    series: Vec<HeldSeries>,
    notes: Notes,
    queried: Queried,
    /// What is on the account for it.
    held: usize,
}

/// One place of an expression that has others.
struct Shared<'a> {
    slot: Rc<RefCell<Slot>>,
    role: Role<'a>,
}

enum Role<'a> {
    Waiting(BoxOperator<'a>),
    Alone(BoxOperator<'a>),
    Keeping(BoxOperator<'a>, Box<Record>),
    Repeating(Rc<Record>, usize),
    Done,
}

impl<'a> Role<'a> {
    /// What the first question makes of it.
    fn decide(self, slot: &mut Slot, queried: &Queried) -> Self {
        let Self::Waiting(operator) = self else { return self };
        slot.waiting = slot.waiting.saturating_sub(1);
        match &slot.state {
            State::Kept(record) => {
                let record = Rc::clone(record);
                if slot.waiting == 0 {
                    slot.state = State::Taken;
                }
                // What is inside of the operator need not wait any more.
                drop(operator);
                Self::Repeating(record, 0)
            }
            State::Untouched if slot.waiting > 0 => {
                slot.state = State::Taken;
                let record = Record { queried: queried.anew(), ..Record::default() };
                Self::Keeping(operator, Box::new(record))
            }
            State::Untouched | State::Taken => Self::Alone(operator),
        }
    }
}

impl Record {
    /// Keeps a series; false when that is too much.
    fn keep(&mut self, key: &SeriesKey, vector: &StepVector, cx: &mut Context<'_>) -> bool {
        let more = vector.len() + beyond_samples(&vector.histograms);
        if self.held + more > MAX_KEPT || !cx.hold_gladly(more) {
            return false;
        }
        self.held += more;
        self.series.push(HeldSeries { key: key.clone(), vector: vector.clone() });
        true
    }
}

impl<'a> Operator<'a> for Shared<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if matches!(self.role, Role::Waiting(_)) {
            self.role = std::mem::replace(&mut self.role, Role::Done)
                .decide(&mut self.slot.borrow_mut(), &cx.queried);
        }
        match &mut self.role {
            Role::Alone(operator) => operator.next(cx, out),
            Role::Keeping(operator, record) => {
                let (notes, queried) = (std::mem::take(&mut cx.notes), cx.take_queried());
                let next = operator.next(cx, out);
                let said = std::mem::replace(&mut cx.notes, notes);
                let more = std::mem::replace(&mut cx.queried, queried);
                cx.queried.absorb(&more);
                record.queried.absorb(&more);
                if !said.is_empty() {
                    record.notes.absorb(said.clone());
                    cx.notes.absorb(said);
                }
                let key = next?;
                let kept = match &key {
                    Some(key) => self.slot.borrow().waiting > 0 && record.keep(key, out, cx),
                    None => true,
                };
                let role = std::mem::replace(&mut self.role, Role::Done);
                self.role = match role {
                    Role::Keeping(operator, record) if key.is_some() && kept => {
                        Role::Keeping(operator, record)
                    }
                    Role::Keeping(operator, record) if key.is_some() => {
                        cx.release(record.held);
                        Role::Alone(operator)
                    }
                    Role::Keeping(_, record) => {
                        self.slot.borrow_mut().state = State::Kept(Rc::from(record));
                        Role::Done
                    }
                    other => other,
                };
                Ok(key)
            }
            Role::Repeating(record, place) => {
                if let Some(series) = record.series.get(*place) {
                    *place += 1;
                    cx.worked(series.vector.len())?;
                    out.clone_from(&series.vector);
                    return Ok(Some(series.key.clone()));
                }
                cx.notes.absorb(record.notes.clone());
                cx.queried.absorb(&record.queried);
                if Rc::strong_count(record) == 1 {
                    cx.release(record.held);
                }
                self.role = Role::Done;
                Ok(None)
            }
            Role::Waiting(_) | Role::Done => Ok(None),
        }
    }
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        if matches!(self.role, Role::Waiting(_)) {
            let mut slot = self.slot.borrow_mut();
            slot.waiting = slot.waiting.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
