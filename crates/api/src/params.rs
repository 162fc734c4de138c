//! Request parameters, from the query string and, where it is a form, the body.

use crate::error::ApiError;
use crate::time::{parse_duration, parse_time};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use watchfire_model::{Matcher, TimeRange};

/// All parameters of a request, in the order given; a name may come more than once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    fn parse(query: &str, form: &[u8]) -> Self {
        let body = form_urlencoded::parse(form);
        let query = form_urlencoded::parse(query.as_bytes());
        Self(body.chain(query).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value given, if it is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(found, value)| found == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
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
        match text.parse::<usize>() {
            Ok(0) => Ok(usize::MAX),
            Ok(limit) => Ok(limit),
            Err(_) => Err(ApiError::bad_parameter("limit", format!("{text:?} is not a number of 0 or more"))),
        }
    }

    /// `start` and `end`, open where absent.
    pub(crate) fn range(&self) -> Result<TimeRange, ApiError> {
        let start_ms = self.time("start")?.unwrap_or(i64::MIN);
        let end_ms = self.time("end")?.unwrap_or(i64::MAX);
        if end_ms < start_ms {
            return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
        }
        Ok(TimeRange::new(start_ms, end_ms))
    }

    /// `match[]`: each a selector.
    pub(crate) fn matchers(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        self.all("match[]")
            .map(|selector| {
                watchfire_promql::parser::parse_metric_selector(selector)
                    .map_err(|error| ApiError::bad_parameter("match[]", error))
            })
            .collect()
    }
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let query = request.uri().query().unwrap_or("").to_owned();
        let is_form = request
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        let form = if is_form { read_body(request, state).await? } else { Bytes::new() };
        Ok(Self::parse(&query, &form))
    }
}

/// The whole body, up to the route's limit.
pub(crate) async fn read_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::too_large(crate::route::FORM_LIMIT_BYTES)
        } else {
            ApiError::bad_data(format!("could not read the request body: {rejection}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_comes_before_the_query_string() {
        let params = Params::parse("query=b&x=&match[]=up&match[]=%7Ba%3D%22b%22%7D", b"query=a+1");
        assert_eq!(params.get("query"), Some("a 1"));
        assert_eq!(params.get("x"), None);
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["up", "{a=\"b\"}"]);
        assert!(params.range().is_ok_and(|range| range == TimeRange::ALL));
        assert!(Params::parse("start=2&end=1", b"").range().is_err());
        assert!(Params::parse("limit=-1", b"").limit().is_err());
    }
}
