//! Whether the local Lambda could listen where it would.

use std::io::{self, Error, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use kiln_project::WatchSettings;

use super::report::{Check, Status};

/// How long whoever has the port may take to say who it is. Kiln answers within a millisecond.
const PATIENCE: Duration = Duration::from_millis(500);

/// Binds each address for a moment.
pub fn check(settings: &WatchSettings) -> Check {
    let port = settings.port.value;
    let attempts: Vec<(IpAddr, Result<(), Error>)> = settings
        .address
        .value
        .0
        .iter()
        .map(|address| (*address, TcpListener::bind((*address, port)).map(drop)))
        .collect();
    judge(port, &attempts)
}

/// The check for what binding gave.
fn judge(port: u16, attempts: &[(IpAddr, Result<(), Error>)]) -> Check {
    const NAME: &str = "port";
    let mut free = Vec::new();
    let mut absent = Vec::new();
    for (address, attempt) in attempts {
        let error = match attempt {
            Ok(()) => {
                free.push(address.to_string());
                continue;
            }
            // A machine without IPv6 is served well on the other address.
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                absent.push(address.to_string());
                continue;
            }
            Err(error) => error,
        };
        if error.kind() == ErrorKind::AddrInUse && is_kiln(SocketAddr::new(*address, port)) {
            return Check::ok(
                NAME,
                format!("{port} on {address} is served by Kiln already"),
            );
        }
        let found = match error.kind() {
            ErrorKind::AddrInUse => format!("{port} is in use on {address}"),
            ErrorKind::PermissionDenied => format!("{port} on {address} needs more rights"),
            _ => format!("{port} cannot be used on {address}: {error}"),
        };
        return Check::not_ok(NAME, Status::Problem, found, "kiln watch --port 0");
    }
    if free.is_empty() {
        let found = format!("this machine has no address {}", absent.join(", "));
        let cure = "kiln watch --address localhost";
        return Check::not_ok(NAME, Status::Problem, found, cure);
    }
    let mut found = match port {
        0 => format!("any free port on {}", free.join(" and ")),
        _ => format!("{port} is free on {}", free.join(" and ")),
    };
    if !absent.is_empty() {
        found.push_str(&format!(" (there is no {})", absent.join(", ")));
    }
    Check::ok(NAME, found)
}

/// Whether it is Kiln that serves there: it names itself where it refuses a path.
fn is_kiln(address: SocketAddr) -> bool {
    let answer = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4_096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    answer().is_ok_and(|answer| answer.contains("kiln does not serve"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_judged() {
        let four: IpAddr = "127.0.0.1".parse().unwrap();
        let six: IpAddr = "::1".parse().unwrap();
        let failed = |kind: ErrorKind| Err(Error::from(kind));
        let cases = [
            (
                9000,
                [Ok(()), Ok(())],
                Status::Ok,
                "9000 is free on 127.0.0.1 and ::1",
            ),
            (
                0,
                [Ok(()), Ok(())],
                Status::Ok,
                "any free port on 127.0.0.1 and ::1",
            ),
            (
                9000,
                [Ok(()), failed(ErrorKind::AddrNotAvailable)],
                Status::Ok,
                "9000 is free on 127.0.0.1 (there is no ::1)",
            ),
            (
                9000,
                [Ok(()), failed(ErrorKind::AddrInUse)],
                Status::Problem,
                "9000 is in use on ::1",
            ),
            (
                80,
                [failed(ErrorKind::PermissionDenied), Ok(())],
                Status::Problem,
                "80 on 127.0.0.1 needs more rights",
            ),
            (
                9000,
                [
                    failed(ErrorKind::AddrNotAvailable),
                    failed(ErrorKind::AddrNotAvailable),
                ],
                Status::Problem,
                "this machine has no address 127.0.0.1, ::1",
            ),
        ];
        for (port, [first, second], status, found) in cases {
            let check = judge(port, &[(four, first), (six, second)]);
            assert_eq!((check.status, check.found.as_str()), (status, found));
            assert_eq!(check.cure.is_some(), status == Status::Problem);
        }
    }
}
