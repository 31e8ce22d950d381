/*
 * stop.h: ending what goes on until Ctrl-C (or SIGTERM): the work looks whether it should.
 */
#ifndef BANTER_CTL_STOP_H
#define BANTER_CTL_STOP_H

#include "common/base.h"

void stop_on_signals(void);
bool stop_requested(void);
/* Waits; ends early when a signal comes. */
void stop_wait(unsigned ms);

#endif
