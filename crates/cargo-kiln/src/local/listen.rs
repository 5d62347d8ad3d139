//! Binding the service's listeners.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use crate::failure::Failure;

/// How many connections may wait to be accepted; the system may allow fewer. The usual 128 lose
/// connections of a burst of parallel calls: some wait a second to try again, others are reset.
const BACKLOG: u32 = 4_096;

/// Binds a port on each address. Port 0 picks a free one, the same on each.
///
/// An address the machine does not have (IPv6 switched off) is left out as long as another works.
/// To be called on the runtime that will serve.
pub fn bind(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, Failure> {
    // A port that is free on the first address may be taken on the second: pick again.
    const ATTEMPTS: u32 = 10;
    for attempt in 1.. {
        match bind_all(addresses, port) {
            Ok(listeners) => return Ok(listeners),
            Err((_, error))
                if port == 0 && attempt < ATTEMPTS && error.kind() == io::ErrorKind::AddrInUse => {}
            Err((address, error)) => return Err(refused(address, &error)),
        }
    }
    Err(Failure::bug("picking a port ended without an answer"))
}

fn bind_all(
    addresses: &[IpAddr],
    mut port: u16,
) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut listeners = Vec::new();
    let mut missing = None;
    for &address in addresses {
        let address = SocketAddr::new(address, port);
        match listen(address) {
            Ok(listener) => {
                if let Ok(bound) = listener.local_addr() {
                    port = bound.port();
                }
                listeners.push(listener);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                missing = Some((address, error));
            }
            Err(error) => return Err((address, error)),
        }
    }
    match missing {
        Some(missing) if listeners.is_empty() => Err(missing),
        _ => Ok(listeners),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of a service that has just ended do not keep its port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn refused(address: SocketAddr, error: &io::Error) -> Failure {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Failure::usage(format!("port {port} on {} is already in use", address.ip()))
                .hint("choose another with `--port PORT`, or let `--port 0` pick a free one")
        }
        io::ErrorKind::PermissionDenied => {
            Failure::usage(format!("this user may not listen on port {port}"))
                .hint("choose a port above 1023 with `--port PORT`")
        }
        _ => Failure::usage(format!("cannot listen on {address}: {error}"))
            .hint("choose addresses of this machine with `--address`"),
    }
}
