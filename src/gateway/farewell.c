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
static bool somebody_hears(const struct services *services)
{
    return bus_link_ready(services->link);
}

static void tell(struct request *request, struct bus_command *command)
{
    struct farewell *farewell = request->state;

    if (!somebody_hears(request->services))
        return;
    command->sender_id = request->session.user_id;
    bus_link_unique_key(request->services->link, command->key);
    farewell->waiting++;
    bus_link_command(request->services->link, command, on_told, request);
}

/* However many they are, a few messages tell of them. Takes what one of them holds. */
static struct bus_command take_revoked(const uint8_t **hashes, size_t *count)
{
    size_t some = MIN(*count, (size_t)BUS_REVOKED_MAX);
    struct bus_command command = {.kind = COMMAND_REVOKE,
                                  .token_hashes = {*hashes, some * DIGEST_SHA256_SIZE}};

    *hashes += some * DIGEST_SHA256_SIZE;
    *count -= some;
    return command;
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
    while (count > 0) {
        struct bus_command command = take_revoked(&token_hashes, &count);

        tell(request, &command);
    }
}

static void on_ignored(void *context ATTR_UNUSED, const struct bus_answer *answer ATTR_UNUSED)
{
}

void farewell_mention(const struct services *services, uint64_t user_id,
                      const uint8_t *token_hashes, size_t count)
{
    while (count > 0 && somebody_hears(services)) {
        struct bus_command command = take_revoked(&token_hashes, &count);

        command.sender_id = user_id;
        bus_link_unique_key(services->link, command.key);
        bus_link_command(services->link, &command, on_ignored, NULL);
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
