#include "gateway/farewell.h"

#include "common/mem.h"
#include "gateway/bus_link.h"

#include <string.h>

struct farewell {
    size_t waiting; /* commands that are not answered, and who has not said farewell_end() */
    const char *message;
};

static void step(struct request *request)
{
    struct farewell *farewell = request->state;

    if (--farewell->waiting == 0)
        request_reply_success(request, farewell->message);
}

static void on_told(void *context, const struct bus_answer *answer ATTR_UNUSED)
{
    step(context);
}

/* Without a broker nobody would answer: the client need not wait for the time-out. */
static void tell(struct request *request, struct bus_command *command)
{
    struct farewell *farewell = request->state;

    if (!bus_link_ready(request->services->link))
        return;
    command->sender_id = request->session.user_id;
    bus_link_unique_key(request->services->link, command->key);
    farewell->waiting++;
    bus_link_command(request->services->link, command, on_told, request);
}

void farewell_begin(struct request *request, const char *message)
{
    struct farewell *farewell = mem_alloc(sizeof(*farewell));

    farewell->message = message;
    farewell->waiting = 1;
    request->state = farewell;
}

void farewell_revoke(struct request *request, const uint8_t *token_hashes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bus_command command = {
            .kind = COMMAND_REVOKE,
            .token_hash = {token_hashes + i * DIGEST_SHA256_SIZE, DIGEST_SHA256_SIZE}};

        tell(request, &command);
    }
}

void farewell_revoke_all(struct request *request)
{
    struct bus_command command = {.kind = COMMAND_REVOKE};

    tell(request, &command);
}

void farewell_expel(struct request *request, uint64_t room_id)
{
    const char *name = request->session.username;
    struct bus_command command = {.kind = COMMAND_EXPEL,
                                  .room_id = room_id,
                                  .sender_name = {(const uint8_t *)name, strlen(name)}};

    tell(request, &command);
}

void farewell_end(struct request *request)
{
    step(request);
}
