/*
 * table.h: rows for people (aligned columns) or for programs (an object on each line). Pure.
 *
 * A row is filled cell by cell, from the left; the first cell begins the row.
 */
#ifndef BANTER_CTL_TABLE_H
#define BANTER_CTL_TABLE_H

#include "common/base.h"
#include "common/strbuf.h"

struct table_column {
    const char *title; /* "MEMBERS" */
    const char *key;   /* its name in JSON: "members" */
};

struct table;

/* The columns are borrowed for the table's life. */
struct table *table_create(const struct table_column *columns, size_t count);
/* Sets *table to NULL. */
void table_destroy(struct table **table);

/* Text is copied; data NULL is "-" or null. It must be valid UTF-8. */
void table_text(struct table *table, struct span text);
void table_str(struct table *table, const char *text);
void table_number(struct table *table, uint64_t number);
/* With one decimal. */
void table_rate(struct table *table, double rate);
/* A moment; 0 is "-" or null. */
void table_time(struct table *table, uint64_t wall_us);
void table_bool(struct table *table, bool value);

size_t table_rows(const struct table *table);

/* A heading and a line for each row; without rows only the heading. */
void table_write_text(const struct table *table, struct strbuf *out);
/* A JSON object and a newline for each row. */
void table_write_json(const struct table *table, struct strbuf *out);
/* The one row of a table as "Title: value" lines. */
void table_write_record(const struct table *table, struct strbuf *out);

/* Text as a terminal may show it: control characters, which might be a terminal's commands, become
 * \xNN (and \n, \t). */
void table_add_safe(struct strbuf *out, struct span text);
/* The same for JSON: what of it is not an escape yet becomes \uNNNN, which reads as it did. */
void table_add_safe_json(struct strbuf *out, struct span json);
/* Columns of a terminal that the text takes; the locale decides which characters are wide. */
size_t table_width(struct span text);

#endif
