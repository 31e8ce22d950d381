/*
 * settings.h: the settings of settings.def: from flags, from the environment, and from a file of
 * BANTER_NAME=value lines that --config or BANTER_CONFIG names (settings_file.h).
 *
 * A flag wins over the environment, the environment over the file, the file over the default. Each
 * value is checked, wherever it stands and whether or not it wins; a bad one is refused with a
 * sentence that says where it is. Text values live as long as the struct.
 */
#ifndef BANTER_COMMON_SETTINGS_H
#define BANTER_COMMON_SETTINGS_H

#include "common/base.h"
#include "common/rate.h"
#include "common/strbuf.h"

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

/* Fills *settings from all sources. Defaults that depend on others (the database in the run
 * directory) are filled in. settings_fini() is due whatever the result. */
enum settings_result settings_load(struct settings *settings, enum settings_program program,
                                   int argc, char **argv) ATTR_MUSTCHECK;
void settings_fini(struct settings *settings);

/* The same, and then fn for each of the program's settings, also when one of them cannot be used:
 * its value as text (passwords hidden) and where it came from: "default", "/path:12", "environment"
 * or "flag". Both are valid during the call. */
typedef void settings_value_fn(void *context, const char *name, const char *value,
                               const char *from);
enum settings_result settings_explain(struct settings *settings, enum settings_program program,
                                      int argc, char **argv, settings_value_fn *fn,
                                      void *context) ATTR_MUSTCHECK;

/* The same once more, for SIGHUP: flags and environment are as they were, the file may not be. On
 * success *fresh is the caller's to settings_fini(); otherwise it is empty, and error holds a
 * sentence. Blocks for the disk. */
bool settings_reload(struct settings *fresh, enum settings_program program, int argc, char **argv,
                     char *error, size_t error_size) ATTR_MUSTCHECK;
/* How many of the program's settings differ; their names go into names, with commas between. */
size_t settings_changed(const struct settings *old, const struct settings *fresh,
                        enum settings_program program, struct strbuf *names);
/* Gives fresh the old value of the setting with this name ("LISTEN"); whether it had another one.
 */
bool settings_keep(struct settings *fresh, const struct settings *old, const char *name);

/* The limit of a class, as its setting says it. The settings were checked. */
struct rate settings_rate(const struct settings *settings, enum rate_class kind);

/* Splits "host:port" ("[v6]:port" too); false if it is none. host_size is the room in host. */
bool settings_split_address(const char *address, char *host, size_t host_size,
                            uint16_t *port_out) ATTR_MUSTCHECK;

#endif
