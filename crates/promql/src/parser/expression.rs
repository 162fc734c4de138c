//! Expressions, by precedence climbing. Lexing is lazy, so that errors come in Prometheus's order: a token is looked
//! at only when the grammar needs it.

use super::lexer::Lexer;
use super::number::parse_number;
use super::quote::{go_quote, unquote};
use super::token::{Keyword, Preprocessor, Token, TokenKind};
use super::{Fault, MAX_HEIGHT, MAX_NESTING, MAX_QUERY_BYTES, ParseOptions, functions};
use crate::ast::{
    Aggregate, AggregateOp, AtModifier, Binary, BinaryOp, Call, Cardinality, DurationKind, Expr, ExprKind,
    Grouping, MatrixSelector, Modifiers, RangeExtension, Span, Subquery, Unary, VectorMatching,
    VectorSelector,
};

pub(super) type Parsed<T> = Result<T, Fault>;

/// Reads one query.
#[derive(Debug)]
pub(super) struct Parser<'q> {
    pub(super) query: &'q str,
    lexer: Lexer<'q>,
    options: ParseOptions,
    lookahead: Option<Token>,
    /// End of the last token taken.
    pub(super) last_end: usize,
    nesting: usize,
    /// Height of the expression read last.
    height: usize,
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
    fn raise(&mut self, below: usize, span: &Span) -> Parsed<()> {
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
        if let ExprKind::Number(value) = inner.kind {
            return Ok(Expr { kind: ExprKind::Number(if negative { -value } else { value }), span });
        }
        self.raise(self.height, &first.span())?;
        Ok(Expr { kind: ExprKind::Unary(Unary { negative, expr: Box::new(inner) }), span })
    }

    /// `bool`, `on`/`ignoring` with `group_left`/`group_right`, and `fill…`, each optional, in this order.
    fn binary_modifiers(&mut self) -> Parsed<(bool, VectorMatching)> {
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
                if self.peek()?.kind == TokenKind::LeftParen {
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

    fn signed_number(&mut self) -> Parsed<f64> {
        let sign = match self.peek()?.kind {
            TokenKind::Operator(BinaryOp::Sub) => -1.0,
            TokenKind::Operator(BinaryOp::Add) => 1.0,
            _ => return self.number(),
        };
        self.take()?;
        Ok(sign * self.number()?)
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
            TokenKind::Number | TokenKind::Duration => ExprKind::Number(self.number()?),
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
            TokenKind::Preprocessor(preprocessor) => {
                self.take()?;
                if self.peek()?.kind == TokenKind::LeftParen {
                    return self.call(preprocessor.as_str(), token);
                }
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

    fn aggregation(&mut self, op: AggregateOp, name: Token) -> Parsed<Expr> {
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
        if experimental && !self.options.experimental {
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

    fn call(&mut self, name: &str, token: Token) -> Parsed<Expr> {
        let args = self.arguments()?;
        let Some(function) = functions::find(name) else {
            let mut fault =
                Fault::new(token.span(), format!("unknown function with name {}", go_quote(name)));
            fault.hint = functions::nearest(name).map(|nearest| format!("did you mean {nearest:?}?"));
            return Err(fault);
        };
        if function.experimental && !self.options.experimental {
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

    /// Ranges and modifiers after an expression, as many as there are.
    fn postfix(&mut self, mut expr: Expr) -> Parsed<Expr> {
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
                    extend(&mut expr, RangeExtension::Anchored)?;
                }
                TokenKind::Keyword(Keyword::Smoothed) => {
                    self.take()?;
                    extend(&mut expr, RangeExtension::Smoothed)?;
                }
                _ => return Ok(expr),
            }
        }
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

fn extend(expr: &mut Expr, extension: RangeExtension) -> Parsed<()> {
    let name = match extension {
        RangeExtension::Anchored => "anchored",
        RangeExtension::Smoothed => "smoothed",
    };
    let fault = |message: String| Err(Fault::new(expr.span.clone(), message));
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
