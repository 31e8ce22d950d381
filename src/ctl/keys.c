/*
 * banterctl keys: the key files of a bus (bus_keys.h) in a folder.
 *
 *   broker.key NAME.key     the pairs, mode 0600: BANTER_BUS_KEY of the brokers, and of a gateway
 *   broker.pub NAME.pub     a public key and a newline: BANTER_BUS_BROKER_KEY_FILE
 *   gateways.allow          the public keys of all but the broker: BANTER_BUS_GATEWAY_KEYS
 *
 * Nothing is overwritten: what is there stays, what is missing is made, so it can be run again, to
 * add a name or after it was cut short.
 */

#include "common/bus_keys.h"
#include "common/event_json.h"
#include "common/mem.h"
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BROKER     "broker"
#define ALLOW      "gateways.allow"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-_."

struct made {
    const char *name;
    bool fresh;
    char public_key[BUS_KEY_SIZE];
};

static bool complain(const char *path, const char *what)
{
    fprintf(stderr, "banterctl: %s %s.\n", path, what);
    return false;
}

/* Exclusively makes the file, or with append goes on with it. */
static bool write_file(const char *path, mode_t mode, bool append, const struct strbuf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_EXCL), mode);
    bool good =
        fd >= 0 && write(fd, strbuf_str(text), text->len) == (ssize_t)text->len && fsync(fd) == 0;
    int error = errno;

    if (fd >= 0)
        close(fd);
    return good || complain(path, strerror(error));
}

/* ---- one name ---------------------------------------------------------------------------------*/

static bool make_pair(const char *path, const char *name, struct bus_key_pair *pair)
{
    struct strbuf text = STRBUF_EMPTY;
    bool good;

    if (!bus_key_pair_make(pair))
        return complain("libzmq", "was built without CURVE: it has no keys");
    bus_key_pair_write(pair, name, &text);
    good = write_file(path, 0600, false, &text);
    mem_wipe(text.data, text.len);
    strbuf_fini(&text);
    return good;
}

static bool take_pair(const char *path, const char *name, struct bus_key_pair *pair, bool *fresh)
{
    char error[192];

    *fresh = access(path, F_OK) != 0;
    if (*fresh)
        return make_pair(path, name, pair);
    return bus_key_pair_read(path, pair, error, sizeof(error)) || complain(path, error);
}

/* Of a file that may be from a pair that was there before, or cut short. */
static bool holds_key(const char *path, const char *key)
{
    FILE *file = fopen(path, "re");
    char text[BUS_KEY_SIZE + 2] = "";
    size_t len = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file != NULL)
        fclose(file);
    return len >= BUS_KEY_CHARS && strncmp(text, key, BUS_KEY_CHARS) == 0 &&
           strspn(text + BUS_KEY_CHARS, "\r\n") == len - BUS_KEY_CHARS;
}

static bool publish(const char *path, const char *key)
{
    struct strbuf text = STRBUF_EMPTY;
    bool good = true;

    strbuf_printf(&text, "%s\n", key);
    if (access(path, F_OK) != 0)
        good = write_file(path, 0644, false, &text);
    else if (!holds_key(path, key))
        good = complain(path, "is not the public key of the .key file beside it: remove it and run "
                              "this again");
    strbuf_fini(&text);
    return good;
}

/* Whether what is added would go on with the last line, as after an editor that ends none. */
static bool ends_within_a_line(const char *path)
{
    FILE *file = fopen(path, "re");
    bool within = file != NULL && fseek(file, -1, SEEK_END) == 0 && fgetc(file) != '\n';

    if (file != NULL)
        fclose(file);
    return within;
}

static bool allow(const char *path, const struct made *made)
{
    struct bus_key_list list = {NULL, 0};
    struct strbuf text = STRBUF_EMPTY;
    char error[192];
    bool good = true;

    if (access(path, F_OK) == 0) {
        if (!bus_key_list_read(path, &list, error, sizeof(error)))
            return complain(path, error);
        if (ends_within_a_line(path))
            strbuf_add_char(&text, '\n');
    } else {
        strbuf_add_str(&text, "# Who may connect to the brokers: a public key and a name on each "
                              "line. SIGHUP reads it again.\n");
    }
    if (bus_key_list_find(&list, made->public_key) == NULL) {
        strbuf_printf(&text, "%s %s\n", made->public_key, made->name);
        good = write_file(path, 0644, true, &text);
    }
    strbuf_fini(&text);
    bus_key_list_fini(&list);
    return good;
}

static bool make_one(const char *dir, struct made *made)
{
    char *key = mem_printf("%s/%s.key", dir, made->name);
    char *pub = mem_printf("%s/%s.pub", dir, made->name);
    char *list = mem_printf("%s/%s", dir, ALLOW);
    struct bus_key_pair pair = {"", ""};
    bool good = take_pair(key, made->name, &pair, &made->fresh);

    snprintf(made->public_key, sizeof(made->public_key), "%s", pair.public_key);
    mem_wipe(&pair, sizeof(pair));
    good = good && publish(pub, made->public_key) &&
           (strcmp(made->name, BROKER) == 0 || allow(list, made));
    mem_free(key);
    mem_free(pub);
    mem_free(list);
    return good;
}

/* ---- what is said -----------------------------------------------------------------------------*/

static void print_text(const char *dir, const struct made *made, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%-5s %s/%s.key  public key %s\n", made[i].fresh ? "made" : "kept", dir,
               made[i].name, made[i].public_key);
    printf("\nEach broker (all of them have the same key):\n"
           "  BANTER_BUS_KEY=%s/" BROKER ".key\n"
           "  BANTER_BUS_GATEWAY_KEYS=%s/" ALLOW "\n\n"
           "Each gateway, with its own .key file:\n"
           "  BANTER_BUS_KEY=%s/%s.key\n"
           "  BANTER_BUS_BROKER_KEY_FILE=%s/" BROKER ".pub\n\n"
           "Give a host only the .key file of what runs there. After a change of " ALLOW
           ",\nkill -HUP each broker.\n",
           dir, dir, dir, made[1].name, dir);
}

static void add_text(struct strbuf *out, const char *text)
{
    json_write_string(out, (struct span){(const uint8_t *)text, strlen(text)});
}

static void print_json(const char *dir, const struct made *made, size_t count)
{
    struct strbuf out = STRBUF_EMPTY;

    strbuf_add_str(&out, "{\"directory\":");
    add_text(&out, dir);
    strbuf_add_str(&out, ",\"allow\":\"" ALLOW "\",\"keys\":[");
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(&out, "%s{\"name\":\"%s\",\"file\":\"%s.key\",\"public\":", i > 0 ? "," : "",
                      made[i].name, made[i].name);
        add_text(&out, made[i].public_key);
        strbuf_printf(&out, ",\"made\":%s}", made[i].fresh ? "true" : "false");
    }
    strbuf_add_str(&out, "]}");
    puts(strbuf_str(&out));
    strbuf_fini(&out);
}

static bool name_is_good(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= BUS_KEY_NAME_MAX && strspn(name, NAME_CHARS) == len &&
           name[0] != '.' && name[0] != '-' && strcmp(name, BROKER) != 0;
}

/* Makes the broker's key and those of the names; prints what is where and what to set. */
static bool make_all(const char *dir, const char *const *names, size_t count, bool json)
{
    struct made *made = mem_alloc_array(count + 1, sizeof(*made));
    bool good = true;

    made[0].name = BROKER;
    for (size_t i = 0; i < count && good; i++) {
        made[i + 1].name = names[i];
        good = name_is_good(names[i]) ||
               complain(names[i], "is no name for a gateway's key: a-z, 0-9, '-', '_' and '.' are, "
                                  "but \"" BROKER "\" is the broker's");
    }
    if (good && mkdir(dir, 0755) != 0 && errno != EEXIST)
        good = complain(dir, strerror(errno));
    for (size_t i = 0; i <= count && good; i++)
        good = make_one(dir, &made[i]);
    if (good)
        (json ? print_json : print_text)(dir, made, count + 1);
    mem_free(made);
    return good;
}

static enum ctl_status keys(struct ctl *ctl)
{
    static const char *const only_gateway[] = {"gateway"};
    bool named = ctl->arg_count > 1;

    return make_all(ctl->args[0], named ? ctl->args + 1 : only_gateway,
                    named ? ctl->arg_count - 1 : 1, ctl->json)
               ? CTL_DONE
               : CTL_FAILED;
}

const struct ctl_command ctl_keys = {
    .name = "keys",
    .args = "DIR [NAME ...]",
    .args_min = 1,
    .args_max = CTL_ARGS_MAX,
    .summary = "Make the key files of an encrypted bus: the brokers', and one for each name",
    .details =
        "Without a name it makes one pair for all gateways, \"gateway\". What is there stays as\n"
        "it is, so run it again to add a name.\n",
    .examples = "banterctl keys /etc/banter/keys\n"
                "banterctl keys /etc/banter/keys gateway1 gateway2 operator\n",
    .run = keys,
    .no_settings = true,
};
