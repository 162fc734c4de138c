//! The tree as JSON, in the shape of Prometheus's `/api/v1/parse_query`.

use super::number;
use crate::ast::{
    AtModifier, Binary, Cardinality, DurationExpr, DurationKind, Expr, ExprKind, Modifiers, RangeExtension,
    ValueType, VectorMatching, VectorSelector,
};
use serde_json::{Map, Value, json};

/// The tree in the shape of Prometheus's `/api/v1/parse_query`. Durations are milliseconds; one that is only known
/// when the query runs (`step()`) is 0, as there.
pub fn to_json(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Number(value) | ExprKind::Duration(value) => {
            json!({"type": "numberLiteral", "val": number(*value)})
        }
        ExprKind::String(text) => json!({"type": "stringLiteral", "val": text.as_str()}),
        ExprKind::VectorSelector(selector) => Value::Object(selector_json("vectorSelector", selector)),
        ExprKind::MatrixSelector(matrix) => {
            let mut object = selector_json("matrixSelector", &matrix.selector);
            object.insert("range".to_owned(), json!(milliseconds(Some(&matrix.range))));
            object.insert("rangeExpr".to_owned(), computed(Some(&matrix.range)));
            Value::Object(object)
        }
        ExprKind::Subquery(subquery) => {
            let mut object = Map::new();
            object.insert("type".to_owned(), json!("subquery"));
            object.insert("expr".to_owned(), to_json(&subquery.expr));
            object.insert("range".to_owned(), json!(milliseconds(Some(&subquery.range))));
            object.insert("rangeExpr".to_owned(), computed(Some(&subquery.range)));
            object.insert("step".to_owned(), json!(milliseconds(subquery.step.as_ref())));
            object.insert("stepExpr".to_owned(), computed(subquery.step.as_ref()));
            insert_modifiers(&mut object, &subquery.modifiers);
            Value::Object(object)
        }
        ExprKind::Call(call) => json!({
            "type": "call",
            "func": {
                "name": call.function.name,
                "argTypes": call.function.args.iter().map(|arg| ValueType::api_name(*arg)).collect::<Vec<_>>(),
                "variadic": call.function.variadic,
                "returnType": call.function.returns.api_name(),
            },
            "args": call.args.iter().map(to_json).collect::<Vec<_>>(),
        }),
        ExprKind::Aggregate(aggregate) => json!({
            "type": "aggregation",
            "op": aggregate.op.as_str(),
            "expr": to_json(&aggregate.expr),
            "param": aggregate.param.as_deref().map(to_json),
            "grouping": aggregate.grouping.labels,
            "without": aggregate.grouping.without,
        }),
        ExprKind::Binary(binary) => json!({
            "type": "binaryExpr",
            "op": binary.op.as_str(),
            "lhs": to_json(&binary.left),
            "rhs": to_json(&binary.right),
            "matching": matching_json(binary),
            "bool": binary.return_bool,
        }),
        ExprKind::Unary(unary) => json!({
            "type": "unaryExpr",
            "op": if unary.negative { "-" } else { "+" },
            "expr": to_json(&unary.expr),
        }),
        ExprKind::Paren(inner) => json!({"type": "parenExpr", "expr": to_json(inner)}),
    }
}

fn matching_json(binary: &Binary) -> Value {
    let between_vectors =
        [&binary.left, &binary.right].into_iter().all(|side| side.value_type() == ValueType::Vector);
    if !between_vectors {
        return Value::Null;
    }
    let VectorMatching { cardinality, on, labels, include, fill_left, fill_right } = &binary.matching;
    let card = match cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    json!({
        "card": card,
        "labels": labels,
        "on": on,
        "include": include,
        "fillValues": {"lhs": fill_left, "rhs": fill_right},
    })
}

fn selector_json(kind: &str, selector: &VectorSelector) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("type".to_owned(), json!(kind));
    object.insert("name".to_owned(), json!(selector.name.as_deref().unwrap_or("")));
    let matchers: Vec<Value> = selector
        .matchers
        .iter()
        .map(|matcher| json!({"name": matcher.name, "value": matcher.value, "type": matcher.op.as_str()}))
        .collect();
    object.insert("matchers".to_owned(), Value::Array(matchers));
    insert_modifiers(&mut object, &selector.modifiers);
    let extended = |extension| json!(selector.extension == Some(extension));
    object.insert("anchored".to_owned(), extended(RangeExtension::Anchored));
    object.insert("smoothed".to_owned(), extended(RangeExtension::Smoothed));
    object
}

fn insert_modifiers(object: &mut Map<String, Value>, modifiers: &Modifiers) {
    object.insert("offset".to_owned(), json!(milliseconds(modifiers.offset.as_ref())));
    object.insert("offsetExpr".to_owned(), computed(modifiers.offset.as_ref()));
    let (timestamp, boundary) = match modifiers.at {
        None => (None, None),
        Some(AtModifier::Timestamp(timestamp)) => (Some(timestamp), None),
        Some(AtModifier::Start) => (None, Some("start")),
        Some(AtModifier::End) => (None, Some("end")),
    };
    object.insert("timestamp".to_owned(), json!(timestamp));
    object.insert("startOrEnd".to_owned(), json!(boundary));
}

/// How a duration is computed; null where it stands as it is.
fn computed(duration: Option<&DurationExpr>) -> Value {
    match duration.map(|duration| &duration.kind) {
        None | Some(DurationKind::Literal(_)) => Value::Null,
        Some(kind) => computation(kind, false),
    }
}

fn computation(kind: &DurationKind, wrapped: bool) -> Value {
    let literal = |value: f64, duration: bool| json!({"type": "numberLiteral", "val": number(value), "duration": duration});
    let operation = |op: &str, left: Option<&DurationExpr>, right: Option<&DurationExpr>| {
        let side = |side: Option<&DurationExpr>| side.map(|side| computation(&side.kind, false));
        json!({"type": "durationExpr", "op": op, "lhs": side(left), "rhs": side(right), "wrapped": wrapped})
    };
    match kind {
        DurationKind::Literal(milliseconds) => literal(*milliseconds as f64 / 1_000.0, true),
        DurationKind::Number(seconds) => literal(*seconds, false),
        DurationKind::Step => operation("step", None, None),
        DurationKind::Range => operation("range", None, None),
        DurationKind::Min(left, right) => operation("min_of", Some(left), Some(right)),
        DurationKind::Max(left, right) => operation("max_of", Some(left), Some(right)),
        DurationKind::Negate(inner) => operation("-", None, Some(inner)),
        DurationKind::Paren(inner) => computation(&inner.kind, true),
        DurationKind::Binary(op, left, right) => operation(op.as_str(), Some(left), Some(right)),
    }
}

fn milliseconds(duration: Option<&DurationExpr>) -> i64 {
    match duration.map(|duration| &duration.kind) {
        Some(DurationKind::Literal(milliseconds)) => *milliseconds,
        _ => 0,
    }
}
