// needs: gateway/frame gateway/ws_deflate gateway/ws_frame common/utf8 common/strbuf common/mem common/check
/*
 * room_log: what the bus may do to a log, and what the ring then holds. At last, anything at all is
 * compared with a plain model that remembers the whole log.
 */
#include "gateway/room_log.h"

#include "common/mem.h"
#include "gateway/ws_deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH 77

static struct frame *frame_of(uint64_t seq, const char *json)
{
    struct bus_event event = {7, seq, EVENT_MESSAGE, 3, 0, {(const uint8_t *)json, strlen(json)}, 0,
                              0, 0};

    return frame_create_event(&event);
}

/* An event as a worker hears it: the log keeps a reference of its own, if at all. */
static enum room_log_result hear(struct room_log *log, uint64_t seq)
{
    struct frame *frame = frame_of(seq, "{}");
    enum room_log_result result = room_log_on_event(log, frame);

    assert_int_equal(frame->refs, result == ROOM_LOG_OLD ? 1 : 2);
    frame_unref(frame);
    return result;
}

static void prepend(struct room_log *log, uint64_t seq)
{
    struct frame *frame = frame_of(seq, "{}");

    room_log_prepend(log, frame);
    frame_unref(frame);
}

static void assert_ring(const struct room_log *log, uint64_t first, uint64_t head)
{
    size_t bytes = 0;

    assert_true(log->head == head);
    assert_true(room_log_first(log) == first);
    assert_int_equal(log->ring_count, head + 1 - first);
    assert_null(room_log_get(log, first - 1));
    assert_null(room_log_get(log, head + 1));
    assert_null(room_log_get(log, UINT64_MAX));
    for (uint64_t seq = first; seq <= head; seq++) {
        assert_true(room_log_get(log, seq)->seq == seq);
        bytes += frame_bytes(room_log_get(log, seq));
    }
    assert_int_equal(log->ring_bytes.bytes, bytes);
    assert_int_equal(log->ring_size & (log->ring_size - 1), 0);
    assert_true(log->ring_count <= log->ring_size);
}

/* What a step of a scenario is: an event, a head, another log's head, a page, a trim. */
enum step_kind { END, EVENT, HEAD, OTHER_HEAD, PREPEND, TRIM };

struct step {
    enum step_kind kind;
    uint64_t number; /* seq, head, or events that may stay */
    enum room_log_result result;
    uint64_t first;
    uint64_t head;
};

static const struct {
    const char *name;
    struct step steps[8];
} scenarios[] = {
    {"an empty log", {{HEAD, 0, ROOM_LOG_ADVANCED, 1, 0}, {EVENT, 1, ROOM_LOG_ADVANCED, 1, 1}}},
    {"a log with a past", {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9}}},
    {"events in order",
     {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9},
      {EVENT, 10, ROOM_LOG_ADVANCED, 10, 10},
      {EVENT, 11, ROOM_LOG_ADVANCED, 10, 11},
      {HEAD, 11, ROOM_LOG_OLD, 10, 11}}},
    {"an event twice",
     {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9},
      {EVENT, 10, ROOM_LOG_ADVANCED, 10, 10},
      {EVENT, 10, ROOM_LOG_OLD, 10, 10},
      {EVENT, 3, ROOM_LOG_OLD, 10, 10}}},
    {"a head twice",
     {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9},
      {HEAD, 9, ROOM_LOG_OLD, 10, 9},
      {HEAD, 4, ROOM_LOG_OLD, 10, 9}}},
    {"a lost event",
     {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9},
      {EVENT, 10, ROOM_LOG_ADVANCED, 10, 10},
      {EVENT, 12, ROOM_LOG_GAP, 12, 12},
      {EVENT, 11, ROOM_LOG_OLD, 12, 12},
      {EVENT, 13, ROOM_LOG_ADVANCED, 12, 13}}},
    {"a lost last event",
     {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9},
      {EVENT, 10, ROOM_LOG_ADVANCED, 10, 10},
      {HEAD, 11, ROOM_LOG_GAP, 12, 11},
      {EVENT, 12, ROOM_LOG_ADVANCED, 12, 12}}},
    {"an event before the head",
     {{EVENT, 5, ROOM_LOG_GAP, 5, 5},
      {EVENT, 6, ROOM_LOG_ADVANCED, 5, 6},
      {HEAD, 6, ROOM_LOG_OLD, 5, 6},
      {EVENT, 7, ROOM_LOG_ADVANCED, 5, 7}}},
    {"an event before a head that is further",
     {{EVENT, 5, ROOM_LOG_GAP, 5, 5}, {HEAD, 8, ROOM_LOG_GAP, 9, 8}}},
    {"an event before a head that lags",
     {{EVENT, 5, ROOM_LOG_GAP, 5, 5}, {HEAD, 4, ROOM_LOG_OLD, 5, 5}}},
    {"the first event of all before the head",
     {{EVENT, 1, ROOM_LOG_ADVANCED, 1, 1}, {HEAD, 1, ROOM_LOG_OLD, 1, 1}}},
    {"a restored backup",
     {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9},
      {EVENT, 10, ROOM_LOG_ADVANCED, 10, 10},
      {OTHER_HEAD, 6, ROOM_LOG_RESET, 7, 6},
      {OTHER_HEAD, 6, ROOM_LOG_OLD, 7, 6},
      {EVENT, 7, ROOM_LOG_ADVANCED, 7, 7}}},
    {"a restored backup with the same head",
     {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9}, {OTHER_HEAD, 9, ROOM_LOG_RESET, 10, 9}}},
    {"a restored backup that is empty",
     {{HEAD, 1, ROOM_LOG_ADVANCED, 2, 1}, {OTHER_HEAD, 0, ROOM_LOG_RESET, 1, 0}}},
    {"and back again",
     {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9},
      {OTHER_HEAD, 20, ROOM_LOG_RESET, 21, 20},
      {HEAD, 9, ROOM_LOG_RESET, 10, 9}}},
    {"a page before an empty ring",
     {{HEAD, 9, ROOM_LOG_ADVANCED, 10, 9},
      {PREPEND, 9, ROOM_LOG_OLD, 9, 9},
      {PREPEND, 8, ROOM_LOG_OLD, 8, 9},
      {EVENT, 10, ROOM_LOG_ADVANCED, 8, 10},
      {PREPEND, 7, ROOM_LOG_OLD, 7, 10}}},
    {"down to the first event",
     {{HEAD, 2, ROOM_LOG_ADVANCED, 3, 2},
      {PREPEND, 2, ROOM_LOG_OLD, 2, 2},
      {PREPEND, 1, ROOM_LOG_OLD, 1, 2}}},
    {"a trim",
     {{EVENT, 1, ROOM_LOG_ADVANCED, 1, 1},
      {EVENT, 2, ROOM_LOG_ADVANCED, 1, 2},
      {EVENT, 3, ROOM_LOG_ADVANCED, 1, 3},
      {TRIM, 3, ROOM_LOG_OLD, 1, 3},
      {TRIM, 1, ROOM_LOG_OLD, 3, 3},
      {TRIM, 0, ROOM_LOG_OLD, 4, 3},
      {EVENT, 4, ROOM_LOG_ADVANCED, 4, 4}}},
};

static enum room_log_result take_step(struct room_log *log, const struct step *step)
{
    switch (step->kind) {
    case EVENT:
        return hear(log, step->number);
    case HEAD:
        return room_log_on_head(log, step->number, EPOCH);
    case OTHER_HEAD:
        return room_log_on_head(log, step->number, EPOCH + 1);
    case PREPEND:
        prepend(log, step->number);
        break;
    case TRIM:
        room_log_trim(log, step->number * 4); /* a frame of "{}" has 4 bytes */
        break;
    case END:
        break;
    }
    return ROOM_LOG_OLD;
}

static void test_scenarios(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
        struct room_log log;
        bool live = false;

        room_log_init(&log, NULL);
        for (const struct step *step = scenarios[i].steps; step->kind != END; step++) {
            enum room_log_result result = take_step(&log, step);

            if (result != step->result || log.head != step->head)
                fail_msg("%s, step %td: %d", scenarios[i].name, step - scenarios[i].steps, result);
            live = live || step->kind == HEAD || step->kind == OTHER_HEAD;
            assert_int_equal(log.live, live);
            assert_int_equal(log.epoch != 0, live);
            assert_ring(&log, step->first, step->head);
        }
        room_log_fini(&log);
        assert_ring(&log, 1, 0);
        assert_false(log.live);
    }
}

static void test_new_log(void **unused)
{
    struct room_log log;

    (void)unused;
    room_log_init(&log, NULL);
    assert_false(log.live);
    assert_true(log.epoch == 0);
    assert_ring(&log, 1, 0);
    room_log_trim(&log, 0);
    room_log_trim(&log, 100);
    room_log_fini(&log);
    room_log_fini(&log);
}

/* The array grows and wraps around while both ends move. */
static void test_long_ring(void **unused)
{
    struct room_log log;

    (void)unused;
    room_log_init(&log, NULL);
    room_log_on_head(&log, 1000, EPOCH);
    for (uint64_t seq = 1001; seq <= 1100; seq++) {
        assert_int_equal(hear(&log, seq), ROOM_LOG_ADVANCED);
        room_log_trim(&log, (size_t)4 * 20);
        assert_ring(&log, seq > 1020 ? seq - 19 : 1001, seq);
    }
    for (uint64_t seq = 1080; seq > 980; seq--) {
        prepend(&log, seq);
        assert_ring(&log, seq, 1100);
    }
    room_log_trim(&log, 0);
    assert_ring(&log, 1101, 1100);
    assert_null(log.ring);
    room_log_fini(&log);
}

/* Trimming counts bytes, not events. */
static void test_trim_by_bytes(void **unused)
{
    static const char *const jsons[] = {"{\"a\":\"a long one\"}", "{}", "{\"b\":1}"};
    struct room_log log;

    (void)unused;
    room_log_init(&log, NULL);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct frame *frame = frame_of(seq, jsons[seq - 1]);

        room_log_on_event(&log, frame);
        frame_unref(frame);
    }
    assert_int_equal(log.ring_bytes.bytes, 20 + 4 + 9);
    room_log_trim(&log, 33);
    assert_ring(&log, 1, 3);
    room_log_trim(&log, 32);
    assert_ring(&log, 2, 3);
    room_log_trim(&log, 9);
    assert_ring(&log, 3, 3);
    room_log_trim(&log, 8);
    assert_ring(&log, 4, 3);
    room_log_fini(&log);
}

/* An event that gets shorter by compression. */
static struct frame *long_event(uint64_t seq)
{
    char json[1001] = {0};

    memset(json, ' ', sizeof(json) - 1);
    return frame_of(seq, json);
}

static void hear_long(struct room_log *log, uint64_t seq)
{
    struct frame *frame = long_event(seq);

    room_log_on_event(log, frame);
    frame_unref(frame);
}

/* What a frame's other forms take counts as soon as there is one, in the room's share and in that
 * of all rooms; and no longer than the frame is in the ring. */
static void test_forms_are_counted(void **unused)
{
    struct ws_deflate *codec = ws_deflate_create(100);
    struct byte_count all = {0};
    struct room_log logs[2];
    struct frame *kept;
    size_t bytes;

    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        room_log_init(&logs[i], &all);
        for (uint64_t seq = 1; seq <= 3; seq++)
            hear_long(&logs[i], seq);
    }
    bytes = room_log_get(&logs[0], 1)->len;
    assert_int_equal(all.bytes, 6 * bytes);
    bytes = 3 * bytes + frame_stream(room_log_get(&logs[0], 2))->len;
    assert_int_equal(logs[0].ring_bytes.bytes, bytes);
    frame_deflated(room_log_run(&logs[0], 1), codec); /* the first time for all that are in it */
    for (uint64_t seq = 1; seq <= 3; seq++) {
        const struct frame *form = frame_deflated(room_log_get(&logs[0], seq), codec);

        assert_ptr_not_equal(form, room_log_get(&logs[0], seq));
        bytes += form->len;
    }
    assert_int_equal(logs[0].ring_bytes.bytes, bytes);
    assert_int_equal(all.bytes, bytes + logs[1].ring_bytes.bytes);
    room_log_turn_end(&logs[0]);
    assert_int_equal(logs[0].ring_bytes.bytes, bytes);
    room_log_trim(&logs[0], bytes - 1);
    assert_int_equal(logs[0].ring_count, 2);
    kept = frame_ref(room_log_get(&logs[1], 3));
    room_log_fini(&logs[1]);
    frame_deflated(kept, codec);
    assert_int_equal(all.bytes, logs[0].ring_bytes.bytes);
    room_log_fini(&logs[0]);
    assert_int_equal(all.bytes, 0);
    frame_unref(kept);
    ws_deflate_destroy(&codec);
}

/* A page's frame may have been sent, and so have its forms, before it joins the ring. */
static void test_forms_from_before(void **unused)
{
    struct ws_deflate *codec = ws_deflate_create(100);
    struct frame *frame = long_event(9);
    struct frame *brief = frame_of(8, "{}");
    size_t bytes = frame->len + frame_deflated(frame, codec)->len;
    struct room_log log;

    (void)unused;
    assert_ptr_equal(frame_deflated(brief, codec), brief);
    room_log_init(&log, NULL);
    room_log_on_head(&log, 9, EPOCH);
    room_log_prepend(&log, frame);
    room_log_prepend(&log, brief);
    assert_int_equal(log.ring_bytes.bytes, bytes + brief->len);
    bytes += frame_stream(frame)->len;
    assert_int_equal(log.ring_bytes.bytes, bytes + brief->len);
    room_log_trim(&log, bytes);
    assert_ring(&log, 9, 9);
    room_log_trim(&log, bytes - 1);
    assert_ring(&log, 10, 9);
    assert_int_equal(frame->refs, 1);
    frame_unref(frame);
    frame_unref(brief);
    room_log_fini(&log);
    ws_deflate_destroy(&codec);
}

/* What somebody else holds lives on when the log drops it. */
static void test_references(void **unused)
{
    struct frame *frame = frame_of(1, "{}");
    struct room_log log;

    (void)unused;
    room_log_init(&log, NULL);
    room_log_on_event(&log, frame);
    assert_int_equal(frame->refs, 2);
    assert_ptr_equal(room_log_get(&log, 1), frame);
    assert_int_equal(frame->refs, 2);
    room_log_on_head(&log, 5, EPOCH);
    assert_int_equal(frame->refs, 1);
    frame_unref(frame);
    frame = frame_of(5, "{}");
    room_log_prepend(&log, frame);
    assert_int_equal(frame->refs, 2);
    room_log_fini(&log);
    assert_int_equal(frame->refs, 1);
    frame_unref(frame);
}

static void assert_run(struct room_log *log, uint64_t from, const char *bytes)
{
    struct frame *run = room_log_run(log, from);

    assert_non_null(run);
    assert_true(run->seq == log->head);
    assert_int_equal(run->events, log->head - from + 1);
    assert_int_equal(run->event_kind, EVENT_MESSAGE);
    assert_int_equal(run->len, strlen(bytes));
    assert_memory_equal(run->bytes, bytes, run->len);
    assert_ptr_equal(room_log_run(log, from), run);
}

/* What a turn has brought is one piece for everybody, and what was given out is in no later one. */
static void test_runs(void **unused)
{
    struct room_log log;
    struct frame *kept;

    (void)unused;
    room_log_init(&log, NULL);
    room_log_on_head(&log, 9, EPOCH);
    assert_null(room_log_run(&log, 0));
    hear(&log, 10);
    assert_null(room_log_run(&log, 10)); /* one event is its own frame */
    hear(&log, 11);
    assert_null(room_log_run(&log, 9));
    assert_null(room_log_run(&log, 11)); /* not where the turn began */
    assert_null(room_log_run(&log, 12));
    assert_run(&log, 10, "\x81\x02{}\x81\x02{}");
    kept = frame_ref(room_log_run(&log, 10));
    hear(&log, 12);
    assert_null(room_log_run(&log, 10)); /* who has the first run goes on behind it */
    hear(&log, 13);
    assert_run(&log, 12, "\x81\x02{}\x81\x02{}");
    room_log_turn_end(&log);
    assert_null(room_log_run(&log, 12));
    assert_int_equal(kept->refs, 1);
    assert_true(kept->seq == 11);
    frame_unref(kept);
    hear(&log, 14);
    hear(&log, 15);
    assert_run(&log, 14, "\x81\x02{}\x81\x02{}");
    room_log_fini(&log);
}

/* A run never promises what is not in the ring: after a jump it begins anew. */
static void test_runs_and_gaps(void **unused)
{
    struct room_log log;

    (void)unused;
    room_log_init(&log, NULL);
    room_log_on_head(&log, 9, EPOCH);
    hear(&log, 10);
    hear(&log, 11);
    assert_int_equal(hear(&log, 14), ROOM_LOG_GAP);
    assert_null(room_log_run(&log, 10));
    hear(&log, 15);
    assert_run(&log, 14, "\x81\x02{}\x81\x02{}");
    room_log_on_head(&log, 20, EPOCH);
    assert_null(room_log_run(&log, 14));
    assert_null(room_log_run(&log, 21));
    hear(&log, 21);
    hear(&log, 22);
    room_log_trim(&log, 4);
    assert_null(room_log_run(&log, 21));
    room_log_fini(&log);
}

/* Only messages are everybody's; and what is long goes event by event. */
static void test_no_run(void **unused)
{
    struct bus_event left = {7, 11, EVENT_MEMBER_LEFT, 3, 0, {(const uint8_t *)"{}", 2}, 0, 0, 0};
    struct frame *frame = frame_create_event(&left);
    struct room_log log;
    char *json = mem_alloc(ROOM_LOG_RUN_BYTES_MAX / 2);

    (void)unused;
    room_log_init(&log, NULL);
    room_log_on_head(&log, 9, EPOCH);
    hear(&log, 10);
    room_log_on_event(&log, frame);
    frame_unref(frame);
    assert_null(room_log_run(&log, 10));
    room_log_turn_end(&log);
    memset(json, ' ', ROOM_LOG_RUN_BYTES_MAX / 2 - 1);
    for (uint64_t seq = 12; seq <= 13; seq++) {
        frame = frame_of(seq, json);
        room_log_on_event(&log, frame);
        frame_unref(frame);
    }
    assert_null(room_log_run(&log, 12));
    room_log_turn_end(&log);
    for (uint64_t seq = 14; seq < 14 + ROOM_LOG_RUN_EVENTS_MAX; seq++)
        hear(&log, seq);
    assert_int_equal(room_log_run(&log, 14)->events, ROOM_LOG_RUN_EVENTS_MAX);
    room_log_turn_end(&log);
    for (uint64_t seq = log.head + 1, end = seq + ROOM_LOG_RUN_EVENTS_MAX; seq <= end; seq++)
        hear(&log, seq);
    assert_null(room_log_run(&log, log.head - ROOM_LOG_RUN_EVENTS_MAX));
    room_log_fini(&log);
    mem_free(json);
}

/* The plain model: first and head, and the rules in words of the header. */
struct model {
    uint64_t first, head, epoch;
    bool live;
};

static enum room_log_result model_head(struct model *model, uint64_t head, uint64_t epoch)
{
    bool other = model->live && model->epoch != epoch;
    bool fresh = !model->live && model->head == 0;
    bool ahead = head > model->head;

    model->live = true;
    model->epoch = epoch;
    if (other || fresh || ahead) {
        model->head = head;
        model->first = head + 1;
    }
    return other ? ROOM_LOG_RESET : fresh ? ROOM_LOG_ADVANCED : ahead ? ROOM_LOG_GAP : ROOM_LOG_OLD;
}

static enum room_log_result model_event(struct model *model, uint64_t seq)
{
    bool gap = seq > model->head + 1;

    if (seq <= model->head)
        return ROOM_LOG_OLD;
    if (gap)
        model->first = seq;
    model->head = seq;
    return gap ? ROOM_LOG_GAP : ROOM_LOG_ADVANCED;
}

static void random_step(struct room_log *log, struct model *model, unsigned *seed)
{
    unsigned dice = (unsigned)rand_r(seed) % 100;
    uint64_t near = model->head + (uint64_t)rand_r(seed) % 3;

    if (dice < 60) {
        uint64_t seq = dice < 50 ? model->head + 1 : near + (near == 0);

        assert_int_equal(hear(log, seq), model_event(model, seq));
    } else if (dice < 75) {
        uint64_t epoch = dice == 60 || model->epoch == 0 ? dice + EPOCH : model->epoch;

        assert_int_equal(room_log_on_head(log, near, epoch), model_head(model, near, epoch));
    } else if (dice < 90) {
        if (model->first > 1)
            prepend(log, --model->first);
    } else {
        uint64_t keep = (uint64_t)rand_r(seed) % 40;

        room_log_trim(log, keep * 4);
        if (model->head + 1 - model->first > keep)
            model->first = model->head + 1 - keep;
    }
}

static void test_against_a_model(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < 200; round++) {
        struct model model = {1, 0, 0, false};
        struct room_log log;
        unsigned seed = round;

        room_log_init(&log, NULL);
        for (unsigned i = 0; i < 500; i++) {
            random_step(&log, &model, &seed);
            assert_int_equal(log.live, model.live);
            assert_true(log.epoch == model.epoch);
            assert_ring(&log, model.first, model.head);
        }
        room_log_fini(&log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_log),           cmocka_unit_test(test_scenarios),
        cmocka_unit_test(test_long_ring),         cmocka_unit_test(test_trim_by_bytes),
        cmocka_unit_test(test_references),        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_runs_and_gaps),     cmocka_unit_test(test_no_run),
        cmocka_unit_test(test_against_a_model),   cmocka_unit_test(test_forms_are_counted),
        cmocka_unit_test(test_forms_from_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
