/*
 * settings.h: the settings of settings.def: environment first, flags of the same name beside it.
 *
 * A flag wins over the environment, the environment over the default. Values are checked once, at
 * start; a bad one is refused with a sentence. Text values live as long as the struct.
 */
#ifndef BANTER_COMMON_SETTINGS_H
#define BANTER_COMMON_SETTINGS_H

#include "common/base.h"

enum settings_program { SETTINGS_GATEWAY = 1, SETTINGS_BROKER = 2, SETTINGS_CTL = 4 };

struct settings {
#define SETTING_TEXT(field, name, programs, unit, fallback, help)           char *field;
#define SETTING_UINT(field, name, programs, unit, fallback, min, max, help) uint64_t field;
#include "common/settings.def"
#undef SETTING_TEXT
#undef SETTING_UINT
};

enum settings_result {
    SETTINGS_RUN,     /* go on */
    SETTINGS_EXIT_OK, /* --help or --version was printed */
    SETTINGS_BAD,     /* a sentence is on stderr */
    SETTINGS_ROUTES,  /* gateway --routes: print the route table and exit */
};

/* Fills *settings from environ and the flags. Defaults that depend on others (the database in the
 * run directory) are filled in. */
enum settings_result settings_load(struct settings *settings, enum settings_program program,
                                   int argc, char **argv) ATTR_MUSTCHECK;
void settings_fini(struct settings *settings);

/* Splits "host:port" ("[v6]:port" too); false if it is none. host_size is the room in host. */
bool settings_split_address(const char *address, char *host, size_t host_size,
                            uint16_t *port_out) ATTR_MUSTCHECK;

#endif
