//! The TCP connection under a socket, held so that it can be cut from outside: a viewer whose
//! client reads no more is not polled, so it cannot end itself.

use std::{io, os::fd::AsRawFd as _};

use actix_web::rt::net::TcpStream;
use rustix::{
    net::{self, sockopt},
    process::{self, PidfdFlags, PidfdGetfdFlags},
};

/// One TCP connection of this process. Keeps no descriptor of its own: with ten thousand viewers
/// those would count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketHandle {
    /// The descriptor's number, which may belong to another connection by now.
    descriptor: i32,
    /// The kernel's own name of the connection, never used twice.
    cookie: u64,
}

impl SocketHandle {
    /// The connection that a server has just accepted.
    pub(crate) fn of(socket: &TcpStream) -> Option<Self> {
        let cookie = sockopt::socket_cookie(socket).ok()?;
        Some(Self { descriptor: socket.as_raw_fd(), cookie })
    }

    /// Ends the connection in both directions. Where it is gone already nothing happens.
    pub(crate) fn cut(self) -> io::Result<()> {
        let own = process::pidfd_open(process::getpid(), PidfdFlags::empty())?;
        let socket = process::pidfd_getfd(own, self.descriptor, PidfdGetfdFlags::empty())?;
        if sockopt::socket_cookie(&socket) == Ok(self.cookie) {
            net::shutdown(&socket, net::Shutdown::Both)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[actix_web::test]
    async fn a_line_is_cut_and_another_that_took_its_number_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let accept = || {
            let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (served, _) = listener.accept().unwrap();
            served.set_nonblocking(true).unwrap();
            (client, TcpStream::from_std(served).unwrap())
        };
        let (mut client, served) = accept();
        let line = SocketHandle::of(&served).unwrap();
        line.cut().unwrap();
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);

        drop(served);
        let (other, served) = accept();
        let stale = SocketHandle { descriptor: served.as_raw_fd(), cookie: line.cookie };
        stale.cut().unwrap();
        other.set_nonblocking(true).unwrap();
        let error = (&other).read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "a stranger was cut");
    }
}
