/*
 * listing.h: the commands that list rows of a table a page at a time: --search, --after and
 * --limit.
 */
#ifndef BANTER_CTL_LISTING_H
#define BANTER_CTL_LISTING_H

#include "ctl/ctl.h"
#include "ctl/table.h"

/* What was asked for. search is valid UTF-8, with data NULL for everything. */
struct listing_page {
    struct span search;
    uint64_t after;
    uint64_t limit;
};

/* Adds the page's rows to the table. */
typedef enum err (*listing_fn)(struct db *db, const struct listing_page *page, struct table *table);

/* Reads the options, asks the database and prints. What goes wrong was said. */
enum ctl_status listing_run(struct ctl *ctl, const struct table_column *columns,
                            size_t column_count, listing_fn fill);

/* The rows of the command's options; where says where --search looks. (The formatter takes the last
 * braces for a block.) */
/* clang-format off */
#define LISTING_OPTIONS(where)                          \
    {"search", "TEXT", "only those with it in " where}, \
    {"after", "ID", "go on after this id"},             \
    {"limit", "N", "at most so many; 100 without it"}
/* clang-format on */

#endif
