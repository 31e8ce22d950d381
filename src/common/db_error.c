#include "common/db_error.h"

#include <string.h>

enum error_class {
    LOST,  /* the connection broke: whatever was asked may have been done */
    AWAY,  /* the server said no and did nothing; another one, or a later try, may say yes */
    RETRY, /* rolled back */
    DUPLICATE,
    TOO_LARGE, /* refused, and the connection is cut */
    FAILED,
};

static enum error_class client_error(unsigned number)
{
    switch (number) {
    case 2020: /* packet too large */
        return TOO_LARGE;
    case 2030: /* not prepared, parameters not bound, and their like: bugs of ours */
    case 2031:
    case 2034:
    case 2035:
    case 2036:
    case 2052:
    case 2054:
        return FAILED;
    default:
        return LOST;
    }
}

static enum error_class server_error(unsigned number)
{
    switch (number) {
    case 1062: /* duplicate entry */
    case 1586: /* the same, with the key's name */
        return DUPLICATE;
    case 1020: /* record has changed since last read */
    case 1205: /* lock wait timeout */
    case 1213: /* deadlock; on Galera also: certification failed */
    case 1317: /* query was interrupted */
    case 1613: /* rolled back: took too long, or deadlock */
    case 1614:
    case 1615: /* statement needs to be prepared again */
        return RETRY;
    case 1040: /* too many connections */
    case 1047: /* Galera: node is not ready */
    case 1203: /* too many connections of this user */
    case 1226: /* resource limit of this user */
    case 1290: /* server is read-only: fail-over is under way */
    case 1836:
        return AWAY;
    case 1053: /* server shutdown in progress */
    case 1077: /* normal shutdown */
    case 1079: /* got signal, aborting */
    case 1080: /* forcing close of thread */
    case 1152: /* aborted connection */
    case 1158: /* network read and write errors, as the server saw them */
    case 1159:
    case 1160:
    case 1161:
    case 1184:
    case 1243: /* unknown prepared statement: the server is not the
                  one we knew */
    case 1927: /* connection was killed */
    case 4031: /* disconnected for inactivity
                */
        return LOST;
    case 1153: /* packet larger than max_allowed_packet */
        return TOO_LARGE;
    default:
        return FAILED;
    }
}

struct db_verdict db_error_judge(unsigned number, enum db_phase phase)
{
    bool is_client = (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
    enum error_class class = is_client ? client_error(number) : server_error(number);

    /* An interrupted COMMIT may have passed the point of no return. */
    if (phase == DB_PHASE_COMMIT && number == 1317)
        class = LOST;
    switch (class) {
    case LOST:
        return (struct db_verdict){
            phase == DB_PHASE_READ ? ERR_DATABASE_UNAVAILABLE : ERR_DB_UNCERTAIN, true};
    case AWAY:
        return (struct db_verdict){ERR_DATABASE_UNAVAILABLE, true};
    case RETRY:
        return (struct db_verdict){ERR_DB_RETRY, false};
    case DUPLICATE:
        return (struct db_verdict){ERR_DB_DUPLICATE, false};
    case TOO_LARGE:
        return (struct db_verdict){ERR_DB_FAILED, true};
    case FAILED:
        break;
    }
    return (struct db_verdict){ERR_DB_FAILED, false};
}

bool db_error_names_key(const char *text, const char *key_name)
{
    size_t key_len = strlen(key_name);
    const char *end = strrchr(text, '\'');
    const char *start;

    /* From the end, since the entry before it may hold anything. */
    if (end == NULL || key_len == 0 || (size_t)(end - text) <= key_len)
        return false;
    start = end - key_len;
    return memcmp(start, key_name, key_len) == 0 && (start[-1] == '\'' || start[-1] == '.');
}
