//! Where the program may listen.

use std::net::SocketAddr;

/// Why an address is not listened on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Anybody on the network could read and change everything.
    #[error(
        "refusing to listen on {0}: it is reachable from the network and no user exists, so anybody could read and \
         change everything; listen on a loopback address such as 127.0.0.1:{port} and put an authenticating proxy \
         before it",
        port = .0.port()
    )]
    NotLoopback(SocketAddr),
}

/// Whether the address may be listened on while no user exists: only loopback may.
pub fn check_listen_address(address: SocketAddr) -> Result<(), ListenError> {
    if address.ip().is_loopback() { Ok(()) } else { Err(ListenError::NotLoopback(address)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_listened_on_while_no_user_exists() {
        for address in ["127.0.0.1:9090", "127.8.8.8:1", "[::1]:9090"] {
            assert_eq!(check_listen_address(address.parse().unwrap()), Ok(()));
        }
        for address in ["0.0.0.0:9090", "10.0.0.1:9090", "[::]:9090"] {
            assert!(check_listen_address(address.parse().unwrap()).is_err(), "{address}");
        }
    }
}
