#include "broker/broker.h"
#include "common/check.h"
#include "common/log.h"

/* banter-broker: settings, log, run. */
int main(int argc, char **argv)
{
    struct settings settings;
    char error[160];
    enum settings_result result = settings_load(&settings, SETTINGS_BROKER, argc, argv);
    int status = result == SETTINGS_EXIT_OK ? 0 : 2;

    if (result == SETTINGS_RUN) {
        log_init("broker", LOG_INFO);
        if (!log_set(settings.log_level, settings.log_format, error, sizeof(error)))
            fatal("%s", error); /* the settings have checked it */
        status = broker_run(&settings, argc, argv);
    }
    settings_fini(&settings);
    return status;
}
