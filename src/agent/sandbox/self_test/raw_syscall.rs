//! System calls by number, for calls without a safe function.
//!
//! The only file with unsafe code, and what it calls is a constant table. Its arguments are plain numbers:
//! no pointer to memory of this process, no call that maps or frees memory in use. An unconfined kernel
//! rejects each call as invalid before acting, or does something harmless.
#![expect(unsafe_code, reason = "there is no safe way to call the kernel by number")]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use libc::c_long;

/// A call with its arguments.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawSyscall {
    /// Its name in the kernel's manual.
    pub name: &'static str,
    /// What these arguments mean, if the call is tried with others too.
    pub about: &'static str,
    pub number: c_long,
    pub arguments: [i64; 6],
    /// The expected answer of the sandbox.
    pub answer: SandboxAnswer,
}

/// The answer of the sandbox to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SandboxAnswer {
    /// EACCES, which the kernel itself does not use for these calls.
    Refused,
    /// ENOSYS.
    Unknown,
    /// 0, although its arguments are invalid, or it never gives 0.
    WithoutEffect,
}

/// Errors of a kernel without the feature.
const LACKING: [i32; 4] =
    [libc::ENOSYS, libc::EAFNOSUPPORT, libc::EPROTONOSUPPORT, libc::ESOCKTNOSUPPORT];

impl RawSyscall {
    /// Makes the call. An error means that the sandbox answered as expected, or `NotFound` that the kernel
    /// lacks the call; success means that the call reached the kernel.
    pub(super) fn attempt(&self) -> io::Result<()> {
        self.judge(make(self.number, self.arguments))
    }

    /// As [`RawSyscall::attempt`], with this file as the first argument.
    pub(super) fn attempt_on(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        let mut arguments = self.arguments;
        arguments[0] = file.as_raw_fd().into();
        self.judge(make(self.number, arguments))
    }

    fn judge(&self, answer: Result<c_long, i32>) -> io::Result<()> {
        let as_it_must = match self.answer {
            SandboxAnswer::Refused => answer == Err(libc::EACCES),
            SandboxAnswer::Unknown => answer == Err(libc::ENOSYS),
            SandboxAnswer::WithoutEffect => answer == Ok(0),
        };
        match answer {
            Err(error) if as_it_must => Err(io::Error::from_raw_os_error(error)),
            Ok(_) if as_it_must => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, "it had no effect"))
            }
            Err(error) if LACKING.contains(&error) => {
                Err(io::Error::new(io::ErrorKind::NotFound, io::Error::from_raw_os_error(error)))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn make(number: c_long, arguments: [i64; 6]) -> Result<c_long, i32> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: as the head of this file says, nothing in the table of calls makes the kernel read or
    // write memory of this process.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    match answer {
        -1 => Err(io::Error::last_os_error().raw_os_error().unwrap_or_default()),
        value => Ok(value),
    }
}
