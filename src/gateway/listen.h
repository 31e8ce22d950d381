/*
 * listen.h: the listening TCP sockets of a gateway: several at one address, one for each worker.
 *
 * SO_REUSEPORT lets them share it; the kernel spreads connections over them, each has its own queue
 * of those that wait for accept(). The queue lives as long as some process has the socket open.
 */
#ifndef BANTER_GATEWAY_LISTEN_H
#define BANTER_GATEWAY_LISTEN_H

#include "common/base.h"

struct strbuf;

/* Starts zeroed; the descriptors are close-on-exec. */
struct listen_set {
    int *fds;
    size_t count;
};

/*
 * Opens sockets at "host:port" until there are count; those that are there stay. The first of an
 * empty set makes sure that no other program has the address, since SO_REUSEPORT would let two
 * share it unnoticed. False and a sentence in error if it cannot be had; what was opened stays.
 */
bool listen_set_grow(struct listen_set *set, const char *address, size_t count, char *error,
                     size_t error_size) ATTR_MUSTCHECK;
/*
 * New connections go to the first count sockets only. The others stay open, since closing one would
 * reset whoever waits in its queue; they are used when the set is to serve more again. False if the
 * kernel does not let us.
 */
bool listen_set_use(const struct listen_set *set, size_t count) ATTR_MUSTCHECK;
/*
 * The same for what comes: before a set that is served grows, also by the program that SIGUSR2
 * starts. New sockets then get no connection until listen_set_use(), so that nobody waits in the
 * queue of one that is never served, should the growth come to nothing.
 */
bool listen_set_hold(const struct listen_set *set, size_t count) ATTR_MUSTCHECK;
/* Whether nobody listens at the address. */
bool listen_is_free(const char *address, char *error, size_t error_size);
/* Closes those of this process. */
void listen_set_close(struct listen_set *set);

/* For exec(): writes the numbers, "7,8,9", "-" for none; and lets them through. */
void listen_set_print(const struct listen_set *set, struct strbuf *out);
void listen_set_let_through(const struct listen_set *set);
/* The opposite, in the program that was started: takes the descriptors in text, if each is a
 * listening socket at the address. False and a sentence if one is not. */
bool listen_set_inherit(struct listen_set *set, const char *text, const char *address, char *error,
                        size_t error_size) ATTR_MUSTCHECK;

#endif
