//! Listening and serving.

use crate::app::App;
use crate::error::ApiError;
use crate::route::router;
use crate::routes::routes;
use axum::Router;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use watchfire_guard::{ListenError, check_listen_address};

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is open to the network.
    #[error(transparent)]
    Refused(#[from] ListenError),
    /// The address is taken, or not this machine's.
    #[error(
        "cannot listen on {address}: {source}; is another server running there? choose another with --web.listen-address"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Accepting connections failed.
    #[error("serving failed: {0}")]
    Serve(#[from] io::Error),
}

/// A listening socket, before anything is served on it.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    /// The address listened on, with the port the system chose where it was 0.
    pub address: SocketAddr,
}

/// Listens on an address, if it is one that may be listened on.
pub async fn bind(address: SocketAddr) -> Result<Bound, ServeError> {
    check_listen_address(address)?;
    let listener =
        TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

impl Bound {
    /// Serves until `stop` resolves, then lets running requests finish.
    pub async fn serve(
        self,
        app: Arc<App>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let service = service(&app);
        axum::serve(self.listener, service).with_graceful_shutdown(stop).await?;
        Ok(())
    }
}

fn service(app: &Arc<App>) -> Router {
    let mut table = router(routes(), app);
    if !app.route_prefix.is_empty() {
        let home = format!("{}/", app.route_prefix);
        table = table.route(&app.route_prefix, get(move || async move { Redirect::temporary(&home) }));
    }
    table
        .fallback(|| async { ApiError::not_found("no such page").into_response() })
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}
