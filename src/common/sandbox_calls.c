#include "common/sandbox_impl.h"

#include "common/base.h"

#include <errno.h>
#include <linux/random.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/*
 * What libc, libevent, ZeroMQ, libmariadb and libcrypto use in a server that has begun: threads,
 * memory, clocks, sockets, and files (name resolution and TLS read some; Unix sockets are made and
 * removed). By name, since numbers differ between machines; one that a machine does not have is
 * skipped.
 */
/* clang-format off */
static const char *const allowed[] = {
    /* threads and processes of our own */
    "exit", "exit_group", "futex", "futex_waitv", "get_robust_list", "set_robust_list",
    "set_tid_address", "rseq", "gettid", "getpid", "getppid", "tgkill", "sched_yield",
    "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_setscheduler",
    "sched_get_priority_min", "sched_get_priority_max", "membarrier", "restart_syscall",
    "arch_prctl", "getcpu",
    /* signals */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait",
    "rt_sigsuspend", "sigaltstack", "signalfd4",
    /* memory */
    "brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync",
    "mlock", "munlock", /* of libsodium, for keys */
    /* time */
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep",
    "clock_nanosleep_time64", "gettimeofday", "nanosleep", "time", "timerfd_create",
    "timerfd_settime", "timerfd_gettime", "times",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    "poll", "ppoll", "select", "pselect6", "eventfd", "eventfd2", "pipe", "pipe2",
    /* descriptors and files */
    "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "close",
    "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64", "flock", "lseek", "_llseek", "open",
    "openat", "stat", "fstat", "lstat", "newfstatat", "fstatat64", "stat64", "fstat64", "statx",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64",
    "getcwd", "unlink", "unlinkat", "chmod", "fchmod", "fchmodat", "umask", "fadvise64",
    "sendfile", "statfs", "fstatfs",
    /* sockets; "socket" itself is below */
    "socketpair", "bind", "listen", "accept", "accept4", "connect", "getsockname", "getpeername",
    "getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg",
    "recvmmsg", "shutdown",
    /* what is asked about oneself */
    "getuid", "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid", "getrlimit",
    "ugetrlimit", "prlimit64", "getrusage", "uname", "sysinfo", "getrandom", "getpgrp", "getpgid",
    "getsid",
};
/* clang-format on */

static int allow_named(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        int call = seccomp_syscall_resolve_name(allowed[i]);
        int failure;

        if (call == __NR_SCMP_ERROR)
            continue; /* libseccomp is older than the call */
        failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
        if (failure != 0)
            return failure;
    }
    return 0;
}

/* Calls of which only some uses are allowed. clone3() hides its flags in memory: without it, libc
 * makes threads by clone(). */
static int allow_narrowed(scmp_filter_ctx filter)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    /* TCGETS is how libc asks whether it is a terminal; RNDGETENTCNT is of libsodium. */
    static const unsigned long requests[] = {FIONBIO, FIONREAD, FIOCLEX, TCGETS, RNDGETENTCNT};
    static const unsigned own[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_NO_NEW_PRIVS, PR_SET_VMA};
    int failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

    for (size_t i = 0; failure == 0 && i < ARRAY_LEN(families); i++)
        failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                   SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
    for (size_t i = 0; failure == 0 && i < ARRAY_LEN(requests); i++)
        failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                   SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, requests[i]));
    for (size_t i = 0; failure == 0 && i < ARRAY_LEN(own); i++)
        failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                   SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, own[i]));
    return failure;
}

int sandbox_filter_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int failure;

    if (filter == NULL)
        return -ENOMEM;
    failure = allow_named(filter);
    if (failure == 0)
        failure = allow_narrowed(filter);
    /* A binary tree instead of a chain: a call costs the same wherever it stands. */
    if (failure == 0)
        failure = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (failure == 0)
        failure = seccomp_load(filter);
    seccomp_release(filter);
    return failure;
}
