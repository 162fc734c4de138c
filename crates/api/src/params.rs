//! Request parameters, from the query string and, where it is a form, the body.

use crate::error::ApiError;
use crate::time::{parse_duration, parse_time};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use watchfire_model::{Matcher, TimeRange};

/// All parameters of a request, in the order given; a name may come more than once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// The form in a body comes before the query string, as in Go, which Prometheus's clients are used to.
    fn parse(query: &str, form: &[u8]) -> Result<Self, ApiError> {
        let mut pairs = Vec::new();
        for pair in form.split(|byte| *byte == b'&').chain(query.as_bytes().split(|byte| *byte == b'&')) {
            if pair.is_empty() {
                continue;
            }
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
                None => (pair, &[][..]),
            };
            let name = decode(name)?;
            let name = String::from_utf8(name).map_err(|_| {
                ApiError::bad_data("error parsing form values: a parameter's name is not UTF-8")
            })?;
            // Bytes that are no text must not quietly become another question.
            let value = String::from_utf8(decode(value)?)
                .map_err(|_| ApiError::bad_parameter(&name, "its value is not valid UTF-8"))?;
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The first value given, if it is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(found, value)| found == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Everything, in the order given.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All values given.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name).map(parse_time).transpose().map_err(|reason| ApiError::bad_parameter(name, reason))
    }

    pub(crate) fn duration_ms(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name).map(parse_duration).transpose().map_err(|reason| ApiError::bad_parameter(name, reason))
    }

    /// `limit`: 0 or absent means none.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(usize::MAX) };
        match text.parse::<i64>() {
            Ok(0) => Ok(usize::MAX),
            Ok(limit) => usize::try_from(limit)
                .map_err(|_| ApiError::bad_parameter("limit", "limit must be non-negative")),
            Err(_) => Err(ApiError::bad_parameter("limit", format!("{text:?} is not a whole number"))),
        }
    }

    /// A whole number under a name whose negative values mean "no limit", as on the routes about metadata.
    pub(crate) fn count(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number: i64 = text.parse().map_err(|_| ApiError::bad_data(format!("{name} must be a number")))?;
        Ok(usize::try_from(number).ok())
    }

    /// `start` and `end`, open where absent. A range that ends before it starts is `None`: it holds nothing.
    pub(crate) fn range(&self) -> Result<Option<TimeRange>, ApiError> {
        let time = |name: &str, default_ms: i64| {
            self.optional_time(name).map(|time_ms| time_ms.unwrap_or(default_ms))
        };
        let (start_ms, end_ms) = (time("start", i64::MIN)?, time("end", i64::MAX)?);
        Ok((start_ms <= end_ms).then(|| TimeRange::new(start_ms, end_ms)))
    }

    /// A time that may be absent; Prometheus words its fault a little differently from that of one that may not.
    pub(crate) fn optional_time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let parsed = self.get(name).map(parse_time).transpose();
        parsed.map_err(|reason| {
            ApiError::bad_parameter(name, format!("invalid time value for '{name}': {reason}"))
        })
    }

    /// `match[]`: each a selector.
    pub(crate) fn matchers(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        self.selectors("match[]")
    }

    /// All selectors under a name. One that would match the empty series, and so everything, is a fault.
    pub(crate) fn selectors(&self, name: &str) -> Result<Vec<Vec<Matcher>>, ApiError> {
        self.all(name)
            .map(|selector| {
                watchfire_promql::parser::parse_metric_selector(selector)
                    .map_err(|error| ApiError::bad_parameter(name, error))
            })
            .collect()
    }
}

/// Undoes the encoding of forms: `+` is a space, `%41` an `A`.
fn decode(text: &[u8]) -> Result<Vec<u8>, ApiError> {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let (Some(high), Some(low)) = (hex(after.first()), hex(after.get(1))) else {
                    let escape = String::from_utf8_lossy(after.get(..2).unwrap_or(after)).into_owned();
                    return Err(ApiError::bad_data(format!(
                        "error parsing form values: invalid URL escape {:?}",
                        format!("%{escape}")
                    )));
                };
                // Two hexadecimal digits are a byte.
                out.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(*byte),
        }
    }
    Ok(out)
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let query = request.uri().query().unwrap_or("").to_owned();
        let is_form = request
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        if !is_form {
            return Self::parse(&query, b"");
        }
        // Its size was checked when it was read, before any handler ran.
        let form = Bytes::from_request(request, state).await.map_err(|rejection| {
            ApiError::bad_data(format!("could not read the request body: {rejection}"))
        })?;
        Self::parse(&query, &form)
    }
}

/// The parameters of the query string alone: the body is something else, whatever its `Content-Type` says. `curl -d` calls
/// everything a form.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryParams(Params);

impl std::ops::Deref for QueryParams {
    type Target = Params;

    fn deref(&self) -> &Params {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for QueryParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Params::parse(parts.uri.query().unwrap_or(""), b"").map(Self)
    }
}

#[cfg(test)]
mod tests;
