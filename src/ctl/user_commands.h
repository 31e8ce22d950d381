/*
 * user_commands.h: finding the account that a word names.
 */
#ifndef BANTER_CTL_USER_COMMANDS_H
#define BANTER_CTL_USER_COMMANDS_H

#include "common/store_users.h"
#include "ctl/ctl.h"

/* The account of ctl->args[0]; anything but CTL_DONE has been said on stderr. */
enum ctl_status users_find(struct ctl *ctl, struct store_user *user_out) ATTR_MUSTCHECK;

#endif
