/*
 * memory_watch.h: bounds a worker's memory as a whole.
 *
 * What is bounded is what the kernel says that the process has for itself (its resident pages that
 * are no file's and not shared): every queue and ring has a bound of its own, but their product
 * with ten thousand sockets has none, and a sum of what is counted would miss what a library keeps.
 * It is looked at a few times a second. Above the bound the worker is full: it takes no connections
 * and opens no sockets (503), its rings of recent events are dropped, sockets that do not read what
 * is queued for them or do not finish a long message are closed with 1013 and resume elsewhere,
 * connections that do not read their answer are cut off, and memory that is free goes back to the
 * kernel. The others are served on. It ends at 15/16 of the bound.
 *
 * Memory that is free also goes back after a crowd of connections (burst.h): what their requests
 * needed is several times what their sockets do.
 */
#ifndef BANTER_GATEWAY_MEMORY_WATCH_H
#define BANTER_GATEWAY_MEMORY_WATCH_H

#include "common/base.h"

struct http_server;
struct memory_watch;
struct services;

/* max_bytes 0: there is no bound. services and http stay the caller's. */
struct memory_watch *memory_watch_create(struct services *services, struct http_server *http,
                                         uint64_t max_bytes);
/* Sets *watch to NULL. */
void memory_watch_destroy(struct memory_watch **watch);

#endif
