/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The launcher: a process that starts the tunnel process, and the one that
 * resolves names, and ends them, as host asks. It is forked while there are all
 * privileges; it keeps the few that it takes to enter their sandboxes, and the
 * private key, so that host, which has to listen to these processes, keeps
 * neither. It reads what host sends, the PEM files, and nothing else. Where
 * host dies it ends them, and then itself.
 */
#ifndef MINIVPN_HOST_PROCESS_LAUNCHER_H
#define MINIVPN_HOST_PROCESS_LAUNCHER_H

#include <ev.h>

#include "common/reason.h"
#include "tunnel/tunnel.h"

struct launcher {
	struct ev_loop *loop;
	int fd; /* our end of a socket pair; -1: none runs */
	pid_t pid;
	int pidfd; /* by which it can be ended; -1: not to be had */
	ev_io watcher;
	void (*died)(void *owner);
	void *owner;
};

/*
 * Starts it with a copy of config. Where it dies before it is dismissed, which
 * can't be mended, the tunnel process dies with it and died is called. -errno.
 */
int launcher_start(struct launcher *launcher, struct ev_loop *loop,
		   struct config *config, int lock_fd,
		   void (*died)(void *owner), void *owner);

/*
 * Starts a tunnel process: tun_*, channel_fd and udp_* of arguments are its.
 * The one of before must have been ended. -errno; -EPIPE where the launcher has
 * died.
 */
int launcher_tunnel(struct launcher *launcher,
		    const struct tunnel_arguments *arguments, pid_t *pid);

/*
 * Reads the PEM files that the file's new text names, a sealed memfd. pems are
 * sealed memfds of them, -1 where there is none, for the caller to hand on and
 * to close. -errno; with one line for the user in reason where it is one of
 * them that is of no use.
 */
int launcher_load(struct launcher *launcher, int fd, int pems[CONFIG_PEMS],
		  struct reason *reason);

/*
 * What was loaded last is for tunnel processes from now on. -errno. *unraised:
 * 0, or -errno where the one that runs can't have the memory that MaxClients
 * asks for.
 */
int launcher_take(struct launcher *launcher, int *unraised);

/*
 * Ends the tunnel process where it has not ended yet. *status as of waitpid(2).
 * -errno.
 */
int launcher_end_tunnel(struct launcher *launcher, int *status);

/*
 * Starts a process that resolves names (lookup_child.h), to which host talks
 * by the other end of fd, and ends the one of before. -errno.
 */
int launcher_lookup(struct launcher *launcher, int fd);

/* Ends it where it has not ended yet. */
void launcher_end_lookup(struct launcher *launcher);

/*
 * Ends all that it has started and the launcher, and reaps the latter. One that
 * hangs is killed after a while, and what it has started dies with it.
 */
void launcher_dismiss(struct launcher *launcher);

#endif
