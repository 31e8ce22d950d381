/*
 * cost: what permessage-deflate costs and brings, for texts that people write.
 *
 *   cost FILE...       texts are cut out of these files (prose in UTF-8), at their words'
 * beginnings
 *
 * For each length of text: the event's JSON as clients get it, the frame's compressed form, and the
 * CPU time to make it and to inflate a message that a client sent; one line each, in Markdown. By
 * the gateway's own code. The median of several rounds; run it on a quiet machine.
 */
#include "common/check.h"
#include "common/event_json.h"
#include "common/mem.h"
#include "common/strbuf.h"
#include "gateway/frame.h"
#include "gateway/ws_deflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES 200
#define ROUNDS  15
#define REPEATS 20

static const size_t lengths[] = {20, 50, 100, 200, 400, 1000, 2000, 4000};

static double cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof(values[0]), compare);
    return values[ROUNDS / 2];
}

static void read_files(struct strbuf *prose, char **files)
{
    char buffer[65536];

    for (; *files != NULL; files++) {
        FILE *file = fopen(*files, "r");
        size_t got;

        CHECK(file != NULL);
        while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0)
            strbuf_add(prose, buffer, got);
        fclose(file);
    }
    for (size_t i = 0; i < prose->len; i++)
        if (prose->data[i] == '\n')
            prose->data[i] = ' ';
}

/* The frame of an event whose text is about len bytes from this place on. */
static struct frame *make_event(const struct strbuf *prose, size_t sample, size_t len)
{
    size_t at = sample * 7919 % (prose->len - len - 64);
    struct strbuf json = STRBUF_EMPTY;
    struct bus_event bus = {.room_id = 17, .seq = 100000 + sample, .kind = EVENT_MESSAGE};
    struct log_event event = {.room_id = 17,
                              .seq = bus.seq,
                              .kind = EVENT_MESSAGE,
                              .actor_id = 1000 + sample,
                              .created_at_us = 1700000000000000 + sample * 1234567,
                              .actor_name = {(const uint8_t *)"margarethe", 10}};
    struct frame *frame;

    while (prose->data[at] != ' ')
        at++;
    while (((uint8_t)prose->data[at + 1 + len] & 0xc0) == 0x80)
        len++; /* not in the middle of a character */
    event.text = (struct span){(const uint8_t *)prose->data + at + 1, len};
    event_json_write(&event, &json);
    bus.json = (struct span){(const uint8_t *)json.data, json.len};
    frame = frame_create_event(&bus);
    strbuf_fini(&json);
    return frame;
}

static const uint8_t *payload(const struct frame *frame)
{
    return frame->bytes + frame->json_at;
}

static double time_compress(struct ws_deflate *codec, struct frame *frames[SAMPLES])
{
    double rounds[ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        double begin = cpu_us();

        for (int repeat = 0; repeat < REPEATS; repeat++)
            for (size_t i = 0; i < SAMPLES; i++)
                (void)ws_deflate_compress(codec, payload(frames[i]),
                                          frames[i]->len - frames[i]->json_at);
        rounds[round] = (cpu_us() - begin) / (REPEATS * SAMPLES);
    }
    return median(rounds);
}

static double time_inflate(struct ws_deflate *codec, struct frame *frames[SAMPLES])
{
    double rounds[ROUNDS];
    uint8_t *out;
    size_t len;

    for (int round = 0; round < ROUNDS; round++) {
        double begin = cpu_us();

        for (int repeat = 0; repeat < REPEATS; repeat++)
            for (size_t i = 0; i < SAMPLES; i++) {
                const struct frame *form = frames[i]->deflated;

                if (form != frames[i])
                    CHECK(ws_deflate_inflate(codec, payload(form), form->len - form->json_at, 65536,
                                             &out, &len) == WS_INFLATED_WHOLE);
            }
        rounds[round] = (cpu_us() - begin) / (REPEATS * SAMPLES);
    }
    return median(rounds);
}

static void measure(const struct strbuf *prose, size_t len)
{
    struct ws_deflate *codec = ws_deflate_create(1);
    struct frame *frames[SAMPLES];
    size_t plain = 0;
    size_t small = 0;

    for (size_t i = 0; i < SAMPLES; i++) {
        frames[i] = make_event(prose, i, len);
        plain += frames[i]->len;
        small += frame_deflated(frames[i], codec)->len;
    }
    printf("| %zu | %zu | %zu | %.0f %% | %.1f | %.1f |\n", len, plain / SAMPLES, small / SAMPLES,
           100.0 * (double)(plain - small) / (double)plain, time_compress(codec, frames),
           time_inflate(codec, frames));
    for (size_t i = 0; i < SAMPLES; i++)
        frame_unref(frames[i]);
    ws_deflate_destroy(&codec);
}

int main(int argc, char **argv)
{
    struct strbuf prose = STRBUF_EMPTY;

    if (argc < 2) {
        fprintf(stderr, "usage: cost FILE...\n");
        return 2;
    }
    read_files(&prose, argv + 1);
    CHECK(prose.len > 10000);
    printf(
        "| text, bytes | frame, bytes | compressed, bytes | saved | compress, us | inflate, us |\n"
        "| ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        measure(&prose, lengths[i]);
    strbuf_fini(&prose);
    return 0;
}
