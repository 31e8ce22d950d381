#include "common/bus_security.h"
#include "common/bus_sock.h"
#include "common/check.h"
#include "common/db_url.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/networks.h"
#include "common/settings_impl.h"
#include "common/web_origins.h"

#include <string.h>

/* NAME of settings.def, and its value; NULL for one that is not shown, since it may hold a
 * password. Always false. */
static bool bad(struct settings_load *load, const char *name, const char *value, const char *why)
{
    char quoted[256];

    for (size_t i = 0; i < SETTINGS_ROWS; i++)
        if (strcmp(settings_rows[i].name, name) == 0 && load->layers[i] == SETTINGS_LAYER_FILE)
            strbuf_printf(&load->sentence, "%s:%u: ", load->settings->config, load->lines[i]);
    strbuf_printf(&load->sentence, "BANTER_%s", name);
    if (value != NULL)
        strbuf_printf(&load->sentence, ": %s", log_quote(value, quoted, sizeof(quoted)));
    strbuf_printf(&load->sentence, "%s %s.", value != NULL ? " is not usable:" : ":", why);
    return false;
}

static bool check_address(struct settings_load *load, const char *name, const char *value)
{
    char host[256];
    uint16_t port;

    if (settings_split_address(value, host, sizeof(host), &port))
        return true;
    return bad(load, name, value, "host:port is needed, as 127.0.0.1:8000 or [::1]:8000");
}

static bool check_brokers(struct settings_load *load, const char *value)
{
    bool good = true;

    for (const char *at = value; good; at++) {
        size_t len = strcspn(at, ",");
        char *one = mem_strndup(at, len);

        good = strchr(one, ' ') == NULL && bus_address_valid(one);
        mem_free(one);
        at += len;
        if (*at == '\0')
            break;
    }
    return good || bad(load, "BROKERS", value,
                       "tcp://host:port or ipc:///path is needed, several with commas between");
}

static bool check_trusted_proxies(struct settings_load *load, const char *value)
{
    struct networks networks;
    char why[128];

    if (!networks_parse(value, &networks, why, sizeof(why)))
        return bad(load, "TRUSTED_PROXIES", value, why);
    networks_fini(&networks);
    return true;
}

static bool check_origins(struct settings_load *load, const char *value)
{
    struct web_origins origins;
    char why[160];

    if (!web_origins_parse(value, &origins, why, sizeof(why)))
        return bad(load, "ORIGINS", value, why);
    web_origins_fini(&origins);
    return true;
}

/* For who is always on the bus; banterctl's commands that are look for themselves. */
static bool check_bus(struct settings_load *load)
{
    enum bus_side side = load->program == SETTINGS_BROKER ? BUS_SIDE_BROKER : BUS_SIDE_PEER;
    struct bus_security security;
    char error[512];

    if (load->program == SETTINGS_CTL)
        return true;
    if (bus_security_load(load->settings, side, &security, error, sizeof(error))) {
        bus_security_wipe(&security);
        return true;
    }
    strbuf_printf(&load->sentence, "%s.", error);
    return false;
}

static const struct {
    const char *name;
    size_t offset;
} rate_rows[RATE_CLASSES] = {
    [RATE_REQUEST] = {"RATE_REQUEST", offsetof(struct settings, rate_request)},
    [RATE_REGISTER] = {"RATE_REGISTER", offsetof(struct settings, rate_register)},
    [RATE_LOGIN] = {"RATE_LOGIN", offsetof(struct settings, rate_login)},
    [RATE_SEND] = {"RATE_SEND", offsetof(struct settings, rate_send)},
    [RATE_JOIN] = {"RATE_JOIN", offsetof(struct settings, rate_join)},
    [RATE_HISTORY] = {"RATE_HISTORY", offsetof(struct settings, rate_history)},
    [RATE_TYPING] = {"RATE_TYPING", offsetof(struct settings, rate_typing)},
    [RATE_FRAME] = {"RATE_FRAME", offsetof(struct settings, rate_frame)},
};

static const char *rate_text(const struct settings *settings, enum rate_class kind)
{
    return *(char *const *)(const void *)((const char *)settings + rate_rows[kind].offset);
}

struct rate settings_rate(const struct settings *settings, enum rate_class kind)
{
    struct rate rate;

    CHECK(rate_parse(rate_text(settings, kind), &rate));
    return rate;
}

static bool check_rates(struct settings_load *load)
{
    struct rate rate;

    for (enum rate_class kind = 0; kind < RATE_CLASSES; kind++)
        if (!rate_parse(rate_text(load->settings, kind), &rate))
            return bad(load, rate_rows[kind].name, rate_text(load->settings, kind),
                       "a count, \"/\" and a time is needed, as 600/60s or 20/1h, or 0");
    return true;
}

bool settings_check(struct settings_load *load)
{
    const struct settings *settings = load->settings;
    struct db_url url;
    char error[160];

    if (!log_usable(settings->log_level, "logfmt", error, sizeof(error)))
        return bad(load, "LOG_LEVEL", settings->log_level, error);
    if (!log_usable("info", settings->log_format, error, sizeof(error)))
        return bad(load, "LOG_FORMAT", settings->log_format, error);
    if (!check_address(load, "LISTEN", settings->listen))
        return false;
    if (settings->proxy_listen[0] != '\0' &&
        !check_address(load, "PROXY_LISTEN", settings->proxy_listen))
        return false;
    /* SO_REUSEPORT would let both have it, and connections be of one kind or the other by chance.
     */
    if (strcmp(settings->proxy_listen, settings->listen) == 0)
        return bad(load, "PROXY_LISTEN", settings->proxy_listen, "it is LISTEN's, too");
    if (settings->admin_listen[0] != '\0' &&
        !check_address(load, "ADMIN_LISTEN", settings->admin_listen))
        return false;
    if (!check_trusted_proxies(load, settings->trusted_proxies) ||
        !check_origins(load, settings->origins) || !check_rates(load))
        return false;
    if (!bus_address_valid(settings->broker_listen))
        return bad(load, "BROKER_LISTEN", settings->broker_listen,
                   "tcp://host:port or ipc:///path is needed");
    if (strncmp(settings->database_url, "mysql://", 8) != 0)
        return bad(load, "DATABASE_URL", NULL, "mysql://user:password@host:port/name is needed");
    if (!db_url_parse(settings->database_url, &url, error, sizeof(error)))
        return bad(load, "DATABASE_URL", NULL, error);
    db_url_fini(&url);
    return check_brokers(load, settings->brokers) && check_bus(load);
}
