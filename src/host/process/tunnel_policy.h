/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tunnel process may ask of host, and how often: it parses what
 * strangers send, and may be one of them by now. channel_check() has seen to
 * the form of a message, the plan sees to what is asked for; this is about
 * messages that are not its to send, not at that time, or too many.
 */
#ifndef MINIVPN_HOST_PROCESS_TUNNEL_POLICY_H
#define MINIVPN_HOST_PROCESS_TUNNEL_POLICY_H

#include "common/config/config.h"
#include "common/ipc/channel.h"

enum tunnel_policy_verdict {
	TUNNEL_POLICY_TAKE,
	TUNNEL_POLICY_REFUSE, /* to be logged, in few lines */
	TUNNEL_POLICY_IGNORE, /* to be passed over in silence */
	TUNNEL_POLICY_STALE,  /* of a status that host has given up */
	TUNNEL_POLICY_END,    /* no honest process does that: to be ended */
};

struct tunnel_policy {
	bool server;
	unsigned clients;	   /* at most */
	struct log_limit patience; /* refusals, before the end */
	struct log_limit types[CHANNEL_TYPES];
	bool ready;	    /* it has said READY */
	bool over;	    /* it is being ended */
	unsigned asked;	    /* STATUS_WANTED, not yet answered to the end */
	unsigned loading;   /* RELOADs without an answer */
	unsigned peers;	    /* in this answer */
	unsigned left_out;  /* log lines before the one that is taken */
	const char *reason; /* of the last verdict, in words */
};

/* For a new tunnel process. */
void tunnel_policy_begin(struct tunnel_policy *policy,
			 const struct config *config);

/* The file was read again: the bounds of what is still counted change. */
void tunnel_policy_configure(struct tunnel_policy *policy,
			     const struct config *config);

/*
 * A STATUS_WANTED was sent; host has given up any that it had sent before.
 * Answers come in the order of the requests, so that what comes is stale until
 * each of those has had its END.
 */
void tunnel_policy_asked(struct tunnel_policy *policy);

/* A RELOAD was sent: one LOADED may come. */
void tunnel_policy_reloading(struct tunnel_policy *policy);

/* now: seconds, monotonic. */
enum tunnel_policy_verdict
tunnel_policy_check(struct tunnel_policy *policy,
		    const struct channel_message *message, double now);

/* The same for one that was refused elsewhere, for what is in it. */
enum tunnel_policy_verdict tunnel_policy_refused(struct tunnel_policy *policy,
						 const char *reason,
						 double now);

#endif
