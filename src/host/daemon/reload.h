/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of a running tunnel has changed. Either all that can be taken up
 * without `down` is, or nothing.
 */
#ifndef MINIVPN_HOST_DAEMON_RELOAD_H
#define MINIVPN_HOST_DAEMON_RELOAD_H

#include <jansson.h>

#include "common/ipc/channel.h"
#include "host/daemon/daemon_internal.h"

struct host_reload_hooks {
	/* It is for all that have asked so far. */
	void (*begun)(struct host *host);
	/* The answer to these, which is taken over. */
	void (*done)(struct host *host, json_t *answer);
};

/* A new file on its way. */
struct host_reload {
	const struct host_reload_hooks *hooks;
	struct config *config; /* that the tunnel process makes ready; NULL */
	bool waiting;	       /* for a tunnel process that can do that */
	bool again;	       /* one more has been asked for meanwhile */
	uint32_t id;	       /* of the last RELOAD */
	ev_timer deadline;
};

void host_reload_init(struct host *host, const struct host_reload_hooks *hooks);
/*
 * Reads the file again and takes it up. One that is under way is followed by
 * another.
 */
void host_reload(struct host *host);
/* From the tunnel process: it is ready, and can be asked. */
void host_reload_ready(struct host *host);
/* From the tunnel process: whether it can do with the new files. */
void host_reload_loaded(struct host *host,
			const struct channel_message *message);
/* The tunnel process has ended. */
void host_reload_interrupted(struct host *host);
void host_reload_free(struct host *host);

#endif
