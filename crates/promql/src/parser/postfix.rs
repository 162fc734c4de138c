//! What follows an expression: ranges, `offset`, `@`, and how ranges are extended.

use super::Fault;
use super::expression::{Parsed, Parser};
use super::token::{Keyword, Preprocessor, TokenKind};
use crate::ast::{
    AtModifier, DurationKind, Expr, ExprKind, MatrixSelector, Modifiers, RangeExtension, Subquery,
    VectorSelector,
};

impl Parser<'_> {
    /// Ranges and modifiers after an expression, as many as there are.
    pub(super) fn postfix(&mut self, mut expr: Expr) -> Parsed<Expr> {
        loop {
            match self.peek()?.kind {
                TokenKind::LeftBracket => expr = self.brackets(expr)?,
                TokenKind::Keyword(Keyword::Offset) => {
                    self.take()?;
                    self.offset(&mut expr)?;
                }
                TokenKind::At => {
                    self.take()?;
                    self.at(&mut expr).map_err(|fault| fault.within("@", "timestamp"))?;
                }
                TokenKind::Keyword(Keyword::Anchored) => {
                    self.take()?;
                    self.extend(&mut expr, RangeExtension::Anchored)?;
                }
                TokenKind::Keyword(Keyword::Smoothed) => {
                    self.take()?;
                    self.extend(&mut expr, RangeExtension::Smoothed)?;
                }
                _ => return Ok(expr),
            }
        }
    }

    fn extend(&self, expr: &mut Expr, extension: RangeExtension) -> Parsed<()> {
        extend(expr, extension, self.options.range_extensions)
    }

    fn brackets(&mut self, expr: Expr) -> Parsed<Expr> {
        const WANTED: &str = "number, duration, step(), or range()";
        let open = self.take()?;
        let range =
            self.positive_duration().map_err(|fault| fault.within("subquery or range selector", WANTED))?;
        if self.take_if(TokenKind::Colon)?.is_some() {
            let step = if self.peek()?.kind == TokenKind::RightBracket {
                None
            } else {
                let step = self.positive_duration().map_err(|fault| {
                    fault.within("subquery selector", "number, duration, step(), range(), or \"]\"")
                })?;
                Some(step)
            };
            if self.take_if(TokenKind::RightBracket)?.is_none() {
                return Err(self.unexpected_in("subquery selector", "\"]\""));
            }
            self.raise(self.height, &open.span())?;
            let span = expr.span.start..self.last_end;
            let subquery = Subquery { expr: Box::new(expr), range, step, modifiers: Modifiers::default() };
            return Ok(Expr { kind: ExprKind::Subquery(subquery), span });
        }
        if self.take_if(TokenKind::RightBracket)?.is_none() {
            return Err(self.unexpected_in("subquery or range", "\":\" or \"]\""));
        }
        let brackets = open.start..self.last_end;
        let ExprKind::VectorSelector(selector) = expr.kind else {
            return Err(Fault::new(brackets, "ranges only allowed for vector selectors"));
        };
        // A computed offset is let through here and then shifts the whole range, as in Prometheus.
        let offset_is_literal = selector
            .modifiers
            .offset
            .as_ref()
            .is_some_and(|offset| matches!(offset.kind, DurationKind::Literal(_)));
        if offset_is_literal {
            return Err(Fault::new(brackets, "no offset modifiers allowed before range"));
        }
        if selector.modifiers.at.is_some() {
            return Err(Fault::new(brackets, "no @ modifiers allowed before range"));
        }
        let span = expr.span.start..self.last_end;
        let matrix = MatrixSelector { selector, selector_span: expr.span, range };
        Ok(Expr { kind: ExprKind::MatrixSelector(matrix), span })
    }

    fn offset(&mut self, expr: &mut Expr) -> Parsed<()> {
        let offset = self
            .offset_duration()
            .map_err(|fault| fault.within("offset", "number, duration, step(), or range()"))?;
        let span = expr.span.clone();
        let Some(modifiers) = modifiers_of(expr) else {
            return Err(Fault::new(
                span,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ));
        };
        if modifiers.offset.is_some() {
            return Err(Fault::new(span, "offset may not be set multiple times"));
        }
        // No shift is no offset.
        modifiers.offset = Some(offset).filter(|offset| offset.kind != DurationKind::Literal(0));
        expr.span.end = self.last_end;
        Ok(())
    }

    fn at(&mut self, expr: &mut Expr) -> Parsed<()> {
        let boundary = match self.peek()?.kind {
            TokenKind::Preprocessor(Preprocessor::Start) => Some(AtModifier::Start),
            TokenKind::Preprocessor(Preprocessor::End) => Some(AtModifier::End),
            _ => None,
        };
        let at = if let Some(boundary) = boundary {
            self.take()?;
            self.expect(TokenKind::LeftParen)?;
            self.expect(TokenKind::RightParen)?;
            boundary
        } else {
            let seconds = self.signed_number()?;
            let limit = i64::MAX as f64;
            if !(seconds > -limit && seconds < limit) {
                let shown = go_fixed(seconds);
                return Err(Fault::new(
                    expr.span.clone(),
                    format!("timestamp out of bounds for @ modifier: {shown}"),
                ));
            }
            // Out of range, the cast saturates, which is as far away as a time can be.
            AtModifier::Timestamp((seconds * 1000.0).round() as i64)
        };
        let span = expr.span.clone();
        let Some(modifiers) = modifiers_of(expr) else {
            return Err(Fault::new(
                span,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ));
        };
        if modifiers.at.is_some() {
            return Err(Fault::new(span, "@ <timestamp> may not be set multiple times"));
        }
        modifiers.at = Some(at);
        expr.span.end = self.last_end;
        Ok(())
    }
}

fn modifiers_of(expr: &mut Expr) -> Option<&mut Modifiers> {
    match &mut expr.kind {
        ExprKind::VectorSelector(selector) => Some(&mut selector.modifiers),
        ExprKind::MatrixSelector(matrix) => Some(&mut matrix.selector.modifiers),
        ExprKind::Subquery(subquery) => Some(&mut subquery.modifiers),
        _ => None,
    }
}

fn extend(expr: &mut Expr, extension: RangeExtension, enabled: bool) -> Parsed<()> {
    let name = match extension {
        RangeExtension::Anchored => "anchored",
        RangeExtension::Smoothed => "smoothed",
    };
    let fault = |message: String| Err(Fault::new(expr.span.clone(), message));
    if !enabled {
        return fault(format!("{name} modifier is experimental and not enabled"));
    }
    let selector: &mut VectorSelector = match &mut expr.kind {
        ExprKind::VectorSelector(selector) => selector,
        ExprKind::MatrixSelector(matrix) => &mut matrix.selector,
        ExprKind::Subquery(_) => return fault(format!("{name} modifier is not supported for subqueries")),
        _ => return fault(format!("{name} modifier not implemented")),
    };
    if selector.extension.is_some_and(|other| other != extension) {
        return fault("anchored and smoothed modifiers cannot be used together".to_owned());
    }
    selector.extension = Some(extension);
    Ok(())
}

/// A float as Go's `%f` shows it.
fn go_fixed(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    format!("{value:.6}")
}
