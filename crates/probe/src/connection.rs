//! One HTTP connection of our own, so that each phase of a request can be timed.

use crate::dial::{self, IpChoice};
use crate::report::Report;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Url;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use watchfire_settings::client::{ClientConfig, Credentials, Source, TlsConfig};
use watchfire_settings::http::base64;

/// How long opening a connection took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Phases {
    pub(crate) resolve: Duration,
    pub(crate) connect: Duration,
    pub(crate) tls: Duration,
}

/// What a connection is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) ip: IpChoice,
    pub(crate) tls: &'a TlsConfig,
    /// The protocols offered, the best first; without encryption the first is spoken.
    pub(crate) protocols: &'a [Protocol],
    /// Where to connect to, when it is not where the URL says.
    pub(crate) encrypted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// A connection that takes requests.
pub(crate) enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Opens a connection to a host.
    pub(crate) async fn open(
        host: &str,
        port: u16,
        opening: Opening<'_>,
        report: &mut Report,
    ) -> Result<(Self, Phases), String> {
        let (address, resolve) = dial::resolve(host, opening.ip, report).await?;
        let start = Instant::now();
        let stream = dial::connect(SocketAddr::new(address, port), None).await?;
        let connect = start.elapsed();
        report.say(format!("connected to {address}, port {port}"));
        let usual = opening.protocols.first().copied().unwrap_or(Protocol::Http1);
        let start = Instant::now();
        let (connection, tls) = if opening.encrypted {
            let names: Vec<&[u8]> = opening.protocols.iter().map(|protocol| protocol.name()).collect();
            let stream = dial::encrypt(stream, host, opening.tls, &names, report).await?;
            let took = start.elapsed();
            let chosen = match stream.get_ref().1.alpn_protocol() {
                Some(name) if name == Protocol::Http2.name() => Protocol::Http2,
                Some(_) => Protocol::Http1,
                // A server that chooses nothing speaks what came before there was a choice.
                None if opening.protocols.contains(&Protocol::Http1) => Protocol::Http1,
                None => usual,
            };
            (Self::speak(stream, chosen).await?, took)
        } else {
            (Self::speak(stream, usual).await?, Duration::ZERO)
        };
        Ok((connection, Phases { resolve, connect, tls }))
    }

    async fn speak<S>(stream: S, protocol: Protocol) -> Result<Self, String>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let failed = |error: hyper::Error| format!("cannot speak HTTP: {error}");
        let stream = TokioIo::new(stream);
        match protocol {
            Protocol::Http1 => {
                let (sender, driver) = http1::handshake(stream).await.map_err(failed)?;
                tokio::spawn(driver);
                Ok(Self::Http1(sender))
            }
            Protocol::Http2 => {
                let handshake = http2::handshake(TokioExecutor::new(), stream).await;
                let (sender, driver) = handshake.map_err(failed)?;
                tokio::spawn(driver);
                Ok(Self::Http2(sender))
            }
        }
    }

    pub(crate) const fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    /// Sends a request; its answer's head is there, its body still to be read.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        let answer = match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        };
        answer.map_err(|error| format!("the request was not answered: {}", with_causes(&error)))
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// A request as a client of this configuration sends it: with its credentials and headers.
pub(crate) fn request(
    method: &str,
    url: &Url,
    http2: bool,
    client: &ClientConfig,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Request<Full<Bytes>>, String> {
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(format!("{url} names no host")),
    };
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    // HTTP/2 names scheme and host in the URI, HTTP/1.1 the host in a header.
    let uri = if http2 { format!("{}://{host}{path}", url.scheme()) } else { path };
    let given = |wanted: &str| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let mut request = Request::builder().method(method).uri(uri);
    if !http2 && !given("host") {
        request = request.header("host", host);
    }
    if !given("user-agent") {
        request = request.header("user-agent", concat!("Watchfire/", env!("CARGO_PKG_VERSION")));
    }
    if !body.is_empty() && !given("content-length") {
        request = request.header("content-length", body.len());
    }
    if let Some(authorization) = authorization(client, url)? {
        request = request.header("authorization", authorization);
    }
    for (name, value) in headers {
        if !(http2 && name.eq_ignore_ascii_case("host")) {
            request = request.header(name, value);
        }
    }
    for (name, values) in &client.headers {
        for value in values {
            request = request.header(name, value.reveal()?);
        }
    }
    request.body(Full::new(body)).map_err(|error| format!("no such request can be made: {error}"))
}

fn authorization(client: &ClientConfig, url: &Url) -> Result<Option<String>, String> {
    let basic =
        |user: &str, password: &str| format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
    match &client.credentials {
        Some(Credentials::Basic { username, password }) => {
            let password = password.as_ref().map(Source::reveal).transpose()?;
            Ok(Some(basic(&username.reveal()?, password.as_deref().unwrap_or_default())))
        }
        Some(Credentials::Header { kind, credentials }) => {
            Ok(Some(format!("{kind} {}", credentials.reveal()?)))
        }
        Some(Credentials::OAuth2(_)) => Err("oauth2 is not supported in probes yet".to_owned()),
        None if !url.username().is_empty() => {
            Ok(Some(basic(url.username(), url.password().unwrap_or_default())))
        }
        None => Ok(None),
    }
}
