/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data path: packets from the tun device are segmented, sealed and sent in
 * runs; packets that were opened are joined and written to it. The role decides
 * whose packet it is, and may be.
 */
#ifndef MINIVPN_TUNNEL_DATA_PATH_H
#define MINIVPN_TUNNEL_DATA_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/traffic.h"
#include "tunnel/data/refusal.h"
#include "tunnel/data/tun_io.h"
#include "tunnel/data/udp_io.h"
#include "tunnel/dtls/session.h"
#include "tunnel/noise/link.h"

struct path;

/* The other end of the tunnel for a packet. */
struct path_target {
	struct session *session;
	struct noise_link *link; /* by which its records are hidden, or NULL */
	struct udp_io *io;
	struct inet_endpoint peer;	/* family none: as io is connected */
	struct inet_address local;	/* family none: as the kernel chooses */
	struct traffic *traffic;	/* for drops; not kept */
	struct refusal_limit *refusals; /* whose packets these are */
	uint8_t tos;			/* of the outer header */
	bool apart;	 /* runs are lost on this path: see struct udp_run */
	size_t largest;	 /* inner packet on this path; 0: not known */
	size_t expected; /* inner packet, for TCP that begins now; 0: not known
			  */
	bool certain;	 /* no larger one passes: it may be refused */
};

/* Bytes that a packet grows by, on the outer side of the tunnel. */
size_t path_overhead(const struct path_target *target);

/*
 * Seals a packet where its datagram is to be sent from: out, of size bytes,
 * with PATH_HEADROOM before it, which stay as they are. In place where plain is
 * out + path_headroom(), else they do not overlap. Its length, or -errno.
 */
ssize_t path_seal(const struct path_target *target, uint8_t *out, size_t size,
		  const uint8_t *plain, size_t length);
size_t path_headroom(const struct path_target *target);

#define PATH_HEADROOM NOISE_HEADROOM

struct path_hooks {
	/*
	 * Finds out where a packet from the tun device goes. False: nowhere,
	 * and that is counted. It may be a super-packet, whose segments all
	 * have the same addresses.
	 */
	bool (*route)(void *owner, const uint8_t *packet, size_t length,
		      struct path_target *target);
	/*
	 * Tells that a run was sent, or as much of it as its results say.
	 * bytes: of the inner packets in that.
	 */
	void (*sent)(void *owner, const struct udp_run *run, uint64_t bytes);
	/*
	 * Tells of a packet that is too large and that is dropped, as it can be
	 * neither segmented nor fragmented: its sender should be told.
	 */
	void (*refused)(void *owner, const struct path_target *target,
			const uint8_t *packet, size_t length);
	/* traffic as in the target; NULL: not known whose. */
	void (*dropped)(void *owner, struct traffic *traffic,
			enum drop_reason reason);
	/*
	 * Tells, once, that the device refuses joined packets, which it said
	 * that it takes: from here on they are written one by one. err: -errno.
	 */
	void (*joined_refused)(void *owner, int err);
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

/* Writes one to the tun device at once, past all that wait. */
void path_answer(struct path *path, uint8_t *packet, size_t length);

/* Seals and sends a packet, which may be given up after the call. */
void path_to_peer(struct path *path, const struct path_target *target,
		  const uint8_t *packet, size_t length);

/* More than one packet may come now, up to path_flush(). */
void path_begin(struct path *path);

/* How many small UDP packets went to the tun device since the last call. */
unsigned path_small(struct path *path);

/* Sends and writes everything that waits. */
void path_flush(struct path *path);

#endif
