/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the changes that are in force to those that are wanted. */
#ifndef MINIVPN_HOST_DAEMON_TRANSITION_H
#define MINIVPN_HOST_DAEMON_TRANSITION_H

#include "host/change/change.h"

struct host;

/*
 * Makes the changes in force equal to those that are wanted: takes back what
 * is too much, the last first, then adds what is missing. -errno, with the
 * change and the reason in reason.
 */
int host_transition(struct host *host, const struct change_list *wanted,
		    char *reason, size_t size);

/*
 * Makes one change unless it is in force. again: a route that is written down
 * as in force is added once more, in case the kernel has flushed it.
 */
int host_ensure(struct host *host, const struct change *change, bool again,
		char *reason, size_t size);

#endif
