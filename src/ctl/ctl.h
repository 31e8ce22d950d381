/*
 * ctl.h: what a command of banterctl is made of.
 *
 * A command is one constant struct in a file of its topic, and one line in commands.def; help,
 * completion and the table in the man page come from there. It gets its words checked and its
 * settings loaded, and says what happened by its exit status.
 *
 * Words are: positional arguments; the options of the command; --json, --yes, --quiet and --help,
 * which every command has; and everything else that begins with "--", which is a setting (--run-dir
 * and so on, as settings.def has them).
 */
#ifndef BANTER_CTL_CTL_H
#define BANTER_CTL_CTL_H

#include "common/base.h"
#include "common/db.h"
#include "common/errors.h"
#include "common/settings.h"

/* Exit statuses; documented in docs/BANTERCTL.md and banterctl(1), so they never change. */
enum ctl_status {
    CTL_DONE = 0,
    CTL_FAILED = 1,      /* it did not happen, or what was checked is not right */
    CTL_USAGE = 2,       /* the words or a setting are off; nothing was tried */
    CTL_NOT_FOUND = 3,   /* no such user, room or session */
    CTL_UNREACHABLE = 4, /* the database, a broker or an admin listener does not answer */
    CTL_REFUSED = 5,     /* not confirmed */
};

#define CTL_ARGS_MAX    64
#define CTL_OPTIONS_MAX 12

struct ctl_option {
    const char *name;  /* without the dashes; NULL ends the list */
    const char *value; /* what stands for its value in the help, or NULL if it takes none */
    const char *help;
};

struct ctl;

struct ctl_command {
    const char *name;     /* "user create" */
    const char *args;     /* as the help shows them: "NAME EMAIL", "[ROOM]"; "" for none */
    size_t args_min;      /* how many there must be, */
    size_t args_max;      /* and may be */
    const char *summary;  /* begins with a verb, in one line, without a full stop */
    const char *details;  /* lines of at most 80 characters that the help shows, or NULL */
    const char *examples; /* lines of the shell, or NULL */
    const struct ctl_option *options; /* ends with an empty one; NULL for none */
    enum ctl_status (*run)(struct ctl *ctl);
    bool no_settings;  /* settings are neither read nor taken: ctl->settings is zeroed */
    bool own_settings; /* the command loads them itself, from ctl->setting_words */
    bool logs;         /* what the modules below log is wanted, not only warnings */
};

/* One run of a command. */
struct ctl {
    const struct ctl_command *command;
    struct settings settings;
    size_t arg_count;
    const char *args[CTL_ARGS_MAX];
    int setting_count; /* of a command with own_settings: as settings_load() takes them */
    char **setting_words;
    const char *option_values[CTL_OPTIONS_MAX]; /* by place in the list; "" for one without value */
    bool json;
    bool yes;
    bool quiet;
    bool help;
    struct db *db;
};

/* The commands in the order of the help; the last entry is NULL. */
extern const struct ctl_command *const ctl_commands[];

/* ---- words ---- */

/* The value of an option of the command, "" if it takes none, or NULL if it was not given. */
const char *ctl_option(const struct ctl *ctl, const char *name);
/* Reads a whole number from 0 to 2^63 - 1 out of a word. */
bool ctl_parse_number(const char *text, uint64_t *number_out) ATTR_MUSTCHECK;
/* An option's number, or fallback without it. False, and a sentence on stderr, if it is none or not
 * in [min, max]. */
bool ctl_option_number(const struct ctl *ctl, const char *name, uint64_t min, uint64_t max,
                       uint64_t fallback, uint64_t *number_out) ATTR_MUSTCHECK;
/* The argument at index as an id (1 and up); false and a sentence if it is none. */
bool ctl_arg_id(const struct ctl *ctl, size_t index, uint64_t *id_out) ATTR_MUSTCHECK;

/* ---- what is said ---- */

/* A sentence on stderr, behind "banterctl: ". */
void ctl_complain(const char *format, ...) ATTR_PRINTF(1, 2);
/* The same, and returns the status: return ctl_fail(CTL_NOT_FOUND, "There is no …"). */
enum ctl_status ctl_fail(enum ctl_status status, const char *format, ...) ATTR_PRINTF(2, 3);
/* Says what an error means, and which status it is. */
enum ctl_status ctl_fail_err(enum err err);
/* What was done, for people: on stdout, but not with --json or --quiet. */
void ctl_say(const struct ctl *ctl, const char *format, ...) ATTR_PRINTF(2, 3);

/* Prints a table or its one row: for people, or with --json as objects. Frees it. */
struct table;
void ctl_print_table(const struct ctl *ctl, struct table **table);
void ctl_print_record(const struct ctl *ctl, struct table **table);

/* ---- the database ---- */

/* The connection of this run, made at the first call (connecting happens at the first statement);
 * NULL and a sentence on stderr if the URL does not fit. The framework closes it. */
struct db *ctl_db(struct ctl *ctl) ATTR_MUSTCHECK;

#endif
