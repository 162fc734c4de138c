//! Answers that are handed out while they are written.
//!
//! What makes an answer runs on a thread of its own and writes into a [`Page`]. A short answer is sent as a whole. Of a
//! long one the beginning leaves while the rest is being written, compressed on the same thread: the client reads
//! meanwhile, and no thread that serves requests is busy compressing.

mod gzip;

use crate::error::ApiError;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gzip::Gzip;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, oneshot};

/// Up to this size an answer is sent as it is, as are those compressed behind us.
const SMALL_BYTES: usize = 32;
/// An answer that is not compressed is handed out in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

/// How a client wants its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As they are; whatever else it accepts is done behind us.
    Plain,
    /// As gzip.
    Gzip,
}

impl Packing {
    /// What `Accept-Encoding` asks for: gzip where it is welcome, and nothing is more so.
    fn of(headers: &HeaderMap) -> Self {
        let (mut gzip, mut best) = (None, 0.0_f32);
        for value in headers.get_all(header::ACCEPT_ENCODING) {
            for coding in value.to_str().unwrap_or_default().split(',') {
                let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
                let weight = weight.trim().strip_prefix("q=").map_or(1.0, |text| text.parse().unwrap_or(0.0));
                if name.trim().eq_ignore_ascii_case("gzip") {
                    gzip = Some(weight);
                } else if name.trim().eq_ignore_ascii_case("zstd") {
                    best = weight;
                }
            }
        }
        if gzip.is_some_and(|gzip| gzip > 0.0 && gzip >= best) { Self::Gzip } else { Self::Plain }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Packing {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers))
    }
}

/// Where the answer to a request goes, from whatever thread makes it.
#[derive(Debug)]
pub(crate) struct Reply<T>(oneshot::Sender<Result<T, ApiError>>);

/// The other end of a [`Reply`].
pub(crate) type Awaited<T> = oneshot::Receiver<Result<T, ApiError>>;

impl<T> Reply<T> {
    pub(crate) fn new() -> (Self, Awaited<T>) {
        let (reply, awaited) = oneshot::channel();
        (Self(reply), awaited)
    }

    /// Gives the answer; nobody may want it any more.
    pub(crate) fn give(self, answer: Result<T, ApiError>) {
        let _ = self.0.send(answer);
    }
}

/// An answer that is being written: JSON.
#[derive(Debug)]
pub(crate) struct Page {
    packing: Packing,
    /// What was written and is not compressed yet, while there is no [`Page::gzip`].
    plain: Vec<u8>,
    gzip: Option<Gzip>,
    sent: Sent,
}

#[derive(Debug)]
enum Sent {
    /// Nothing yet.
    Not(Reply<Response>),
    /// The beginning; the rest goes here, and `None` when that was all.
    Begun(mpsc::UnboundedSender<Option<Bytes>>),
    /// Nobody wants it any more.
    InVain,
}

impl Page {
    pub(crate) fn new(packing: Packing, reply: Reply<Response>) -> Self {
        Self { packing, plain: Vec::new(), gzip: None, sent: Sent::Not(reply) }
    }

    /// Where text is appended.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        match &mut self.gzip {
            Some(gzip) => gzip.input(),
            None => &mut self.plain,
        }
    }

    /// Sends what was written so far, if that is much. False when nobody wants the rest.
    pub(crate) fn pause(&mut self) -> bool {
        let piece = match (&mut self.gzip, self.packing) {
            (Some(gzip), _) => gzip.take(),
            (None, _) if self.plain.len() < PIECE_BYTES / 2 => None,
            (None, Packing::Gzip) => self.compress().take(),
            (None, Packing::Plain) if self.plain.len() < PIECE_BYTES => None,
            (None, Packing::Plain) => {
                Some(std::mem::replace(&mut self.plain, Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8)))
            }
        };
        if let Some(piece) = piece {
            self.send(piece.into());
        }
        !matches!(self.sent, Sent::InVain)
    }

    /// Begins to compress.
    fn compress(&mut self) -> &mut Gzip {
        let plain = std::mem::take(&mut self.plain);
        let gzip = self.gzip.get_or_insert_default();
        if gzip.input().is_empty() {
            *gzip.input() = plain;
        }
        gzip
    }

    fn send(&mut self, piece: Bytes) {
        self.sent = match std::mem::replace(&mut self.sent, Sent::InVain) {
            Sent::Not(reply) => {
                let (rest, pieces) = mpsc::unbounded_channel();
                let body = Body::new(Pieces { first: Some(piece), rest: pieces });
                reply.give(Ok(Self::response(self.gzip.is_some(), body)));
                Sent::Begun(rest)
            }
            Sent::Begun(rest) if rest.send(Some(piece)).is_ok() => Sent::Begun(rest),
            Sent::Begun(_) | Sent::InVain => Sent::InVain,
        };
    }

    fn response(packed: bool, body: Body) -> Response {
        let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
        if packed {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        response
    }

    /// That was all.
    pub(crate) fn finish(mut self) {
        if self.packing == Packing::Gzip && self.plain.len() > SMALL_BYTES {
            self.compress();
        }
        let packed = self.gzip.is_some();
        let rest = self.gzip.take().map_or_else(|| std::mem::take(&mut self.plain), Gzip::finish);
        match self.sent {
            Sent::Not(reply) => reply.give(Ok(Self::response(packed, Body::from(rest)))),
            Sent::Begun(pieces) => {
                let _ = pieces.send(Some(rest.into()));
                let _ = pieces.send(None);
            }
            Sent::InVain => {}
        }
    }
}

/// The body of a long answer.
struct Pieces {
    first: Option<Bytes>,
    rest: mpsc::UnboundedReceiver<Option<Bytes>>,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        Poll::Ready(match ready!(self.rest.poll_recv(context)) {
            Some(Some(piece)) => Some(Ok(Frame::data(piece))),
            Some(None) => None,
            // Whoever wrote it is gone before the end; the connection breaks off, so that no half passes for the whole.
            None => Some(Err(std::io::Error::other("the answer broke off"))),
        })
    }
}

#[cfg(test)]
mod tests;
