/*
 * banter-gateway: terminates clients. See docs/ARCHITECTURE.md.
 */
#include "common/check.h"
#include "common/log.h"
#include "common/settings.h"
#include "gateway/master.h"
#include "gateway/routes.h"

int main(int argc, char **argv)
{
    struct settings settings;
    char error[160];
    int status = 0;

    switch (settings_load(&settings, SETTINGS_GATEWAY, argc, argv)) {
    case SETTINGS_RUN:
        log_init("gateway", LOG_INFO);
        if (!log_set(settings.log_level, settings.log_format, error, sizeof(error)))
            fatal("%s", error); /* the settings have checked it */
        status = master_run(&settings, argc, argv);
        break;
    case SETTINGS_EXIT_OK:
        break;
    case SETTINGS_ROUTES:
        routes_print();
        break;
    case SETTINGS_BAD:
        status = 2;
        break;
    }
    settings_fini(&settings);
    return status;
}
