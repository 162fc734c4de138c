//! How this server is reached.

use crate::cli::RunArgs;
use std::net::SocketAddr;

/// The external URL and what follows from it.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    external: String,
    host: Option<String>,
    prefix: String,
}

impl Urls {
    /// From the flags, and the address listened on where they say nothing.
    pub(crate) fn new(args: &RunArgs, address: SocketAddr) -> Self {
        let external = match &args.external_url {
            Some(url) => url.to_string().trim_end_matches('/').to_owned(),
            None => format!("http://{address}"),
        };
        let path = args.external_url.as_ref().map_or("", |url| url.path());
        let prefix = args.route_prefix.as_deref().unwrap_or(path).trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let host = args.external_url.as_ref().and_then(|url| url.host()).map(str::to_owned);
        Self { external, host, prefix }
    }

    /// Without a slash at its end.
    pub(crate) fn external(&self) -> String {
        self.external.clone()
    }

    /// The host of the external URL, where one was given.
    pub(crate) fn external_host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The path before every route, empty or beginning with a slash.
    pub(crate) fn prefix(&self) -> String {
        self.prefix.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn urls(args: &[&str]) -> Urls {
        let cli = crate::cli::Cli::parse_from([&["watchfire"], args].concat());
        Urls::new(&cli.run, "127.0.0.1:9090".parse().unwrap())
    }

    #[test]
    fn the_prefix_is_the_external_path_unless_it_is_given() {
        assert_eq!(
            (urls(&[]).external(), urls(&[]).prefix()),
            ("http://127.0.0.1:9090".to_owned(), String::new())
        );
        let proxied = urls(&["--web.external-url=https://watch.example/a/"]);
        assert_eq!(
            (proxied.external(), proxied.prefix()),
            ("https://watch.example/a".to_owned(), "/a".to_owned())
        );
        assert_eq!(proxied.external_host(), Some("watch.example"));
        let stripped = urls(&["--web.external-url=https://watch.example/a/", "--web.route-prefix=/"]);
        assert_eq!(stripped.prefix(), "");
    }
}
