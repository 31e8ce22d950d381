#include "common/rate.h"

#include <string.h>

static const char *const names[RATE_CLASSES] = {"request", "register", "login",  "send",
                                                "join",    "history",  "typing", "frame"};

const char *rate_class_name(enum rate_class kind)
{
    return names[kind];
}

/* A decimal number from 1 to max, without leading zeros; returns what follows it, or NULL. */
static const char *read_number(const char *text, uint32_t max, uint32_t *out)
{
    uint32_t number = 0;

    if (*text < '1' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++) {
        number = number * 10 + (uint32_t)(*text - '0');
        if (number > max)
            return NULL;
    }
    *out = number;
    return text;
}

static uint32_t unit_seconds(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    default:
        return 0;
    }
}

bool rate_parse(const char *text, struct rate *out)
{
    struct rate rate = {0, 0};
    uint32_t unit;

    *out = rate;
    if (strcmp(text, "0") == 0)
        return true;
    text = read_number(text, RATE_COUNT_MAX, &rate.count);
    if (text == NULL || *text++ != '/')
        return false;
    text = read_number(text, RATE_PERIOD_S_MAX, &rate.period_s);
    if (text == NULL)
        return false;
    unit = unit_seconds(text[0]);
    if (unit == 0 || text[1] != '\0' || rate.period_s > RATE_PERIOD_S_MAX / unit)
        return false;
    rate.period_s *= unit;
    *out = rate;
    return true;
}
