//! What a browser may be made to do by somebody else's page.
//!
//! Loopback keeps the network out but not the user's own browser: a page on the Internet can send requests to
//! `127.0.0.1`, and can rename its own host to `127.0.0.1` after loading (DNS rebinding). So a request must name a host
//! we know, and only links may lead here from another site: its pages could not read an answer, but they could change
//! something, or keep us busy with queries.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, Uri};

/// Why a request was turned away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The `Host` header names a machine we do not answer for.
    #[error("host {0:?} is not served here; use a loopback address, or set --web.external-url to that name")]
    UnknownHost(String),
    /// A page of another site asks.
    #[error("cross-site request refused: it comes from {0:?}")]
    CrossSite(String),
}

/// Which hosts are served.
#[derive(Clone, Debug, Default)]
pub struct HostPolicy {
    external_host: Option<String>,
}

impl HostPolicy {
    /// Loopback names, and the host of the external URL when there is one.
    pub fn new(external_url: Option<&Uri>) -> Self {
        Self { external_host: external_url.and_then(Uri::host).map(str::to_ascii_lowercase) }
    }

    /// Whether the request names a host that is served; [`HostPolicy::check`] asks more.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Refused> {
        // Absent only in HTTP/1.0, which no browser speaks.
        if let Some(host) = headers.get(HOST) {
            let host = String::from_utf8_lossy(host.as_bytes()).into_owned();
            if !self.serves(&host) {
                return Err(Refused::UnknownHost(host));
            }
        }
        Ok(())
    }

    /// Whether the request may be answered.
    pub fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
        self.check_host(headers)?;
        let header =
            |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let origin = header(ORIGIN.as_str());
        // Every browser of today says where a request comes from, and no page can make it lie.
        if let Some(site) = header("sec-fetch-site") {
            let is_link = method.is_safe() && header("sec-fetch-mode").as_deref() == Some("navigate");
            let is_own = site == "same-origin" || site == "none";
            return if is_own || is_link { Ok(()) } else { Err(Refused::CrossSite(origin.unwrap_or(site))) };
        }
        if method.is_safe() {
            return Ok(());
        }
        let host = header(HOST.as_str()).unwrap_or_default();
        match origin {
            Some(origin) if !self.is_own_origin(&origin, &host) => Err(Refused::CrossSite(origin)),
            _ => Ok(()),
        }
    }

    fn serves(&self, authority: &str) -> bool {
        let host = host_of(authority).to_ascii_lowercase();
        let is_loopback = host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        is_loopback || self.external_host.as_deref() == Some(host.as_str())
    }

    /// Whether the page came from the very host and port that is asked now, or from the external URL, whose proxy may
    /// ask under another name. Another port of the same machine is another site.
    fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let Some((_, authority)) = origin.split_once("://") else { return false };
        authority.eq_ignore_ascii_case(host)
            || self.external_host.as_deref().is_some_and(|own| host_of(authority).eq_ignore_ascii_case(own))
    }
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or("");
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_renamed_host_is_refused() {
        let policy = HostPolicy::default();
        for host in ["localhost:9090", "127.0.0.1:9090", "[::1]:9090", "LOCALHOST"] {
            assert_eq!(policy.check(&Method::GET, &headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in ["evil.example", "evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example"]
        {
            assert!(policy.check(&Method::GET, &headers(&[("host", host)])).is_err(), "{host}");
        }
        let external = Uri::from_static("https://watch.example/x");
        let policy = HostPolicy::new(Some(&external));
        assert_eq!(policy.check(&Method::GET, &headers(&[("host", "watch.example")])), Ok(()));
    }

    #[test]
    fn another_sites_page_changes_nothing() {
        let policy = HostPolicy::default();
        let local = ("host", "localhost:9090");
        let checks = |more: &[(&'static str, &str)]| {
            let all: Vec<_> = [&[local], more].concat();
            policy.check(&Method::POST, &headers(&all))
        };
        assert_eq!(checks(&[]), Ok(()));
        assert_eq!(checks(&[("origin", "http://localhost:9090"), ("sec-fetch-site", "same-origin")]), Ok(()));
        assert!(checks(&[("origin", "https://evil.example")]).is_err());
        assert!(checks(&[("origin", "null")]).is_err());
        assert_eq!(checks(&[("origin", "http://localhost:9090")]), Ok(()));
        assert!(checks(&[("origin", "http://localhost:3000")]).is_err(), "another program on this machine");
        assert!(checks(&[("sec-fetch-site", "same-site")]).is_err());
        assert!(checks(&[("sec-fetch-site", "cross-site")]).is_err());
    }

    #[test]
    fn another_sites_page_may_link_here_and_not_more() {
        let policy = HostPolicy::default();
        let check = |site: &'static str, mode: &'static str| {
            let sent = [("host", "localhost:9090"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
            policy.check(&Method::GET, &headers(&sent))
        };
        assert_eq!(check("cross-site", "navigate"), Ok(()));
        assert_eq!(check("same-origin", "cors"), Ok(()));
        assert_eq!(check("none", "navigate"), Ok(()));
        assert!(check("cross-site", "no-cors").is_err(), "an image whose address is a query");
        assert!(check("same-site", "cors").is_err());
    }
}
