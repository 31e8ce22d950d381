#include "common/bus_security.h"

#include "common/mem.h"
#include "common/settings.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct complaint {
    char *text;
    size_t size;
};

ATTR_PRINTF(2, 3) static bool refuse(const struct complaint *complaint, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(complaint->text, complaint->size, format, args);
    va_end(args);
    return false;
}

bool bus_address_is_local(const char *address)
{
    char host[256];
    uint16_t port;
    struct in_addr v4;
    struct in6_addr v6;

    if (strncmp(address, "ipc://", 6) == 0)
        return true;
    if (strncmp(address, "tcp://", 6) != 0 ||
        !settings_split_address(address + 6, host, sizeof(host), &port))
        return false;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

/* addresses: one, or several with commas between. */
static bool check_plain(const char *name, const char *addresses, const struct complaint *complaint)
{
    const char *at = addresses;

    for (;;) {
        size_t len = strcspn(at, ",");
        char *one = mem_strndup(at, len);
        bool local = bus_address_is_local(one);

        mem_free(one);
        if (!local)
            return refuse(
                complaint,
                "BANTER_%s: %.*s is not on this host, and the bus would not be encrypted: "
                "set BANTER_BUS_KEY (banterctl keys makes keys), or BANTER_BUS_PLAIN_TCP=1 "
                "if the network is trusted whole",
                name, (int)MIN(len, (size_t)200), at);
        if (at[len] == '\0')
            return true;
        at += len + 1;
    }
}

static bool load_pair(const struct settings *settings, struct bus_security *security,
                      const struct complaint *complaint)
{
    char why[192] = "";

    if (!bus_keys_supported())
        return refuse(complaint,
                      "BANTER_BUS_KEY: this libzmq was built without CURVE: it cannot encrypt");
    if (bus_key_pair_read(settings->bus_key, &security->pair, why, sizeof(why)))
        return true;
    return refuse(complaint, "BANTER_BUS_KEY: the key file %.200s %s%s", settings->bus_key,
                  strncmp(why, "line", 4) == 0 ? "is not one: " : "", why);
}

static bool load_broker(const struct settings *settings, struct bus_security *security,
                        const struct complaint *complaint)
{
    struct bus_key_list list;
    char why[192] = "";

    security->allowed_path = settings->bus_gateway_keys;
    if (settings->bus_gateway_keys[0] == '\0')
        return refuse(complaint,
                      "BANTER_BUS_GATEWAY_KEYS: with BANTER_BUS_KEY set, a file with the "
                      "public keys of those that may connect is needed");
    if (!bus_key_list_read(settings->bus_gateway_keys, &list, why, sizeof(why)))
        return refuse(complaint, "BANTER_BUS_GATEWAY_KEYS: %.200s %s%s", settings->bus_gateway_keys,
                      strncmp(why, "line", 4) == 0 ? "is not a list of keys: " : "", why);
    bus_key_list_fini(&list);
    return true;
}

static bool load_peer(const struct settings *settings, struct bus_security *security,
                      const struct complaint *complaint)
{
    const char *key = settings->bus_broker_key;

    if (key[0] == '\0')
        return refuse(complaint,
                      "BANTER_BUS_BROKER_KEY: with BANTER_BUS_KEY set, the brokers' public "
                      "key is needed (40 characters; broker.pub)");
    if (!bus_key_valid(key, strlen(key)))
        return refuse(complaint,
                      "BANTER_BUS_BROKER_KEY: that is not a key of 40 characters (Z85); a "
                      "'$' or '#' may have been lost on the way: "
                      "BANTER_BUS_BROKER_KEY_FILE reads it from a file");
    snprintf(security->broker_key, sizeof(security->broker_key), "%s", key);
    return true;
}

static bool load(const struct settings *settings, struct bus_security *security,
                 const struct complaint *complaint)
{
    bool broker = security->side == BUS_SIDE_BROKER;
    const char *other = broker ? "GATEWAY_KEYS" : "BROKER_KEY";
    const char *given = broker ? settings->bus_gateway_keys : settings->bus_broker_key;

    if (settings->bus_key[0] == '\0') {
        /* Half of it set is a mistake, not a wish for a plain bus. */
        if (given[0] != '\0')
            return refuse(complaint,
                          "BANTER_BUS_%s is set without BANTER_BUS_KEY, this program's own "
                          "key pair",
                          other);
        if (settings->bus_plain_tcp == 1)
            return true;
        return broker ? check_plain("BROKER_LISTEN", settings->broker_listen, complaint)
                      : check_plain("BROKERS", settings->brokers, complaint);
    }
    security->curve = true;
    return load_pair(settings, security, complaint) &&
           (broker ? load_broker : load_peer)(settings, security, complaint);
}

bool bus_security_load(const struct settings *settings, enum bus_side side,
                       struct bus_security *security_out, char *error, size_t error_size)
{
    const struct complaint complaint = {error, error_size};

    *security_out = (struct bus_security){.side = side};
    if (load(settings, security_out, &complaint))
        return true;
    bus_security_wipe(security_out);
    return false;
}

void bus_security_wipe(struct bus_security *security)
{
    mem_wipe(security, sizeof(*security));
}
