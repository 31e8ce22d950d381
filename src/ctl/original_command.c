/*
 * Bringing over a database of the original FastAPI application.
 */
#include "common/clock.h"
#include "common/event_json.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "ctl/original.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The server sorts all messages before it gives the first. */
#define READ_TIMEOUT_S 3600
#define URL_BYTES_MAX  2048
/* " (gone)" goes behind it. */
#define SOURCE_CHARS_MAX (ORIGINAL_SOURCE_CHARS_MAX - 7)

void original_tell(const struct original *original, const char *what, uint64_t id,
                   const char *change, const char *detail)
{
    struct strbuf line = STRBUF_EMPTY;

    if (original->ctl->json) {
        strbuf_printf(&line, "{\"%s\":%llu,\"change\":\"%s\",\"detail\":", what,
                      (unsigned long long)id, change);
        json_write_string(&line, (struct span){(const uint8_t *)detail, strlen(detail)});
        strbuf_add_char(&line, '}');
        puts(strbuf_str(&line));
    } else {
        ctl_say(original->ctl, "%s %llu: %s: %s", what, (unsigned long long)id, change, detail);
    }
    strbuf_fini(&line);
}

/* ---- the words --------------------------------------------------------------------------------*/

/* "+02:00" and the like, which goes into a statement. */
static bool is_offset(const char *text)
{
    return strlen(text) == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':' &&
           strspn(text + 1, "0123456789") == 2 && strspn(text + 4, "0123456789") == 2;
}

static bool read_url_file(const char *path, char out[URL_BYTES_MAX])
{
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fgets(out, URL_BYTES_MAX, file) != NULL;

    if (good)
        out[strcspn(out, "\r\n")] = '\0';
    else
        ctl_complain("%s cannot be read: %s", path, strerror(errno));
    if (file != NULL)
        fclose(file);
    return good;
}

/* SQLAlchemy's URLs name a driver: mysql+pymysql://… */
static struct db *open_original(const char *url)
{
    char error[512];
    char plain[URL_BYTES_MAX + 8];
    const char *rest = strstr(url, "://");
    struct db *db;

    if (strncmp(url, "mysql+", 6) == 0 && rest != NULL)
        snprintf(plain, sizeof(plain), "mysql%s", rest);
    else
        snprintf(plain, sizeof(plain), "%s", url);
    db = db_create(plain, error, sizeof(error));
    mem_wipe(plain, sizeof(plain));
    if (db == NULL)
        ctl_complain("--from: %s", error);
    else
        db_set_read_timeout(db, READ_TIMEOUT_S);
    return db;
}

static bool open_all(struct original *original, const struct ctl *ctl)
{
    char url[URL_BYTES_MAX];
    const char *from = ctl_option(ctl, "from");
    const char *file = ctl_option(ctl, "from-file");

    if ((from != NULL) == (file != NULL)) {
        ctl_complain("either --from or --from-file is needed.");
        return false;
    }
    if (file != NULL && !read_url_file(file, url))
        return false;
    original->users = open_original(file != NULL ? url : from);
    if (original->users != NULL) {
        original->members = open_original(file != NULL ? url : from);
        original->messages = open_original(file != NULL ? url : from);
    }
    mem_wipe(url, sizeof(url));
    return original->messages != NULL && original->members != NULL;
}

static bool take_words(struct original *original, struct ctl *ctl)
{
    const char *source = ctl_option(ctl, "source");
    const char *offset = ctl_option(ctl, "utc-offset");

    original->source = source != NULL ? source : "original";
    original->offset = offset != NULL ? offset : "+00:00";
    original->dry_run = ctl_option(ctl, "dry-run") != NULL;
    if (!is_offset(original->offset)) {
        ctl_complain("--utc-offset must be like +02:00.");
        return false;
    }
    if (!utf8_valid(original->source, strlen(original->source)) || original->source[0] == '\0' ||
        strlen(original->source) > SOURCE_CHARS_MAX) {
        ctl_complain("--source must have 1 to %d bytes of UTF-8.", SOURCE_CHARS_MAX);
        return false;
    }
    original->db = ctl_db(ctl);
    if (original->db == NULL)
        return false;
    db_set_read_timeout(original->db, READ_TIMEOUT_S);
    return open_all(original, ctl);
}

/* ---- the summary ------------------------------------------------------------------------------*/

static void tell_json(const struct original *original, uint64_t ms)
{
#define NUMBER(name) printf(",\"" #name "\":%llu", (unsigned long long)original->counts.name)
    printf("{\"dry_run\":%s,\"ms\":%llu", original->dry_run ? "true" : "false",
           (unsigned long long)ms);
    NUMBER(users);
    NUMBER(users_new);
    NUMBER(users_before);
    NUMBER(ids_changed);
    NUMBER(renamed);
    NUMBER(emails_dropped);
    NUMBER(passwords_kept);
    NUMBER(passwords_dropped);
    NUMBER(gone);
    NUMBER(rooms);
    NUMBER(rooms_new);
    NUMBER(rooms_before);
    NUMBER(rooms_skipped);
    NUMBER(room_ids_changed);
    NUMBER(members_new);
    NUMBER(members_skipped);
    NUMBER(messages);
    NUMBER(messages_new);
    NUMBER(messages_skipped);
    NUMBER(messages_split);
    puts("}");
#undef NUMBER
}

#define U(name) ((unsigned long long)original->counts.name)

static void tell_text(const struct original *original, uint64_t ms)
{
    const struct ctl *ctl = original->ctl;

    if (original->dry_run)
        ctl_say(ctl, "Nothing was changed. An import would do this:");
    ctl_say(
        ctl,
        "Users: %llu of %llu imported, %llu were here; %llu with another id, %llu renamed, %llu "
        "addresses dropped, %llu without a password that fits.",
        U(users_new), U(users), U(users_before), U(ids_changed), U(renamed), U(emails_dropped),
        U(passwords_dropped));
    ctl_say(ctl,
            "Rooms: %llu of %llu imported, %llu were here, %llu skipped; %llu with another id.",
            U(rooms_new), U(rooms), U(rooms_before), U(rooms_skipped), U(room_ids_changed));
    if (original->dry_run) {
        ctl_say(ctl, "Messages: %llu.", U(messages));
        return;
    }
    ctl_say(ctl,
            "Members: %llu, %llu skipped. Messages: %llu of %llu, %llu of them in pieces, %llu "
            "skipped (of rooms that were here, or are not there); %llu senders have no account.",
            U(members_new), U(members_skipped), U(messages_new), U(messages), U(messages_split),
            U(messages_skipped), U(gone));
    ctl_say(ctl, "It took %.1f s, %llu messages/s.", (double)ms / 1000,
            U(messages_new) * 1000 / (unsigned long long)ms);
}

/* ---- the run ----------------------------------------------------------------------------------*/

static enum ctl_status refuse(enum err err)
{
    if (err == ERR_DB_RETRY)
        return ctl_fail(CTL_FAILED, "another process is importing the same. Run it again: what is "
                                    "done is found.");
    if (err == ERR_DB_DUPLICATE)
        return ctl_fail(CTL_FAILED,
                        "the original has two rows with one id, or names clash more often than "
                        "can be got round. Rooms so far are complete.");
    ctl_complain("the import did not finish. Run it again: it continues.");
    return ctl_fail_err(err);
}

static enum ctl_status import_all(struct original *original)
{
    uint64_t started_ms = clock_mono_ms();
    uint64_t ms;
    enum ctl_status status = original_look(original);
    enum err err;

    if (status != CTL_DONE)
        return status;
    err = original_import_users(original);
    if (err == ERR_NONE)
        err = original_import_rooms(original);
    if (err != ERR_NONE)
        return refuse(err);
    ms = MAX(clock_mono_ms() - started_ms, (uint64_t)1);
    if (original->ctl->json)
        tell_json(original, ms);
    else
        tell_text(original, ms);
    return CTL_DONE;
}

static enum ctl_status run(struct ctl *ctl)
{
    struct original original = {.ctl = ctl};
    enum ctl_status status = CTL_USAGE;

    original.people = map_create_u64();
    original.ghosts = map_create_u64();
    if (take_words(&original, ctl))
        status = import_all(&original);
    db_destroy(&original.users);
    db_destroy(&original.members);
    db_destroy(&original.messages);
    mem_free(original.users_sql);
    mem_free(original.rooms_sql);
    mem_free(original.members_sql);
    mem_free(original.messages_sql);
    mem_free(original.top_sql);
    map_destroy(&original.people);
    map_destroy(&original.ghosts);
    return status;
}

const struct ctl_command ctl_import_original = {
    .name = "import-original",
    .args = "",
    .summary = "Bring over a whole database of the original FastAPI application",
    .details =
        "Reads its MySQL tables users, chat_rooms, room_users and messages; stop it first, or\n"
        "what is written meanwhile stays behind. Ids stay where they are free here; messages\n"
        "are numbered by time and id in each room. Passwords (bcrypt) go on to work, and get a\n"
        "hash of scrypt at the next login. A name that is taken here (in any letter case) or\n"
        "does not fit gets the original's id behind it (ada-17); an address that is taken is\n"
        "dropped. Each such change is told. A second run continues, or finds that all is done.\n",
    .examples =
        "banterctl import-original --from=mysql://chat:secret@db.example.org/chat --dry-run\n"
        "banterctl import-original --from-file=/root/original-url\n",
    .options =
        (const struct ctl_option[]){
            {"from", "URL", "the original's database, as in its SQLALCHEMY_DATABASE_URL"},
            {"from-file", "FILE", "a file whose first line is that URL, which others cannot see"},
            {"dry-run", NULL, "count, and tell what would change; change nothing"},
            {"utc-offset", "+HH:MM", "how far its DATETIMEs are ahead of UTC; +00:00 without it"},
            {"source", "NAME", "tells several originals apart, each with ids of its own"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
