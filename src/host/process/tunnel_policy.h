/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tunnel process may ask of host, and how often: it parses what
 * strangers send, and may be one of them by now. channel_check() has seen to
 * the form of a message, the plan sees to what is asked for; this is about
 * messages that are not its to send, not at that time, or too many.
 */
#ifndef MINIVPN_HOST_PROCESS_TUNNEL_POLICY_H
#define MINIVPN_HOST_PROCESS_TUNNEL_POLICY_H

#include "common/ipc/channel.h"
#include "common/config/config.h"

enum guard_verdict {
	GUARD_TAKE,
	GUARD_REFUSE, /* to be logged, in few lines */
	GUARD_IGNORE, /* to be passed over in silence */
	GUARD_END,    /* no honest process does that: to be ended */
};

struct guard {
	bool server;
	unsigned clients;	   /* at most */
	struct log_limit patience; /* refusals, before the end */
	struct log_limit types[CHANNEL_TYPES];
	bool ready;	    /* it has said READY */
	bool over;	    /* it is being ended */
	unsigned asked;	    /* for STATUS, not yet answered to the end */
	unsigned loading;   /* RELOADs without an answer */
	unsigned peers;	    /* in this answer */
	unsigned left_out;  /* log lines before the one that is taken */
	const char *reason; /* of the last verdict, in words */
};

/* For a new tunnel process. */
void guard_begin(struct guard *guard, const struct config *config);

/* The file was read again: the bounds of what is still counted change. */
void guard_configure(struct guard *guard, const struct config *config);

/* STATUS was asked for. */
void guard_asked(struct guard *guard);

/* A RELOAD was sent: one LOADED may come. */
void guard_reloading(struct guard *guard);

/* now: seconds, monotonic. */
enum guard_verdict guard_check(struct guard *guard,
			       const struct channel_message *message,
			       double now);

/* The same for one that was refused elsewhere, for what is in it. */
enum guard_verdict guard_refused(struct guard *guard, const char *reason,
				 double now);

#endif
