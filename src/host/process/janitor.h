/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The janitor: a process that does nothing but wait for the end of the host
 * process. Where that comes without a goodbye, it reverts the journal and ends.
 */
#ifndef MINIVPN_HOST_PROCESS_JANITOR_H
#define MINIVPN_HOST_PROCESS_JANITOR_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/config/config.h"

/* To undo what is in another network namespace, or is one. */
struct janitor_privileges {
	int netns_fd; /* that namespace, whatever becomes of its name */
	const struct config *config;
	const char *resolv_conf; /* the path of resolv.conf */
};

struct janitor {
	struct ev_loop *loop;
	char tunnel[CONFIG_NAME_SIZE]; /* its name */
	int lock_fd;
	int launcher; /* its pidfd; -1: not to be had */
	pid_t host;   /* who starts the janitor, and has the lock */
	bool foreground;
	/* The first one only: it is forked before host gives up its own. */
	bool privileged;
	struct janitor_privileges privileges;
	int fd; /* our end of a socket pair; -1: none runs */
	pid_t pid;
	ev_io watcher;
};

/*
 * Starts it, with loop, tunnel, lock_fd, launcher and foreground as they are
 * set. It lets go of the lock, and takes it when it has to: once host is dead,
 * it ends the launcher, and with that the tunnel process, whatever holds them
 * up. One that dies is replaced. privileges NULL: it has those of the caller.
 * -errno.
 */
int janitor_start(struct janitor *janitor,
		  const struct janitor_privileges *privileges);

/*
 * It reverts the journal at once, and goes on to wait. 0: all is undone, and
 * the file removed; -errno.
 */
int janitor_revert(struct janitor *janitor);

/* Everything is put back: it ends without touching anything, and is reaped. */
void janitor_dismiss(struct janitor *janitor);

#endif
