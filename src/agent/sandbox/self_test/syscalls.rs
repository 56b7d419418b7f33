//! System calls that the probe makes to see them refused.
//! The table is independent of the filter's lists, so that a gap there is found here.

use super::raw_syscall::{
    RawSyscall,
    SandboxAnswer::{self, Refused, Unknown, WithoutEffect},
};

/// The largest process id, which no process has.
const NOBODY: i64 = i32::MAX as i64;

/// Calls that concern other processes and the kernel.
pub(super) const REACHES: [&[RawSyscall]; 7] =
    [PROCESSES, SOCKETS, NAMESPACES, MACHINE, OBJECTS, USERS, UNKNOWN];

/// A call with up to six arguments; missing ones are 0.
const fn call<const N: usize>(
    name: &'static str,
    about: &'static str,
    number: libc::c_long,
    some: [i64; N],
    answer: SandboxAnswer,
) -> RawSyscall {
    let mut arguments = [0; 6];
    let mut next = 0;
    while next < N {
        arguments[next] = some[next];
        next += 1;
    }
    RawSyscall { name, about, number, arguments, answer }
}

/// Owners, attributes, modes and times of files, on invalid names and descriptors.
pub(super) const CHANGES: &[RawSyscall] = &[
    #[cfg(target_arch = "x86_64")]
    call("chown", "", libc::SYS_chown, [0, -1, -1], Refused),
    #[cfg(target_arch = "x86_64")]
    call("lchown", "", libc::SYS_lchown, [0, -1, -1], Refused),
    call("fchown", "", libc::SYS_fchown, [-1, -1, -1], Refused),
    call("fchownat", "", libc::SYS_fchownat, [-1, 0, -1, -1], Refused),
    call("setxattr", "", libc::SYS_setxattr, [0], Refused),
    call("lsetxattr", "", libc::SYS_lsetxattr, [0], Refused),
    call("fsetxattr", "", libc::SYS_fsetxattr, [-1], Refused),
    call("removexattr", "", libc::SYS_removexattr, [0], Refused),
    call("lremovexattr", "", libc::SYS_lremovexattr, [0], Refused),
    call("fremovexattr", "", libc::SYS_fremovexattr, [-1], Refused),
    call("setxattrat", "", 463, [-1], Refused),
    call("removexattrat", "", 466, [-1], Refused),
    call("file_setattr", "", 469, [-1], Refused),
    call("name_to_handle_at", "", libc::SYS_name_to_handle_at, [-1], Refused),
    call("open_by_handle_at", "", libc::SYS_open_by_handle_at, [-1], Refused),
    call("io_uring_setup", "", 425, [0], Refused),
    call("io_uring_enter", "", 426, [-1], Refused),
    call("io_uring_register", "", 427, [-1], Refused),
    call("fanotify_init", "", libc::SYS_fanotify_init, [-1], Refused),
    call("fanotify_mark", "", libc::SYS_fanotify_mark, [-1], Refused),
    #[cfg(target_arch = "x86_64")]
    call("chmod", "", libc::SYS_chmod, [0], WithoutEffect),
    call("fchmod", "", libc::SYS_fchmod, [-1], WithoutEffect),
    call("fchmodat", "", libc::SYS_fchmodat, [-1, 0], WithoutEffect),
    call("fchmodat2", "", 452, [-1, 0], WithoutEffect),
    #[cfg(target_arch = "x86_64")]
    call("utime", "", libc::SYS_utime, [1], WithoutEffect),
    #[cfg(target_arch = "x86_64")]
    call("utimes", "", libc::SYS_utimes, [1], WithoutEffect),
    #[cfg(target_arch = "x86_64")]
    call("futimesat", "", libc::SYS_futimesat, [-1, 1], WithoutEffect),
    call("utimensat", "", libc::SYS_utimensat, [-1, 1, 1], WithoutEffect),
];

/// Calls whose first argument becomes a file that is open for reading.
pub(super) const ON_A_FILE: &[RawSyscall] = &[
    call("ioctl", "attributes", libc::SYS_ioctl, [0, 0x4008_6602], Refused),
    call(
        "ioctl",
        "attributes, above 32 bits",
        libc::SYS_ioctl,
        [0, 0xdead_beef_4008_6602_u64.cast_signed()],
        Refused,
    ),
    call("ioctl", "attributes of 32 bits", libc::SYS_ioctl, [0, 0x4004_6602], Refused),
    call("ioctl", "generation", libc::SYS_ioctl, [0, 0x4008_6604], Refused),
    call("ioctl", "version", libc::SYS_ioctl, [0, 0x4008_7602], Refused),
    call("ioctl", "extended attributes", libc::SYS_ioctl, [0, 0x401c_5820], Refused),
    call("ioctl", "thaw", libc::SYS_ioctl, [0, 0xc004_5878], Refused),
    call("ioctl", "type X", libc::SYS_ioctl, [0, 0x58ff], Refused),
    call("ioctl", "type f", libc::SYS_ioctl, [0, 0x66ff], Refused),
    call("ioctl", "verity", libc::SYS_ioctl, [0, 0x4080_6685], Refused),
    call("ioctl", "encryption", libc::SYS_ioctl, [0, 0x800c_6613], Refused),
    call("ioctl", "extents", libc::SYS_ioctl, [0, 0xc028_660f], Refused),
    call("ioctl", "label", libc::SYS_ioctl, [0, 0x4100_9432], Refused),
    call("ioctl", "deduplication", libc::SYS_ioctl, [0, 0xc018_9436], Refused),
    call("ioctl", "input of a terminal", libc::SYS_ioctl, [0, 0x5412], Refused),
    call("ioctl", "signals", libc::SYS_ioctl, [0, 0x5452], Refused),
    call("ioctl", "owner", libc::SYS_ioctl, [0, 0x8901], Refused),
    call("fcntl", "lease", libc::SYS_fcntl, [0, 1024, 0], Refused),
    call("fcntl", "lease to write", libc::SYS_fcntl, [0, 1024, 1], Refused),
    call("fcntl", "notification", libc::SYS_fcntl, [0, 1026], Refused),
    call("fcntl", "owner", libc::SYS_fcntl, [0, 8], Refused),
    call("fcntl", "owner, extended", libc::SYS_fcntl, [0, 15], Refused),
    call("fcntl", "signal", libc::SYS_fcntl, [0, 10], Refused),
    call("fcntl", "lock of the open file", libc::SYS_fcntl, [0, 37], Refused),
    call("fcntl", "lock of the open file, waiting", libc::SYS_fcntl, [0, 38], Refused),
    call("fcntl", "write hint", libc::SYS_fcntl, [0, 1036], Refused),
    call("fcntl", "write hint of the file", libc::SYS_fcntl, [0, 1038], Refused),
    call(
        "fcntl",
        "lease, above 32 bits",
        libc::SYS_fcntl,
        [0, 0xdead_beef_0000_0400_u64.cast_signed()],
        Refused,
    ),
    // Locking and unlocking at once is invalid.
    call("flock", "exclusive", libc::SYS_flock, [0, 10], WithoutEffect),
    call("flock", "shared", libc::SYS_flock, [0, 9], WithoutEffect),
];

/// Other processes, by unused ids, and limits of process 1.
const PROCESSES: &[RawSyscall] = &[
    call("prlimit64", "nobody's", libc::SYS_prlimit64, [NOBODY, 7], Refused),
    call("prlimit64", "of the first process", libc::SYS_prlimit64, [1, 7], Refused),
    call("sched_setscheduler", "", libc::SYS_sched_setscheduler, [0, -1], Refused),
    call("sched_setparam", "", libc::SYS_sched_setparam, [], Refused),
    call("sched_setattr", "", libc::SYS_sched_setattr, [], Refused),
    call("sched_setaffinity", "", libc::SYS_sched_setaffinity, [], Refused),
    call("setpriority", "", libc::SYS_setpriority, [99], Refused),
    call("ioprio_set", "", libc::SYS_ioprio_set, [99], Refused),
    call("ptrace", "attach", libc::SYS_ptrace, [16, NOBODY], Refused),
    call("ptrace", "seize", libc::SYS_ptrace, [0x4206, NOBODY], Refused),
    call("process_vm_readv", "", libc::SYS_process_vm_readv, [NOBODY], Refused),
    call("process_vm_writev", "", libc::SYS_process_vm_writev, [NOBODY], Refused),
    call("kcmp", "", libc::SYS_kcmp, [NOBODY, NOBODY], Refused),
    call("pidfd_getfd", "", 438, [-1], Refused),
    call("process_madvise", "", 440, [-1], Refused),
    call("process_mrelease", "", 448, [-1], Refused),
    call("migrate_pages", "", libc::SYS_migrate_pages, [NOBODY], Refused),
    call("move_pages", "", libc::SYS_move_pages, [NOBODY], Refused),
    call("perf_event_open", "", libc::SYS_perf_event_open, [], Refused),
    call("userfaultfd", "", libc::SYS_userfaultfd, [-1], Refused),
    call("bpf", "", libc::SYS_bpf, [-1], Refused),
    call("rt_sigqueueinfo", "", libc::SYS_rt_sigqueueinfo, [NOBODY], Refused),
    call("rt_tgsigqueueinfo", "", libc::SYS_rt_tgsigqueueinfo, [NOBODY, NOBODY], Refused),
    call("prctl", "cookies of the scheduler", libc::SYS_prctl, [62, -1], Refused),
    call("setpgid", "", libc::SYS_setpgid, [0, 0], Refused),
    call("setpgid", "another's", libc::SYS_setpgid, [NOBODY, 0], Refused),
    call("setsid", "", libc::SYS_setsid, [], WithoutEffect),
];

/// Other kinds of sockets, and listening ones.
const SOCKETS: &[RawSyscall] = &[
    call("bind", "", libc::SYS_bind, [-1], Refused),
    call("listen", "", libc::SYS_listen, [-1], Refused),
    call("accept", "", libc::SYS_accept, [-1], Refused),
    call("accept4", "", libc::SYS_accept4, [-1], Refused),
    call("socket", "unix", libc::SYS_socket, [1, 1], Refused),
    call("socket", "unix, datagrams", libc::SYS_socket, [1, 2], Refused),
    call("socket", "unix, packets", libc::SYS_socket, [1, 5], Refused),
    call("socket", "packets", libc::SYS_socket, [17, 3], Refused),
    call("socket", "ciphers", libc::SYS_socket, [38, 5], Refused),
    call("socket", "virtual machines", libc::SYS_socket, [40, 1], Refused),
    call("socket", "keys", libc::SYS_socket, [15, 3, 2], Refused),
    call("socket", "CAN", libc::SYS_socket, [29, 3, 1], Refused),
    call("socket", "TIPC", libc::SYS_socket, [30, 2], Refused),
    call("socket", "Bluetooth", libc::SYS_socket, [31, 3], Refused),
    call("socket", "XDP", libc::SYS_socket, [44, 3], Refused),
    call("socket", "raw", libc::SYS_socket, [2, 3, 1], Refused),
    call("socket", "echo", libc::SYS_socket, [2, 2, 1], Refused),
    call("socket", "SCTP", libc::SYS_socket, [2, 1, 132], Refused),
    call("socket", "MPTCP", libc::SYS_socket, [2, 1, 262], Refused),
    call("socket", "raw, version 6", libc::SYS_socket, [10, 3, 58], Refused),
    call("socket", "audit", libc::SYS_socket, [16, 3, 9], Refused),
    call("socket", "devices", libc::SYS_socket, [16, 3, 15], Refused),
    call("socket", "transforms", libc::SYS_socket, [16, 3, 6], Refused),
    call(
        "socket",
        "unix, above 32 bits",
        libc::SYS_socket,
        [0xdead_beef_0000_0001_u64.cast_signed(), 1],
        Refused,
    ),
    call("socketpair", "datagrams", libc::SYS_socketpair, [1, 2], Refused),
    call("socketpair", "packets", libc::SYS_socketpair, [1, 5], Refused),
    call("socketpair", "not unix", libc::SYS_socketpair, [2, 1], Refused),
    call("sendto", "connecting", libc::SYS_sendto, [-1, 0, 0, 0x2000_0000], Refused),
    call("sendmsg", "connecting", libc::SYS_sendmsg, [-1, 0, 0x2000_0000], Refused),
    call("sendmmsg", "connecting", libc::SYS_sendmmsg, [-1, 0, 0, 0x2000_0000], Refused),
];

/// Namespaces, with an additional invalid flag; mounts and roots.
const NAMESPACES: &[RawSyscall] = &[
    call("clone", "users", libc::SYS_clone, [0x1000_0000 | 0x1_0000], Refused),
    call("unshare", "users", libc::SYS_unshare, [0x1000_0000 | 0x1000], Refused),
    call("clone", "mounts", libc::SYS_clone, [0x0002_0000 | 0x1_0000], Refused),
    call("unshare", "mounts", libc::SYS_unshare, [0x0002_0000 | 0x1000], Refused),
    call("clone", "processes", libc::SYS_clone, [0x2000_0000 | 0x1_0000], Refused),
    call("unshare", "processes", libc::SYS_unshare, [0x2000_0000 | 0x1000], Refused),
    call("clone", "network", libc::SYS_clone, [0x4000_0000 | 0x1_0000], Refused),
    call("unshare", "network", libc::SYS_unshare, [0x4000_0000 | 0x1000], Refused),
    call("clone", "names", libc::SYS_clone, [0x0400_0000 | 0x1_0000], Refused),
    call("unshare", "names", libc::SYS_unshare, [0x0400_0000 | 0x1000], Refused),
    call("clone", "objects", libc::SYS_clone, [0x0800_0000 | 0x1_0000], Refused),
    call("unshare", "objects", libc::SYS_unshare, [0x0800_0000 | 0x1000], Refused),
    call("clone", "groups", libc::SYS_clone, [0x0200_0000 | 0x1_0000], Refused),
    call("unshare", "groups", libc::SYS_unshare, [0x0200_0000 | 0x1000], Refused),
    call("unshare", "time", libc::SYS_unshare, [0x80 | 0x1000], Refused),
    call("clone3", "", 435, [0], Unknown),
    call("setns", "", libc::SYS_setns, [-1], Refused),
    call("mount", "", libc::SYS_mount, [0], Refused),
    call("umount2", "", libc::SYS_umount2, [0], Refused),
    call("pivot_root", "", libc::SYS_pivot_root, [0], Refused),
    call("chroot", "", libc::SYS_chroot, [0], Refused),
    call("open_tree", "", 428, [-1], Refused),
    call("move_mount", "", 429, [-1, 0, -1], Refused),
    call("fsopen", "", 430, [0], Refused),
    call("fsconfig", "", 431, [-1], Refused),
    call("fsmount", "", 432, [-1], Refused),
    call("fspick", "", 433, [-1], Refused),
    call("mount_setattr", "", 442, [-1], Refused),
    call("statmount", "", 457, [0], Refused),
    call("listmount", "", 458, [0], Refused),
    call("open_tree_attr", "", 467, [-1], Refused),
];

/// The machine and its clock.
const MACHINE: &[RawSyscall] = &[
    call("swapon", "", libc::SYS_swapon, [0], Refused),
    call("swapoff", "", libc::SYS_swapoff, [0], Refused),
    call("quotactl", "", libc::SYS_quotactl, [-1], Refused),
    call("init_module", "", libc::SYS_init_module, [0], Refused),
    call("finit_module", "", libc::SYS_finit_module, [-1], Refused),
    call("delete_module", "", libc::SYS_delete_module, [0], Refused),
    call("acct", "", libc::SYS_acct, [1], Refused),
    call("reboot", "", libc::SYS_reboot, [0], Refused),
    call("settimeofday", "", libc::SYS_settimeofday, [1], Refused),
    call("clock_settime", "", libc::SYS_clock_settime, [-1], Refused),
    call("adjtimex", "", libc::SYS_adjtimex, [0], Refused),
    call("clock_adjtime", "", libc::SYS_clock_adjtime, [-1], Refused),
    call("sethostname", "", libc::SYS_sethostname, [0, -1], Refused),
    call("setdomainname", "", libc::SYS_setdomainname, [0, -1], Refused),
    call("syslog", "", libc::SYS_syslog, [-1], Refused),
    call("syncfs", "", libc::SYS_syncfs, [-1], Refused),
    call("personality", "", libc::SYS_personality, [0xffff_ffff], Refused),
    call("kexec_load", "", libc::SYS_kexec_load, [0, -1, 0, -1], Refused),
    call("quotactl_fd", "", 443, [-1, -1], Refused),
    #[cfg(target_arch = "x86_64")]
    call("kexec_file_load", "", libc::SYS_kexec_file_load, [-1, -1, 0, 0, -1], Refused),
    #[cfg(target_arch = "x86_64")]
    call("iopl", "", libc::SYS_iopl, [4], Refused),
    #[cfg(target_arch = "x86_64")]
    call("ioperm", "", libc::SYS_ioperm, [-1, 1, 1], Refused),
    #[cfg(target_arch = "x86_64")]
    call("modify_ldt", "", libc::SYS_modify_ldt, [-1], Refused),
];

/// Shared objects of the kernel, and memory outside every count.
const OBJECTS: &[RawSyscall] = &[
    call("keyctl", "the session's keys", libc::SYS_keyctl, [0, -3], Refused),
    call("keyctl", "the user's keys", libc::SYS_keyctl, [0, -4], Refused),
    call("add_key", "", libc::SYS_add_key, [], Refused),
    call("request_key", "", libc::SYS_request_key, [], Refused),
    call("shmget", "", libc::SYS_shmget, [0], Refused),
    call("shmat", "", libc::SYS_shmat, [-1], Refused),
    call("shmctl", "", libc::SYS_shmctl, [-1], Refused),
    call("shmdt", "", libc::SYS_shmdt, [0], Refused),
    call("semget", "", libc::SYS_semget, [0], Refused),
    call("semop", "", libc::SYS_semop, [-1], Refused),
    call("semctl", "", libc::SYS_semctl, [-1], Refused),
    call("semtimedop", "", libc::SYS_semtimedop, [-1], Refused),
    call("msgget", "", libc::SYS_msgget, [0x7fff_1234], Refused),
    call("msgsnd", "", libc::SYS_msgsnd, [-1], Refused),
    call("msgrcv", "", libc::SYS_msgrcv, [-1], Refused),
    call("msgctl", "", libc::SYS_msgctl, [-1], Refused),
    call("mq_open", "", libc::SYS_mq_open, [0], Refused),
    call("mq_unlink", "", libc::SYS_mq_unlink, [0], Refused),
    call("mq_timedsend", "", libc::SYS_mq_timedsend, [-1], Refused),
    call("mq_timedreceive", "", libc::SYS_mq_timedreceive, [-1], Refused),
    call("mq_notify", "", libc::SYS_mq_notify, [-1], Refused),
    call("mq_getsetattr", "", libc::SYS_mq_getsetattr, [-1], Refused),
    call("memfd_create", "", libc::SYS_memfd_create, [0, -1], Refused),
    call("memfd_secret", "", 447, [-1], Refused),
    call("mmap", "shared, of no file", libc::SYS_mmap, [0, 4096, 0, 0x21, -1], Refused),
    call("mmap", "shared, of no file, checked", libc::SYS_mmap, [0, 4096, 0, 0x23, -1], Refused),
    call("mmap", "huge pages", libc::SYS_mmap, [0, 4096, 0, 0x4_0022, -1], Refused),
];

/// Changes of user and group.
const USERS: &[RawSyscall] = &[
    call("setuid", "", libc::SYS_setuid, [-1], Refused),
    call("setgid", "", libc::SYS_setgid, [-1], Refused),
    call("setreuid", "", libc::SYS_setreuid, [-1, -1], Refused),
    call("setregid", "", libc::SYS_setregid, [-1, -1], Refused),
    call("setresuid", "", libc::SYS_setresuid, [-1, -1, -1], Refused),
    call("setresgid", "", libc::SYS_setresgid, [-1, -1, -1], Refused),
    call("setgroups", "", libc::SYS_setgroups, [-1], Refused),
    call("setfsuid", "", libc::SYS_setfsuid, [-1], Refused),
    call("setfsgid", "", libc::SYS_setfsgid, [-1], Refused),
    call("capset", "", libc::SYS_capset, [0], Refused),
];

/// Calls on no list.
const UNKNOWN: &[RawSyscall] = &[
    call("mbind", "", libc::SYS_mbind, [0, -1, -1], Unknown),
    call("seccomp", "", libc::SYS_seccomp, [-1], Unknown),
    call("lsm_list_modules", "", 461, [0, 0, -1], Unknown),
    #[cfg(target_arch = "x86_64")]
    call("getpid", "of the other set of calls", 0x40000027, [], Unknown),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::agent::sandbox::ruled_syscalls;

    /// Calls that cannot be made without an effect where nothing confines the probe.
    const NOT_TRIED: [&str; 2] = ["sync", "vhangup"];

    #[test]
    fn p2_every_rule_on_a_call_is_tried() {
        let tried = [CHANGES, ON_A_FILE].into_iter().chain(REACHES).flatten();
        let tried: HashSet<&str> = tried.map(|call| call.name).collect();
        let rules: Vec<&str> = ruled_syscalls().collect();
        assert!(rules.len() > 120, "{rules:?}");
        let missing: Vec<_> = rules.iter().filter(|name| !tried.contains(*name)).collect();
        assert_eq!(missing, NOT_TRIED.iter().collect::<Vec<_>>());
    }
}
