// needs: common/store_users common/store_rooms common/store_log common/schema common/schema_lease gen/migrations common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/strbuf common/check

/* Every question that the program asks of its tables, against a real server. */
#include "common/clock.h"
#include "common/store_log.h"
#include "common/store_rooms.h"
#include "common/store_users.h"
#include "schema_database.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DATABASE "banter_test_store"
#define HASH     "$s0$e0801$c2FsdA==$aGFzaA=="
#define SMILE    "\xf0\x9f\x98\x80"

static char *url;

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static void assert_span(struct span span, const char *text)
{
    assert_non_null(span.data);
    assert_int_equal(span.len, strlen(text));
    assert_memory_equal(span.data, text, span.len);
}

static int make_schema(void **state ATTR_UNUSED)
{
    schema_database_make(DATABASE, url);
    return 0;
}

static int drop_schema(void **state ATTR_UNUSED)
{
    database_drop(DATABASE);
    return 0;
}

static int setup(void **state)
{
    struct db *db = database_connect(url);

    database_script(db, "TRUNCATE users; TRUNCATE sessions; TRUNCATE rooms; "
                        "TRUNCATE room_members; TRUNCATE events");
    *state = db;
    return 0;
}

static uint64_t add_user(struct db *db, const char *name)
{
    char *email = mem_printf("%s@example.com", name);
    uint64_t id = 0;

    assert_int_equal(store_user_create(db, span_of(name), span_of(email), HASH, &id), ERR_NONE);
    assert_true(id > 0);
    mem_free(email);
    return id;
}

static uint64_t add_room(struct db *db, const char *name, uint64_t creator_id)
{
    uint8_t key[DEDUPE_KEY_BYTES];

    digest_random(key, sizeof(key));
    assert_int_equal(DB_RUN(db,
                            "INSERT INTO rooms (name, creator_id, member_count, create_key, "
                            "created_at_us) VALUES (?, ?, 1, ?, 1234567890123456)",
                            db_text(name), db_u64(creator_id), db_bytes(key, sizeof(key))),
                     ERR_NONE);
    return db_insert_id(db);
}

static void add_member(struct db *db, uint64_t room_id, uint64_t user_id, uint64_t joined_seq)
{
    assert_int_equal(
        DB_RUN(db, "INSERT INTO room_members (room_id, user_id, joined_seq) VALUES (?, ?, ?)",
               db_u64(room_id), db_u64(user_id), db_u64(joined_seq)),
        ERR_NONE);
}

static void add_event(struct db *db, const struct log_event *event)
{
    uint8_t key[DEDUPE_KEY_BYTES] = {0};

    memcpy(key, &event->seq, sizeof(event->seq));
    assert_int_equal(
        DB_RUN(db,
               "INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key, body) "
               "VALUES (?, ?, ?, ?, ?, ?, ?)",
               db_u64(event->room_id), db_u64(event->seq), db_u64(event->kind),
               db_u64(event->actor_id), db_u64(event->created_at_us), db_bytes(key, sizeof(key)),
               event->text.data != NULL ? db_bytes(event->text.data, event->text.len) : db_null()),
        ERR_NONE);
}

/* ---- accounts ---------------------------------------------------------------------------------*/

static void test_accounts(void **state)
{
    struct db *db = *state;
    struct store_user user;
    uint64_t id = add_user(db, "Zo\xc3\xab" SMILE);

    assert_int_equal(store_user_find(db, span_of("zO\xc3\x8b" SMILE), &user), ERR_NONE);
    assert_true(user.id == id);
    assert_string_equal(user.username, "Zo\xc3\xab" SMILE);
    assert_string_equal(user.password_hash, HASH);
    assert_int_equal(store_user_find(db, span_of("Zoe" SMILE), &user), ERR_NO_ROW);
    assert_int_equal(store_user_find(db, span_of(""), &user), ERR_NO_ROW);
    assert_int_equal(store_user_find(db, span_of("' OR '1'='1"), &user), ERR_NO_ROW);
}

static void test_names_of_the_greatest_length(void **state)
{
    struct db *db = *state;
    struct store_user user;
    char name[USERNAME_BYTES_MAX + 1] = "";
    char email[EMAIL_CHARS_MAX + 1];
    uint64_t id;

    for (size_t i = 0; i < USERNAME_CHARS_MAX; i++)
        memcpy(name + 4 * i, SMILE, 4);
    memset(email, 'e', sizeof(email));
    memcpy(email + EMAIL_CHARS_MAX - 4, "@x.y", 5);
    assert_int_equal(store_user_create(db, span_of(name), span_of(email), HASH, &id), ERR_NONE);
    assert_int_equal(store_user_find(db, span_of(name), &user), ERR_NONE);
    assert_string_equal(user.username, name);
}

static void test_both_keys_of_an_account(void **state)
{
    struct db *db = *state;
    uint64_t id = 0;

    add_user(db, "anna");
    assert_int_equal(
        store_user_create(db, span_of("ANNA"), span_of("other@example.com"), HASH, &id),
        ERR_USERNAME_TAKEN);
    assert_int_equal(
        store_user_create(db, span_of("other"), span_of("Anna@Example.com"), HASH, &id),
        ERR_EMAIL_TAKEN);
    assert_int_equal(store_user_create(db, span_of("anna"), span_of("anna@example.com"), HASH, &id),
                     ERR_USERNAME_TAKEN);
    /* A name that looks like a key's, and one with a trailing space. */
    assert_int_equal(
        store_user_create(db, span_of("for key 'email'"), span_of("k@example.com"), HASH, &id),
        ERR_NONE);
    assert_int_equal(
        store_user_create(db, span_of("for key 'email'"), span_of("l@example.com"), HASH, &id),
        ERR_USERNAME_TAKEN);
    assert_int_equal(store_user_create(db, span_of("anna "), span_of("m@example.com"), HASH, &id),
                     ERR_NONE);
    /* Accents count. */
    assert_int_equal(
        store_user_create(db, span_of("\xc3\xa4nna"), span_of("n@example.com"), HASH, &id),
        ERR_NONE);
}

static void test_a_deleted_account(void **state)
{
    struct db *db = *state;
    uint64_t id = add_user(db, "Anna");
    uint64_t other_id = add_user(db, "Bert");
    struct store_session session;
    struct store_user user;
    uint8_t token[DIGEST_SHA256_SIZE] = {1};
    uint8_t other[DIGEST_SHA256_SIZE] = {2};
    uint8_t late[DIGEST_SHA256_SIZE] = {3};

    assert_int_equal(store_session_create(db, token, id, HASH, 60), ERR_NONE);
    assert_int_equal(store_session_create(db, other, other_id, HASH, 60), ERR_NONE);
    assert_int_equal(store_user_delete(db, id), ERR_NONE);
    assert_int_equal(store_user_delete(db, id), ERR_NONE);
    assert_int_equal(store_session_find(db, token, &session), ERR_NO_ROW);
    assert_int_equal(store_session_find(db, other, &session), ERR_NONE);
    assert_int_equal(store_user_find(db, span_of("Anna"), &user), ERR_NO_ROW);
    /* A login that was under way. */
    assert_int_equal(store_session_create(db, late, id, HASH, 60), ERR_NO_ROW);
    assert_int_equal(store_session_find(db, late, &session), ERR_NO_ROW);
    assert_int_equal(
        database_number(db, "SELECT COUNT(*) FROM users WHERE username IS NULL AND email IS NULL "
                            "AND password_hash IS NULL AND deleted_at_us IS NOT NULL"),
        1);
    /* Name and address are free again, for a new id. */
    assert_true(add_user(db, "anna") > other_id);
}

/* ---- rooms ------------------------------------------------------------------------------------*/

struct seen {
    size_t count;
    uint64_t rooms[64];
    uint64_t users[64];
    char names[64][32];
};

static void see_room(void *context, const struct store_room *room)
{
    struct seen *seen = context;

    assert_true(seen->count < ARRAY_LEN(seen->rooms));
    assert_int_equal(room->created_at_us, 1234567890123456);
    assert_int_equal(room->member_count, 1);
    snprintf(seen->names[seen->count], sizeof(seen->names[0]), "%.*s", (int)room->name.len,
             (const char *)room->name.data);
    seen->users[seen->count] = room->creator_id;
    seen->rooms[seen->count++] = room->id;
}

static void see_member(void *context, uint64_t room_id, uint64_t user_id, struct span name)
{
    struct seen *seen = context;

    assert_true(seen->count < ARRAY_LEN(seen->rooms));
    snprintf(seen->names[seen->count], sizeof(seen->names[0]), "%.*s", (int)name.len,
             (const char *)name.data);
    seen->users[seen->count] = user_id;
    seen->rooms[seen->count++] = room_id;
}

static void see_id(void *context, uint64_t room_id)
{
    struct seen *seen = context;

    seen->rooms[seen->count++] = room_id;
}

static void remove_room(struct db *db, uint64_t room_id)
{
    assert_int_equal(DB_RUN(db, "UPDATE rooms SET removed_at_us = 1 WHERE id = ?", db_u64(room_id)),
                     ERR_NONE);
}

static void test_rooms(void **state)
{
    struct db *db = *state;
    struct seen seen = {0};
    struct store_room room;
    uint64_t ids[4];

    assert_int_equal(store_rooms_list(db, 0, 10, see_room, &seen), ERR_NONE);
    assert_int_equal(seen.count, 0);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = add_room(db, "caf\xc3\xa9 " SMILE, 7 + i);
    remove_room(db, ids[1]);
    assert_int_equal(store_rooms_list(db, 0, 2, see_room, &seen), ERR_NONE);
    assert_int_equal(seen.count, 2);
    assert_true(seen.rooms[0] == ids[0] && seen.rooms[1] == ids[2]);
    assert_string_equal(seen.names[1], "caf\xc3\xa9 " SMILE);
    assert_int_equal(seen.users[1], 9);
    assert_int_equal(store_rooms_list(db, ids[2], 2, see_room, &seen), ERR_NONE);
    assert_int_equal(seen.count, 3);
    assert_true(seen.rooms[2] == ids[3]);
    assert_int_equal(store_room_find(db, ids[0], &room), ERR_NONE);
    assert_true(room.id == ids[0] && room.creator_id == 7);
    assert_span(room.name, "caf\xc3\xa9 " SMILE);
    assert_int_equal(store_room_find(db, ids[1], &room), ERR_ROOM_NOT_FOUND);
    assert_int_equal(store_room_find(db, UINT64_MAX, &room), ERR_ROOM_NOT_FOUND);
}

static void test_members(void **state)
{
    struct db *db = *state;
    struct seen seen = {0};
    uint64_t anna = add_user(db, "Anna");
    uint64_t bert = add_user(db, "Bert");
    uint64_t carl = add_user(db, "Carl");
    uint64_t room = add_room(db, "a", bert);
    uint64_t gone = add_room(db, "b", bert);
    uint64_t last = 99;

    add_member(db, room, bert, 2);
    add_member(db, room, anna, 5);
    add_member(db, room, carl, 9);
    add_member(db, gone, anna, 2);
    assert_int_equal(store_room_check_member(db, room, anna), ERR_NONE);
    assert_int_equal(store_room_check_member(db, room, 12345), ERR_NOT_A_MEMBER);
    assert_int_equal(store_room_check_member(db, 12345, anna), ERR_ROOM_NOT_FOUND);
    assert_int_equal(store_user_rooms(db, anna, see_id, &seen), ERR_NONE);
    assert_int_equal(seen.count, 2);
    remove_room(db, gone);
    assert_int_equal(store_room_check_member(db, gone, anna), ERR_ROOM_NOT_FOUND);
    seen.count = 0;
    assert_int_equal(store_user_rooms(db, anna, see_id, &seen), ERR_NONE);
    assert_int_equal(seen.count, 1);
    assert_true(seen.rooms[0] == room);

    seen.count = 0;
    assert_int_equal(store_room_members(db, room, 0, 2, see_member, &seen, &last), ERR_NONE);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.names[0], "Bert");
    assert_true(seen.users[1] == anna);
    assert_int_equal(last, 5);
    assert_int_equal(store_room_members(db, room, last, 2, see_member, &seen, &last), ERR_NONE);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.names[2], "Carl");
    assert_int_equal(store_room_members(db, room, last, 2, see_member, &seen, &last), ERR_NONE);
    assert_int_equal(seen.count, 3);
    assert_int_equal(last, 9);
    /* Between the deletion of an account and the end of its memberships. */
    assert_int_equal(store_user_delete(db, anna), ERR_NONE);
    seen.count = 0;
    assert_int_equal(store_room_members(db, room, 0, 10, see_member, &seen, &last), ERR_NONE);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.names[1], "Carl");
}

static void test_members_of_a_page(void **state)
{
    struct db *db = *state;
    struct seen seen = {0};
    uint64_t users[6];
    uint64_t rooms[4];

    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        char name[8];

        snprintf(name, sizeof(name), "u%zu", i);
        users[i] = add_user(db, name);
    }
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        rooms[i] = add_room(db, "r", users[0]);
        /* Joined in the reverse order of their ids. */
        for (size_t j = 0; j < ARRAY_LEN(users) - i; j++)
            add_member(db, rooms[i], users[j], 100 - j);
    }
    assert_int_equal(store_user_delete(db, users[5]), ERR_NONE);
    remove_room(db, rooms[1]);
    assert_int_equal(store_rooms_members_of_page(db, rooms[0], rooms[2], 3, see_member, &seen),
                     ERR_NONE);
    /* The deleted one was the first to join, and takes one of the three places. */
    assert_int_equal(seen.count, 5);
    for (size_t i = 0; i < 2; i++)
        assert_true(seen.rooms[i] == rooms[0] && seen.users[i] == users[4 - i]);
    for (size_t i = 0; i < 3; i++)
        assert_true(seen.rooms[2 + i] == rooms[2] && seen.users[2 + i] == users[3 - i]);
    assert_string_equal(seen.names[0], "u4");
    seen.count = 0;
    assert_int_equal(store_rooms_members_of_page(db, rooms[0], rooms[3], 100, see_member, &seen),
                     ERR_NONE);
    assert_int_equal(seen.count, 5 + 4 + 3);
}

/* ---- the log ----------------------------------------------------------------------------------*/

struct log_seen {
    size_t count;
    uint64_t seqs[32];
    bool named[32];
    enum event_kind kinds[32];
    char text[32];
};

static void see_event(void *context, const struct log_event *event)
{
    struct log_seen *seen = context;

    assert_true(seen->count < ARRAY_LEN(seen->seqs));
    assert_int_equal(event->created_at_us, 1000 + event->seq);
    seen->named[seen->count] = event->actor_name.data != NULL;
    seen->kinds[seen->count] = event->kind;
    seen->seqs[seen->count++] = event->seq;
    snprintf(seen->text, sizeof(seen->text), "%.*s", (int)event->text.len,
             event->text.data != NULL ? (const char *)event->text.data : "");
}

/* Ten events: 1 makes the room, 2 and 6 are joins, the rest are messages. */
static void fill_log(struct db *db, uint64_t room_id, uint64_t anna, uint64_t bert)
{
    for (uint64_t seq = 1; seq <= 10; seq++) {
        char text[32];
        struct log_event event = {
            .room_id = room_id,
            .seq = seq,
            .kind = seq == 1               ? EVENT_ROOM_CREATED
                    : seq == 2 || seq == 6 ? EVENT_MEMBER_JOINED
                                           : EVENT_MESSAGE,
            .actor_id = seq % 2 == 0 ? anna : bert,
            .created_at_us = 1000 + seq,
        };

        snprintf(text, sizeof(text), SMILE " %u", (unsigned)seq);
        if (event.kind != EVENT_MEMBER_JOINED)
            event.text = span_of(text);
        add_event(db, &event);
    }
}

static void assert_messages(struct db *db, uint64_t room_id, struct store_page page,
                            const char *wanted)
{
    struct log_seen seen = {0};
    char got[128] = "";
    size_t len = 0;

    assert_int_equal(store_log_messages(db, room_id, &page, see_event, &seen), ERR_NONE);
    for (size_t i = 0; i < seen.count; i++) {
        assert_int_equal(seen.kinds[i], EVENT_MESSAGE);
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%u", i > 0 ? " " : "",
                                (unsigned)seen.seqs[i]);
    }
    assert_string_equal(got, wanted);
}

static void test_the_log(void **state)
{
    struct db *db = *state;
    struct log_seen seen = {0};
    uint64_t anna = add_user(db, "Anna");
    uint64_t bert = add_user(db, "Bert");
    uint64_t head = 99;

    assert_int_equal(store_log_head(db, 5, &head), ERR_NONE);
    assert_int_equal(head, 0);
    fill_log(db, 5, anna, bert);
    fill_log(db, 6, anna, bert);
    assert_int_equal(store_user_delete(db, bert), ERR_NONE);
    assert_int_equal(store_log_head(db, 5, &head), ERR_NONE);
    assert_int_equal(head, 10);
    assert_int_equal(store_log_after(db, 5, 0, 100, see_event, &seen), ERR_NONE);
    assert_int_equal(seen.count, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(seen.seqs[i], i + 1);
        assert_int_equal(seen.named[i], (i + 1) % 2 == 0);
    }
    assert_string_equal(seen.text, SMILE " 10");
    seen.count = 0;
    assert_int_equal(store_log_after(db, 5, 5, 2, see_event, &seen), ERR_NONE);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.seqs[0], 6);
    assert_int_equal(seen.kinds[0], EVENT_MEMBER_JOINED);
    assert_int_equal(store_log_after(db, 5, 10, 2, see_event, &seen), ERR_NONE);
    assert_int_equal(seen.count, 2);
}

/* A text among rows that the server has to put aside makes a file of them: no page needs that. */
static uint64_t files(struct db *db)
{
    return database_number(db, "SELECT CAST(VARIABLE_VALUE AS UNSIGNED) FROM "
                               "information_schema.SESSION_STATUS WHERE VARIABLE_NAME = "
                               "'CREATED_TMP_DISK_TABLES'");
}

static void test_pages_of_messages(void **state)
{
    struct db *db = *state;
    uint64_t before = files(db), asking = files(db) - before;

    fill_log(db, 5, 1, 2);
    assert_messages(db, 5, (struct store_page){.limit = 3}, "10 9 8");
    assert_messages(db, 5, (struct store_page){.limit = 100}, "10 9 8 7 5 4 3");
    assert_messages(db, 5, (struct store_page){.limit = 3, .before = 8}, "7 5 4");
    assert_messages(db, 5, (struct store_page){.limit = 3, .before = 3}, "");
    assert_messages(db, 5, (struct store_page){.limit = 3, .forward = true, .after = 4}, "5 7 8");
    assert_messages(db, 5, (struct store_page){.limit = 3, .forward = true, .after = 10}, "");
    assert_messages(db, 4, (struct store_page){.limit = 3}, "");
    assert_true(files(db) == before + 2 * asking);
}

static void test_keys_and_the_epoch(void **state)
{
    struct db *db = *state;
    uint8_t key[DEDUPE_KEY_BYTES] = {7};
    uint64_t seq = 0;
    uint64_t created_at_us = 0;
    uint64_t epoch = 0;

    fill_log(db, 5, 1, 2);
    assert_int_equal(store_log_find_key(db, 5, key, &seq, &created_at_us), ERR_NONE);
    assert_int_equal(seq, 7);
    assert_int_equal(created_at_us, 1007);
    assert_int_equal(store_log_find_key(db, 6, key, &seq, &created_at_us), ERR_NO_ROW);
    key[15] = 0xff;
    assert_int_equal(store_log_find_key(db, 5, key, &seq, &created_at_us), ERR_NO_ROW);
    assert_int_equal(store_log_epoch(db, &epoch), ERR_NONE);
    assert_true(epoch > 0 && epoch <= JSON_INTEGER_MAX);
}

/* The fences of the log, as the broker meets them. */
static void test_the_logs_two_keys(void **state)
{
    struct db *db = *state;
    const uint64_t seqs[] = {11, 12, 10};
    const struct span keys[] = {span_of("aaaaaaaaaaaaaaaa"), span_of("bbbbbbbbbbbbbbbb"),
                                span_of("cccccccccccccccc")};
    const uint64_t rooms[] = {5, 5, 5};
    const struct db_column columns[] = {{.type = DB_U64, .numbers = rooms},
                                        {.type = DB_U64, .numbers = seqs},
                                        {.type = DB_BYTES, .bytes = keys}};
    static const char sql[] = "INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, "
                              "dedupe_key) VALUES (?, ?, 1, 1, 1, ?)";

    fill_log(db, 5, 1, 2);
    assert_int_equal(db_begin(db), ERR_NONE);
    assert_int_equal(db_bulk(db, sql, columns, 3, 3), ERR_DB_DUPLICATE);
    assert_true(db_duplicate_key(db, "PRIMARY"));
    assert_false(db_duplicate_key(db, "dedupe"));
    db_rollback(db);
    assert_int_equal(database_number(db, "SELECT MAX(seq) FROM events"), 10);
    assert_int_equal(db_bulk(db, sql, columns, 3, 2), ERR_NONE);
    assert_int_equal(DB_RUN(db, sql, db_u64(5), db_u64(13), db_bytes(keys[1].data, 16)),
                     ERR_DB_DUPLICATE);
    assert_true(db_duplicate_key(db, "dedupe"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, schema_database_disconnect)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_accounts),
        CASE(test_names_of_the_greatest_length),
        CASE(test_both_keys_of_an_account),
        CASE(test_a_deleted_account),
        CASE(test_rooms),
        CASE(test_members),
        CASE(test_members_of_a_page),
        CASE(test_the_log),
        CASE(test_pages_of_messages),
        CASE(test_keys_and_the_epoch),
        CASE(test_the_logs_two_keys),
    };
    int failed;

    url = database_url_of(DATABASE);
    failed = DATABASE_RUN(tests, make_schema, drop_schema);
    mem_free(url);
    return failed;
}
