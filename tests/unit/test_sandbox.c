// needs: common/sandbox_calls common/log common/clock common/mem common/check
/* What a process can still do in the sandbox, and what no more: each in a child of its own. */
#include "common/sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char nobody_else[] = "";
static char nobody[] = "nobody";
static char stranger[] = "nobody-at-all";
static struct settings settings = {.user = nobody_else, .sandbox = 1};

static bool as_it_is(void)
{
    return true;
}

/* Runs what in a child that did first and has entered the sandbox; whether all said yes. */
static bool holds_after(bool (*first)(void), bool (*what)(void))
{
    char error[256] = "";
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(first() && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
                      sandbox_enter(&settings, error, sizeof(error)) && what()
                  ? 0
                  : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool holds(bool (*what)(void))
{
    return holds_after(as_it_is, what);
}

static bool starts_no_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return errno == ENOSYS;
}

static bool makes_no_process(void)
{
    return fork() == -1 && errno == ENOSYS;
}

static bool traces_nobody(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 && errno == ENOSYS;
}

static bool mounts_nothing(void)
{
    return mount("none", "/mnt", "tmpfs", 0, NULL) == -1 && errno == ENOSYS;
}

static bool opens_no_raw_packets(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == ENOSYS;
}

static bool leaves_no_core(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0;
}

/* The line of /proc/self/status that begins so. */
static bool status_says(const char *line)
{
    char text[256];
    bool found = false;
    FILE *file = fopen("/proc/self/status", "re");

    while (file != NULL && !found && fgets(text, sizeof(text), file) != NULL)
        found = strncmp(text, line, strlen(line)) == 0;
    if (file != NULL)
        fclose(file);
    return found;
}

static bool has_no_privilege(void)
{
    return status_says("CapEff:\t0000000000000000") && status_says("CapPrm:\t0000000000000000") &&
           status_says("NoNewPrivs:\t1") && status_says("Seccomp:\t2");
}

/* CAP_DAC_OVERRIDE, which is number 1. */
static bool has_one_capability(void)
{
    return status_says("CapEff:\t0000000000000002") && status_says("CapPrm:\t0000000000000002") &&
           status_says("NoNewPrivs:\t1") && status_says("Seccomp:\t2");
}

/* What deploy/systemd does: no capabilities, and not the call that changes them either. */
static bool is_a_service(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool done = filter != NULL && (geteuid() != 0 || setresuid(65534, 65534, 65534) == 0) &&
                seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(capset), 0) == 0 &&
                seccomp_load(filter) == 0;

    seccomp_release(filter);
    return done;
}

static void *say_yes(void *unused)
{
    return unused;
}

static bool serves(void)
{
    int one = 1;
    void *result = NULL;
    pthread_t thread;

    return socket(AF_INET, SOCK_STREAM, 0) >= 0 && socket(AF_INET6, SOCK_STREAM, 0) >= 0 &&
           socket(AF_UNIX, SOCK_STREAM, 0) >= 0 &&
           pthread_create(&thread, NULL, say_yes, &one) == 0 &&
           pthread_join(thread, &result) == 0 && result == &one;
}

static void test_what_is_gone(void **state)
{
    (void)state;
    assert_true(holds(starts_no_program));
    assert_true(holds(makes_no_process));
    assert_true(holds(traces_nobody));
    assert_true(holds(mounts_nothing));
    assert_true(holds(opens_no_raw_packets));
    assert_true(holds(leaves_no_core));
    assert_true(holds(geteuid() == 0 ? has_one_capability : has_no_privilege));
}

static void test_what_is_left(void **state)
{
    (void)state;
    assert_true(holds(serves));
}

/* setuid() of the C library is for all threads, and the one of ThreadSanitizer is not in the
 * sandbox. */
static bool is_nobody(void)
{
    return getuid() == 65534 && geteuid() == 65534 && syscall(SYS_setuid, 0) != 0 &&
           has_no_privilege();
}

/* As a worker that its master must not leave behind. */
static bool ends_with_its_parent(void)
{
    int number = 0;

    return getuid() == 65534 && prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGTERM;
}

static void test_another_user_ends_with_its_parent(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can become another */
    settings.user = nobody;
    settings.sandbox = 0; /* its filter knows no PR_GET_PDEATHSIG */
    assert_true(holds(ends_with_its_parent));
    settings.sandbox = 1;
    settings.user = nobody_else;
}

static void test_another_user(void **state)
{
    char error[256] = "";

    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can become another */
    settings.user = nobody;
    assert_true(sandbox_user_known(&settings, error, sizeof(error)));
    assert_true(holds(is_nobody));
    settings.user = nobody_else;
}

static void test_a_user_who_is_not_there(void **state)
{
    char error[256] = "";

    (void)state;
    settings.user = stranger;
    assert_false(sandbox_user_known(&settings, error, sizeof(error)));
    assert_non_null(strstr(error, "\"nobody-at-all\""));
    assert_false(holds(serves));
    settings.user = nobody_else;
}

static bool starts_programs(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return false;
}

static void test_without_the_filter(void **state)
{
    (void)state;
    settings.sandbox = 0;
    assert_true(holds(starts_programs));
    assert_true(holds(leaves_no_core));
    settings.sandbox = 1;
}

static void test_a_service_that_has_none(void **state)
{
    (void)state;
    assert_true(holds_after(is_a_service, has_no_privilege));
    assert_true(holds_after(is_a_service, serves));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_gone),
        cmocka_unit_test(test_what_is_left),
        cmocka_unit_test(test_another_user),
        cmocka_unit_test(test_a_user_who_is_not_there),
        cmocka_unit_test(test_without_the_filter),
        cmocka_unit_test(test_a_service_that_has_none),
        cmocka_unit_test(test_another_user_ends_with_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
