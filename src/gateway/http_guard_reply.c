/*
 * http_guard_reply.c: an error envelope with the head of its reply, always the last of its
 * connection.
 */
#include "gateway/http_guard_reply.h"

#include <stdio.h>
#include <time.h>

#include "common/check.h"
#include "gateway/web_access.h"

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Error";
}

/* IMF-fixdate of RFC 9110, 5.6.7: English whatever the locale is. */
static void format_date(uint64_t wall_us, char *out, size_t size)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    CHECK(gmtime_r(&seconds, &tm) != NULL);
    snprintf(out, size, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
             months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

size_t http_guard_reply_build(enum err error, uint64_t wall_us, char out[HTTP_GUARD_REPLY_SIZE])
{
    char body[320];
    char date[64];
    int status = err_http_status(error);
    /* Sentences and codes are ours (errors.def) and need no escaping. */
    int body_len = snprintf(body, sizeof(body),
                            "{\"success\":false,\"message\":\"%s\",\"code\":\"%s\",\"data\":null}",
                            err_sentence(error), err_code(error));
    CHECK(body_len > 0 && (size_t)body_len < sizeof(body));
    format_date(wall_us, date, sizeof(date));
    int len = snprintf(out, HTTP_GUARD_REPLY_SIZE,
                       "HTTP/1.1 %d %s\r\n"
                       "Date: %s\r\n"
                       "Content-Type: application/json\r\n"
                       "Content-Length: %d\r\n" WEB_DATA_HEADER_LINES "%s"
                       "Connection: close\r\n"
                       "\r\n"
                       "%s",
                       status, reason_phrase(status), date, body_len,
                       err_temporary(error) && status != 408 ? "Retry-After: 1\r\n" : "", body);
    CHECK(len > 0 && len < HTTP_GUARD_REPLY_SIZE);
    return (size_t)len;
}
