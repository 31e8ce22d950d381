// needs: common/settings common/bus_keys common/bus_sock common/bus_monitor common/bus_told common/metrics common/map common/digest common/strbuf common/loop common/log common/clock common/mem common/check common/settings_file common/settings_check common/web_origins common/networks common/bus_security common/db_url common/rate
/* bus_security: which addresses stay on this host. What settings are refused is in the system test
 * of refused starts. */
#include "common/bus_security.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_local(void **state ATTR_UNUSED)
{
    static const char *const locals[] = {
        "ipc:///run/b",         "tcp://127.0.0.1:1", "tcp://127.255.3.4:7000",
        "tcp://localhost:7000", "tcp://[::1]:7000",
    };
    static const char *const others[] = {
        "tcp://*:7000",
        "tcp://0.0.0.0:7000",
        "tcp://[::]:7000",
        "tcp://10.0.0.1:7000",
        "tcp://broker:7000",
        "tcp://128.0.0.1:1",
        "tcp://127.1:7000",
        "tcp://localhost.x:7000",
        "tcp://eth0:7000",
        "tcp://[::2]:7000",
        "",
        "pgm://127.0.0.1:1",
        "tcp://eth0;127.0.0.1:7000",
    };

    for (size_t i = 0; i < ARRAY_LEN(locals); i++)
        if (!bus_address_is_local(locals[i]))
            fail_msg("%s is local", locals[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (bus_address_is_local(others[i]))
            fail_msg("%s is not local", others[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_local)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
