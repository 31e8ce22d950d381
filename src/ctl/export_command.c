/*
 * Writing a room to a file.
 */
#include "common/store_log.h"
#include "ctl/ctl.h"
#include "ctl/progress.h"
#include "ctl/room_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE_ROWS      2000
#define READ_TIMEOUT_S 600

struct export
{
    struct db *db;
    uint64_t room_id;
    FILE *file;
    struct strbuf lines;
    struct progress progress;
    struct room_file_header header;
    uint64_t seq; /* of the last event that was written */
};

static enum err flush(struct export *export)
{
    size_t len = export->lines.len;
    bool good = len == 0 || fwrite(export->lines.data, 1, len, export->file) == len;

    strbuf_reset(&export->lines);
    return good ? ERR_NONE : ERR_INTERNAL;
}

static enum err write_header(struct export *export)
{
    struct db *db = export->db;
    struct room_file_header *header = &export->header;
    enum err err = store_log_epoch(db, &header->epoch);

    if (err == ERR_NONE)
        err = DB_RUN(db,
                     "SELECT r.name, r.creator_id, r.created_at_us, "
                     "(SELECT COUNT(*) FROM room_members m JOIN users u ON u.id = m.user_id "
                     " WHERE m.room_id = r.id AND u.deleted_at_us IS NULL), "
                     "(SELECT MAX(e.seq) FROM events e WHERE e.room_id = r.id) "
                     "FROM rooms r WHERE r.id = ? AND r.removed_at_us IS NULL",
                     db_u64(export->room_id));
    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_ROOM_NOT_FOUND;
    header->version = ROOM_FILE_VERSION;
    header->room_id = export->room_id;
    header->name = db_col_bytes(db, 0);
    header->creator_id = db_col_u64(db, 1);
    header->created_at_us = db_col_u64(db, 2);
    header->members = db_col_u64(db, 3);
    header->events = db_col_u64(db, 4);
    room_file_write_header(&export->lines, header);
    header->name = (struct span){NULL, 0}; /* the row is gone with the next statement */
    return flush(export);
}

static enum err write_members(struct export *export)
{
    struct db *db = export->db;
    struct room_file_member member = {0};
    uint64_t rows;

    do {
        enum err err =
            DB_RUN(db,
                   "SELECT m.user_id, u.username, m.joined_seq, m.last_read_seq "
                   "FROM room_members m JOIN users u ON u.id = m.user_id "
                   "WHERE m.room_id = ? AND m.joined_seq > ? "
                   "AND u.deleted_at_us IS NULL ORDER BY m.joined_seq LIMIT ?",
                   db_u64(export->room_id), db_u64(member.joined_seq), db_u64(PAGE_ROWS));

        if (err != ERR_NONE)
            return err;
        for (rows = 0; db_next(db); rows++) {
            member.user_id = db_col_u64(db, 0);
            member.username = db_col_bytes(db, 1);
            member.joined_seq = db_col_u64(db, 2);
            member.last_read_seq = db_col_u64(db, 3);
            room_file_write_member(&export->lines, &member);
        }
        err = flush(export);
        if (err != ERR_NONE)
            return err;
    } while (rows == PAGE_ROWS);
    return ERR_NONE;
}

static bool read_event(struct export *export, struct room_file_event *event)
{
    struct db *db = export->db;
    struct span key = db_col_bytes(db, 5);

    *event = (struct room_file_event){
        .seq = db_col_u64(db, 0),
        .kind = (enum event_kind)db_col_u64(db, 1),
        .actor_id = db_col_u64(db, 2),
        .actor = db_col_bytes(db, 3),
        .created_at_us = db_col_u64(db, 4),
        .body = db_col_bytes(db, 6),
    };
    memcpy(event->key, key.data, MIN(key.len, sizeof(event->key)));
    if (event->seq == export->seq + 1 && event->kind >= EVENT_MESSAGE &&
        event->kind < EVENT_ROOM_REMOVED)
        return true;
    ctl_complain("the log of room %llu is not whole: event %llu comes after event %llu. See "
                 "\"banterctl verify\".",
                 (unsigned long long)export->room_id, (unsigned long long)event->seq,
                 (unsigned long long)export->seq);
    return false;
}

static enum err write_events(struct export *export)
{
    struct room_file_event event;
    uint64_t before;

    do {
        enum err err =
            DB_RUN(export->db,
                   "SELECT e.seq, e.kind, e.actor_id, u.username, e.created_at_us, e.dedupe_key, "
                   "e.body FROM events e LEFT JOIN users u ON u.id = e.actor_id "
                   "WHERE e.room_id = ? AND e.seq > ? ORDER BY e.seq LIMIT ?",
                   db_u64(export->room_id), db_u64(export->seq), db_u64(PAGE_ROWS));

        before = export->seq;
        if (err != ERR_NONE)
            return err;
        while (db_next(export->db)) {
            if (!read_event(export, &event))
                return ERR_INTERNAL;
            room_file_write_event(&export->lines, &event);
            export->seq = event.seq;
        }
        err = flush(export);
        if (err != ERR_NONE)
            return err;
        progress_update(&export->progress, export->seq);
    } while (export->seq - before == PAGE_ROWS);
    return ERR_NONE;
}

/* One snapshot of the database: whoever joins or writes meanwhile is not in it. */
static enum err write_room(struct export *export)
{
    enum err err = db_run(export->db, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", NULL, 0);

    if (err == ERR_NONE)
        err = db_begin(export->db);
    if (err != ERR_NONE)
        return err;
    err = write_header(export);
    if (err == ERR_NONE) {
        export->progress.total = export->header.events;
        err = write_members(export);
    }
    if (err == ERR_NONE)
        err = write_events(export);
    db_rollback(export->db);
    if (err == ERR_NONE && export->seq != export->header.events)
        err = ERR_INTERNAL;
    return err;
}

static void tell(const struct ctl *ctl, const struct export *export, const char *path)
{
    const struct room_file_header *header = &export->header;

    if (path == NULL)
        return;
    if (ctl->json)
        printf("{\"room_id\":%llu,\"members\":%llu,\"events\":%llu,\"epoch\":%llu}\n",
               (unsigned long long)header->room_id, (unsigned long long)header->members,
               (unsigned long long)header->events, (unsigned long long)header->epoch);
    ctl_say(ctl, "Room %llu is in %s: %llu members, %llu events.",
            (unsigned long long)header->room_id, path, (unsigned long long)header->members,
            (unsigned long long)header->events);
}

/* To a name of its own first: who finds the file finds all of it. */
static enum ctl_status write_file(struct ctl *ctl, struct export *export, const char *path)
{
    char partial[4096];
    enum err err;
    int written = snprintf(partial, sizeof(partial), "%s.part", path != NULL ? path : "");
    bool good;

    if (written < 0 || (size_t)written >= sizeof(partial))
        return ctl_fail(CTL_USAGE, "the file's name is too long.");
    export->file = path != NULL ? fopen(partial, "we") : stdout;
    if (export->file == NULL)
        return ctl_fail(CTL_FAILED, "%s cannot be written: %s", partial, strerror(errno));
    progress_start(&export->progress, "exporting", "events", 0, ctl->json || ctl->quiet);
    errno = 0;
    err = write_room(export);
    progress_end(&export->progress);
    good = fflush(export->file) == 0 && !ferror(export->file);
    if (path != NULL) {
        good = good && fsync(fileno(export->file)) == 0;
        good = fclose(export->file) == 0 && good;
        if (err == ERR_NONE && good)
            good = rename(partial, path) == 0;
        if (err != ERR_NONE || !good)
            unlink(partial);
    }
    if (err == ERR_ROOM_NOT_FOUND)
        return ctl_fail(CTL_NOT_FOUND, "there is no room %s.", ctl->args[0]);
    if (!good)
        return ctl_fail(CTL_FAILED, "%s cannot be written: %s", path != NULL ? path : "stdout",
                        strerror(errno));
    return err == ERR_NONE ? CTL_DONE : ctl_fail_err(err);
}

static enum ctl_status run(struct ctl *ctl)
{
    struct export export = {0};
    const char *path = ctl->arg_count > 1 ? ctl->args[1] : NULL;
    enum ctl_status status;

    if (!ctl_arg_id(ctl, 0, &export.room_id) || (export.db = ctl_db(ctl)) == NULL)
        return CTL_USAGE;
    db_set_read_timeout(export.db, READ_TIMEOUT_S);
    status = write_file(ctl, &export, path);
    strbuf_fini(&export.lines);
    if (status == CTL_DONE)
        tell(ctl, &export, path);
    return status;
}

const struct ctl_command ctl_export = {
    .name = "export",
    .args = "ROOM [FILE]",
    .args_min = 1,
    .args_max = 2,
    .summary = "Write a room with its log to a file of JSON lines",
    .details =
        "The file has the room, its members and every event, as they were at one moment,\n"
        "whatever is sent meanwhile; \"banterctl import\" reads it. Without FILE it goes to\n"
        "stdout. FILE appears when it is complete.\n",
    .examples = "banterctl export 17 team.jsonl\n"
                "banterctl export 17 | zstd > team.jsonl.zst\n",
    .run = run,
};
