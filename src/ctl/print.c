/*
 * Printing of ctl.h: the same rows for people and for programs.
 */
#include "ctl/ctl.h"
#include "ctl/table.h"

#include <stdio.h>

static void print(const struct ctl *ctl, struct table **table,
                  void (*write)(const struct table *table, struct strbuf *out))
{
    struct strbuf out = STRBUF_EMPTY;

    (ctl->json ? table_write_json : write)(*table, &out);
    fwrite(strbuf_str(&out), 1, out.len, stdout);
    strbuf_fini(&out);
    table_destroy(table);
}

void ctl_print_table(const struct ctl *ctl, struct table **table)
{
    print(ctl, table, table_write_text);
}

void ctl_print_record(const struct ctl *ctl, struct table **table)
{
    print(ctl, table, table_write_record);
}
