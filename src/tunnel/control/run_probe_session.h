/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The question whether runs arrive (run_probe.h) on an open session: PINGs with
 * padding, which PONG answers without.
 */
#ifndef MINIVPN_TUNNEL_CONTROL_RUN_PROBE_SESSION_H
#define MINIVPN_TUNNEL_CONTROL_RUN_PROBE_SESSION_H

#include <ev.h>

#include "tunnel/control/message.h"
#include "tunnel/control/run_probe.h"
#include "tunnel/data/path.h"

struct run_probe_hooks {
	/* Where the peer's datagrams go now; false: nowhere. */
	bool (*target)(void *owner, struct path_target *target);
	/* Runs were found to be lost, or to arrive again. */
	void (*changed)(void *owner, bool lost);
};

struct run_probe_session {
	struct run_probe probe;
	struct ev_loop *loop;
	ev_timer timer;
	const struct run_probe_hooks *hooks;
	void *owner;
	double round_trip; /* seconds; 0: not known */
	size_t size;	   /* inner bytes of a datagram in the last run */
};

void run_probe_session_init(struct run_probe_session *run_probe_session,
			    struct ev_loop *loop,
			    const struct run_probe_hooks *hooks, void *owner);

/* A session begins, on a path that may be another one. */
void run_probe_session_restart(struct run_probe_session *run_probe_session);

/* Nothing is sent any more, until it is used again. */
void run_probe_session_stop(struct run_probe_session *run_probe_session);

/* A run was sent to the target. */
void run_probe_session_used(struct run_probe_session *run_probe_session,
			    const struct udp_run *run);

/* A PONG has come, to whatever PING, after so many microseconds. */
void run_probe_session_answered(struct run_probe_session *run_probe_session,
				const struct message *pong, uint32_t rtt_us);

/* Is what goes to the target to be sent one by one? */
bool run_probe_session_apart(const struct run_probe_session *run_probe_session);

/* Runs were found to be lost. */
bool run_probe_session_lost(const struct run_probe_session *run_probe_session);

#endif
