//! Answers that are handed out while they are written.
//!
//! What makes an answer runs on a thread of its own and writes into a [`Page`]. A short answer is sent as a whole. Of a
//! long one the beginning leaves while the rest is being written, so that the client reads meanwhile; its lists are
//! written by several threads where any are free. They compress what they write: no thread that serves requests does.

mod gzip;
mod list;

use crate::error::ApiError;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gzip::{Gzip, Packed};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, oneshot};
use watchfire_promql::Engine;

/// Up to this size an answer is sent as it is, as are those compressed behind us.
const SMALL_BYTES: usize = 32;
/// So much text is written, and compressed, before it is handed out.
const PIECE_BYTES: usize = 128 << 10;

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
    /// What was written since the last piece was handed out.
    text: Vec<u8>,
    gzip: Gzip,
    sent: Sent,
    helpers: Option<Engine>,
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

/// A piece of an answer as it is handed out.
#[derive(Debug)]
enum Piece {
    Plain(Vec<u8>),
    Packed(Packed),
}

impl Piece {
    /// Takes what is in `text`; `None` when it cannot be compressed.
    fn of(packing: Packing, text: &mut Vec<u8>, last: bool) -> Option<Self> {
        Some(match packing {
            Packing::Plain => Self::Plain(std::mem::replace(text, Vec::with_capacity(text.capacity()))),
            Packing::Gzip => {
                let packed = Packed::of(text, last)?;
                text.clear();
                Self::Packed(packed)
            }
        })
    }
}

impl Page {
    pub(crate) fn new(packing: Packing, reply: Reply<Response>) -> Self {
        Self { packing, text: Vec::new(), gzip: Gzip::default(), sent: Sent::Not(reply), helpers: None }
    }

    /// Lets threads that help this engine's queries help with what is long.
    pub(crate) fn helped_by(mut self, engine: &Engine) -> Self {
        self.helpers = Some(engine.clone());
        self
    }

    /// Where text is appended.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Sends what was written so far, if that is much. False when nobody wants the rest.
    fn pause(&mut self) -> bool {
        if self.text.len() >= PIECE_BYTES {
            self.hand_out();
        }
        !matches!(self.sent, Sent::InVain)
    }

    /// Sends what was written so far.
    fn hand_out(&mut self) {
        let piece = Piece::of(self.packing, &mut self.text, false);
        self.add(piece);
    }

    /// Sends a piece, which follows on those sent before.
    fn add(&mut self, piece: Option<Piece>) {
        match piece {
            Some(Piece::Plain(bytes)) => self.send(bytes),
            Some(Piece::Packed(packed)) => {
                let bytes = self.gzip.add(packed, false);
                self.send(bytes);
            }
            // The connection breaks off.
            None => self.sent = Sent::InVain,
        }
    }

    fn send(&mut self, piece: Vec<u8>) {
        self.sent = match std::mem::replace(&mut self.sent, Sent::InVain) {
            Sent::Not(reply) => {
                let (rest, pieces) = mpsc::unbounded_channel();
                let body = Body::new(Pieces { first: Some(piece.into()), rest: pieces });
                reply.give(Ok(Self::response(self.packing, body)));
                Sent::Begun(rest)
            }
            Sent::Begun(rest) if rest.send(Some(piece.into())).is_ok() => Sent::Begun(rest),
            Sent::Begun(_) | Sent::InVain => Sent::InVain,
        };
    }

    fn response(packing: Packing, body: Body) -> Response {
        let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
        if packing == Packing::Gzip {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        response
    }

    /// That was all.
    pub(crate) fn finish(mut self) {
        let begun = matches!(self.sent, Sent::Begun(_));
        if !begun && self.text.len() <= SMALL_BYTES {
            self.packing = Packing::Plain;
        }
        let rest = match Piece::of(self.packing, &mut self.text, true) {
            Some(Piece::Plain(bytes)) => bytes,
            Some(Piece::Packed(packed)) => {
                let mut bytes = self.gzip.add(packed, true);
                self.gzip.end(&mut bytes);
                bytes
            }
            None => return,
        };
        match self.sent {
            Sent::Not(reply) => reply.give(Ok(Self::response(self.packing, Body::from(rest)))),
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
