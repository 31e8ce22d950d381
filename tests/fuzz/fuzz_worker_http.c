// covers: gateway/http_guard gateway/http_guard_conn gateway/http_guard_reply gateway/http_server gateway/http_target gateway/request gateway/routes gateway/route_* gateway/web_access gateway/ws_upgrade gateway/event_stream
/*
 * worker_http: any bytes as what a client sends to a whole worker: guard, evhttp, routes, handlers,
 * statements and bus commands are the real ones, over played floors (worker/played.h). Every answer
 * must be well-formed, an error an error object, and nothing may stay behind. The same bytes in
 * other pieces get the same answers.
 *
 * The first three bytes choose: the port (and how much goes wrong below, and how much time passes
 * after the last byte), the story, the pieces.
 */
#include "worker/answers.h"
#include "worker/world.h"

#include "common/check.h"

#include <stdio.h>
#include <string.h>

#define HEAD_SIZE 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of an upgraded connection only what comes before its frames: they cross those of the bus. */
static void check_answers(struct strbuf *got, bool heads, bool calm)
{
    struct span rest = {(const uint8_t *)got->data, got->len};
    struct answer answer;
    bool stream = false;

    while (!stream && answer_next(&rest, heads, calm, &answer)) {
        stream = answer.stream;
        if (answer.status == 101)
            got->len = (size_t)(answer.body.data - (const uint8_t *)got->data);
        answer_fini(&answer);
    }
}

static void tell(const uint8_t *data, size_t size, bool whole, struct strbuf *got)
{
    struct played_choice choice = {data[1], data[0] >> 4 > 7 ? (data[0] >> 4) - 7 : 0};
    bool heads = memmem(data + HEAD_SIZE, size - HEAD_SIZE, "HEAD", 4) != NULL;
    unsigned time = data[0] >> 1 & 7;
    struct client client;

    world_begin(choice);
    client_open(&client, (data[0] & 1) != 0);
    client_send_cut(&client, data + HEAD_SIZE, size - HEAD_SIZE, whole ? 0 : data[2] | 1);
    if (time > 0)
        world_pass(WORLD_TIME_MS(2 * time - 1));
    strbuf_add(got, client.got.data, client.got.len);
    client_close(&client);
    world_end();
    check_answers(got, heads, choice.trouble == 0);
    answers_make_comparable(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf whole = STRBUF_EMPTY;
    struct strbuf cut = STRBUF_EMPTY;

    if (size <= HEAD_SIZE)
        return 0;
    tell(data, size, true, &whole);
    tell(data, size, false, &cut);
    if (whole.len != cut.len || memcmp(strbuf_str(&whole), strbuf_str(&cut), whole.len) != 0)
        fprintf(stderr, "whole:\n%s\ncut:\n%s\n", strbuf_str(&whole), strbuf_str(&cut));
    CHECK(whole.len == cut.len);
    CHECK(memcmp(strbuf_str(&whole), strbuf_str(&cut), whole.len) == 0);
    strbuf_fini(&whole);
    strbuf_fini(&cut);
    return 0;
}
