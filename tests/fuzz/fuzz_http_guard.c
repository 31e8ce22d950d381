// needs: gateway/http_target common/check common/errors
/*
 * http_guard: any bytes as what a connection sends: whole, and split by the input itself, must make
 * the same events at the same places; and the bounds of limits.h hold at each of them.
 */
#include "gateway/http_guard.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"

#define EVENTS_MAX 256

struct outcome {
    struct {
        enum http_guard_event event;
        size_t place;
    } events[EVENTS_MAX];
    size_t count;
    size_t taken;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct http_guard *guard, const uint8_t *data, size_t len, struct outcome *outcome)
{
    enum http_guard_event event;
    size_t done = 0;
    do {
        size_t taken = http_guard_feed(guard, data + done, len - done, &event);
        CHECK(taken <= len - done);
        done += taken;
        outcome->taken += taken;
        if (event != HTTP_GUARD_MORE && outcome->count < EVENTS_MAX) {
            outcome->events[outcome->count].event = event;
            outcome->events[outcome->count++].place = outcome->taken;
        }
        /* Every other upgrade is refused. */
        if (event == HTTP_GUARD_UPGRADE && outcome->taken % 2 == 0)
            http_guard_resume(guard);
    } while (event != HTTP_GUARD_MORE);
    enum http_guard_phase phase = http_guard_phase(guard);
    CHECK((phase == HTTP_GUARD_BROKEN) == (http_guard_error(guard) != ERR_NONE));
    CHECK(done == len || phase == HTTP_GUARD_BROKEN || phase == HTTP_GUARD_HELD);
}

/* Heads end within their bound, with a line feed; bodies do not grow out of theirs. */
static void check_outcome(const uint8_t *data, const struct outcome *outcome)
{
    size_t start = 0;
    bool body = false;
    for (size_t i = 0; i < outcome->count; i++) {
        size_t place = outcome->events[i].place;
        CHECK(i == 0 || place > outcome->events[i - 1].place);
        switch (outcome->events[i].event) {
        case HTTP_GUARD_HEAD_START:
            start = place - 1;
            body = false;
            break;
        case HTTP_GUARD_REQUEST_DONE:
            if (body)
                break;
            CHECK(data[place - 1] == '\n');
            CHECK(place - start <= HTTP_HEAD_BYTES_MAX);
            break;
        case HTTP_GUARD_BODY_START:
            body = true;
            CHECK(data[place - 1] == '\n' && data[place - 2] == '\r');
            CHECK(place - start <= HTTP_HEAD_BYTES_MAX);
            break;
        case HTTP_GUARD_UPGRADE:
            CHECK(!body && memcmp(data + start, "GET ", 4) == 0);
            break;
        default:
            CHECK(outcome->events[i].event == HTTP_GUARD_VIOLATION);
            CHECK(i + 1 == outcome->count);
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, split;
    struct http_guard guard;
    memset(&whole, 0, sizeof(whole));
    memset(&split, 0, sizeof(split));
    http_guard_init(&guard);
    feed(&guard, data, size, &whole);
    check_outcome(data, &whole);
    http_guard_init(&guard);
    size_t piece = size > 0 ? data[size - 1] % 7 : 0;
    for (size_t at = 0; at < size;) {
        size_t len = piece > 0 ? piece : 1 + data[at] % 16U;
        if (len > size - at)
            len = size - at;
        feed(&guard, data + at, len, &split);
        at += len;
    }
    CHECK(memcmp(&whole, &split, sizeof(whole)) == 0);
    return 0;
}
