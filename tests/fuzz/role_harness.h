/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tunnel process's role, and around it all that it speaks to: a hostile peer
 * with a valid key, strangers, its kernel, and the host process, which checks
 * what it is told as the real one does. Datagrams and packets are handed over
 * by the role's own functions; what it sends goes over loopback to the peer.
 */
#ifndef MINIVPN_TESTS_ROLE_HARNESS_H
#define MINIVPN_TESTS_ROLE_HARNESS_H

#include "far_end.h"
#include "input.h"
#include "tunnel/data/packet.h"
#include "tunnel/reload.h"

#define HARNESS_CAPTURED 16
#define HARNESS_DATAGRAM 2048

struct captured_datagram {
	size_t length;
	uint8_t bytes[HARNESS_DATAGRAM];
};

struct role_harness {
	struct tunnel tunnel;
	struct reload reload;
	struct far_end peer;
	struct far_end again; /* the peer, in a handshake that it never ends */
	const struct credentials *peer_credentials;
	struct inet_endpoint near_address, peer_address;
	/* A client's second one, for attempts, and which sends at the moment.
	 */
	struct inet_endpoint spare_address;
	unsigned near;
	int host, kernel, socket; /* the other ends */
	struct tun_io tun;
	/* Client: what host has been told last. */
	struct settings settings;
	bool configured;
	/* Of what the peer has sent: to be replayed. */
	struct captured_datagram captured[HARNESS_CAPTURED];
	unsigned captures, handshakes;
	/* A packet that has reached the kernel. */
	void (*check_packet)(const struct role_harness *harness,
			     const struct packet *packet);
};

/*
 * One process has one harness, which begins anew with each input. text: the
 * file of this side's tunnel.
 */
struct role_harness *role_harness_begin(enum config_role role, const char *text,
					struct credentials *own,
					const struct credentials *peer);

/*
 * The peer shakes hands, then happens what the input says, to its end.
 * check_packet: is called for each packet that reaches the kernel.
 */
void role_harness_run(struct role_harness *harness,
		      void (*check_packet)(const struct role_harness *harness,
					   const struct packet *packet),
		      const uint8_t *data, size_t size);

#endif
