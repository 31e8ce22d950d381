#include "common/sandbox.h"

#include "common/log.h"
#include "common/sandbox_impl.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void sandbox_limit(const struct settings *settings)
{
    const struct rlimit none = {0, 0};

    if (settings->core_dumps == 0 && setrlimit(RLIMIT_CORE, &none) != 0)
        log_warn("sandbox.core", "reason=\"%s\"", strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        log_warn("sandbox.privileges", "reason=\"%s\"", strerror(errno));
}

/* The user of the settings, or NULL. */
static const struct passwd *find_user(const struct settings *settings, char *error,
                                      size_t error_size)
{
    const struct passwd *user = getpwnam(settings->user);

    if (user == NULL)
        snprintf(error, error_size, "there is no user \"%s\" (BANTER_USER)", settings->user);
    return user;
}

bool sandbox_user_known(const struct settings *settings, char *error, size_t error_size)
{
    return settings->user[0] == '\0' || find_user(settings, error, error_size) != NULL;
}

static bool become(const struct passwd *user, char *error, size_t error_size)
{
    int parent_death = 0;

    if (user->pw_uid == geteuid())
        return true;
    prctl(PR_GET_PDEATHSIG, &parent_death);
    if (initgroups(user->pw_name, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) {
        snprintf(error, error_size, "cannot become user \"%s\" (BANTER_USER): %s", user->pw_name,
                 strerror(errno));
        return false;
    }
    /* The kernel forgets it with the user. */
    prctl(PR_SET_PDEATHSIG, parent_death);
    return true;
}

/*
 * The calls themselves: a library would be there for these few lines alone. Who has nothing to give
 * up asks for nothing: a service manager may have taken both the capabilities and the call.
 */
static bool drop_capabilities(char *error, size_t error_size)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3] = {0};
    struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3] = {0};

    if (syscall(SYS_capget, &header, held) != 0) {
        snprintf(error, error_size, "cannot see which capabilities there are: %s", strerror(errno));
        return false;
    }
    if (geteuid() == 0)
        left[0].permitted = left[0].effective = held[0].permitted & (1U << CAP_DAC_OVERRIDE);
    if (memcmp(held, left, sizeof(held)) == 0 || syscall(SYS_capset, &header, left) == 0)
        return true;
    snprintf(error, error_size, "cannot give up root's capabilities: %s", strerror(errno));
    return false;
}

bool sandbox_enter(const struct settings *settings, char *error, size_t error_size)
{
    const struct passwd *user;
    int failure;

    sandbox_limit(settings);
    if (settings->user[0] != '\0') {
        user = find_user(settings, error, error_size);
        if (user == NULL || !become(user, error, error_size))
            return false;
    }
    if (!drop_capabilities(error, error_size))
        return false;
    if (settings->sandbox == 0)
        return true;
    failure = sandbox_filter_calls();
    if (failure != 0)
        log_warn("sandbox.calls", "reason=\"%s\"", strerror(-failure));
    return true;
}
