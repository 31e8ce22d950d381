#include "ctl/stop.h"

#include <poll.h>
#include <signal.h>

static volatile sig_atomic_t requested;

static void on_signal(int number)
{
    (void)number;
    requested = 1;
}

void stop_on_signals(void)
{
    /* Whoever asks twice is not kept waiting by a server that does not answer. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL); /* without SA_RESTART: a wait ends */
    sigaction(SIGTERM, &action, NULL);
}

bool stop_requested(void)
{
    return requested != 0;
}

void stop_wait(unsigned ms)
{
    if (!stop_requested())
        (void)poll(NULL, 0, (int)ms);
}
