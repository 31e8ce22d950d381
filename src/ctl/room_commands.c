/*
 * Rooms: which there are, and removing one.
 */
#include "common/store_admin.h"
#include "ctl/bus_client.h"
#include "ctl/listing.h"
#include "ctl/prompt.h"
#include "ctl/table.h"

#include <stdio.h>
#include <string.h>

static const struct table_column list_columns[] = {
    {"ID", "id"},
    {"NAME", "name"},
    {"MEMBERS", "members"},
    {"CREATOR", "creator"},
    {"HEAD", "head"},
    {"CREATED", "created_at"},
    {"LAST EVENT", "last_event_at"},
};
static const struct table_column show_columns[] = {
    {"ID", "id"},
    {"Name", "name"},
    {"Members", "members"},
    {"Creator", "creator"},
    {"Head", "head"},
    {"Created", "created_at"},
    {"Last event", "last_event_at"},
};

static void add_room(void *context, const struct admin_room *room)
{
    struct table *table = context;

    table_number(table, room->id);
    table_text(table, room->name);
    table_number(table, room->members);
    table_text(table, room->creator);
    table_number(table, room->head);
    table_time(table, room->created_at_us);
    table_time(table, room->last_at_us);
}

static enum err fill(struct db *db, const struct listing_page *page, struct table *table)
{
    return store_admin_rooms(db, page->search, page->after, page->limit, add_room, table);
}

static enum ctl_status list(struct ctl *ctl)
{
    return listing_run(ctl, list_columns, ARRAY_LEN(list_columns), fill);
}

const struct ctl_command ctl_room_list = {
    .name = "room list",
    .args = "",
    .summary = "List rooms, by id",
    .details = "HEAD is the number of the last event of the room's log, and so how many it has.\n",
    .examples = "banterctl room list --search=team\n"
                "banterctl room list --after=1000 --limit=500 --json\n",
    .options =
        (const struct ctl_option[]){
            LISTING_OPTIONS("their name"),
            {NULL, NULL, NULL},
        },
    .run = list,
};

/* The room of the first argument as a table of one row, or NULL and what went wrong was said. */
static struct table *find_room(struct ctl *ctl, uint64_t *id_out, enum ctl_status *status_out)
{
    struct table *table;
    struct db *db;
    enum err err;

    *status_out = CTL_USAGE;
    if (!ctl_arg_id(ctl, 0, id_out) || (db = ctl_db(ctl)) == NULL)
        return NULL;
    table = table_create(show_columns, ARRAY_LEN(show_columns));
    err = store_admin_room(db, *id_out, add_room, table);
    if (err == ERR_NONE)
        return table;
    table_destroy(&table);
    *status_out = err == ERR_ROOM_NOT_FOUND
                      ? ctl_fail(CTL_NOT_FOUND, "there is no room %s.", ctl->args[0])
                      : ctl_fail_err(err);
    return NULL;
}

static enum ctl_status show(struct ctl *ctl)
{
    enum ctl_status status;
    uint64_t id;
    struct table *table = find_room(ctl, &id, &status);

    if (table == NULL)
        return status;
    ctl_print_record(ctl, &table);
    return CTL_DONE;
}

const struct ctl_command ctl_room_show = {
    .name = "room show",
    .args = "ID",
    .args_min = 1,
    .args_max = 1,
    .summary = "Show a room",
    .examples = "banterctl room show 17\n",
    .run = show,
};

static enum ctl_status remove_room(struct ctl *ctl, uint64_t id)
{
    struct bus_command command = {.kind = COMMAND_REMOVE_ROOM, .room_id = id};
    struct bus_client *client = bus_client_create(&ctl->settings);
    enum err err;

    if (client == NULL)
        return CTL_USAGE;
    err = bus_client_command(client, &command);
    bus_client_destroy(&client);
    if (err == ERR_BROKER_UNAVAILABLE)
        return ctl_fail(CTL_UNREACHABLE, "no broker answers; the room is as it was.");
    if (err == ERR_OUTCOME_UNKNOWN)
        return ctl_fail(CTL_UNREACHABLE,
                        "the broker did not answer in time; \"banterctl room show "
                        "%llu\" says whether the room is gone.",
                        (unsigned long long)id);
    if (err != ERR_NONE)
        return ctl_fail_err(err);
    if (ctl->json)
        printf("{\"id\":%llu,\"removed\":true}\n", (unsigned long long)id);
    ctl_say(ctl, "Room %llu is removed.", (unsigned long long)id);
    return CTL_DONE;
}

static enum ctl_status delete_room(struct ctl *ctl)
{
    enum ctl_status status;
    uint64_t id;
    struct table *table = find_room(ctl, &id, &status);
    char question[160];

    if (table == NULL)
        return status;
    if (!ctl->yes && prompt_possible()) {
        struct strbuf text = STRBUF_EMPTY;

        table_write_record(table, &text);
        fputs(strbuf_str(&text), stderr);
        strbuf_fini(&text);
    }
    table_destroy(&table);
    snprintf(question, sizeof(question), "Remove room %llu and all its messages, for ever?",
             (unsigned long long)id);
    if (!prompt_confirm(ctl, question))
        return CTL_REFUSED;
    return remove_room(ctl, id);
}

const struct ctl_command ctl_room_delete = {
    .name = "room delete",
    .args = "ID",
    .args_min = 1,
    .args_max = 1,
    .summary = "Remove a room with its log, for ever",
    .details =
        "Its members are told (room_removed), and their sockets in it close. The broker does\n"
        "it, on the word of whoever may connect to the bus; it deletes the messages a while\n"
        "later. There is no way back but a backup.\n",
    .examples = "banterctl room delete 17\n"
                "banterctl room delete 17 --yes\n",
    .run = delete_room,
};
