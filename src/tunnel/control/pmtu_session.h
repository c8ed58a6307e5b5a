/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The search for the path's MTU (pmtu.h) on an open session: its probes are
 * PINGs with padding, which PONG answers without.
 */
#ifndef MINIVPN_TUNNEL_CONTROL_PMTU_SESSION_H
#define MINIVPN_TUNNEL_CONTROL_PMTU_SESSION_H

#include <ev.h>

#include "tunnel/control/message.h"
#include "tunnel/control/pmtu.h"
#include "tunnel/data/path.h"
#include "tunnel/dtls/session.h"

/* What the headers of IPv6 take more than those of IPv4 (RFC 8200, RFC 791). */
#define PMTU_SESSION_IPV6_MORE 20

struct pmtu_session {
	struct pmtu pmtu;
	struct ev_loop *loop;
	struct session *session; /* NULL: not probing */
	ev_timer timer;
	unsigned fixed;	   /* the file's MTU; 0: found by probes */
	unsigned reported; /* the size that settled() was called for last */
	/* A search has ended, with another size than the one before; or NULL */
	void (*settled)(void *owner, unsigned size);
	void *owner;
};

void pmtu_session_init(struct pmtu_session *pmtu_session, struct ev_loop *loop,
		       unsigned fixed,
		       void (*settled)(void *owner, unsigned size),
		       void *owner);

/* The file says another size from now on, or none any more (0). */
void pmtu_session_fix(struct pmtu_session *pmtu_session, unsigned fixed);

/*
 * Begins anew on a session that is open, to a peer of the outer family, with
 * ceiling as the largest inner packet there is; 0: nothing is probed. overhead:
 * what UDP carries besides a packet.
 */
void pmtu_session_start(struct pmtu_session *pmtu_session,
			struct session *session, size_t overhead,
			unsigned ceiling, uint16_t family);
/* Before the session is freed; what was found is used until the next start. */
void pmtu_session_stop(struct pmtu_session *pmtu_session);

/* A PONG has come, to whatever PING. */
void pmtu_session_answered(struct pmtu_session *pmtu_session,
			   const struct message *pong);

/* A run was sent. */
void pmtu_session_used(struct pmtu_session *pmtu_session,
		       const struct udp_run *run);

/* The network says that they are too large. */
void pmtu_session_hint(struct pmtu_session *pmtu_session);

/*
 * Bytes of inner packets that a TCP connection which begins now shall make:
 * what was found, else what may be; 0: not known yet.
 */
size_t pmtu_session_expected(const struct pmtu_session *pmtu_session);

/* Sets what the path carries, for packets on it. */
void pmtu_session_limit(const struct pmtu_session *pmtu_session,
			struct path_target *target);

#endif
