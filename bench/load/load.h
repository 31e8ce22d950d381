/*
 * load.h: the parts of the load generator (main.c says what it does).
 *
 * One thread, one epoll: it shares a core with nobody, and its own cost per delivery must stay far
 * below the server's. Times are CLOCK_MONOTONIC in nanoseconds.
 */
#ifndef BANTER_BENCH_LOAD_H
#define BANTER_BENCH_LOAD_H

#include "common/base.h"

#include <stdio.h>

/* ---- histogram.c: latencies without losing the tail -------------------------------------------*/

/* Log-linear: 64 cells for each power of two, so that a value is kept to 1.6 %. */
#define HISTOGRAM_CELLS (64 * 40)

struct histogram {
    uint64_t count;
    uint64_t max;
    uint64_t cells[HISTOGRAM_CELLS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The value below which this part (0 to 1) of all lies; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double part);

/* ---- protocol.c: how a server wants to be spoken to -------------------------------------------*/

/*
 * Every message that is sent carries, somewhere in its text, @ROOM:SENDER:NUMBER:NANOSECONDS: and
 * filler. So what a server wraps around it does not matter when it comes back.
 */
struct mark {
    uint32_t room;   /* of the plan */
    uint32_t sender; /* in its room */
    uint32_t number; /* 0, 1, 2 … of this sender */
    uint64_t sent_ns;
};

enum reaction {
    REACT_NONE,
    REACT_READY,    /* the subscription stands */
    REACT_ACK,      /* an earlier message is committed: mark_out->room says where */
    REACT_DELIVERY, /* *mark_out is filled */
    REACT_REPLY,    /* send protocol_reply() back */
    REACT_ERROR,
};

enum speech { SPEECH_BANTER, SPEECH_BANTER_ROOMS, SPEECH_PLAIN, SPEECH_SOCKETIO };

struct protocol {
    const char *name;
    enum speech speech;
    bool subscribes;    /* after the handshake, to each room of the connection */
    bool ready_at_once; /* with the handshake */
    bool acknowledges;
};

const struct protocol *protocol_find(const char *name);
/* What a text frame from the server is. */
enum reaction protocol_read(const struct protocol *protocol, const uint8_t *data, size_t len,
                            struct mark *mark_out);
/* The answer that the last reaction asked for, of a connection in this room. */
const char *protocol_reply(const uint8_t *data, size_t len, uint32_t room);
/* What a connection says to be in a room; room_id is the server's number of it. */
const char *protocol_subscribe(uint64_t room_id);
/* A message with this mark and as much filler as makes its text so long; returns its bytes, which
 * are at most PROTOCOL_TEXT_MAX. */
#define PROTOCOL_TEXT_MAX 8192
size_t protocol_message(const struct protocol *protocol, uint64_t room_id, const struct mark *mark,
                        size_t text_bytes, char text[PROTOCOL_TEXT_MAX]);

/* ---- plan.c: who connects where ---------------------------------------------------------------*/

struct plan_line {
    uint32_t room;
    bool sends;
    char *path; /* NULL: the connection of the line before is in this room, too */
};

struct plan {
    struct plan_line *lines;
    size_t count;
    size_t connections;
    uint32_t rooms; /* the highest room + 1 */
};

/* Lines of "ROOM s|- PATH", or "+" for PATH. Ends the program with a sentence if the file is none.
 */
void plan_read(struct plan *plan, const char *path);
void plan_fini(struct plan *plan);

/* ---- proc.c: what the server's processes use --------------------------------------------------*/

struct watched {
    char name[32];
    int pid;
    uint64_t cpu_ns;
};

/* "NAME:PID,NAME:PID" into watched; the number of them. */
size_t watched_parse(const char *text, struct watched *watched, size_t max);
/* CPU time of all threads (schedstat), and the proportional share of memory (smaps_rollup). */
uint64_t proc_cpu_ns(int pid);
uint64_t proc_pss_bytes(int pid);
/* What the kernel holds in objects of its own, sockets among them. */
uint64_t proc_kernel_bytes(void);

/* ---- client.c: connections --------------------------------------------------------------------*/

struct options {
    const struct protocol *protocol;
    const char *host;
    uint16_t port;
    uint64_t first_room; /* the server's number of the plan's room 0; the others follow */
    unsigned addresses;  /* local ones: 127.0.0.1, 127.0.0.2 … */
    unsigned connecting; /* handshakes at a time */
    size_t text_bytes;
    uint32_t outstanding; /* closed loop: messages of a sender that are under way; 0: open loop */
    double rate;          /* open loop: messages a second and room */
    double warm_up_s, measure_s, settle_s;
    struct watched watched[16];
    size_t watched_count;
};

struct results {
    uint64_t connected, refused;
    double connect_s;
    uint64_t sent, acknowledged, deliveries, bytes;
    uint64_t lost, repeated, reordered, errors, closed;
    uint64_t reads;
    struct histogram delivery, ack;
};

uint64_t now_ns(void);
void clients_open(const struct options *options, const struct plan *plan, struct results *results);
/* Runs warm-up and measurement, then waits until everything that was sent has come. */
void clients_run(void (*on_begin)(void), void (*on_end)(void));
void clients_check(void);

#endif
