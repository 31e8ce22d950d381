/*
 * banter-gateway: terminates clients. See docs/ARCHITECTURE.md.
 */
#include "common/log.h"
#include "common/settings.h"
#include "gateway/master.h"
#include "gateway/routes.h"

int main(int argc, char **argv)
{
    struct settings settings;
    enum log_level level = LOG_INFO;
    int status = 0;

    switch (settings_load(&settings, SETTINGS_GATEWAY, argc, argv)) {
    case SETTINGS_RUN:
        if (log_level_parse(settings.log_level, &level))
            log_init("gateway", level);
        status = master_run(&settings);
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
