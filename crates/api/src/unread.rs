//! Connections whose request was answered before its body was read.
//!
//! What is left of such a body would be taken for the next request, so the connection ends with the answer. The answer
//! has to say so (RFC 9112, section 9.6): a client that is not told sends its next request into a closing connection.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use http::{HeaderValue, header};
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

/// Knows whether a request's body was read to its end.
pub(crate) struct Reading(Option<Arc<AtomicBool>>);

impl Reading {
    /// The request with a body that is watched. One without a body is left as it is, at no cost.
    pub(crate) fn of(request: Request) -> (Request, Self) {
        if request.body().is_end_stream() {
            return (request, Self(None));
        }
        let ended = Arc::new(AtomicBool::new(false));
        let watched = request.map(|inner| Body::new(Watched { inner, ended: Arc::clone(&ended) }));
        (watched, Self(Some(ended)))
    }

    /// Tells the client that its connection ends with this answer, if a part of its body was not read.
    pub(crate) fn mark(&self, headers: &mut http::HeaderMap) {
        if self.0.as_ref().is_some_and(|ended| !ended.load(Ordering::Relaxed)) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

struct Watched {
    inner: Body,
    ended: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if frame.is_none() || self.inner.is_end_stream() {
            self.ended.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    fn is_closing(reading: &Reading) -> bool {
        let mut headers = http::HeaderMap::new();
        reading.mark(&mut headers);
        headers.get(header::CONNECTION).is_some_and(|value| value == "close")
    }

    #[tokio::test]
    async fn the_client_is_told_that_its_connection_ends_unless_its_whole_body_was_read() {
        let (_, reading) = Reading::of(Request::new(Body::empty()));
        assert!(!is_closing(&reading), "there is nothing to read");
        let (request, reading) = Reading::of(Request::new(Body::from("abc")));
        assert!(is_closing(&reading), "nothing was read");
        assert_eq!(to_bytes(request.into_body(), 3).await.unwrap(), "abc");
        assert!(!is_closing(&reading));
        let parts = ["abcd", "e"].map(Ok::<_, std::io::Error>);
        let (request, reading) =
            Reading::of(Request::new(Body::from_stream(futures_util::stream::iter(parts))));
        assert!(to_bytes(request.into_body(), 3).await.is_err());
        assert!(is_closing(&reading), "it was given up");
    }
}
