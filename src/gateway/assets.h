/*
 * assets.h: the web client and the API pages, read into memory once, before the workers are forked.
 *
 * A folder of files as the build left it; "x.br" and "x.gz" beside "x" are its compressed forms.
 * Files below /assets/ have a hash in their names and are cached for ever; the rest is asked for
 * again with its ETag.
 */
#ifndef BANTER_GATEWAY_ASSETS_H
#define BANTER_GATEWAY_ASSETS_H

#include "common/base.h"

struct assets;
struct request;

/* An absent folder gives an empty set, with a line in the log. */
struct assets *assets_load(const char *dir);
void assets_destroy(struct assets **assets);
/* Answers the request with the file at this path ("/" ends in index.html), if it is a GET and there
 * is one. False: nothing was done. */
bool assets_serve(const struct assets *assets, struct request *request, struct span path);

#endif
