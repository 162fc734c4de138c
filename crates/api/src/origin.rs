//! Who sent a request, and to which path: for the log of queries.

use axum::extract::FromRequestParts;
use http::request::Parts;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

/// The address at the other end of a connection, put into its requests by the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Where a query came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// `None` where no connection is known, as in tests.
    pub(crate) client: Option<IpAddr>,
    pub(crate) method: String,
    /// As it was asked, without parameters.
    pub(crate) path: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            client: parts.extensions.get::<Peer>().map(|peer| peer.0.ip()),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
        })
    }
}
