//! A proxy at whose other end is every server there is: it takes tunnels, speaks TLS in them, and keeps what it is asked. So
//! services whose addresses cannot be set are looked at, too.

use super::recorder::{Recorder, Seen};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A certificate that nobody has to trust, where OpenSSL is installed.
pub(super) fn certificate(folder: &Path) -> Option<TlsAcceptor> {
    let made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout key.pem -out cert.pem \
                -subj /CN=service";
    let mut command = Command::new("openssl");
    command.args(made.split_whitespace()).current_dir(folder).stderr(Stdio::null());
    if !command.status().is_ok_and(|status| status.success()) {
        return None;
    }
    let cert = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap();
    Some(TlsAcceptor::from(Arc::new(config)))
}

/// Starts it; its address.
pub(super) async fn start(recorder: Recorder, acceptor: TlsAcceptor) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(tunnel(stream, recorder.clone(), acceptor.clone()));
        }
    });
    address
}

async fn tunnel(stream: TcpStream, recorder: Recorder, acceptor: TlsAcceptor) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let head = head(&mut stream).await?;
    let host = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    stream.get_mut().write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    let mut stream = BufReader::new(acceptor.accept(stream.into_inner()).await?);
    let asked = self::head(&mut stream).await?;
    let mut words = asked.first().map(String::as_str).unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers = asked.iter().skip(1).filter_map(|line| line.split_once(": "));
    let length = headers
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let fields = format!("http://form/?{query}&{}", String::from_utf8_lossy(&body));
    let fields: serde_json::Map<String, Value> = reqwest::Url::parse(&fields)
        .unwrap()
        .query_pairs()
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    let receiver = fields.get("user").and_then(Value::as_str).unwrap_or_default().to_owned();
    let request = format!("{method} https://{host}{path}");
    recorder.keep(&receiver, Seen { request, headers: Default::default(), body: Value::Object(fields) });
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{\"status\":1}";
    stream.get_mut().write_all(answer.as_bytes()).await?;
    stream.get_mut().shutdown().await
}

/// The lines before the empty one.
async fn head(stream: &mut (impl AsyncRead + AsyncBufReadExt + Unpin)) -> std::io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == "\r\n" {
            return Ok(lines);
        }
        lines.push(line.trim_end().to_owned());
    }
}
