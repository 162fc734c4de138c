//! The pages of an agent: what it collects, and that it lives. All are read with `GET`, none changes anything.

use crate::access::secure;
use crate::error::ApiError;
use crate::server::{Bound, ConnectionLimits};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::header::CONTENT_TYPE;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use watchfire_guard::{HostPolicy, Permission};

/// Collections that may run at once; whoever asks besides waits.
const AT_ONCE: usize = 2;

const HOME: &str = "<!doctype html><html lang=\"en\"><title>Watchfire agent</title><h1>Watchfire agent</h1>\
    <p><a href=\"metrics\">Metrics</a></p></html>\n";

/// Gives an exposition in the text format; it may block.
pub type GatherText = Arc<dyn Fn() -> Vec<u8> + Send + Sync>;

/// What the pages are made of.
#[derive(Clone)]
pub struct AgentPages {
    gather: GatherText,
    slots: Arc<Semaphore>,
    hosts: HostPolicy,
}

impl fmt::Debug for AgentPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentPages").finish_non_exhaustive()
    }
}

impl AgentPages {
    /// Pages that show what `gather` gives, anew each time they are asked for.
    pub fn new(gather: GatherText) -> Self {
        Self { gather, slots: Arc::new(Semaphore::new(AT_ONCE)), hosts: HostPolicy::new(None) }
    }

    /// The table of routes, with what each needs.
    fn routes() -> [(&'static str, Permission, MethodRouter<Self>); 4] {
        [
            ("/", Permission::Open, get(|| async { Html(HOME) })),
            ("/metrics", Permission::Read, get(metrics)),
            ("/-/healthy", Permission::Open, get(|| async { "Watchfire's agent is healthy.\n" })),
            ("/-/ready", Permission::Open, get(|| async { "Watchfire's agent is ready.\n" })),
        ]
    }

    fn router(self) -> Router {
        // No user exists in an agent; who may read is whoever reaches it, and only loopback does.
        let table =
            Self::routes().into_iter().fold(Router::new(), |table, (path, _, page)| table.route(path, page));
        table
            .fallback(|request: Request| async move {
                ApiError::not_found(format!("an agent has no {}", request.uri().path()))
            })
            .layer(from_fn_with_state(self.clone(), outer))
            .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
            .with_state(self)
    }
}

impl Bound {
    /// As [`Bound::serve`], for an agent's pages.
    pub async fn serve_agent(
        self,
        pages: AgentPages,
        limits: ConnectionLimits,
        stop: impl Future<Output = ()> + Send + 'static,
    ) {
        self.serve_router(pages.router(), limits, stop).await;
    }
}

async fn outer(State(pages): State<AgentPages>, request: Request, next: Next) -> Response {
    let mut response = match pages.hosts.check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => ApiError::forbidden(refused.to_string()).into_response(),
    };
    secure(response.headers_mut());
    response
}

async fn metrics(State(pages): State<AgentPages>) -> Response {
    let Ok(_slot) = pages.slots.acquire().await else {
        return ApiError::internal("the agent is stopping").into_response();
    };
    let gather = Arc::clone(&pages.gather);
    match tokio::task::spawn_blocking(move || gather()).await {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(_) => ApiError::internal("the collection failed; see the agent's log").into_response(),
    }
}
