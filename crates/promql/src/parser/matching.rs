//! What stands between a binary operator and its right operand: how samples of the two sides meet.

use super::expression::{Parsed, Parser};
use super::token::{Keyword, Token, TokenKind};
use crate::ast::{BinaryOp, Cardinality, VectorMatching};

/// Whether a matching may go on without labels in parentheses: by filling, or by its right operand.
fn goes_on(next: Token) -> bool {
    let fills =
        matches!(next.kind, TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight));
    fills || next.begins_an_expression()
}

impl Parser<'_> {
    /// `bool`, `on`/`ignoring` with `group_left`/`group_right`, and `fill…`, each optional, in this order.
    pub(super) fn binary_modifiers(&mut self) -> Parsed<(bool, VectorMatching)> {
        let return_bool = self.take_if(TokenKind::Keyword(Keyword::Bool))?.is_some();
        let mut matching = VectorMatching::default();
        let kind = self.peek()?.kind;
        if matches!(kind, TokenKind::Keyword(Keyword::On | Keyword::Ignoring)) {
            self.take()?;
            matching.on = kind == TokenKind::Keyword(Keyword::On);
            matching.labels = self.grouping_labels()?;
            matching.cardinality = match self.peek()?.kind {
                TokenKind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
                TokenKind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
                _ => Cardinality::OneToOne,
            };
            if matching.cardinality != Cardinality::OneToOne {
                self.take()?;
                let next = self.peek()?;
                if next.kind == TokenKind::LeftParen || !goes_on(next) {
                    matching.include = self.grouping_labels()?;
                }
            }
        }
        match self.peek()?.kind {
            TokenKind::Keyword(Keyword::Fill) => {
                let value = self.fill_value()?;
                (matching.fill_left, matching.fill_right) = (Some(value), Some(value));
            }
            TokenKind::Keyword(Keyword::FillLeft) => {
                matching.fill_left = Some(self.fill_value()?);
                if self.peek()?.kind == TokenKind::Keyword(Keyword::FillRight) {
                    matching.fill_right = Some(self.fill_value()?);
                }
            }
            TokenKind::Keyword(Keyword::FillRight) => {
                matching.fill_right = Some(self.fill_value()?);
                if self.peek()?.kind == TokenKind::Keyword(Keyword::FillLeft) {
                    matching.fill_left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok((return_bool, matching))
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.take()?;
        self.expect(TokenKind::LeftParen)?;
        let value = self.signed_number()?;
        self.expect(TokenKind::RightParen)?;
        Ok(value)
    }

    pub(super) fn signed_number(&mut self) -> Parsed<f64> {
        let sign = match self.peek()?.kind {
            TokenKind::Operator(BinaryOp::Sub) => -1.0,
            TokenKind::Operator(BinaryOp::Add) => 1.0,
            _ => return self.number(),
        };
        self.take()?;
        Ok(sign * self.number()?)
    }
}
