// needs: common/bus_keys common/strbuf common/mem common/check
// covers: common/bus_keys

/*
 * bus_key_list: any text is a list or a sentence; each key of a list is found in it, and its name
 * fits a log. A list is read as a whole file; but as each line is a key by itself, the lines of a
 * list that is cut at a line's end are two lists with the same keys.
 */
#include "common/bus_keys.h"

#include "common/check.h"

#include <string.h>

#define CUTS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has(const struct bus_key_list *list, const struct bus_allowed *wanted)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].key, wanted->key) == 0 &&
            strcmp(list->items[i].name, wanted->name) == 0)
            return true;
    return false;
}

/* A part of the text; false if it is no list. What is in it, the whole has, too. */
static bool read_part(const char *text, size_t size, const struct bus_key_list *whole,
                      size_t *count)
{
    struct bus_key_list part;
    char error[192] = "";

    if (!bus_key_list_parse(text, size, &part, error, sizeof(error)))
        return false;
    *count += part.count;
    for (size_t i = 0; whole != NULL && i < part.count; i++)
        CHECK(has(whole, &part.items[i]));
    bus_key_list_fini(&part);
    return true;
}

/* list is NULL if the text is none. */
static void check_parts(const char *text, size_t size, const struct bus_key_list *list)
{
    size_t tried = 0;

    for (size_t cut = 1; cut <= size && tried < CUTS_MAX; cut++) {
        size_t count = 0;

        if (text[cut - 1] != '\n')
            continue;
        tried++;
        CHECK((read_part(text, cut, list, &count) &&
               read_part(text + cut, size - cut, list, &count)) == (list != NULL));
        CHECK(list == NULL || count == list->count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[192] = "";
    struct bus_key_list list;

    if (!bus_key_list_parse((const char *)data, size, &list, error, sizeof(error))) {
        CHECK(error[0] != '\0' && strlen(error) < sizeof(error) - 1);
        check_parts((const char *)data, size, NULL);
        return 0;
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct bus_allowed *item = &list.items[i];

        CHECK(bus_key_valid(item->key, strlen(item->key)));
        CHECK(bus_key_list_find(&list, item->key) != NULL);
        CHECK(strlen(item->name) <= BUS_KEY_NAME_MAX);
        for (const char *c = item->name; *c != '\0'; c++)
            CHECK(*c > ' ' && *c < 0x7f && *c != '"' && *c != '\\');
        CHECK(i == 0 || strcmp(list.items[i - 1].key, item->key) <= 0);
    }
    check_parts((const char *)data, size, &list);
    bus_key_list_fini(&list);
    return 0;
}
