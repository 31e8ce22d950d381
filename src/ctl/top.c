/*
 * banterctl top: what the processes and the rooms do now, each second.
 */
#include "common/admin_client.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/stop.h"
#include "ctl/table.h"
#include "ctl/top_rooms.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REFRESH_MS    1000
#define TIMEOUT_MS    2000
#define ADDRESSES_MAX 64
#define PROCESSES_MAX 1024
#define ROOMS_SHOWN   10
#define MIB           (1024.0 * 1024.0)

/* What a process said; two of them make a rate. */
struct sample {
    size_t address;
    uint64_t slot;
    uint64_t pid;
    char program[16];
    char process[24];
    uint64_t taken_us;
    double uptime_s;
    double cpu_s;
    double rss_bytes;
    double sockets;
    double rooms;
    double queue;
    double messages;
    double deliveries;
    double commits;
    double commit_s;
};

struct top {
    struct ctl *ctl;
    struct loop *loop;
    char *addresses[ADDRESSES_MAX];
    uint16_t offsets[ADDRESSES_MAX];
    bool reached[ADDRESSES_MAX];
    size_t address_count;
    struct sample *now;
    size_t now_count;
    struct sample *before;
    size_t before_count;
    struct top_rooms *rooms;
};

static const struct table_column columns[] = {
    {"PROGRAM", "program"},
    {"PROCESS", "process"},
    {"PID", "pid"},
    {"UP s", "uptime_s"},
    {"CPU %", "cpu_percent"},
    {"MiB", "rss_mib"},
    {"SOCKETS", "sockets"},
    {"ROOMS", "rooms"},
    {"MSG/s", "messages_s"},
    {"DELIVERED/s", "deliveries_s"},
    {"QUEUE", "queue"},
    {"COMMITS/s", "commits_s"},
    {"COMMIT ms", "commit_ms"},
};

/* ---- asking -----------------------------------------------------------------------------------*/

static double number(const struct json_doc *doc, size_t index, const char *name)
{
    char path[96];
    double value;

    snprintf(path, sizeof(path), "processes/%zu/%s", index, name);
    return json_path_number(doc, path, &value) ? value : 0;
}

static void text(const struct json_doc *doc, const char *path, char *out, size_t size)
{
    struct span found;

    out[0] = '\0';
    if (json_path_text(doc, path, &found))
        snprintf(out, size, "%.*s", (int)found.len, (const char *)found.data);
}

static void read_sample(const struct json_doc *doc, size_t index, struct sample *sample)
{
    char path[64];
    bool broker;

    snprintf(path, sizeof(path), "processes/%zu/process", index);
    text(doc, "program", sample->program, sizeof(sample->program));
    text(doc, path, sample->process, sizeof(sample->process));
    broker = strcmp(sample->program, "broker") == 0;
    sample->slot = (uint64_t)number(doc, index, "slot");
    sample->pid = (uint64_t)number(doc, index, "pid");
    sample->taken_us = clock_mono_us();
    sample->uptime_s = number(doc, index, "uptime_s");
    sample->cpu_s = number(doc, index, "cpu_seconds");
    sample->rss_bytes = number(doc, index, "rss_bytes");
    sample->sockets =
        number(doc, index, "gauges/ws_open") + number(doc, index, "gauges/event_streams");
    sample->rooms = number(doc, index, "gauges/rooms_hosted");
    sample->queue =
        number(doc, index, broker ? "gauges/broker_queue" : "gauges/commands_in_flight");
    sample->messages =
        number(doc, index,
               broker ? "counters/broker_events_total" : "counters/ws_messages_received_total");
    sample->deliveries = number(doc, index, "counters/ws_deliveries_total");
    sample->commits = number(doc, index, "histograms/broker_commit_seconds/count");
    sample->commit_s = number(doc, index, "histograms/broker_commit_seconds/sum");
}

static void ask(struct top *top, size_t address, struct strbuf *body)
{
    struct json_doc *doc = NULL;
    size_t count;

    top->reached[address] =
        admin_client_get(top->loop, top->addresses[address], top->offsets[address], "/workers.json",
                         TIMEOUT_MS, body) &&
        json_parse_object(body->data, body->len, &doc) == ERR_NONE;
    if (!top->reached[address])
        return;
    count = json_path_count(doc, "processes");
    for (size_t i = 0; i < count && top->now_count < PROCESSES_MAX; i++) {
        struct sample *sample = &top->now[top->now_count++];

        *sample = (struct sample){.address = address};
        read_sample(doc, i, sample);
    }
    json_doc_destroy(&doc);
}

static bool ask_all(struct top *top)
{
    struct strbuf body = STRBUF_EMPTY;
    struct sample *old = top->before;
    bool any = false;

    top->before = top->now;
    top->before_count = top->now_count;
    top->now = old;
    top->now_count = 0;
    for (size_t i = 0; i < top->address_count; i++) {
        ask(top, i, &body);
        any = any || top->reached[i];
    }
    strbuf_fini(&body);
    return any;
}

/* ---- showing ----------------------------------------------------------------------------------*/

/* The same slot's earlier sample; the zeroed one if it is new. */
static struct sample find_before(const struct top *top, const struct sample *now)
{
    for (size_t i = 0; i < top->before_count; i++)
        if (top->before[i].address == now->address && top->before[i].slot == now->slot &&
            top->before[i].pid == now->pid)
            return top->before[i];
    return *now;
}

static void add_process(struct table *table, const struct top *top, const struct sample *now)
{
    const struct sample before = find_before(top, now);
    double seconds = (double)(now->taken_us - before.taken_us) / 1e6;
    double per_s = seconds > 0 ? 1 / seconds : 0;
    double commits = now->commits - before.commits;

    table_str(table, now->program);
    table_str(table, now->process);
    table_number(table, now->pid);
    table_number(table, (uint64_t)now->uptime_s);
    table_rate(table, (now->cpu_s - before.cpu_s) * per_s * 100);
    table_rate(table, now->rss_bytes / MIB);
    table_number(table, (uint64_t)now->sockets);
    table_number(table, (uint64_t)now->rooms);
    table_rate(table, (now->messages - before.messages) * per_s);
    table_rate(table, (now->deliveries - before.deliveries) * per_s);
    table_number(table, (uint64_t)now->queue);
    table_rate(table, commits * per_s);
    table_rate(table, commits > 0 ? (now->commit_s - before.commit_s) / commits * 1000 : 0);
}

static void show(struct top *top, bool in_place)
{
    struct table *table = table_create(columns, ARRAY_LEN(columns));
    struct strbuf out = STRBUF_EMPTY;
    char iso[CLOCK_ISO_SIZE];

    for (size_t i = 0; i < top->now_count; i++)
        add_process(table, top, &top->now[i]);
    if (in_place)
        strbuf_add_str(&out, "\033[H\033[J"); /* home, and the screen away */
    if (top->ctl->json) {
        table_write_json(table, &out);
    } else {
        clock_format_iso(clock_wall_us(), iso);
        strbuf_printf(&out, "%.10s %.8s UTC\n\n", iso, iso + 11);
        table_write_text(table, &out);
        for (size_t i = 0; i < top->address_count; i++)
            if (!top->reached[i])
                strbuf_printf(&out, "no answer from %s%s\n", top->addresses[i],
                              top->offsets[i] != 0 ? " (port + 1, the broker's)" : "");
        strbuf_add_char(&out, '\n');
    }
    top_rooms_write(top->rooms, ROOMS_SHOWN, top->ctl->json, &out);
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    strbuf_fini(&out);
    table_destroy(&table);
}

/* ---- the command ------------------------------------------------------------------------------*/

static void add_address(struct top *top, const char *text_of, size_t len, uint16_t offset)
{
    if (top->address_count < ADDRESSES_MAX && len > 0) {
        top->offsets[top->address_count] = offset;
        top->addresses[top->address_count++] = mem_strndup(text_of, len);
    }
}

static void find_addresses(struct top *top)
{
    const char *given = ctl_option(top->ctl, "admin");
    const char *own = top->ctl->settings.admin_listen;

    if (given == NULL) {
        add_address(top, own, strlen(own), 0);
        add_address(top, own, strlen(own), 1);
        return;
    }
    while (*given != '\0') {
        size_t len = strcspn(given, ",");

        add_address(top, given, len, 0);
        given += len + (given[len] == ',');
    }
}

static enum ctl_status watch(struct top *top, bool once)
{
    bool in_place = !once && !top->ctl->json && isatty(STDOUT_FILENO) == 1;

    if (!ask_all(top))
        return ctl_fail(CTL_UNREACHABLE, "no admin listener answers: BANTER_ADMIN_LISTEN or "
                                         "--admin=host:port,… names them.");
    top_rooms_refresh(top->rooms);
    do {
        stop_wait(REFRESH_MS);
        if (stop_requested())
            break;
        (void)ask_all(top);
        top_rooms_refresh(top->rooms);
        show(top, in_place);
    } while (!once && !ferror(stdout));
    return CTL_DONE;
}

static enum ctl_status run(struct ctl *ctl)
{
    struct top top = {.ctl = ctl};
    enum ctl_status status = CTL_USAGE;

    find_addresses(&top);
    if (top.address_count == 0) {
        ctl_complain("no admin listener is known: BANTER_ADMIN_LISTEN or --admin=host:port,… names "
                     "them.");
    } else if (ctl_db(ctl) != NULL) {
        top.loop = loop_create();
        top.now = mem_alloc_array(PROCESSES_MAX, sizeof(*top.now));
        top.before = mem_alloc_array(PROCESSES_MAX, sizeof(*top.before));
        top.rooms = top_rooms_create(ctl->db);
        stop_on_signals();
        status = watch(&top, ctl_option(ctl, "once") != NULL);
        top_rooms_destroy(&top.rooms);
        mem_free(top.now);
        mem_free(top.before);
        loop_destroy(&top.loop);
    }
    for (size_t i = 0; i < top.address_count; i++)
        mem_free(top.addresses[i]);
    return status;
}

const struct ctl_command ctl_top = {
    .name = "top",
    .args = "",
    .summary = "Watch processes and the busiest rooms, each second",
    .details =
        "Asks the admin listeners for every process, and the log for rooms (less often when\n"
        "there are many). Of a broker MSG/s are events committed, and QUEUE is what waits for\n"
        "a writer; of a worker MSG/s came over sockets, and QUEUE is what is not answered.\n"
        "With --json each refresh is a line for each process and for each busy room.\n",
    .examples = "banterctl top\n"
                "banterctl top --admin=10.0.0.1:9100,10.0.0.2:9100,10.0.0.9:9101\n"
                "banterctl top --once --json\n",
    .options =
        (const struct ctl_option[]){
            {"admin", "ADDRESSES", "host:port of each admin listener, instead of our own"},
            {"once", NULL, "look for one second, print, and end"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
