/*
 * load: many WebSocket clients of one server, and what they see of it; one JSON object on stdout.
 *
 *   load --server=127.0.0.1:8000 --plan=FILE [--protocol=banter] [--outstanding=64 | --rate=10]
 *        [--bytes=200] [--warm-up=2] [--measure=10] [--settle=1] [--connecting=200]
 *        [--addresses=4] [--first-room=0] [--watch=worker:123,broker:456]
 *
 *   plan          a line for each connection: ROOM s|- PATH; s sends, - only listens. With +
 * instead of PATH the connection of the line before is in this room, too first-room    the server's
 * number of the plan's room 0, for protocols that name rooms outstanding   closed loop: each sender
 * has so many messages without an answer rate          open loop: messages a second in each room,
 * whatever the server does
 *
 * Latency is from when a message should have been sent to when a client has read it. Every client
 * checks that it hears each sender's messages once and in order; at the end all must have come, and
 * the members of a room must have heard the same order. CPU is that of the watched processes
 * between the beginning and the end of the measurement.
 */
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static struct options options = {
    .addresses = 4,
    .connecting = 200,
    .text_bytes = 200,
    .outstanding = 0,
    .rate = 1,
    .warm_up_s = 2,
    .measure_s = 10,
    .settle_s = 1,
};
static struct results results;
static uint64_t began_ns, ended_ns;
static uint64_t kernel_before, kernel_after;
static uint64_t pss_before[16], pss_after[16], connect_cpu_ns[16];

static void on_begin(void)
{
    began_ns = now_ns();
    for (size_t i = 0; i < options.watched_count; i++)
        options.watched[i].cpu_ns = proc_cpu_ns(options.watched[i].pid);
}

static void on_end(void)
{
    ended_ns = now_ns();
    for (size_t i = 0; i < options.watched_count; i++)
        options.watched[i].cpu_ns = proc_cpu_ns(options.watched[i].pid) - options.watched[i].cpu_ns;
}

_Noreturn static void usage(const char *what)
{
    fprintf(stderr, "load: %s; the head of bench/load/main.c lists the options\n", what);
    exit(2);
}

static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (*end != '\0' || end == text || value < 0)
        usage("an option wants a number");
    return value;
}

static void set_server(char *text)
{
    char *colon = strrchr(text, ':');

    if (colon == NULL)
        usage("--server is ADDRESS:PORT");
    *colon = '\0';
    options.host = text;
    options.port = (uint16_t)number(colon + 1);
}

static void set_option(const char *name, char *value, struct plan *plan)
{
    if (strcmp(name, "server") == 0)
        set_server(value);
    else if (strcmp(name, "plan") == 0)
        plan_read(plan, value);
    else if (strcmp(name, "protocol") == 0)
        options.protocol = protocol_find(value);
    else if (strcmp(name, "outstanding") == 0)
        options.outstanding = (uint32_t)number(value);
    else if (strcmp(name, "rate") == 0)
        options.rate = number(value);
    else if (strcmp(name, "bytes") == 0)
        options.text_bytes = (size_t)number(value);
    else if (strcmp(name, "warm-up") == 0)
        options.warm_up_s = number(value);
    else if (strcmp(name, "measure") == 0)
        options.measure_s = number(value);
    else if (strcmp(name, "settle") == 0)
        options.settle_s = number(value);
    else if (strcmp(name, "connecting") == 0)
        options.connecting = (unsigned)number(value);
    else if (strcmp(name, "first-room") == 0)
        options.first_room = (uint64_t)number(value);
    else if (strcmp(name, "addresses") == 0)
        options.addresses = (unsigned)number(value);
    else
        options.watched_count = watched_parse(value, options.watched, ARRAY_LEN(options.watched));
}

static void read_options(int argc, char **argv, struct plan *plan)
{
    static const struct option names[] = {
        {"server", required_argument, NULL, 0},    {"plan", required_argument, NULL, 0},
        {"protocol", required_argument, NULL, 0},  {"outstanding", required_argument, NULL, 0},
        {"rate", required_argument, NULL, 0},      {"bytes", required_argument, NULL, 0},
        {"warm-up", required_argument, NULL, 0},   {"measure", required_argument, NULL, 0},
        {"settle", required_argument, NULL, 0},    {"connecting", required_argument, NULL, 0},
        {"addresses", required_argument, NULL, 0}, {"first-room", required_argument, NULL, 0},
        {"watch", required_argument, NULL, 0},     {NULL, 0, NULL, 0},
    };
    int index;
    int got;

    options.protocol = protocol_find("banter");
    while ((got = getopt_long(argc, argv, "", names, &index)) == 0)
        set_option(names[index].name, optarg, plan);
    if (got != -1 || optind != argc || options.host == NULL || plan->count == 0 ||
        options.protocol == NULL)
        usage("--server, --plan and a known --protocol are needed");
    if (options.text_bytes > 4000 || options.outstanding > 1000 || options.addresses == 0)
        usage("at most 4,000 bytes and 1,000 outstanding messages, at least one address");
}

static void print_histogram(const char *name, const struct histogram *histogram)
{
    printf(",\"%s_us\":{\"count\":%llu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,"
           "\"max\":%.1f}",
           name, (unsigned long long)histogram->count,
           (double)histogram_quantile(histogram, 0.5) / 1e3,
           (double)histogram_quantile(histogram, 0.9) / 1e3,
           (double)histogram_quantile(histogram, 0.99) / 1e3,
           (double)histogram_quantile(histogram, 0.999) / 1e3, (double)histogram->max / 1e3);
}

static void print_watched(size_t clients)
{
    printf(",\"processes\":{");
    for (size_t i = 0; i < options.watched_count; i++)
        printf("%s\"%s\":{\"cpu_s\":%.4f,\"connect_cpu_s\":%.4f,\"pss_before\":%llu,"
               "\"pss_after\":%llu,\"bytes_per_connection\":%.0f}",
               i > 0 ? "," : "", options.watched[i].name, (double)options.watched[i].cpu_ns / 1e9,
               (double)connect_cpu_ns[i] / 1e9, (unsigned long long)pss_before[i],
               (unsigned long long)pss_after[i],
               (double)(int64_t)(pss_after[i] - pss_before[i]) / (double)clients);
    printf("},\"kernel_bytes_per_connection\":%.0f",
           (double)(int64_t)(kernel_after - kernel_before) / (double)clients);
}

static void print_results(const struct plan *plan)
{
    /* Nothing was measured when not everybody could connect. */
    double seconds = ended_ns > began_ns ? (double)(ended_ns - began_ns) / 1e9 : 1;

    printf("{\"protocol\":\"%s\",\"clients\":%zu,\"rooms\":%u,\"bytes\":%zu,\"seconds\":%.3f",
           options.protocol->name, plan->connections, plan->rooms, options.text_bytes, seconds);
    printf(",\"connected\":%llu,\"refused\":%llu,\"connect_s\":%.3f,\"connects_per_s\":%.0f",
           (unsigned long long)results.connected, (unsigned long long)results.refused,
           results.connect_s, (double)results.connected / results.connect_s);
    printf(",\"sent_per_s\":%.1f,\"acknowledged_per_s\":%.1f,\"deliveries_per_s\":%.1f,"
           "\"deliveries_per_read\":%.1f",
           (double)results.sent / seconds, (double)results.acknowledged / seconds,
           (double)results.deliveries / seconds,
           results.reads > 0 ? (double)results.deliveries / (double)results.reads : 0.0);
    printf(",\"deliveries\":%llu,\"lost\":%llu,\"repeated\":%llu,\"reordered\":%llu,"
           "\"errors\":%llu,\"closed\":%llu",
           (unsigned long long)results.deliveries, (unsigned long long)results.lost,
           (unsigned long long)results.repeated, (unsigned long long)results.reordered,
           (unsigned long long)results.errors, (unsigned long long)results.closed);
    print_histogram("delivery", &results.delivery);
    print_histogram("acknowledgement", &results.ack);
    print_watched(plan->connections);
    printf("}\n");
}

int main(int argc, char **argv)
{
    struct plan plan = {0};
    struct rlimit files;

    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: messages leave when they are due */
    read_options(argc, argv, &plan);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    for (size_t i = 0; i < options.watched_count; i++) {
        pss_before[i] = proc_pss_bytes(options.watched[i].pid);
        connect_cpu_ns[i] = proc_cpu_ns(options.watched[i].pid);
    }
    kernel_before = proc_kernel_bytes();
    clients_open(&options, &plan, &results);
    for (size_t i = 0; i < options.watched_count; i++)
        connect_cpu_ns[i] = proc_cpu_ns(options.watched[i].pid) - connect_cpu_ns[i];
    if (results.connected == plan.connections) {
        clients_run(on_begin, on_end);
        clients_check();
    }
    for (size_t i = 0; i < options.watched_count; i++)
        pss_after[i] = proc_pss_bytes(options.watched[i].pid);
    kernel_after = proc_kernel_bytes();
    print_results(&plan);
    plan_fini(&plan);
    return results.refused + results.lost + results.repeated + results.reordered + results.errors +
                       results.closed >
                   0
               ? 1
               : 0;
}
