//! Settings of the C library's allocator, which by default keeps large freed blocks for ever, in a
//! heap per thread: once a long answer was rendered, the server would stay three times as large.
//! The allocator reads them from an environment variable before the program begins, so the program
//! executes itself again under the same process id.

use std::{env, io, os::unix::process::CommandExt as _, process::Command};

const VARIABLE: &str = "GLIBC_TUNABLES";

/// Freed blocks of 64 KiB and more go back to the system, and all threads share two heaps.
const VALUE: &str = "glibc.malloc.mmap_threshold=65536:glibc.malloc.arena_max=2";

/// Executes the program again with an allocator that gives memory back. Returns if that was done
/// before, if the variable is set already, if the C library is another one, or if it fails: the
/// server then runs as well, only larger.
pub fn give_memory_back() -> io::Result<()> {
    if cfg!(not(target_env = "gnu")) || env::var_os(VARIABLE).is_some() {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut command = Command::new(env::current_exe()?);
    command.arg0(arguments.next().unwrap_or_default()).args(arguments).env(VARIABLE, VALUE);
    Err(command.exec())
}
