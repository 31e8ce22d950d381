/*
 * Commands about the database as a whole.
 */
#include "common/schema.h"
#include "common/store_log.h"
#include "ctl/ctl.h"

#include <stdio.h>

static enum ctl_status migrate(struct ctl *ctl)
{
    char error[512];
    enum err err = schema_migrate(ctl->settings.database_url, error, sizeof(error));

    if (err == ERR_NONE)
        return CTL_DONE;
    return ctl_fail(err == ERR_DATABASE_UNAVAILABLE ? CTL_UNREACHABLE : CTL_FAILED, "%s", error);
}

const struct ctl_command ctl_migrate = {
    .name = "migrate",
    .args = "",
    .summary = "Bring the database's schema up to this program's",
    .details = "Brokers do this at their start, so it is needed only where they may not: with a\n"
               "database account of their own that cannot change tables. Waits up to a minute for\n"
               "a database that is away, and up to ten for another process that migrates.\n",
    .examples = "banterctl migrate\n",
    .run = migrate,
    .logs = true,
};

static enum ctl_status new_epoch(struct ctl *ctl)
{
    struct db *db = ctl_db(ctl);
    uint64_t epoch = 0;
    enum err err;

    if (db == NULL)
        return CTL_USAGE;
    err = store_log_renew_epoch(db, &epoch);
    if (err != ERR_NONE)
        return ctl_fail_err(err);
    if (ctl->json)
        printf("{\"epoch\":%llu}\n", (unsigned long long)epoch);
    ctl_say(ctl, "The log's epoch is now %llu. Restart the brokers, so that they say so.",
            (unsigned long long)epoch);
    return CTL_DONE;
}

const struct ctl_command ctl_new_epoch = {
    .name = "new-epoch",
    .args = "",
    .summary = "After a restored backup: tell clients that the log is another one",
    .details =
        "A client remembers where it was in a room's log. After a backup was restored, that\n"
        "place may hold another message; with a new epoch clients are told to read anew.\n",
    .examples = "banterctl new-epoch\n",
    .run = new_epoch,
};
