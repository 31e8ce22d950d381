/*
 * sandbox.h: what a process gives up before it talks to anybody, so that a bug in it is worth less.
 *
 * - Core dumps: none (RLIMIT_CORE). They would hold tokens and texts.
 * - Privileges: none can be gained again (prctl(2), PR_SET_NO_NEW_PRIVS).
 * - Root: becomes the user of the settings, and has no capability left (capabilities(7)). Without
 *   one it stays user 0 and keeps CAP_DAC_OVERRIDE alone: sockets and keys may belong to another
 *   user, as a private MariaDB's do.
 * - System calls: only those that a server of sockets and threads makes (seccomp(2)). Any other
 *   fails with ENOSYS: no program is started, no process traced, no file system mounted, no module
 *   loaded, no socket made but of the Internet, of Unix and Netlink (name resolution).
 *
 * The gateway's master gives up the first two only: it binds ports and starts its own successor.
 * Nothing here can be undone, and threads that are made later inherit all of it.
 */
#ifndef BANTER_COMMON_SANDBOX_H
#define BANTER_COMMON_SANDBOX_H

#include "common/settings.h"

/* For a process that others are started by. Looks at CORE_DUMPS. Never fails. */
void sandbox_limit(const struct settings *settings);
/* Whether the user of the settings is there to be become; false, and a sentence in error. */
bool sandbox_user_known(const struct settings *settings, char *error,
                        size_t error_size) ATTR_MUSTCHECK;
/*
 * For a process that serves; before its first thread. Looks at USER, SANDBOX and CORE_DUMPS. False,
 * and a sentence in error, if the user cannot be become: the process should not serve then. A
 * kernel without seccomp is a warning in the log.
 */
bool sandbox_enter(const struct settings *settings, char *error, size_t error_size) ATTR_MUSTCHECK;

#endif
