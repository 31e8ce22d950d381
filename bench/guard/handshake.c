/*
 * handshake: what one WebSocket costs in instructions of ours until it hears its room, for
 * callgrind.
 *
 *   handshake               prints "UNITS N": how many handshakes were measured
 *
 * A whole worker, over the played floors of the fuzz targets (tests/fuzz/worker): guard, evhttp,
 * route, takeover, admission, subscription and the room's head are the real ones. Pool, database
 * and bus are played, and what playing costs is counted with them; connecting and closing is not.
 */
#include "../../tests/fuzz/worker/world.h"

#include "common/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 200
#define ROOMS  48 /* of those that everybody is a member of */

struct step {
    struct client client;
    char request[512];
};

/* callgrind knows it by its name, which "used" keeps. */
__attribute__((noinline, used)) static void measured(struct step *step)
{
    client_send(&step->client, step->request, strlen(step->request));
}

static void shake(unsigned number)
{
    struct step step;

    snprintf(step.request, sizeof(step.request),
             "GET /ws/chat/%u?token=%064x&since=0 HTTP/1.1\r\n"
             "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
             1 + number % ROOMS, number);
    client_open(&step.client, false);
    world_settle();
    measured(&step);
    CHECK(strncmp(strbuf_str(&step.client.got), "HTTP/1.1 101 ", 13) == 0);
    client_close(&step.client);
}

int main(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        /* Another story, so that no rate remembers the one before. */
        world_begin((struct played_choice){0, 0});
        shake(i);
    }
    printf("UNITS %d\n", ROUNDS);
    fflush(stdout);
    _exit(0); /* what is left is not what is measured */
}
