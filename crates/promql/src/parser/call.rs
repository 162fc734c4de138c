//! Calls of functions, and aggregations.

use super::expression::{Parsed, Parser};
use super::quote::go_quote;
use super::token::{Keyword, Token, TokenKind};
use super::{Fault, functions};
use crate::ast::{Aggregate, AggregateOp, Call, Expr, ExprKind, Grouping};

impl Parser<'_> {
    pub(super) fn aggregation(&mut self, op: AggregateOp, name: Token) -> Parsed<Expr> {
        const CONSTRUCT: &str = "aggregation";
        let mut grouping = self.maybe_grouping()?;
        let arguments = self.arguments().map_err(|fault| fault.within(CONSTRUCT, ""))?;
        if grouping.is_none() {
            grouping = self.maybe_grouping()?;
        }
        let span = name.start..self.last_end;
        let fault = |message: String| Err(Fault::new(span.clone(), message));
        if arguments.is_empty() {
            return fault("no arguments for aggregate expression provided".to_owned());
        }
        let experimental = matches!(op, AggregateOp::Limitk | AggregateOp::LimitRatio);
        if experimental && !self.options.functions {
            let name = op.as_str();
            return fault(format!(
                "{name}() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
            ));
        }
        let wanted = if op.takes_parameter() { 2 } else { 1 };
        let given = arguments.len();
        if given != wanted {
            return fault(format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {given}"
            ));
        }
        let mut arguments = arguments.into_iter();
        let param = if op.takes_parameter() { arguments.next().map(Box::new) } else { None };
        let Some(expr) = arguments.next().map(Box::new) else { return Err(self.unexpected()) };
        let aggregate = Aggregate { op, expr, param, grouping: grouping.unwrap_or_default() };
        Ok(Expr { kind: ExprKind::Aggregate(aggregate), span })
    }

    fn maybe_grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::By) => false,
            TokenKind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.take()?;
        Ok(Some(Grouping { without, labels: self.grouping_labels()? }))
    }

    pub(super) fn call(&mut self, name: &str, token: Token) -> Parsed<Expr> {
        let args = self.arguments()?;
        let Some(function) = functions::find(name) else {
            let mut fault =
                Fault::new(token.span(), format!("unknown function with name {}", go_quote(name)));
            fault.hint = functions::nearest(name).map(|nearest| format!("did you mean {nearest:?}?"));
            return Err(fault);
        };
        if function.experimental && !self.options.functions {
            return Err(Fault::new(token.span(), format!("function {} is not enabled", go_quote(name))));
        }
        Ok(Expr { kind: ExprKind::Call(Call { function, args }), span: token.start..self.last_end })
    }

    /// `(a, b, …)`; leaves the height of the node that takes them.
    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        let open = self.expect(TokenKind::LeftParen)?;
        let mut arguments = Vec::new();
        let mut tallest = 0;
        if self.peek()?.kind != TokenKind::RightParen {
            loop {
                arguments.push(self.expression(0)?);
                tallest = self.height.max(tallest);
                let Some(comma) = self.take_if(TokenKind::Comma)? else { break };
                if !self.peek()?.begins_an_expression() {
                    let message = "trailing commas not allowed in function call args";
                    return Err(Fault::new(comma.span(), message));
                }
            }
        }
        self.expect(TokenKind::RightParen)?;
        self.raise(tallest, &open.span())?;
        Ok(arguments)
    }
}
