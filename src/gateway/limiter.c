#include "gateway/limiter.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/settings.h"
#include "gateway/login_delay.h"
#include "gateway/rates.h"
#include "gateway/shares.h"
#include "gateway/tally.h"

#include <string.h>

struct limiter {
    struct networks trusted;
    struct rates rates;
    struct rates site_rates; /* of classes that are counted by address */
    struct login_delay logins;
    struct login_delay site_logins;
    struct shares *connections;
    struct shares *sockets;
    struct tally *users; /* sockets of a user */
    uint64_t handshakes;
    uint64_t handshakes_max;
    bool full;
};

/* ---- beginning and end ---- */

void limiter_memory_create(struct limiter_memory *memory)
{
    memory->rates = slot_cache_create(RATE_BUCKETS_MAX);
    memory->logins = slot_cache_create(LOGIN_DELAYS_MAX);
}

struct limiter *limiter_create(const struct settings *settings, const struct limiter_memory *memory)
{
    struct limiter *limiter = mem_alloc(sizeof(*limiter));
    char why[128];

    /* The settings have checked it. */
    CHECK(networks_parse(settings->trusted_proxies, &limiter->trusted, why, sizeof(why)));
    limiter->rates.cache = limiter->site_rates.cache = memory->rates;
    for (enum rate_class kind = 0; kind < RATE_CLASSES; kind++) {
        limiter->rates.limits[kind] = settings_rate(settings, kind);
        limiter->site_rates.limits[kind] = limiter->rates.limits[kind];
        limiter->site_rates.limits[kind].count *= SITE_SHARES;
    }
    limiter->logins = (struct login_delay){memory->logins, settings->login_delay_ms,
                                           settings->login_delay_max_ms, LOGIN_FAILURES_FREE};
    limiter->site_logins = limiter->logins;
    limiter->site_logins.failures_free *= SITE_SHARES;
    limiter->connections = shares_create(settings->http_connections_per_address);
    limiter->sockets = shares_create(settings->sockets_per_address);
    limiter->users = tally_create((uint32_t)settings->sockets_per_user);
    limiter->handshakes_max = settings->handshakes_max;
    return limiter;
}

void limiter_destroy(struct limiter **limiter)
{
    if (*limiter == NULL)
        return;
    CHECK((*limiter)->handshakes == 0);
    shares_destroy(&(*limiter)->connections);
    shares_destroy(&(*limiter)->sockets);
    tally_destroy(&(*limiter)->users);
    networks_fini(&(*limiter)->trusted);
    mem_free(*limiter);
    *limiter = NULL;
}

const struct networks *limiter_trusted(const struct limiter *limiter)
{
    return &limiter->trusted;
}

uint64_t limiter_address(const struct limiter *limiter, const struct client_address *address)
{
    const uint8_t *bytes = address->ip.bytes;
    uint64_t network;
    uint64_t host;

    if (!ip_address_known(&address->ip) || networks_contain(&limiter->trusted, &address->ip))
        return 0;
    memcpy(&network, bytes, sizeof(network));
    memcpy(&host, bytes + sizeof(network), sizeof(host));
    /* IPv4, mapped, and ::1: the upper half is empty, and the lower one is no IPv6 network. */
    return network != 0 ? network : host;
}

/* ---- rates ---- */

static bool take_of_site(const struct limiter *limiter, enum rate_class kind, uint64_t who,
                         uint64_t now_us, uint64_t *wait_us_out)
{
    uint64_t site = rate_is_of_address(kind) ? shares_site(who) : 0;

    return site == 0 || rates_take(&limiter->site_rates, kind, site, now_us, wait_us_out);
}

bool limiter_take(struct limiter *limiter, enum rate_class kind, uint64_t who,
                  uint64_t *wait_ms_out)
{
    uint64_t now_us = clock_mono_us();
    uint64_t wait_us;

    *wait_ms_out = 0;
    if (who == 0 || (rates_take(&limiter->rates, kind, who, now_us, &wait_us) &&
                     take_of_site(limiter, kind, who, now_us, &wait_us)))
        return true;
    *wait_ms_out = wait_us / 1000 + 1;
    metrics_add_by(METRIC_RATE_LIMITED, kind, 1);
    return false;
}

struct rate limiter_rate(const struct limiter *limiter, enum rate_class kind)
{
    return limiter->rates.limits[kind];
}

/* ---- logins ---- */

struct limiter_login limiter_login_of(struct span folded, uint64_t address)
{
    uint64_t site = shares_site(address);
    struct limiter_login login = {.of_address = login_delay_key(folded, address),
                                  .has_site = site != 0};

    if (login.has_site)
        login.of_site = login_delay_key(folded, site);
    return login;
}

static uint64_t count_delay(uint64_t left_ms)
{
    if (left_ms > 0)
        metrics_add(METRIC_LOGINS_DELAYED, 1);
    return left_ms;
}

static uint64_t login_left(const struct limiter *limiter, const struct limiter_login *login,
                           uint64_t now_ms)
{
    uint64_t left_ms = login_delay_left(&limiter->logins, login->of_address, now_ms);

    if (login->has_site)
        left_ms = MAX(left_ms, login_delay_left(&limiter->site_logins, login->of_site, now_ms));
    return left_ms;
}

uint64_t limiter_login_left(struct limiter *limiter, const struct limiter_login *login)
{
    return count_delay(login_left(limiter, login, clock_mono_ms()));
}

uint64_t limiter_login_begin(struct limiter *limiter, const struct limiter_login *login)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t left_ms = login_left(limiter, login, now_ms); /* what is refused counts nowhere */

    if (left_ms == 0 && login->has_site)
        left_ms = login_delay_begin(&limiter->site_logins, login->of_site, now_ms);
    if (left_ms == 0)
        left_ms = login_delay_begin(&limiter->logins, login->of_address, now_ms);
    return count_delay(left_ms);
}

void limiter_login_clear(struct limiter *limiter, const struct limiter_login *login)
{
    login_delay_clear(&limiter->logins, login->of_address);
    if (login->has_site)
        login_delay_clear(&limiter->site_logins, login->of_site);
}

/* ---- what is open ---- */

static enum err refuse(enum metrics_shed reason, enum err err)
{
    metrics_add_by(METRIC_SHED, reason, 1);
    return err;
}

enum err limiter_connected(struct limiter *limiter, uint64_t address)
{
    if (limiter->full)
        return refuse(METRICS_SHED_MEMORY, ERR_OVERLOADED);
    if (!shares_take(limiter->connections, address))
        return refuse(METRICS_SHED_ADDRESS_CONNECTIONS, ERR_RATE_LIMITED);
    return ERR_NONE;
}

void limiter_disconnected(struct limiter *limiter, uint64_t address)
{
    shares_give(limiter->connections, address);
}

enum err limiter_may_open(struct limiter *limiter, uint64_t address, uint64_t user_id)
{
    if (limiter->full)
        return refuse(METRICS_SHED_MEMORY, ERR_OVERLOADED);
    if (limiter->handshakes >= limiter->handshakes_max)
        return refuse(METRICS_SHED_HANDSHAKES, ERR_OVERLOADED);
    if (!shares_has_room(limiter->sockets, address))
        return refuse(METRICS_SHED_ADDRESS_SOCKETS, ERR_RATE_LIMITED);
    if (!tally_has_room(limiter->users, user_id))
        return refuse(METRICS_SHED_USER_SOCKETS, ERR_RATE_LIMITED);
    return ERR_NONE;
}

void limiter_opened(struct limiter *limiter, uint64_t address)
{
    CHECK(shares_take(limiter->sockets, address));
}

void limiter_closed(struct limiter *limiter, uint64_t address)
{
    shares_give(limiter->sockets, address);
}

bool limiter_attached(struct limiter *limiter, uint64_t user_id)
{
    if (tally_add(limiter->users, user_id))
        return true;
    metrics_add_by(METRIC_SHED, METRICS_SHED_USER_SOCKETS, 1);
    return false;
}

void limiter_detached(struct limiter *limiter, uint64_t user_id)
{
    tally_remove(limiter->users, user_id);
}

void limiter_handshake_begins(struct limiter *limiter)
{
    limiter->handshakes++;
}

void limiter_handshake_ended(struct limiter *limiter)
{
    CHECK(limiter->handshakes > 0);
    limiter->handshakes--;
}

void limiter_set_full(struct limiter *limiter, bool full)
{
    limiter->full = full;
}
