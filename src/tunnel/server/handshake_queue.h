/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose turn it is, of those who have not authenticated. What they ask for
 * waits in queues of fixed size while there are packets to carry, so that a
 * flood of it costs the peers no more than a share of the processor, and a
 * millisecond of delay. Nor is what has come to the sockets of handshakes read
 * before there is time for it: their buffers run over then, and not the one of
 * the peers.
 */
#ifndef MINIVPN_TUNNEL_SERVER_HANDSHAKE_QUEUE_H
#define MINIVPN_TUNNEL_SERVER_HANDSHAKE_QUEUE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/role/role.h"
#include "tunnel/server/admission.h"
#include "tunnel/server/backlog.h"

enum handshake_queue_kind {
	HANDSHAKE_QUEUE_BEGUN,	/* of handshakes under way */
	HANDSHAKE_QUEUE_EARLY,	/* data that may have overtaken their last */
	HANDSHAKE_QUEUE_ECHOED, /* hellos with a cookie */
	HANDSHAKE_QUEUE_ASKING, /* hellos without one */
	HANDSHAKE_QUEUE_KINDS,
};

struct handshake_queue_hooks {
	/* Handles a datagram. True: its sender has shown its address. */
	bool (*handle)(void *owner, unsigned socket,
		       struct udp_datagram *datagram);
	/*
	 * Begins the next handshake of those that wait in the admission. False:
	 * there is none, or not yet.
	 */
	bool (*begin)(void *owner);
};

struct handshake_queue {
	struct tunnel *tunnel;
	const struct admission *admission;
	const struct handshake_queue_hooks *hooks;
	void *owner;
	struct udp_batch *batch;
	struct backlog *waiting[HANDSHAKE_QUEUE_KINDS];
	unsigned turn, round; /* whose turn it is, and for how many more */
	double owed; /* seconds that beginning has taken from echoed hellos */
	double reading; /* seconds of reading since it was last accounted for */
	double rested;	/* when a busy server handles some again */
	double counted; /* when packets were, to see if the server is busy */
	uint64_t packets; /* until then */
	bool is_busy;
	ev_idle idle;
	ev_prepare busy;
	ev_timer rest;
	ev_timer admit; /* hellos wait for the rate of their network */
};

/* -ENOMEM, -EIO; in either case to be freed. */
int handshake_queue_init(struct handshake_queue *queue, struct tunnel *tunnel,
			 const struct admission *admission,
			 const struct handshake_queue_hooks *hooks,
			 void *owner);
/* All zero is allowed. */
void handshake_queue_free(struct handshake_queue *queue);

/*
 * From the start on, sockets of handshakes are read when there is time, and no
 * more by who has read them before.
 */
void handshake_queue_listen(struct handshake_queue *queue);

/* Copies a datagram, which is handled when there is time. */
void handshake_queue_put(struct handshake_queue *queue,
			 enum handshake_queue_kind kind, unsigned socket,
			 const struct udp_datagram *datagram);

#endif
