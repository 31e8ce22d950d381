#include "ctl/listing.h"

#include "common/utf8.h"

#include <string.h>

#define LIMIT     100
#define LIMIT_MAX 1000000

static enum ctl_status read_page(struct ctl *ctl, struct listing_page *page)
{
    const char *search = ctl_option(ctl, "search");

    if (search != NULL)
        page->search = (struct span){(const uint8_t *)search, strlen(search)};
    if (!ctl_option_number(ctl, "after", 0, INT64_MAX, 0, &page->after) ||
        !ctl_option_number(ctl, "limit", 1, LIMIT_MAX, LIMIT, &page->limit))
        return CTL_USAGE;
    if (!utf8_valid(page->search.data, page->search.len))
        return ctl_fail(CTL_USAGE, "--search must be UTF-8.");
    return CTL_DONE;
}

enum ctl_status listing_run(struct ctl *ctl, const struct table_column *columns,
                            size_t column_count, listing_fn fill)
{
    struct listing_page page = {0};
    struct table *table;
    struct db *db;
    enum err err;

    if (read_page(ctl, &page) != CTL_DONE)
        return CTL_USAGE;
    db = ctl_db(ctl);
    if (db == NULL)
        return CTL_USAGE;
    table = table_create(columns, column_count);
    err = fill(db, &page, table);
    if (err == ERR_NONE) {
        ctl_print_table(ctl, &table);
        return CTL_DONE;
    }
    table_destroy(&table);
    return ctl_fail_err(err);
}
