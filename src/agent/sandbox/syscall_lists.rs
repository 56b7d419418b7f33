//! Lists of system calls: allowed, without effect, and refused by name.
//! Every other call, including those of later kernels, is answered as unknown.

use libc::c_long;

/// A system call: its name and its number on this architecture.
pub(super) type Syscall = (&'static str, c_long);

/// Lists calls by libc's constants.
macro_rules! calls {
    ($($(#[$when:meta])* $name:ident)*) => {
        &[$($(#[$when])* (stringify!($name), libc::$name)),*]
    };
}

/// Calls of ordinary programs. Some are restricted by their arguments.
pub(super) const ALLOWED: &[&[Syscall]] =
    &[FILES, NAMES, MEMORY, PROCESSES, TIME, EVENTS, SOCKETS, NEWER, OLDER];

/// Reading, writing and describing open files.
const FILES: &[Syscall] = calls![
    SYS_close SYS_copy_file_range SYS_dup SYS_dup3 SYS_fadvise64 SYS_fallocate SYS_fcntl
    SYS_fdatasync SYS_fgetxattr SYS_flistxattr SYS_fstat SYS_fstatfs SYS_fsync SYS_ftruncate
    SYS_getdents64 SYS_ioctl SYS_lseek SYS_pipe2 SYS_pread64 SYS_preadv SYS_preadv2 SYS_pwrite64
    SYS_pwritev SYS_pwritev2 SYS_read SYS_readahead SYS_readv SYS_sendfile SYS_splice SYS_tee
    SYS_vmsplice SYS_write SYS_writev
];

/// Files by path, restricted by Landlock.
const NAMES: &[Syscall] = calls![
    SYS_chdir SYS_faccessat SYS_fchdir SYS_getcwd SYS_getxattr SYS_lgetxattr SYS_linkat
    SYS_listxattr SYS_llistxattr SYS_mkdirat SYS_newfstatat SYS_openat SYS_readlinkat
    SYS_renameat2 SYS_statfs SYS_statx SYS_symlinkat SYS_truncate SYS_umask SYS_unlinkat
];

const MEMORY: &[Syscall] = calls![
    SYS_brk SYS_get_mempolicy SYS_madvise SYS_membarrier SYS_mincore SYS_mlock SYS_mlock2
    SYS_mlockall SYS_mmap SYS_mprotect SYS_mremap SYS_msync SYS_munlock SYS_munlockall SYS_munmap
    SYS_pkey_alloc SYS_pkey_free SYS_pkey_mprotect
];

/// Own processes and threads; signals, which Landlock keeps within the agent.
const PROCESSES: &[Syscall] = calls![
    SYS_capget SYS_clone SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_get_robust_list
    SYS_getcpu SYS_getegid SYS_geteuid SYS_getgid SYS_getgroups SYS_getpgid SYS_getpid SYS_getppid
    SYS_getpriority SYS_getresgid SYS_getresuid SYS_getrusage SYS_getsid SYS_gettid SYS_getuid
    SYS_ioprio_get SYS_kill SYS_prctl SYS_prlimit64 SYS_restart_syscall SYS_rseq
    SYS_rt_sigaction SYS_rt_sigpending SYS_rt_sigprocmask SYS_rt_sigreturn SYS_rt_sigsuspend
    SYS_rt_sigtimedwait SYS_sched_get_priority_max SYS_sched_get_priority_min
    SYS_sched_getaffinity SYS_sched_getattr SYS_sched_getparam SYS_sched_getscheduler
    SYS_sched_rr_get_interval SYS_sched_yield SYS_set_robust_list SYS_set_tid_address
    SYS_sigaltstack SYS_sysinfo SYS_tgkill SYS_times SYS_tkill SYS_uname SYS_wait4 SYS_waitid
];

const TIME: &[Syscall] = calls![
    SYS_clock_getres SYS_clock_gettime SYS_clock_nanosleep SYS_getitimer SYS_gettimeofday
    SYS_nanosleep SYS_setitimer SYS_timer_create SYS_timer_delete SYS_timer_getoverrun
    SYS_timer_gettime SYS_timer_settime SYS_timerfd_create SYS_timerfd_gettime SYS_timerfd_settime
];

/// Waiting for files, signals and other threads.
const EVENTS: &[Syscall] = calls![
    SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_eventfd2 SYS_futex SYS_getrandom
    SYS_inotify_add_watch SYS_inotify_init1 SYS_inotify_rm_watch SYS_ppoll SYS_pselect6
    SYS_signalfd4
];

const SOCKETS: &[Syscall] = calls![
    SYS_connect SYS_getpeername SYS_getsockname SYS_getsockopt SYS_recvfrom SYS_recvmmsg
    SYS_recvmsg SYS_sendmmsg SYS_sendmsg SYS_sendto SYS_setsockopt SYS_shutdown SYS_socket
    SYS_socketpair
];

/// Calls that have one number on all architectures.
const NEWER: &[Syscall] = &[
    ("SYS_pidfd_send_signal", 424),
    ("SYS_pidfd_open", 434),
    ("SYS_close_range", 436),
    ("SYS_openat2", 437),
    ("SYS_faccessat2", 439),
    ("SYS_epoll_pwait2", 441),
    // A program may confine itself further; the self-test does so to learn the kernel's support.
    ("SYS_landlock_create_ruleset", 444),
    ("SYS_landlock_add_rule", 445),
    ("SYS_landlock_restrict_self", 446),
    ("SYS_futex_waitv", 449),
    ("SYS_cachestat", 451),
    ("SYS_map_shadow_stack", 453),
    ("SYS_futex_wake", 454),
    ("SYS_futex_wait", 455),
    ("SYS_futex_requeue", 456),
    ("SYS_mseal", 462),
    ("SYS_getxattrat", 464),
    ("SYS_listxattrat", 465),
];

/// Calls that only older architectures have.
#[cfg(target_arch = "x86_64")]
const OLDER: &[Syscall] = calls![
    SYS_access SYS_alarm SYS_arch_prctl SYS_creat SYS_dup2 SYS_epoll_create SYS_epoll_wait
    SYS_eventfd SYS_fork SYS_getdents SYS_getpgrp SYS_getrlimit SYS_inotify_init SYS_link SYS_lstat
    SYS_mkdir SYS_open SYS_pause SYS_pipe SYS_poll SYS_readlink SYS_rename SYS_renameat SYS_rmdir
    SYS_select SYS_setrlimit SYS_signalfd SYS_stat SYS_symlink SYS_sync_file_range SYS_time
    SYS_unlink SYS_vfork
];

/// Those of the generic table that libc does not name everywhere.
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[Syscall] = &[
    ("SYS_renameat", 38),
    ("SYS_sync_file_range", 84),
    ("SYS_getrlimit", 163),
    ("SYS_setrlimit", 164),
];

/// Calls that change a mode or a time, lock a file or begin a session: they succeed without effect, since
/// programs that tidy up or lock their own files, or part their commands from the terminal, give up when
/// these fail.
pub(super) const WITHOUT_EFFECT: &[Syscall] = &[
    #[cfg(target_arch = "x86_64")]
    ("SYS_chmod", libc::SYS_chmod),
    ("SYS_fchmod", libc::SYS_fchmod),
    ("SYS_fchmodat", libc::SYS_fchmodat),
    ("SYS_fchmodat2", 452),
    #[cfg(target_arch = "x86_64")]
    ("SYS_utime", libc::SYS_utime),
    #[cfg(target_arch = "x86_64")]
    ("SYS_utimes", libc::SYS_utimes),
    #[cfg(target_arch = "x86_64")]
    ("SYS_futimesat", libc::SYS_futimesat),
    ("SYS_utimensat", libc::SYS_utimensat),
    ("SYS_flock", libc::SYS_flock),
    ("SYS_setsid", libc::SYS_setsid),
];

/// Calls that are refused with EACCES, so that a program falls back.
pub(super) const REFUSED: &[&[Syscall]] =
    &[ATTRIBUTES, FOREIGN, SCHEDULING, SESSIONS, LISTENING, NAMESPACES, MACHINE, SHARED, USERS];

/// Owners, attributes and locks of files, and ways around the check of a path.
const ATTRIBUTES: &[Syscall] = &[
    #[cfg(target_arch = "x86_64")]
    ("SYS_chown", libc::SYS_chown),
    #[cfg(target_arch = "x86_64")]
    ("SYS_lchown", libc::SYS_lchown),
    ("SYS_fchown", libc::SYS_fchown),
    ("SYS_fchownat", libc::SYS_fchownat),
    ("SYS_setxattr", libc::SYS_setxattr),
    ("SYS_lsetxattr", libc::SYS_lsetxattr),
    ("SYS_fsetxattr", libc::SYS_fsetxattr),
    ("SYS_setxattrat", 463),
    ("SYS_removexattr", libc::SYS_removexattr),
    ("SYS_lremovexattr", libc::SYS_lremovexattr),
    ("SYS_fremovexattr", libc::SYS_fremovexattr),
    ("SYS_removexattrat", 466),
    ("SYS_file_setattr", 469),
    ("SYS_name_to_handle_at", libc::SYS_name_to_handle_at),
    ("SYS_open_by_handle_at", libc::SYS_open_by_handle_at),
    ("SYS_io_uring_setup", 425),
    ("SYS_io_uring_enter", 426),
    ("SYS_io_uring_register", 427),
    ("SYS_fanotify_init", libc::SYS_fanotify_init),
    ("SYS_fanotify_mark", libc::SYS_fanotify_mark),
];

/// Memory, files and counters of another process.
const FOREIGN: &[Syscall] = &[
    ("SYS_ptrace", libc::SYS_ptrace),
    ("SYS_process_vm_readv", libc::SYS_process_vm_readv),
    ("SYS_process_vm_writev", libc::SYS_process_vm_writev),
    ("SYS_kcmp", libc::SYS_kcmp),
    ("SYS_pidfd_getfd", 438),
    ("SYS_process_madvise", 440),
    ("SYS_process_mrelease", 448),
    ("SYS_migrate_pages", libc::SYS_migrate_pages),
    ("SYS_move_pages", libc::SYS_move_pages),
    ("SYS_perf_event_open", libc::SYS_perf_event_open),
    ("SYS_userfaultfd", libc::SYS_userfaultfd),
    ("SYS_bpf", libc::SYS_bpf),
    ("SYS_rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo),
    ("SYS_rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo),
];

/// The share of the processor and of the disk that a process gets.
const SCHEDULING: &[Syscall] = calls![
    SYS_ioprio_set SYS_sched_setaffinity SYS_sched_setattr SYS_sched_setparam
    SYS_sched_setscheduler SYS_setpriority
];

/// Leaving the process group by which all are ended at once.
const SESSIONS: &[Syscall] = calls![SYS_setpgid];

/// Being connected to. `listen` alone would take a port on every address.
const LISTENING: &[Syscall] = calls![SYS_accept SYS_accept4 SYS_bind SYS_listen];

/// Namespaces, mounts and roots.
const NAMESPACES: &[Syscall] = &[
    ("SYS_unshare", libc::SYS_unshare),
    ("SYS_setns", libc::SYS_setns),
    ("SYS_mount", libc::SYS_mount),
    ("SYS_umount2", libc::SYS_umount2),
    ("SYS_pivot_root", libc::SYS_pivot_root),
    ("SYS_chroot", libc::SYS_chroot),
    ("SYS_open_tree", 428),
    ("SYS_move_mount", 429),
    ("SYS_fsopen", 430),
    ("SYS_fsconfig", 431),
    ("SYS_fsmount", 432),
    ("SYS_fspick", 433),
    ("SYS_mount_setattr", 442),
    ("SYS_statmount", 457),
    ("SYS_listmount", 458),
    ("SYS_open_tree_attr", 467),
];

/// The machine and its clock.
const MACHINE: &[Syscall] = &[
    ("SYS_swapon", libc::SYS_swapon),
    ("SYS_swapoff", libc::SYS_swapoff),
    ("SYS_quotactl", libc::SYS_quotactl),
    ("SYS_quotactl_fd", 443),
    ("SYS_kexec_load", libc::SYS_kexec_load),
    ("SYS_init_module", libc::SYS_init_module),
    ("SYS_finit_module", libc::SYS_finit_module),
    ("SYS_delete_module", libc::SYS_delete_module),
    ("SYS_acct", libc::SYS_acct),
    ("SYS_reboot", libc::SYS_reboot),
    ("SYS_settimeofday", libc::SYS_settimeofday),
    ("SYS_clock_settime", libc::SYS_clock_settime),
    ("SYS_adjtimex", libc::SYS_adjtimex),
    ("SYS_clock_adjtime", libc::SYS_clock_adjtime),
    ("SYS_sethostname", libc::SYS_sethostname),
    ("SYS_setdomainname", libc::SYS_setdomainname),
    ("SYS_syslog", libc::SYS_syslog),
    ("SYS_sync", libc::SYS_sync),
    ("SYS_syncfs", libc::SYS_syncfs),
    ("SYS_vhangup", libc::SYS_vhangup),
    ("SYS_personality", libc::SYS_personality),
    #[cfg(target_arch = "x86_64")]
    ("SYS_kexec_file_load", libc::SYS_kexec_file_load),
    #[cfg(target_arch = "x86_64")]
    ("SYS_iopl", libc::SYS_iopl),
    #[cfg(target_arch = "x86_64")]
    ("SYS_ioperm", libc::SYS_ioperm),
    #[cfg(target_arch = "x86_64")]
    ("SYS_modify_ldt", libc::SYS_modify_ldt),
];

/// Objects of the kernel that programs share, and memory that belongs to no process.
const SHARED: &[Syscall] = &[
    ("SYS_add_key", libc::SYS_add_key),
    ("SYS_keyctl", libc::SYS_keyctl),
    ("SYS_request_key", libc::SYS_request_key),
    ("SYS_shmget", libc::SYS_shmget),
    ("SYS_shmat", libc::SYS_shmat),
    ("SYS_shmctl", libc::SYS_shmctl),
    ("SYS_shmdt", libc::SYS_shmdt),
    ("SYS_semget", libc::SYS_semget),
    ("SYS_semop", libc::SYS_semop),
    ("SYS_semctl", libc::SYS_semctl),
    ("SYS_semtimedop", libc::SYS_semtimedop),
    ("SYS_msgget", libc::SYS_msgget),
    ("SYS_msgsnd", libc::SYS_msgsnd),
    ("SYS_msgrcv", libc::SYS_msgrcv),
    ("SYS_msgctl", libc::SYS_msgctl),
    ("SYS_mq_open", libc::SYS_mq_open),
    ("SYS_mq_unlink", libc::SYS_mq_unlink),
    ("SYS_mq_timedsend", libc::SYS_mq_timedsend),
    ("SYS_mq_timedreceive", libc::SYS_mq_timedreceive),
    ("SYS_mq_notify", libc::SYS_mq_notify),
    ("SYS_mq_getsetattr", libc::SYS_mq_getsetattr),
    // Its memory escapes every count once it is sent over a socket.
    ("SYS_memfd_create", libc::SYS_memfd_create),
    ("SYS_memfd_secret", 447),
];

/// Becoming somebody else.
const USERS: &[Syscall] = calls![
    SYS_capset SYS_setfsgid SYS_setfsuid SYS_setgid SYS_setgroups SYS_setregid SYS_setresgid
    SYS_setresuid SYS_setreuid SYS_setuid
];

/// The name of a call in the kernel's manual.
pub(super) fn name((constant, _): &Syscall) -> &'static str {
    constant.strip_prefix("SYS_").unwrap_or(constant)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_call_is_in_one_list_and_once() {
        let all = ALLOWED.iter().chain(REFUSED).copied().chain([WITHOUT_EFFECT]).flatten();
        let mut seen = HashSet::new();
        for call in all {
            assert!(seen.insert(call.1), "{} is listed twice", name(call));
        }
    }
}
