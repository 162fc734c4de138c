//! The syntax tree of PromQL (grammar: Prometheus 3.14 `generated_parser.y`).
//!
//! Every node knows where it stands in the query, because positions are part of the semantics: errors and
//! annotations quote them.

use std::ops::Range;
use watchfire_model::Matcher;

/// Where a node stands in the query, as byte offsets.
pub type Span = Range<usize>;

/// An expression with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression can be.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `1.5`, `Inf`
    Number(f64),
    /// `5m`: a number written as a duration, in seconds.
    Duration(f64),
    /// `"text"`
    String(StringLiteral),
    /// `metric{label="x"} @ 5 offset 1m`: the newest sample of each series.
    VectorSelector(VectorSelector),
    /// `metric[5m] offset 1m`: the samples of each series over a time. Modifiers are on `selector`.
    MatrixSelector(MatrixSelector),
    /// `expr[1h:5m] @ 5 offset 1m`
    Subquery(Subquery),
    /// `rate(x[5m])`
    Call(Call),
    /// `sum by (job) (x)`
    Aggregate(Aggregate),
    /// `a + on (job) group_left b`
    Binary(Binary),
    /// `-x`, `+x`
    Unary(Unary),
    /// `(x)`
    Paren(Box<Expr>),
}

/// The value of a string literal. Escapes such as `\xc5` can spell bytes that are not UTF-8: most places take such a
/// text with replacement characters, but it is no label name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringLiteral {
    text: String,
    /// The bytes as spelled, where they are not UTF-8.
    bytes: Option<Box<[u8]>>,
}

impl StringLiteral {
    /// The literal that spells these bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self { text, bytes: None },
            Err(error) => {
                let bytes = error.into_bytes();
                Self { text: String::from_utf8_lossy(&bytes).into_owned(), bytes: Some(bytes.into()) }
            }
        }
    }

    /// The text, with replacement characters where it is not UTF-8.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes as spelled.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(self.text.as_bytes())
    }

    /// Whether the bytes are UTF-8.
    pub const fn is_utf8(&self) -> bool {
        self.bytes.is_none()
    }

    /// Whether this can name a label: any UTF-8 but nothing.
    pub const fn is_label_name(&self) -> bool {
        self.is_utf8() && !self.text.is_empty()
    }
}

impl From<&str> for StringLiteral {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), bytes: None }
    }
}

/// `metric{label="x"}` with its modifiers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VectorSelector {
    /// The metric name written before the braces, if any. It is the last of `matchers`, too.
    pub name: Option<String>,
    /// All conditions, that on `__name__` included.
    pub matchers: Vec<Matcher>,
    /// `@` and `offset`.
    pub modifiers: Modifiers,
    /// `anchored` or `smoothed`, on a range also.
    pub extension: Option<RangeExtension>,
}

/// `selector[range]`
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSelector {
    /// Which series. Its modifiers apply to the whole.
    pub selector: VectorSelector,
    /// Where the selector part stands, without the range.
    pub selector_span: Span,
    /// How far back.
    pub range: DurationExpr,
}

/// `expr[range:step]`
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// What is evaluated again and again.
    pub expr: Box<Expr>,
    /// How far back.
    pub range: DurationExpr,
    /// Distance between evaluations; the engine's default when absent.
    pub step: Option<DurationExpr>,
    /// `@` and `offset`.
    pub modifiers: Modifiers,
}

/// `@` and `offset`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modifiers {
    /// Evaluation time fixed by `@`.
    pub at: Option<AtModifier>,
    /// Shift into the past; may be negative.
    pub offset: Option<DurationExpr>,
}

/// What stands after `@`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AtModifier {
    /// A Unix timestamp, kept in milliseconds.
    Timestamp(i64),
    /// `start()` of the query.
    Start,
    /// `end()` of the query.
    End,
}

/// `anchored` and `smoothed` range selectors (experimental `promql-extended-range-selectors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeExtension {
    /// Boundaries take the nearest real sample, without extrapolation.
    Anchored,
    /// Boundaries are interpolated.
    Smoothed,
}

/// A duration, which may be computed (experimental `promql-duration-expr`).
#[derive(Clone, Debug, PartialEq)]
pub struct DurationExpr {
    /// How it is made.
    pub kind: DurationKind,
    /// Where it stands.
    pub span: Span,
}

/// How a duration is made.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationKind {
    /// `5m`, or a number of seconds that stands alone; in milliseconds.
    Literal(i64),
    /// A number in a computation: seconds, or what they are multiplied by.
    Number(f64),
    /// `step()`: the query's step.
    Step,
    /// `range()`: the query's whole range.
    Range,
    /// `min_of(a, b)`
    Min(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`
    Max(Box<DurationExpr>, Box<DurationExpr>),
    /// `-a`
    Negate(Box<DurationExpr>),
    /// `(a)`
    Paren(Box<DurationExpr>),
    /// `a + b`, with `+ - * / % ^`. Arithmetic is on seconds.
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its name, one of [`crate::parser::functions::FUNCTIONS`].
    pub function: &'static crate::parser::functions::Function,
    /// Its arguments, as written.
    pub args: Vec<Expr>,
}

/// An aggregation over series.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Which.
    pub op: AggregateOp,
    /// What is aggregated.
    pub expr: Box<Expr>,
    /// `k` of `topk`, `φ` of `quantile`, the label of `count_values`, the ratio of `limit_ratio`.
    pub param: Option<Box<Expr>>,
    /// `by` or `without` labels.
    pub grouping: Grouping,
}

/// `by (…)`, `without (…)`, or neither (which is `by ()`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// `without` rather than `by`.
    pub without: bool,
    /// The labels named, in the order written.
    pub labels: Vec<String>,
}

/// The aggregations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is PromQL's operator of that name")]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Sum,
        Self::Avg,
        Self::Count,
        Self::Min,
        Self::Max,
        Self::Group,
        Self::Stddev,
        Self::Stdvar,
        Self::Topk,
        Self::Bottomk,
        Self::CountValues,
        Self::Quantile,
        Self::Limitk,
        Self::LimitRatio,
    ];

    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// Whether a parameter comes before the expression.
    pub const fn takes_parameter(self) -> bool {
        matches!(
            self,
            Self::Topk | Self::Bottomk | Self::CountValues | Self::Quantile | Self::Limitk | Self::LimitRatio
        )
    }
}

/// An operator between two expressions.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// Which.
    pub op: BinaryOp,
    /// Its left side.
    pub left: Box<Expr>,
    /// Its right side.
    pub right: Box<Expr>,
    /// Comparison gives 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// How series of both sides find each other; meaningful between two vectors.
    pub matching: VectorMatching,
}

/// How series of both sides find each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VectorMatching {
    /// One to one, one to many, and so on.
    pub cardinality: Cardinality,
    /// `on` rather than `ignoring`.
    pub on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// The labels that `group_left` or `group_right` takes from the "one" side.
    pub include: Vec<String>,
    /// `fill_left(v)` / `fill(v)`: what a missing left side counts as (experimental `promql-binop-fill-modifiers`).
    pub fill_left: Option<f64>,
    /// `fill_right(v)` / `fill(v)`.
    pub fill_right: Option<f64>,
}

/// How many series may meet on each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cardinality {
    /// One on each side.
    #[default]
    OneToOne,
    /// `group_left`: many on the left.
    ManyToOne,
    /// `group_right`: many on the right.
    OneToMany,
    /// `and`, `or`, `unless`.
    ManyToMany,
}

/// The binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`as_str` says how each is written")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `</`: keep the part of a histogram below a value.
    TrimUpper,
    /// `>/`: keep the part of a histogram above a value.
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// `== != < <= > >=`
    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Less
                | Self::LessOrEqual
                | Self::Greater
                | Self::GreaterOrEqual
        )
    }

    /// `and or unless`
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// `-x` or `+x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Unary {
    /// Whether the sign is a minus.
    pub negative: bool,
    /// What it stands before.
    pub expr: Box<Expr>,
}

/// The types of PromQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// A set of series with one sample each.
    Vector,
    /// A set of series with samples over a time.
    Matrix,
    /// A text.
    String,
    /// Nothing.
    None,
}

impl ValueType {
    /// The name error texts use ("instant vector").
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
            Self::None => "none",
        }
    }

    /// The name the HTTP API uses (`vector`).
    pub const fn api_name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
            Self::None => "none",
        }
    }
}

impl Expr {
    /// The type this expression has.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) | ExprKind::Duration(_) => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::VectorSelector(_) | ExprKind::Aggregate(_) => ValueType::Vector,
            ExprKind::MatrixSelector(_) | ExprKind::Subquery(_) => ValueType::Matrix,
            ExprKind::Call(call) => call.function.returns,
            ExprKind::Unary(unary) => unary.expr.value_type(),
            ExprKind::Paren(inner) => inner.value_type(),
            ExprKind::Binary(binary) => {
                let scalars = binary.left.value_type() == ValueType::Scalar
                    && binary.right.value_type() == ValueType::Scalar;
                if scalars { ValueType::Scalar } else { ValueType::Vector }
            }
        }
    }

    /// The expressions directly inside, in the order written.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        let (first, second, rest): (Option<&Self>, Option<&Self>, &[Self]) = match &self.kind {
            ExprKind::Number(_)
            | ExprKind::Duration(_)
            | ExprKind::String(_)
            | ExprKind::VectorSelector(_)
            | ExprKind::MatrixSelector(_) => (None, None, &[]),
            ExprKind::Subquery(subquery) => (Some(&subquery.expr), None, &[]),
            ExprKind::Call(call) => (None, None, &call.args),
            ExprKind::Aggregate(aggregate) => (aggregate.param.as_deref(), Some(&aggregate.expr), &[]),
            ExprKind::Binary(binary) => (Some(&binary.left), Some(&binary.right), &[]),
            ExprKind::Unary(unary) => (Some(&unary.expr), None, &[]),
            ExprKind::Paren(inner) => (Some(inner), None, &[]),
        };
        first.into_iter().chain(second).chain(rest)
    }

    /// The expression inside any parentheses.
    pub fn unwrap_parens(&self) -> &Self {
        match &self.kind {
            ExprKind::Paren(inner) => inner.unwrap_parens(),
            _ => self,
        }
    }

    /// Where the expression inside any parentheses stands: what Prometheus's remarks are about.
    pub fn bare_span(&self) -> &Span {
        &self.unwrap_parens().span
    }
}
