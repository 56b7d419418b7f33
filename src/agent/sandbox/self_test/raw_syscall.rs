//! Makes calls of the kernel by their numbers. The standard library and rustix have safe functions
//! for some of what an agent must not call; a probe that cannot make the rest proves nothing of it.
//!
//! This is the only file of the crate with unsafe code, and what it can call is a constant. Its
//! arguments are numbers that lead nowhere: no pointer to memory of this process among them, no
//! call that maps or frees memory that something uses. Where nothing confines the probe, the kernel
//! finds each call wrong before it does anything, or does something that harms nobody.
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
    /// What these arguments are about, where it is tried with others too.
    pub about: &'static str,
    pub number: c_long,
    pub arguments: [i64; 6],
    /// What the sandbox answers.
    pub answer: SandboxAnswer,
}

/// What the sandbox answers to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SandboxAnswer {
    /// That it is not permitted. The kernel itself says so in another way.
    Refused,
    /// That there is no such call.
    Unknown,
    /// That it succeeded, though its arguments make no sense.
    WithoutEffect,
}

/// What the kernel says where it lacks what a call is about.
const LACKING: [i32; 4] =
    [libc::ENOSYS, libc::EAFNOSUPPORT, libc::EPROTONOSUPPORT, libc::ESOCKTNOSUPPORT];

impl RawSyscall {
    /// Makes the call. The error says that the sandbox answered as it must, `NotFound` that the
    /// kernel lacks it; success is any other answer: the call reached the kernel.
    pub(super) fn attempt(&self) -> io::Result<()> {
        self.judge(make(self.number, self.arguments))
    }

    /// As [`RawSyscall::attempt`], with this file as the first argument.
    pub(super) fn attempt_on(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        let mut arguments = self.arguments;
        arguments[0] = file.as_raw_fd().into();
        self.judge(make(self.number, arguments))
    }

    fn judge(&self, answer: Result<(), i32>) -> io::Result<()> {
        let as_it_must = match self.answer {
            SandboxAnswer::Refused => answer == Err(libc::EACCES),
            SandboxAnswer::Unknown => answer == Err(libc::ENOSYS),
            SandboxAnswer::WithoutEffect => answer.is_ok(),
        };
        match answer {
            Err(error) if as_it_must => Err(io::Error::from_raw_os_error(error)),
            Ok(()) if as_it_must => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, "it had no effect"))
            }
            Err(error) if LACKING.contains(&error) => {
                Err(io::Error::new(io::ErrorKind::NotFound, io::Error::from_raw_os_error(error)))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn make(number: c_long, arguments: [i64; 6]) -> Result<(), i32> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: as the head of this file says, nothing in the table of calls makes the kernel read or
    // write memory of this process.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    match answer {
        -1 => Err(io::Error::last_os_error().raw_os_error().unwrap_or_default()),
        _ => Ok(()),
    }
}
