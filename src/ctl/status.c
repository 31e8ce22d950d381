/*
 * Whether everything is up.
 */
#include "common/mem.h"
#include "common/schema.h"
#include "common/store_admin.h"
#include "common/store_log.h"
#include "ctl/bus_client.h"
#include "ctl/table.h"

#include <stdio.h>

#define BUS_WAIT_MS 3000

static const struct table_column columns[] = {{"PART", "part"}, {"OK", "ok"}, {"STATE", "state"}};

struct state {
    struct table *table;
    uint64_t shards; /* that some broker has */
};

static void row(struct table *table, const char *part, bool good, char *text)
{
    table_str(table, part);
    table_bool(table, good);
    table_str(table, text);
    mem_free(text);
}

static void add_lease(void *context, uint64_t owner, uint64_t shards, bool valid)
{
    struct state *state = context;

    row(state->table, "broker", valid,
        mem_printf("%016llx looks after %llu of %d shards%s", (unsigned long long)owner,
                   (unsigned long long)shards, SHARD_COUNT,
                   valid ? "" : "; a lease has run out: is it dead?"));
    if (valid)
        state->shards += shards;
}

static enum ctl_status look_at_database(struct state *state, struct db *db)
{
    char server[96] = "";
    uint64_t version = 0;
    uint64_t epoch = 0;
    enum err err = store_admin_server(db, server, sizeof(server));

    row(state->table, "database", err == ERR_NONE,
        mem_strdup(err == ERR_NONE ? server : err_sentence(err)));
    if (err != ERR_NONE)
        return CTL_UNREACHABLE;
    err = store_admin_schema(db, &version);
    row(state->table, "schema", err == ERR_NONE && version == schema_version_known(),
        mem_printf("version %llu; this program's is %u", (unsigned long long)version,
                   schema_version_known()));
    if (err != ERR_NONE || version != schema_version_known())
        return CTL_FAILED;
    err = store_log_epoch(db, &epoch);
    row(state->table, "epoch", err == ERR_NONE, mem_printf("%llu", (unsigned long long)epoch));
    return err == ERR_NONE ? CTL_DONE : CTL_FAILED;
}

static enum ctl_status look_at_brokers(struct state *state, struct ctl *ctl)
{
    struct bus_client *client;
    size_t heard = 0;
    enum err err = store_admin_leases(ctl_db(ctl), add_lease, state);

    row(state->table, "shards", err == ERR_NONE && state->shards == SHARD_COUNT,
        mem_printf("%llu of %d have a broker", (unsigned long long)state->shards, SHARD_COUNT));
    client = bus_client_create(&ctl->settings);
    if (client != NULL)
        heard = bus_client_shards(client, BUS_WAIT_MS);
    bus_client_destroy(&client);
    row(state->table, "bus", heard == SHARD_COUNT,
        mem_printf("%zu of %d shards answer at %s", heard, SHARD_COUNT, ctl->settings.brokers));
    return state->shards == SHARD_COUNT && heard == SHARD_COUNT ? CTL_DONE : CTL_UNREACHABLE;
}

static enum ctl_status run(struct ctl *ctl)
{
    struct state state = {NULL, 0};
    enum ctl_status status;

    if (ctl_db(ctl) == NULL)
        return CTL_USAGE;
    state.table = table_create(columns, ARRAY_LEN(columns));
    status = look_at_database(&state, ctl_db(ctl));
    if (status == CTL_DONE)
        status = look_at_brokers(&state, ctl);
    ctl_print_table(ctl, &state.table);
    return status;
}

const struct ctl_command ctl_status_command = {
    .name = "status",
    .args = "",
    .summary = "Say whether everything is up: database, schema, brokers, bus",
    .details =
        "Exit status 0 if it is, 4 if the database or a broker is away, 1 if something else\n"
        "is wrong. Gateways are behind the balancer: ask their /readyz, or banterctl top.\n",
    .examples = "banterctl status\n",
    .run = run,
};
