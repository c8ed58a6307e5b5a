/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the tunnel process gives up what it does not need. */
#ifndef MINIVPN_TUNNEL_SANDBOX_H
#define MINIVPN_TUNNEL_SANDBOX_H

#include <sys/types.h>

#include "tunnel/arguments.h"

/*
 * Gives up standard output and error, the root directory, user, groups, all
 * capabilities, all but a bound of each resource and all system calls but those
 * of its loop, for good, and dies with host. A root directory or filter that
 * can't be had is logged as a warning.
 * In a user namespace where no other user is mapped the user stays. -errno;
 * *kept_user is set where the user could not be changed.
 */
int sandbox_enter(const struct tunnel_arguments *arguments, int *kept_user);

/*
 * Gives a tunnel process that runs the memory that MaxClients asks for now,
 * where it has less; what arguments have of its user is as it was. For its
 * launcher: it may not do so itself. -errno.
 */
int sandbox_raise_memory(const struct tunnel_arguments *arguments, pid_t pid);

/*
 * The part of it with root directory, user, groups and capabilities. A root
 * directory that can't be had is passed over.
 */
int sandbox_become(uid_t uid, gid_t gid, int *kept_user);

#endif
