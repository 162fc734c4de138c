//! Listening and serving.

use crate::access;
use crate::alertmanager::AmError;
use crate::app::App;
use crate::error::ApiError;
use crate::origin::Peer;
use crate::route::router;
use crate::routes::routes;
use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::Uri;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use watchfire_guard::{ListenError, check_listen_address};

/// How long a stop waits for requests that are being answered.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to wait when the system has no connection to give, such as when all file descriptors are in use.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

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
}

/// Limits on connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// How many may be open at once (`--web.max-connections`); more wait to be accepted.
    pub connections: usize,
    /// How long a request's head may take to arrive, and how long a connection may stay idle (`--web.read-timeout`).
    pub read_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        // Longer than the intervals at which clients come back, so that their connections are still there.
        Self { connections: 512, read_timeout: Duration::from_secs(75) }
    }
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
    let refused = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok(Bound { listener, address })
}

impl Bound {
    /// Serves until `stop` resolves, then lets running requests finish for a while; what runs longer is dropped, which
    /// cancels its query.
    pub async fn serve(
        self,
        app: Arc<App>,
        limits: ConnectionLimits,
        stop: impl Future<Output = ()> + Send + 'static,
    ) {
        self.serve_router(service(&app), limits, stop).await;
    }

    /// Serves any table of routes, as [`Bound::serve`] does the server's own.
    pub(crate) async fn serve_router(
        self,
        table: Router,
        limits: ConnectionLimits,
        stop: impl Future<Output = ()> + Send + 'static,
    ) {
        let service = TowerToHyperService::new(table);
        let mut protocol = http1::Builder::new();
        protocol.timer(TokioTimer::new()).header_read_timeout(limits.read_timeout);
        let slots = Arc::new(Semaphore::new(limits.connections.max(1)));
        let connections = GracefulShutdown::new();
        let mut serving = tokio::task::JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (accept(&self.listener).await, slot)
            };
            let (stream, slot) = tokio::select! {
                () = &mut stop => break,
                accepted = accepted => accepted,
                Some(_) = serving.join_next() => continue,
            };
            let peer = stream.peer_addr().ok();
            let service = service.clone();
            let service =
                hyper::service::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
                    if let Some(address) = peer {
                        request.extensions_mut().insert(Peer(address));
                    }
                    service.call(request)
                });
            let connection = protocol.serve_connection(TokioIo::new(stream), service);
            let connection = connections.watch(connection);
            serving.spawn(async move {
                // A client that goes away or speaks no HTTP is no news.
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "connection ended");
                }
                drop(slot);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
            tracing::warn!(connections = serving.len(), "requests were still running and are dropped");
        }
        serving.shutdown().await;
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written as a whole; nothing is gained by holding their ends back.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}

fn service(app: &Arc<App>) -> Router {
    let mut table = router(routes(), app);
    if !app.route_prefix.is_empty() {
        let home = format!("{}/", app.route_prefix);
        table = table.route(&app.route_prefix, get(move || async move { Redirect::temporary(&home) }));
    }
    let prefix = app.route_prefix.clone();
    table
        .fallback(move |uri: Uri| async move { nowhere(&prefix, &uri) })
        .layer(axum::middleware::from_fn_with_state(Arc::clone(app), access::outer))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

/// A path with a slash too many is answered with the one that was meant, as Prometheus does.
fn nowhere(prefix: &str, uri: &Uri) -> Response {
    let within = uri.path().strip_prefix(prefix).unwrap_or_default();
    let trimmed = within.trim_end_matches('/');
    // Only below these, so that no path can be read as another host.
    let is_api = trimmed.starts_with("/api/v1/")
        || trimmed.starts_with("/api/v2/")
        || trimmed.starts_with("/-/")
        || trimmed == "/metrics";
    if is_api && trimmed.len() < within.len() {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return Redirect::permanent(&format!("{prefix}{trimmed}{query}")).into_response();
    }
    if trimmed.starts_with("/api/v2") || trimmed.starts_with("/alertmanager/api/v2") {
        return AmError::nowhere(uri.path()).into_response();
    }
    ApiError::not_found(format!("no such path: {}", uri.path())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_too_many_leads_to_the_path_without_and_never_elsewhere() {
        let to = |prefix: &str, uri: &'static str| {
            let response = nowhere(prefix, &Uri::from_static(uri));
            response.headers().get("location").map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(to("", "/api/v1/query/?query=1").as_deref(), Some("/api/v1/query?query=1"));
        assert_eq!(to("/a", "/a/-/healthy/").as_deref(), Some("/a/-/healthy"));
        for uri in ["/api/v1/nonsense", "//evil.example/", "/x/", "/-/"] {
            assert_eq!(to("", uri), None, "{uri}");
        }
    }
}
