/*
 * What every command may use of ctl.h: sentences, and the connection.
 */
#include "common/check.h"
#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

#include <stdarg.h>
#include <stdio.h>

/* A line; names in it are what somebody chose. */
ATTR_PRINTF(2, 0) static void write_line(FILE *file, const char *format, va_list arguments)
{
    struct strbuf safe = STRBUF_EMPTY;
    char *text;
    int len;
    va_list again;

    va_copy(again, arguments);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    CHECK(len >= 0);
    text = mem_alloc((size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, arguments);
    table_add_safe(&safe, (struct span){(const uint8_t *)text, (size_t)len});
    fprintf(file, "%s\n", strbuf_str(&safe));
    strbuf_fini(&safe);
    mem_free(text);
}

ATTR_PRINTF(1, 0) static void complain(const char *format, va_list arguments)
{
    fflush(stdout);
    fputs("banterctl: ", stderr);
    write_line(stderr, format, arguments);
}

void ctl_complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
}

enum ctl_status ctl_fail(enum ctl_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    return status;
}

enum ctl_status ctl_fail_err(enum err err)
{
    enum ctl_status status = CTL_FAILED;

    if (err == ERR_NO_ROW || err == ERR_ROOM_NOT_FOUND || err == ERR_NOT_FOUND)
        status = CTL_NOT_FOUND;
    else if (err == ERR_DATABASE_UNAVAILABLE || err == ERR_DB_UNCERTAIN ||
             err == ERR_BROKER_UNAVAILABLE || err == ERR_OUTCOME_UNKNOWN)
        status = CTL_UNREACHABLE;
    return ctl_fail(status, "%s", err_sentence(err));
}

void ctl_say(const struct ctl *ctl, const char *format, ...)
{
    va_list arguments;

    if (ctl->json || ctl->quiet)
        return;
    va_start(arguments, format);
    write_line(stdout, format, arguments);
    va_end(arguments);
}

struct db *ctl_db(struct ctl *ctl)
{
    char error[512];

    if (ctl->db == NULL)
        ctl->db = db_create(ctl->settings.database_url, error, sizeof(error));
    if (ctl->db == NULL)
        ctl_complain("%s", error);
    return ctl->db;
}
