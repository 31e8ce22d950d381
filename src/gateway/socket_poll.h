/*
 * socket_poll.h: which of a worker's many sockets can be read or written.
 *
 * One epoll of its own, watched by the loop as one descriptor. libevent keeps about 180 bytes for
 * each socket (an event, and what its tables need) and takes several calls to change what is waited
 * for; here a socket costs its owner one byte and a change one system call. Level-triggered. A turn
 * hands out a bounded number of sockets; the others come in the next one, before these again.
 */
#ifndef BANTER_GATEWAY_SOCKET_POLL_H
#define BANTER_GATEWAY_SOCKET_POLL_H

#include "common/base.h"
#include "common/loop.h"

struct socket_poll;

/* What a socket waits for, in any combination; 0 is nothing. */
#define SOCKET_READ  1U
#define SOCKET_WRITE 2U

/*
 * fn on the loop, with the item of a socket that has something of what it waited for when the turn
 * began: an earlier call may have changed that. A broken socket is ready for whatever it waits for.
 * Items must not be freed before the end of the turn.
 */
struct socket_poll *socket_poll_create(struct loop *loop, void (*fn)(void *item, unsigned ready));
/* All sockets must have been closed or wait for nothing; sets *poll to NULL. */
void socket_poll_destroy(struct socket_poll **poll);

/* From now on this socket waits for `wanted`. *watched is what it waited for before: 0 at first,
 * kept by the caller. A socket that is closed needs no call, if it has no other descriptor. False,
 * and nothing has changed, when the kernel has no room for one more (epoll(7), max_user_watches).
 */
bool socket_poll_watch(struct socket_poll *poll, int fd, void *item, uint8_t *watched,
                       uint8_t wanted) ATTR_MUSTCHECK;

#endif
