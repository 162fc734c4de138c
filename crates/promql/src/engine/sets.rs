//! `and`, `or`, `unless`: one side decides which series of the other may pass, step by step.

use super::QueryError;
use super::column::{BoxOperator, Operator, SeriesKey, StepVector};
use super::context::{Context, Steps};
use super::matching::signature;
use crate::ast::{BinaryOp, VectorMatching};
use std::collections::HashMap;
use watchfire_model::Labels;

/// The operator of all three.
pub(crate) struct SetOperation<'a> {
    pub(crate) op: BinaryOp,
    pub(crate) matching: &'a VectorMatching,
    pub(crate) left: BoxOperator<'a>,
    pub(crate) right: BoxOperator<'a>,
    pub(crate) steps: Steps,
    pub(crate) state: SetState,
}

/// Which signatures have a sample, by step, on the side read first.
#[derive(Debug, Default)]
pub(crate) struct SetState {
    present: HashMap<Labels, Vec<bool>>,
    first_side_read: bool,
}

impl SetState {
    fn note(&mut self, signature: Labels, vector: &StepVector) {
        let steps = self.present.entry(signature).or_insert_with(|| vec![false; vector.len()]);
        for (seen, present) in steps.iter_mut().zip(&vector.present) {
            *seen |= present;
        }
    }

    /// Takes away the steps where the signature is present (`keep` false) or is not (`keep` true).
    fn filter(&self, signature: &Labels, vector: &mut StepVector, keep: bool) {
        match self.present.get(signature) {
            Some(steps) => {
                for (step, seen) in steps.iter().enumerate() {
                    if *seen != keep {
                        vector.clear_at(step);
                    }
                }
            }
            None if keep => vector.reset(vector.len()),
            None => {}
        }
    }
}

impl<'a> Operator<'a> for SetOperation<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if self.op == BinaryOp::Or {
            return self.either(cx, out);
        }
        if !self.state.first_side_read {
            self.state.first_side_read = true;
            while let Some(key) = self.right.next(cx, out)? {
                cx.hold(self.steps.count / 8 + 1)?;
                self.state.note(signature(self.matching, &key.labels), out);
            }
        }
        loop {
            let Some(key) = self.left.next(cx, out)? else { return Ok(None) };
            self.state.filter(&signature(self.matching, &key.labels), out, self.op == BinaryOp::And);
            if out.any_present() {
                return Ok(Some(key));
            }
        }
    }
}

impl<'a> SetOperation<'a> {
    fn either(
        &mut self,
        cx: &mut Context<'a>,
        out: &mut StepVector,
    ) -> Result<Option<SeriesKey>, QueryError> {
        if !self.state.first_side_read {
            if let Some(key) = self.left.next(cx, out)? {
                cx.hold(self.steps.count / 8 + 1)?;
                self.state.note(signature(self.matching, &key.labels), out);
                return Ok(Some(key));
            }
            self.state.first_side_read = true;
        }
        loop {
            let Some(key) = self.right.next(cx, out)? else { return Ok(None) };
            self.state.filter(&signature(self.matching, &key.labels), out, false);
            if out.any_present() {
                return Ok(Some(key));
            }
        }
    }
}
