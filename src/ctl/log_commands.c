/*
 * Reading rooms' logs: following one, and checking that nothing is missing.
 */
#include "common/clock.h"
#include "common/event_json.h"
#include "common/mem.h"
#include "common/store_admin.h"
#include "common/store_log.h"
#include "ctl/ctl.h"
#include "ctl/progress.h"
#include "ctl/stop.h"
#include "ctl/table.h"

#include <stdio.h>

/* ---- tail -------------------------------------------------------------------------------------*/

#define TAIL_POLL_MS  500
#define TAIL_PAGE     500
#define ROOM_CHECK_MS 5000

struct tail {
    struct ctl *ctl;
    uint64_t room_id;
    uint64_t last_seq;
    uint64_t left; /* events to show; UINT64_MAX: all that come */
};

static void add_kind(struct strbuf *out, const struct log_event *event)
{
    switch (event->kind) {
    case EVENT_MESSAGE:
        strbuf_add_str(out, ": ");
        table_add_safe(out, event->text);
        break;
    case EVENT_ROOM_CREATED:
        strbuf_add_str(out, " created the room \"");
        table_add_safe(out, event->text);
        strbuf_add_char(out, '"');
        break;
    case EVENT_MEMBER_JOINED:
        strbuf_add_str(out, " joined");
        break;
    case EVENT_MEMBER_LEFT:
        strbuf_add_str(out, " left");
        break;
    case EVENT_OWNER_CHANGED:
        strbuf_add_str(out, " is the owner now");
        break;
    case EVENT_ROOM_REMOVED:
        strbuf_add_str(out, ": the room is removed");
        break;
    }
}

static void show_event(void *context, const struct log_event *event)
{
    struct tail *tail = context;
    struct strbuf line = STRBUF_EMPTY;
    char iso[CLOCK_ISO_SIZE];

    tail->last_seq = event->seq;
    if (tail->left == 0)
        return;
    tail->left -= tail->left != UINT64_MAX;
    if (tail->ctl->json) {
        struct strbuf json = STRBUF_EMPTY;

        event_json_write(event, &json);
        table_add_safe_json(&line, (struct span){(const uint8_t *)json.data, json.len});
        strbuf_fini(&json);
    } else {
        clock_format_iso(event->created_at_us, iso);
        strbuf_printf(&line, "%.10s %.8s  #%llu  ", iso, iso + 11, (unsigned long long)event->seq);
        if (event->actor_name.data != NULL)
            table_add_safe(&line, event->actor_name);
        else
            strbuf_printf(&line, "(user %llu)", (unsigned long long)event->actor_id);
        add_kind(&line, event);
    }
    puts(strbuf_str(&line));
    strbuf_fini(&line);
}

static void ignore_room(void *context, const struct admin_room *room)
{
    *(uint64_t *)context = room->head;
}

static enum ctl_status follow(struct tail *tail, struct db *db)
{
    uint64_t checked_ms = clock_mono_ms();
    bool away = false;

    while (!stop_requested() && tail->left > 0) {
        uint64_t before = tail->last_seq;
        uint64_t head;
        enum err err =
            store_log_after(db, tail->room_id, tail->last_seq, TAIL_PAGE, show_event, tail);

        if (fflush(stdout) != 0)
            return CTL_FAILED; /* nobody reads any more */
        if (err == ERR_NONE && tail->last_seq == before &&
            clock_mono_ms() - checked_ms > ROOM_CHECK_MS) {
            checked_ms = clock_mono_ms();
            err = store_admin_room(db, tail->room_id, ignore_room, &head);
        }
        if (err == ERR_ROOM_NOT_FOUND)
            return ctl_fail(CTL_NOT_FOUND, "the room was removed.");
        if (err != ERR_NONE && err != ERR_DATABASE_UNAVAILABLE)
            return ctl_fail_err(err);
        if (err != ERR_NONE && !away)
            ctl_complain("%s", err_sentence(err));
        away = err != ERR_NONE;
        if (tail->left > 0 && tail->last_seq == before)
            stop_wait(TAIL_POLL_MS);
    }
    return CTL_DONE;
}

static enum ctl_status tail(struct ctl *ctl)
{
    struct tail tail = {.ctl = ctl};
    struct db *db;
    uint64_t head = 0;
    enum err err;

    if (!ctl_arg_id(ctl, 0, &tail.room_id) ||
        !ctl_option_number(ctl, "count", 1, INT64_MAX, UINT64_MAX, &tail.left) ||
        (db = ctl_db(ctl)) == NULL)
        return CTL_USAGE;
    err = store_admin_room(db, tail.room_id, ignore_room, &head);
    if (err == ERR_ROOM_NOT_FOUND)
        return ctl_fail(CTL_NOT_FOUND, "there is no room %s.", ctl->args[0]);
    if (err != ERR_NONE)
        return ctl_fail_err(err);
    if (!ctl_option_number(ctl, "since", 0, INT64_MAX, head, &tail.last_seq))
        return CTL_USAGE;
    stop_on_signals();
    return follow(&tail, db);
}

const struct ctl_command ctl_tail = {
    .name = "tail",
    .args = "ROOM",
    .args_min = 1,
    .args_max = 1,
    .summary = "Follow a room: each event as it is written to the log",
    .details = "Follows the log in the database, which is the truth, and asks it twice a second.\n"
               "Begins with what is new, or after the event that --since names. Ctrl-C ends it.\n"
               "With --json each line is the event as clients receive it.\n",
    .examples = "banterctl tail 17\n"
                "banterctl tail 17 --since=0 --json | jq -r .text\n",
    .options =
        (const struct ctl_option[]){
            {"since", "SEQ", "begin after this event; 0 for the whole log"},
            {"count", "N", "end after so many events"},
            {NULL, NULL, NULL},
        },
    .run = tail,
};

/* ---- verify -----------------------------------------------------------------------------------*/

#define VERIFY_PIECE 20000
#define VERIFY_ROOMS 500
#define HOLES_SHOWN  20

struct verify {
    struct ctl *ctl;
    struct db *db;
    struct progress progress;
    uint64_t rooms;
    uint64_t events;
    uint64_t bad_rooms;
    /* the room */
    uint64_t room_id;
    uint64_t expected; /* the next number */
    uint64_t count;
    uint64_t missing;
    size_t holes;
    struct strbuf hole_text; /* for JSON and for people: [[3,5],[9,9]] */
};

static void note_hole(struct verify *verify, uint64_t first, uint64_t last)
{
    verify->missing += last - first + 1;
    if (verify->holes++ < HOLES_SHOWN)
        strbuf_printf(&verify->hole_text, "%s[%llu,%llu]", verify->holes > 1 ? "," : "",
                      (unsigned long long)first, (unsigned long long)last);
}

static void look_at_number(void *context, uint64_t seq)
{
    struct verify *verify = context;

    if (seq > verify->expected)
        note_hole(verify, verify->expected, seq - 1);
    verify->expected = seq + 1;
}

/* Up to the head that it had at the beginning: what is written meanwhile is not looked at. */
static enum err read_log(struct verify *verify, uint64_t head)
{
    enum err err = ERR_NONE;

    while (err == ERR_NONE && verify->expected <= head && !stop_requested()) {
        uint64_t after = verify->expected - 1;
        uint64_t limit = MIN(head - after, (uint64_t)VERIFY_PIECE);
        struct admin_piece piece;

        err = store_admin_log_piece(verify->db, verify->room_id, after, limit, &piece);
        if (err != ERR_NONE)
            break;
        verify->count += piece.count;
        verify->events += piece.count;
        if (piece.count == 0) {
            note_hole(verify, verify->expected, head);
            break;
        }
        if (piece.first_seq == after + 1 && piece.last_seq == after + piece.count)
            verify->expected = piece.last_seq + 1;
        else
            err = store_admin_log_numbers(verify->db, verify->room_id, after, limit, look_at_number,
                                          verify);
        progress_update(&verify->progress, verify->events);
    }
    return err;
}

static void report_room(struct verify *verify, uint64_t head)
{
    bool good = verify->missing == 0 && head > 0;

    verify->rooms++;
    verify->bad_rooms += !good;
    if (verify->ctl->json) {
        printf("{\"room_id\":%llu,\"head\":%llu,\"count\":%llu,\"missing\":%llu,\"holes\":[%s],"
               "\"ok\":%s}\n",
               (unsigned long long)verify->room_id, (unsigned long long)head,
               (unsigned long long)verify->count, (unsigned long long)verify->missing,
               strbuf_str(&verify->hole_text), good ? "true" : "false");
    } else if (!good) {
        progress_end(&verify->progress);
        verify->progress.silent = verify->ctl->quiet;
        printf("room %llu: %s%llu events missing of %llu: %s%s\n",
               (unsigned long long)verify->room_id, head == 0 ? "its log is empty, " : "",
               (unsigned long long)verify->missing, (unsigned long long)head,
               strbuf_str(&verify->hole_text), verify->holes > HOLES_SHOWN ? " …" : "");
    }
}

static enum err verify_room(struct verify *verify, uint64_t room_id, uint64_t head)
{
    enum err err;

    verify->room_id = room_id;
    verify->expected = 1;
    verify->count = 0;
    verify->missing = 0;
    verify->holes = 0;
    strbuf_reset(&verify->hole_text);
    err = read_log(verify, head);
    if (err == ERR_NONE && verify->missing > 0) {
        uint64_t now;

        /* It may have been removed while we read, and its log deleted. */
        err = store_admin_room(verify->db, room_id, ignore_room, &now);
        if (err == ERR_ROOM_NOT_FOUND)
            return ERR_NONE;
    }
    if (err == ERR_NONE && !stop_requested())
        report_room(verify, head);
    return err;
}

struct head_page {
    size_t count;
    uint64_t ids[VERIFY_ROOMS];
    uint64_t heads[VERIFY_ROOMS];
};

static void add_head(void *context, uint64_t room_id, uint64_t head)
{
    struct head_page *page = context;

    if (page->count < VERIFY_ROOMS) {
        page->ids[page->count] = room_id;
        page->heads[page->count++] = head;
    }
}

static enum err verify_all(struct verify *verify)
{
    struct head_page *page = mem_alloc(sizeof(*page));
    uint64_t rooms;
    uint64_t events = 0;
    uint64_t after = 0;
    enum err err = store_admin_sizes(verify->db, &rooms, &events);

    progress_start(&verify->progress, "verify", "events (about)", events,
                   verify->ctl->quiet || verify->ctl->json);
    do {
        page->count = 0;
        if (err == ERR_NONE)
            err = store_admin_heads(verify->db, after, VERIFY_ROOMS, add_head, page);
        for (size_t i = 0; i < page->count && err == ERR_NONE && !stop_requested(); i++)
            err = verify_room(verify, page->ids[i], page->heads[i]);
        after = page->count > 0 ? page->ids[page->count - 1] : after;
    } while (err == ERR_NONE && page->count == VERIFY_ROOMS && !stop_requested());
    mem_free(page);
    return err;
}

static enum err verify_one(struct verify *verify, uint64_t room_id)
{
    uint64_t head = 0;
    enum err err = store_admin_room(verify->db, room_id, ignore_room, &head);

    progress_start(&verify->progress, "verify", "events", head,
                   verify->ctl->quiet || verify->ctl->json);
    return err == ERR_NONE ? verify_room(verify, room_id, head) : err;
}

static enum ctl_status verify(struct ctl *ctl)
{
    struct verify verify = {.ctl = ctl, .hole_text = STRBUF_EMPTY};
    uint64_t room_id = 0;
    enum err err;

    if (ctl->arg_count > 0 && !ctl_arg_id(ctl, 0, &room_id))
        return CTL_USAGE;
    verify.db = ctl_db(ctl);
    if (verify.db == NULL)
        return CTL_USAGE;
    db_set_read_timeout(verify.db, 600);
    stop_on_signals();
    err = room_id != 0 ? verify_one(&verify, room_id) : verify_all(&verify);
    progress_end(&verify.progress);
    strbuf_fini(&verify.hole_text);
    if (err == ERR_ROOM_NOT_FOUND)
        return ctl_fail(CTL_NOT_FOUND, "there is no room %s.", ctl->args[0]);
    if (err != ERR_NONE)
        return ctl_fail_err(err);
    if (stop_requested())
        return ctl_fail(CTL_FAILED, "stopped before the end.");
    ctl_say(ctl, "%llu rooms, %llu events: %s", (unsigned long long)verify.rooms,
            (unsigned long long)verify.events,
            verify.bad_rooms == 0 ? "no hole, no repeat." : "NOT WHOLE, see above.");
    return verify.bad_rooms == 0 ? CTL_DONE : CTL_FAILED;
}

const struct ctl_command ctl_verify = {
    .name = "verify",
    .args = "[ROOM]",
    .args_max = 1,
    .summary = "Check that a room's log, or every room's, has no hole",
    .details =
        "Reads the primary key from the first event to the head that the log had at the\n"
        "beginning, in pieces, so chatting may go on. Numbers cannot repeat: they are the\n"
        "key. Exit status 1 if an event is missing; the first 20 holes of a room are shown.\n",
    .examples = "banterctl verify\n"
                "banterctl verify 17 --json\n",
    .run = verify,
};
