//! Attempts on other processes, sockets, privileges and the kernel.

use std::{
    fs::File,
    io::{self, ErrorKind},
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::AsFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram, UnixStream},
    },
    path::Path,
};

use rustix::{
    net::{AddressFamily, SocketType},
    process::{self, Pid, Resource},
    thread::{self, CapabilitySet},
};

use super::{
    AttemptKind::{Change, Reach},
    attempts::Attempts,
    plan::{Decoys, ProbePlan},
    raw_syscall::RawSyscall,
    syscalls,
};

/// Tries other processes, sockets and privileges.
pub(super) fn try_processes_and_network(
    attempts: &mut Attempts,
    plan: &ProbePlan,
    decoys: &Decoys,
    server: Option<Pid>,
) {
    let mut reach = |what: &str, tried: io::Result<()>| attempts.refused(Reach, what, tried);
    if let Some(server) = server {
        let signalled = process::test_kill_process(server);
        reach("signal the server", signalled.map_err(io::Error::from));
        let limits = process::Rlimit { current: Some(64), maximum: Some(64) };
        let limited = process::prlimit(Some(server), Resource::Msgqueue, limits);
        reach("limit the server", limited.map(drop).map_err(io::Error::from));
    }
    if let Some(supervisor) = process::getppid() {
        let signalled = process::test_kill_process(supervisor);
        reach("signal its supervisor", signalled.map_err(io::Error::from));
    }
    reach("connect to another port", TcpStream::connect(("127.0.0.1", decoys.port)).map(drop));
    reach("listen on a port", TcpListener::bind(("127.0.0.1", 0)).map(drop));
    let name = SocketAddr::from_abstract_name(&decoys.abstract_socket);
    let connected = name.and_then(|name| UnixStream::connect_addr(&name));
    reach("connect to an abstract socket", connected.map(drop));
    if let Some(socket) = &decoys.socket {
        reach("connect to a file's socket", UnixStream::connect(socket).map(drop));
    }
    reach("listen on a port that it did not ask for", listen_unbound());
    if let Some(socket) = &decoys.datagrams {
        reach("send to a file's socket", send_to(socket));
    }
    if !plan.has_network {
        reach("open a socket of the network", UdpSocket::bind(("127.0.0.1", 0)).map(drop));
    }
    reach("keep a privilege", has_privileges(plan.reads_all));
    reach("be root", only_if(process::geteuid().is_root()));
    let largest = process::getrlimit(Resource::Fsize).maximum;
    reach("write files of any size", only_if(largest.is_none()));
    let cores = process::getrlimit(Resource::Core).maximum;
    reach("leave a core dump", only_if(cores != Some(0)));
}

/// Makes system calls on a file of the project that is open for reading.
pub(super) fn try_syscalls_on(attempts: &mut Attempts, file: &Path) {
    for call in syscalls::ON_A_FILE {
        let tried = File::open(file).and_then(|file| call.attempt_on(file.as_fd()));
        attempts.refused(Change, &described(call), tried);
    }
}

/// Makes the remaining system calls. They come last: some change an unconfined probe.
pub(super) fn try_syscalls(attempts: &mut Attempts) {
    for call in syscalls::CHANGES {
        attempts.refused(Change, &described(call), call.attempt());
    }
    for call in syscalls::REACHES.into_iter().flatten() {
        attempts.refused(Reach, &described(call), call.attempt());
    }
}

fn described(call: &RawSyscall) -> String {
    match call.about {
        "" => format!("call `{}`", call.name),
        about => format!("call `{}` ({about})", call.name),
    }
}

/// Listens without `bind`, which takes a port on every address.
fn listen_unbound() -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    Ok(rustix::net::listen(&socket, 1)?)
}

/// Sends from a socket pair, whose ends can send to any address.
fn send_to(path: &Path) -> io::Result<()> {
    UnixDatagram::pair()?.0.send_to(b"x", path).map(drop)
}

/// Turns a fact about the probe into the result of an attempt.
fn only_if(is_allowed: bool) -> io::Result<()> {
    match is_allowed {
        true => Ok(()),
        false => Err(io::Error::new(ErrorKind::PermissionDenied, "it is not so")),
    }
}

fn has_privileges(reads_all: bool) -> io::Result<()> {
    let sets = thread::capabilities(None)?;
    let all = sets.effective | sets.permitted | sets.inheritable;
    let allowed = match reads_all {
        true => CapabilitySet::DAC_READ_SEARCH,
        false => CapabilitySet::empty(),
    };
    only_if(all != allowed || !thread::no_new_privs()?)
}
