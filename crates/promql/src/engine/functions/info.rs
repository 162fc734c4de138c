//! `info`

use crate::ast::{Call, Span};
use crate::engine::context::Steps;
use crate::engine::plan::{Planned, Planner, refused};

pub(crate) fn plan<'a>(_planner: &Planner, _call: &'a Call, _span: &'a Span, _steps: Steps) -> Planned<'a> {
    Err(refused("info() is not supported"))
}
