/*
 * settings_impl.h: between settings.c, which reads the sources, and settings_check.c, which looks
 * at what came of them.
 */
#ifndef BANTER_COMMON_SETTINGS_IMPL_H
#define BANTER_COMMON_SETTINGS_IMPL_H

#include "common/settings.h"

/* A row of settings.def. */
struct settings_row {
    const char *name;
    const char *unit;
    const char *help;
    const char *fallback_text;
    uint64_t fallback;
    uint64_t min;
    uint64_t max;
    size_t offset;
    int programs;
    bool is_text;
};

enum settings_number {
#define SETTING_TEXT(field, name, programs, unit, fallback, help)           SETTINGS_ROW_##field,
#define SETTING_UINT(field, name, programs, unit, fallback, min, max, help) SETTINGS_ROW_##field,
#include "common/settings.def"
#undef SETTING_TEXT
#undef SETTING_UINT
    SETTINGS_ROWS
};

extern const struct settings_row settings_rows[SETTINGS_ROWS];

/* Where a value came from; a later one wins. */
enum settings_layer {
    SETTINGS_LAYER_DEFAULT,
    SETTINGS_LAYER_FILE,
    SETTINGS_LAYER_ENVIRONMENT,
    SETTINGS_LAYER_FLAG
};

/* One reading of all sources. */
struct settings_load {
    struct settings *settings;
    enum settings_program program;
    enum settings_layer layers[SETTINGS_ROWS];
    unsigned lines[SETTINGS_ROWS]; /* of the file; 0: not in it */
    struct strbuf sentence;        /* what is wrong */
};

/* Whether the values that a row's bounds do not check can be used; otherwise load->sentence says
 * which one cannot. Those of other programs are the defaults here. */
bool settings_check(struct settings_load *load) ATTR_MUSTCHECK;

#endif
