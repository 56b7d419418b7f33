//! A TCP connection that can be shut down from outside its task.
//!
//! A viewer whose client has stopped reading is not polled, so it cannot end itself.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
};

use actix_web::rt::net::TcpStream;
use rustix::{
    io::Errno,
    net::{self, sockopt},
    process::{self, PidfdFlags, PidfdGetfdFlags},
};

/// Refers to a TCP connection of this process without a descriptor of its own: for ten thousand
/// viewers those would count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketHandle {
    /// The descriptor's number, which may be another connection's by now.
    descriptor: i32,
    /// The kernel's name of the connection, never used twice.
    cookie: u64,
}

impl SocketHandle {
    /// `None` if the connection is gone already.
    pub(crate) fn new(socket: &TcpStream) -> Option<Self> {
        let cookie = sockopt::socket_cookie(socket).ok()?;
        Some(Self { descriptor: socket.as_raw_fd(), cookie })
    }

    /// Shuts the connection down in both directions, if it is still there.
    pub(crate) fn shutdown(self) -> io::Result<()> {
        if let Some(socket) = self.open()? {
            net::shutdown(&socket, net::Shutdown::Both)?;
        }
        Ok(())
    }

    /// Whether nothing more can come over the connection.
    pub(crate) fn is_closed_by_peer(self) -> io::Result<bool> {
        let Some(socket) = self.open()? else { return Ok(true) };
        let flags = net::RecvFlags::PEEK | net::RecvFlags::DONTWAIT;
        match net::recv(&socket, &mut [0_u8; 1][..], flags) {
            Ok((read, _)) => Ok(read == 0),
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(_) => Ok(true),
        }
    }

    /// The connection, if it is still there.
    fn open(self) -> io::Result<Option<OwnedFd>> {
        let own = process::pidfd_open(process::getpid(), PidfdFlags::empty())?;
        let socket = match process::pidfd_getfd(own, self.descriptor, PidfdGetfdFlags::empty()) {
            Err(Errno::BADF) => return Ok(None),
            found => found?,
        };
        Ok(Some(socket).filter(|socket| sockopt::socket_cookie(socket) == Ok(self.cookie)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[actix_web::test]
    async fn a_connection_is_shut_down_and_another_with_its_number_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let accept = || {
            let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (served, _) = listener.accept().unwrap();
            served.set_nonblocking(true).unwrap();
            (client, TcpStream::from_std(served).unwrap())
        };
        let (mut client, served) = accept();
        let handle = SocketHandle::new(&served).unwrap();
        assert!(!handle.is_closed_by_peer().unwrap());
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(handle.is_closed_by_peer().unwrap());
        handle.shutdown().unwrap();
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);

        drop(served);
        let (other, served) = accept();
        let stale = SocketHandle { descriptor: served.as_raw_fd(), cookie: handle.cookie };
        stale.shutdown().unwrap();
        other.set_nonblocking(true).unwrap();
        let error = (&other).read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "another connection was shut down");
    }
}
