/*
 * broker.h: the broker: receive, order, write, publish. This is the wiring; a message's way is
 *
 *   intake -> dedupe -> writer -> batch -> apply -> sequencer
 *          (the database commits) -> writer -> intake -> publisher
 *
 * The main thread owns the bus and never waits for the database; the writers do nothing else.
 */
#ifndef BANTER_BROKER_BROKER_H
#define BANTER_BROKER_BROKER_H

#include "common/settings.h"

/* Runs until SIGTERM or SIGINT; returns the exit status. argc and argv are main's, for SIGHUP. */
int broker_run(const struct settings *settings, int argc, char **argv);

#endif
