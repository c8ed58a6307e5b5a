/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data path: packets from the tun device are cut, sealed and sent in runs;
 * packets that were opened are joined and written to it. Whose packet it is,
 * and may be, the role decides (client_live.c, server.c).
 */
#ifndef MINIVPN_TUNNEL_DATA_PATH_H
#define MINIVPN_TUNNEL_DATA_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/traffic.h"
#include "tunnel/data/refusal.h"
#include "tunnel/dtls/session.h"
#include "tunnel/data/tun_io.h"
#include "tunnel/data/udp_io.h"

struct path;

/* The other end of the tunnel for a packet. */
struct path_target {
	struct session *session;
	struct udp_io *io;
	struct inet_endpoint peer;	/* family none: as io is connected */
	struct inet_address local;	/* family none: as the kernel chooses */
	struct traffic *traffic;	/* for drops; not kept */
	struct refusal_limit *refusals; /* whose packets these are */
	uint8_t tos;	 /* of what this packet, or super-packet, goes out in */
	size_t largest;	 /* inner packet on this way; 0: not known */
	size_t expected; /* by TCP that begins now; 0: not known */
	bool certain;	 /* no larger one passes: it may be refused */
};

struct path_hooks {
	/*
	 * Where does this packet from the tun device go? False: nowhere, and
	 * that is counted. It may be a super-packet: all that is cut from it
	 * has the same addresses.
	 */
	bool (*route)(void *owner, const uint8_t *packet, size_t length,
		      struct path_target *target);
	/*
	 * A run was sent, or not all of it: see its results. bytes: of inner
	 * packets in those that were.
	 */
	void (*sent)(void *owner, const struct udp_run *run, uint64_t bytes);
	/*
	 * A packet that is too large and can't be made to fit: it is dropped,
	 * and its sender should be told.
	 */
	void (*refused)(void *owner, const struct path_target *target,
			const uint8_t *packet, size_t length);
	/* traffic as in the target; NULL: not known whose. */
	void (*dropped)(void *owner, struct traffic *traffic,
			enum drop_reason reason);
};

/* usable: what the device does (TUN_F_ bits). -ENOMEM. */
int path_new(struct path **path, const struct tun_io *tun, unsigned usable,
	     const struct path_hooks *hooks, void *owner);
void path_free(struct path *path);

/*
 * Sends what is ready in the tun device, up to a bound, so that nothing else
 * has to wait for long.
 */
void path_from_tun(struct path *path);

/*
 * Takes a packet to the tun device. Between path_begin() and path_flush() it
 * may wait for others, and must stay where it is. Its headers may be written
 * to.
 */
void path_to_tun(struct path *path, uint8_t *packet, size_t length);

/* Takes one to the tun device at once, past all that wait. */
void path_answer(struct path *path, uint8_t *packet, size_t length);

/* Seals a packet and has it sent; where that may wait, it needs no memory. */
void path_to_peer(struct path *path, const struct path_target *target,
		  const uint8_t *packet, size_t length);

/* More than one packet may come now. */
void path_begin(struct path *path);

/* Small UDP packets for the tun device since it was last asked. */
unsigned path_small(struct path *path);

/* Everything that waits goes on its way. */
void path_flush(struct path *path);

#endif
