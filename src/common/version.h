/*
 * version.h: the version of this source, as semver.org writes it. Nothing else states it.
 */
#ifndef BANTER_COMMON_VERSION_H
#define BANTER_COMMON_VERSION_H

#define BANTER_VERSION "0.1.0"

#endif
