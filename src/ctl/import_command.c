/*
 * Reading a room from a file: once to see that all of it is good, then again into the database.
 */
#include "common/clock.h"
#include "ctl/ctl.h"
#include "ctl/import_room.h"
#include "ctl/import_users.h"
#include "ctl/progress.h"
#include "ctl/room_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define READ_TIMEOUT_S 600
/* How often the progress is asked for: each asks the clock. */
#define PROGRESS_EVENTS 1000

struct import {
    struct ctl *ctl;
    struct db *db;
    const char *path;
    FILE *file;
    struct room_reader reader;
    struct import_users *users;
    uint8_t digest[DIGEST_SHA256_SIZE];
    struct room_file_header header; /* without the name */
    uint64_t creator_id;            /* as the file has it, and if that is no member, the first */
    uint64_t first_joined_seq;
    bool creator_is_member;
    struct progress progress;
    uint64_t started_ms;
};

/* Where in the file, and what is wrong there. */
static enum ctl_status fault(const struct import *import)
{
    return ctl_fail(CTL_FAILED, "%s, line %llu: %s Nothing was imported.", import->path,
                    (unsigned long long)import->reader.line_number, import->reader.fault);
}

static enum ctl_status refuse(const struct import *import, enum err err)
{
    if (err == ERR_NO_ROW)
        return ctl_fail(CTL_FAILED, "another import took the room, or it stood still for ten "
                                    "minutes. Nothing was imported.");
    if (err == ERR_DB_DUPLICATE)
        return ctl_fail(CTL_FAILED,
                        "%s: two events have one key, or two members joined by one event, before "
                        "line %llu. Nothing was imported.",
                        import->path, (unsigned long long)import->reader.line_number);
    if (err == ERR_DB_UNCERTAIN)
        return ctl_fail(CTL_UNREACHABLE, "the connection was lost before the database answered; "
                                         "run the import again: it finds out, and finishes.");
    return ctl_fail_err(err);
}

/* ---- first: is it whole? ----------------------------------------------------------------------*/

static bool check_members(struct import *import)
{
    struct room_file_member member;
    bool end;

    for (;;) {
        if (!room_reader_member(&import->reader, &member, &end))
            return false;
        if (end)
            return true;
        import_users_note(import->users, member.user_id, member.username);
        if (member.user_id == import->header.creator_id)
            import->creator_is_member = true;
        if (import->first_joined_seq == 0 || member.joined_seq < import->first_joined_seq) {
            import->first_joined_seq = member.joined_seq;
            import->creator_id = member.user_id;
        }
    }
}

static bool check_events(struct import *import)
{
    struct room_file_event event;
    bool end;

    for (;;) {
        if (!room_reader_event(&import->reader, &event, &end))
            return false;
        if (end)
            return true;
        import_users_note(import->users, event.actor_id, event.actor);
        if (event.seq % PROGRESS_EVENTS == 0)
            progress_update(&import->progress, import->reader.bytes);
    }
}

static bool check_file(struct import *import)
{
    bool good = room_reader_open(&import->reader, import->file);

    import->header = import->reader.header;
    import->header.name = (struct span){NULL, 0};
    good = good && check_members(import) && check_events(import);
    if (import->creator_is_member)
        import->creator_id = import->header.creator_id;
    memcpy(import->digest, import->reader.digest, sizeof(import->digest));
    return good;
}

static enum ctl_status check(struct import *import)
{
    struct stat stat;
    enum ctl_status status;

    if (fstat(fileno(import->file), &stat) != 0 || !S_ISREG(stat.st_mode))
        return ctl_fail(CTL_USAGE, "%s is no file: it is read twice, so a pipe does not do.",
                        import->path);
    progress_start(&import->progress, "checking", "bytes", (uint64_t)stat.st_size,
                   import->ctl->json || import->ctl->quiet);
    status = check_file(import) ? CTL_DONE : fault(import);
    progress_end(&import->progress);
    room_reader_close(&import->reader);
    return status;
}

/* ---- then: into the database ------------------------------------------------------------------*/

static enum err copy_room(struct import *import, struct import_room *room)
{
    struct room_file_member member;
    struct room_file_event event;
    bool end = false;
    enum err err = ERR_NONE;

    while (room_reader_member(&import->reader, &member, &end) && !end)
        import_room_add_member(room, import_users_find(import->users, member.user_id),
                               member.joined_seq, member.last_read_seq);
    end = import->reader.fault != NULL;
    while (!end && err == ERR_NONE && room_reader_event(&import->reader, &event, &end) && !end) {
        err = import_room_add(room, &event, import_users_find(import->users, event.actor_id));
        if (event.seq % PROGRESS_EVENTS == 0)
            progress_update(&import->progress, event.seq);
    }
    if (err != ERR_NONE)
        return err;
    if (import->reader.fault != NULL ||
        memcmp(import->digest, import->reader.digest, sizeof(import->digest)) != 0)
        return ERR_VALIDATION; /* it was good the first time */
    return import_room_finish(room);
}

static void tell(const struct import *import, uint64_t room_id, bool already)
{
    const struct ctl *ctl = import->ctl;
    uint64_t made = import_users_made(import->users);
    uint64_t gone = import_users_gone(import->users);
    uint64_t ms = MAX(clock_mono_ms() - import->started_ms, (uint64_t)1);

    if (ctl->json)
        printf("{\"room_id\":%llu,\"already\":%s,\"members\":%llu,\"events\":%llu,"
               "\"accounts_made\":%llu,\"accounts_gone\":%llu,\"ms\":%llu}\n",
               (unsigned long long)room_id, already ? "true" : "false",
               (unsigned long long)import->header.members,
               (unsigned long long)import->header.events, (unsigned long long)made,
               (unsigned long long)gone, (unsigned long long)ms);
    if (already) {
        ctl_say(ctl, "%s was imported before: it is room %llu.", import->path,
                (unsigned long long)room_id);
        return;
    }
    ctl_say(ctl, "Room %llu of the file is room %llu: %llu members, %llu events, %llu/s.",
            (unsigned long long)import->header.room_id, (unsigned long long)room_id,
            (unsigned long long)import->header.members, (unsigned long long)import->header.events,
            (unsigned long long)(import->header.events * 1000 / ms));
    if (made > 0)
        ctl_say(ctl,
                "%llu accounts were made for names that were not there; nobody can log in to "
                "them before \"banterctl user reset-password\".",
                (unsigned long long)made);
}

/* With the reader at the first member: a room, or why there is none. */
static enum ctl_status fill(struct import *import, const struct import_room_spec *spec)
{
    struct import_room *room;
    enum import_found found;
    uint64_t room_id = 0;
    enum err err = import_room_begin(import->db, spec, &found, &room_id, &room);

    if (err != ERR_NONE)
        return refuse(import, err);
    if (found == IMPORT_RUNNING)
        return ctl_fail(CTL_FAILED, "another process is importing this file.");
    if (found == IMPORT_REMOVED)
        return ctl_fail(CTL_FAILED,
                        "room %llu, which this file became, was removed a moment ago; the broker "
                        "clears it away within two minutes. Try again then.",
                        (unsigned long long)room_id);
    if (found == IMPORT_NEW) {
        progress_start(&import->progress, "importing", "events", import->header.events,
                       import->ctl->json || import->ctl->quiet);
        err = copy_room(import, room);
        progress_end(&import->progress);
        import_room_destroy(&room);
    }
    if (err == ERR_VALIDATION)
        return ctl_fail(CTL_FAILED, "%s was changed while it was read. Nothing was imported.",
                        import->path);
    if (err != ERR_NONE)
        return refuse(import, err);
    tell(import, room_id, found == IMPORT_DONE);
    return CTL_DONE;
}

static enum ctl_status load(struct import *import)
{
    struct import_room_spec spec = {.created_at_us = import->header.created_at_us};
    const char *twice = NULL;
    enum ctl_status status;
    enum err err = import_users_map(import->users, import->db, &twice);

    if (err == ERR_VALIDATION)
        return ctl_fail(CTL_FAILED, "%s: two people of the file are one account here, \"%s\".",
                        import->path, twice);
    if (err != ERR_NONE)
        return ctl_fail_err(err);
    rewind(import->file);
    if (!room_reader_open(&import->reader, import->file))
        return fault(import);
    memcpy(spec.key, import->digest, sizeof(spec.key));
    spec.name = import->reader.header.name;
    spec.creator_id = import_users_find(import->users, import->creator_id);
    status = fill(import, &spec);
    room_reader_close(&import->reader);
    return status;
}

static enum ctl_status run(struct ctl *ctl)
{
    struct import import = {.ctl = ctl, .path = ctl->args[0], .started_ms = clock_mono_ms()};
    enum ctl_status status;

    import.db = ctl_db(ctl);
    if (import.db == NULL)
        return CTL_USAGE;
    db_set_read_timeout(import.db, READ_TIMEOUT_S);
    import.file = fopen(import.path, "re");
    if (import.file == NULL)
        return ctl_fail(CTL_FAILED, "%s cannot be read: %s", import.path, strerror(errno));
    import.users = import_users_create();
    status = check(&import);
    if (status == CTL_DONE)
        status = load(&import);
    import_users_destroy(&import.users);
    fclose(import.file);
    return status;
}

const struct ctl_command ctl_import = {
    .name = "import",
    .args = "FILE",
    .args_min = 1,
    .args_max = 1,
    .summary = "Make a room of a file that \"banterctl export\" wrote",
    .details =
        "The whole file is checked first; then the room gets an id of its own, and appears for\n"
        "gateways when all of it is there. Events keep their numbers. People are found by name;\n"
        "who is not here gets an account that nobody can log in to before it has a password\n"
        "(\"banterctl user reset-password\"). May be repeated: what was imported is found, what\n"
        "was cut off is begun anew.\n",
    .examples = "banterctl import team.jsonl\n",
    .run = run,
};
