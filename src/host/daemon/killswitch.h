/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KillSwitch = yes: a table that is there from before the first handshake until
 * `down`. It has a journal of its own, RUNDIR/NAME.killswitch, because it has
 * to outlive host: the janitor, which undoes the other journal, leaves it. Each
 * function does nothing without KillSwitch = yes.
 */
#ifndef MINIVPN_HOST_DAEMON_KILLSWITCH_H
#define MINIVPN_HOST_DAEMON_KILLSWITCH_H

#include "common/reason.h"
#include "host/daemon/daemon_internal.h"

struct host_killswitch {
	struct journal *journal; /* NULL: no KillSwitch */
	bool ours;		 /* made by this process */
	bool found;		 /* an earlier run has left one */
};

/* Finds out what an earlier run has left; before anything else is done. */
int host_killswitch_prepare(struct host *host, struct reason *reason);
/* Lets nothing but DTLS to host->endpoints leave, from now on. */
int host_killswitch_raise(struct host *host, struct reason *reason);
/* The network has changed: what lan lets out follows the links. */
void host_killswitch_check(struct host *host);
/*
 * Under another file than the one that was applied: raises or lifts it. Does
 * nothing where the two agree.
 */
int host_killswitch_change(struct host *host, const struct config *next,
			   struct reason *reason);

/* Ours, or one that an earlier run, or the unit at boot, has raised. */
bool host_killswitch_is_applied(const struct host *host);
/* Raised by this process: it knows what it lets out. */
bool host_killswitch_is_ours(const struct host *host);
/* An earlier run has left one. */
bool host_killswitch_is_found(const struct host *host);
/* What is applied, the newest last; NULL: no KillSwitch. */
const struct change_list *host_killswitch_changes(const struct host *host);

/*
 * Lifts it, or lets it stay, and its journal, for the next `up` or for `down`:
 * *stays. False: it could not be lifted.
 */
bool host_killswitch_end(struct host *host, bool lift, bool *stays);

#endif
