#include "broker/broker.h"
#include "common/log.h"

/* banter-broker: settings, log, run. */
int main(int argc, char **argv)
{
    struct settings settings;
    enum log_level level = LOG_INFO;
    enum settings_result result = settings_load(&settings, SETTINGS_BROKER, argc, argv);
    int status = result == SETTINGS_EXIT_OK ? 0 : 1;

    if (result == SETTINGS_RUN) {
        (void)!log_level_parse(settings.log_level, &level); /* checked by settings_load */
        log_init("broker", level);
        status = broker_run(&settings);
    }
    settings_fini(&settings);
    return status;
}
