//! Expressions, by precedence climbing. Lexing is lazy, so that errors come in Prometheus's order: a token is looked
//! at only when the grammar needs it.

use super::lexer::Lexer;
use super::number::parse_number;
use super::quote::unquote;
use super::token::{Keyword, Token, TokenKind};
use super::{Fault, MAX_HEIGHT, MAX_NESTING, MAX_QUERY_BYTES, ParseOptions};
use crate::ast::{Binary, BinaryOp, Expr, ExprKind, Span, Unary};

pub(super) type Parsed<T> = Result<T, Fault>;

/// Reads one query.
#[derive(Debug)]
pub(super) struct Parser<'q> {
    pub(super) query: &'q str,
    lexer: Lexer<'q>,
    pub(super) options: ParseOptions,
    lookahead: Option<Token>,
    /// End of the last token taken.
    pub(super) last_end: usize,
    nesting: usize,
    /// Height of the expression read last.
    pub(super) height: usize,
    /// Operators in the duration being read.
    pub(super) duration_operators: usize,
}

/// How tightly an operator binds; higher is tighter.
pub(super) const fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterOrEqual
        | BinaryOp::TrimUpper
        | BinaryOp::TrimLower => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
        BinaryOp::Pow => POWER,
    }
}

/// A sign binds looser than `^` and tighter than everything else: its operand is read at this level.
pub(super) const POWER: u8 = 6;

/// The level of an operator's right operand: one higher than its own, but the same for `^`, which groups to the right.
pub(super) const fn right_precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Pow => POWER,
        other => precedence(other) + 1,
    }
}

impl<'q> Parser<'q> {
    pub(super) const fn new(query: &'q str, options: ParseOptions) -> Self {
        Self {
            query,
            lexer: Lexer::new(query),
            options,
            lookahead: None,
            last_end: 0,
            nesting: 0,
            height: 0,
            duration_operators: 0,
        }
    }

    /// Where reading stands, for grammars that continue where a metric ends.
    pub(super) const fn position(&self) -> usize {
        self.lexer.position()
    }

    pub(super) fn whole_expression(&mut self) -> Parsed<Expr> {
        self.bound_length()?;
        if self.peek()?.kind == TokenKind::EndOfInput {
            return Err(Fault::new(0..0, "no expression found in input"));
        }
        let expr = self.expression(0)?;
        self.end_of_input()?;
        Ok(expr)
    }

    pub(super) fn end_of_input(&mut self) -> Parsed<()> {
        if self.peek()?.kind == TokenKind::EndOfInput { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn bound_length(&self) -> Parsed<()> {
        if self.query.len() <= MAX_QUERY_BYTES {
            return Ok(());
        }
        let length = self.query.len();
        Err(Fault::new(0..0, format!("query is {length} bytes long; at most {MAX_QUERY_BYTES} are read")))
    }

    pub(super) fn peek(&mut self) -> Parsed<Token> {
        if let Some(token) = self.lookahead {
            return Ok(token);
        }
        let token = self.lexer.next_token().map_err(|error| {
            let mut fault = Fault::from(error);
            fault.span.end = self.query.len();
            fault
        })?;
        self.lookahead = Some(token);
        Ok(token)
    }

    /// Takes the token that was looked at.
    pub(super) fn take(&mut self) -> Parsed<Token> {
        let token = self.peek()?;
        self.lookahead = None;
        self.last_end = token.end;
        Ok(token)
    }

    pub(super) fn take_if(&mut self, kind: TokenKind) -> Parsed<Option<Token>> {
        if self.peek()?.kind == kind { self.take().map(Some) } else { Ok(None) }
    }

    pub(super) fn expect(&mut self, kind: TokenKind) -> Parsed<Token> {
        match self.take_if(kind)? {
            Some(token) => Ok(token),
            None => Err(self.unexpected()),
        }
    }

    /// The error that the token looked at does not fit; a construct around it may say what it wanted.
    pub(super) fn unexpected(&mut self) -> Fault {
        match self.peek() {
            Ok(token) => Fault {
                message: format!("unexpected {}", token.description(self.query)),
                span: token.span(),
                hint: None,
                unexplained: true,
            },
            Err(fault) => fault,
        }
    }

    pub(super) fn unexpected_in(&mut self, construct: &str, expected: &str) -> Fault {
        self.unexpected().within(construct, expected)
    }

    pub(super) fn text(&self, token: Token) -> &'q str {
        self.query.get(token.span()).unwrap_or("")
    }

    /// Goes one level deeper; the caller comes back up with `self.nesting -= 1` on success.
    pub(super) fn descend(&mut self) -> Parsed<()> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            let place = self.last_end.saturating_sub(1)..self.last_end;
            return Err(Fault::new(
                place,
                format!("expression is nested too deeply; at most {MAX_NESTING} levels are allowed"),
            ));
        }
        Ok(())
    }

    pub(super) fn ascend(&mut self) {
        self.nesting = self.nesting.saturating_sub(1);
    }

    /// Notes the height of a node over children of the given height.
    pub(super) fn raise(&mut self, below: usize, span: &Span) -> Parsed<()> {
        self.height = below + 1;
        if self.height > MAX_HEIGHT {
            return Err(Fault::new(
                span.clone(),
                format!("expression has too many parts in a row; at most {MAX_HEIGHT} are allowed"),
            ));
        }
        Ok(())
    }

    pub(super) fn expression(&mut self, lowest: u8) -> Parsed<Expr> {
        self.descend()?;
        let mut left = self.operand()?;
        while let TokenKind::Operator(op) = self.peek()?.kind {
            if precedence(op) < lowest {
                break;
            }
            let operator = self.take()?;
            let left_height = self.height;
            let (return_bool, matching) = self.binary_modifiers()?;
            let right = self.expression(right_precedence(op))?;
            self.raise(left_height.max(self.height), &operator.span())?;
            let span = left.span.start..right.span.end;
            let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
            if fills && !self.options.fill_modifiers {
                return Err(Fault::new(span, "binop fill modifiers are experimental and not enabled"));
            }
            let (left_box, right_box) = (Box::new(left), Box::new(right));
            let binary = Binary { op, left: left_box, right: right_box, return_bool, matching };
            left = Expr { kind: ExprKind::Binary(binary), span };
        }
        self.ascend();
        Ok(left)
    }

    /// An expression without binary operators: signs, or a primary with what follows it.
    fn operand(&mut self) -> Parsed<Expr> {
        let first = self.peek()?;
        let negative = match first.kind {
            TokenKind::Operator(BinaryOp::Sub) => true,
            TokenKind::Operator(BinaryOp::Add) => false,
            _ => {
                let primary = self.primary()?;
                return self.postfix(primary);
            }
        };
        self.take()?;
        let inner = self.expression(POWER)?;
        let span = first.start..inner.span.end;
        let signed = |value: f64| if negative { -value } else { value };
        match inner.kind {
            ExprKind::Number(value) => return Ok(Expr { kind: ExprKind::Number(signed(value)), span }),
            ExprKind::Duration(value) => return Ok(Expr { kind: ExprKind::Duration(signed(value)), span }),
            _ => {}
        }
        self.raise(self.height, &first.span())?;
        Ok(Expr { kind: ExprKind::Unary(Unary { negative, expr: Box::new(inner) }), span })
    }

    /// A number, or a duration as a number of seconds.
    pub(super) fn number(&mut self) -> Parsed<f64> {
        let token = self.peek()?;
        match token.kind {
            TokenKind::Number => {
                self.take()?;
                parse_number(self.text(token))
                    .map_err(|error| Fault::new(token.span(), format!("error parsing number: {error}")))
            }
            TokenKind::Duration => {
                self.take()?;
                watchfire_model::duration::parse(self.text(token))
                    .map(|duration| duration.as_secs_f64())
                    .map_err(|error| Fault::new(token.span(), error.to_string()))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek()?;
        self.height = 1;
        let kind = match token.kind {
            TokenKind::Number => ExprKind::Number(self.number()?),
            TokenKind::Duration => ExprKind::Duration(self.number()?),
            TokenKind::String => {
                self.take()?;
                ExprKind::String(unquote(self.text(token)))
            }
            TokenKind::LeftParen => {
                self.take()?;
                let inner = self.expression(0)?;
                self.expect(TokenKind::RightParen)?;
                self.raise(self.height, &token.span())?;
                ExprKind::Paren(Box::new(inner))
            }
            TokenKind::LeftBrace => ExprKind::VectorSelector(self.selector(None)?),
            TokenKind::Aggregate(op) => {
                self.take()?;
                match self.peek()?.kind {
                    TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without) => {
                        return self.aggregation(op, token);
                    }
                    _ => ExprKind::VectorSelector(self.selector(Some(token))?),
                }
            }
            TokenKind::Identifier => {
                self.take()?;
                if self.peek()?.kind == TokenKind::LeftParen {
                    return self.call(self.text(token), token);
                }
                ExprKind::VectorSelector(self.selector(Some(token))?)
            }
            TokenKind::Preprocessor(_) => {
                self.take()?;
                if self.peek()?.kind == TokenKind::LeftParen {
                    return self.call(self.text(token), token);
                }
                ExprKind::VectorSelector(self.selector(Some(token))?)
            }
            // A metric may be called `fill`, too; what made it a modifier is told to be unexpected.
            TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight) => {
                self.take()?;
                ExprKind::VectorSelector(self.selector(Some(token))?)
            }
            _ if token.names_a_metric() => {
                self.take()?;
                ExprKind::VectorSelector(self.selector(Some(token))?)
            }
            _ => return Err(self.unexpected()),
        };
        Ok(Expr { kind, span: token.start..self.last_end })
    }
}
