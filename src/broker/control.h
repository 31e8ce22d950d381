/*
 * control.h: the broker and who runs it: SIGHUP, and what the service manager is told
 * (sd_notify.h).
 *
 * Called on the main loop's thread only.
 */
#ifndef BANTER_BROKER_CONTROL_H
#define BANTER_BROKER_CONTROL_H

#include "common/loop.h"
#include "common/settings.h"

struct control;

/* For reading the settings again: what main() got, and the settings as they are in use. */
struct control_source {
    const struct settings *settings;
    int argc;
    char **argv;
};

/* Says that the broker is ready, and from now on that its loop turns, if anybody asks for that. At
 * SIGHUP the settings of the log are read again, then reload(context) is called for the rest. */
struct control *control_create(struct loop *loop, const struct control_source *source,
                               void (*reload)(void *context), void *context);
/* Says that the end has begun. Sets *control to NULL; NULL is allowed. */
void control_destroy(struct control **control);

#endif
