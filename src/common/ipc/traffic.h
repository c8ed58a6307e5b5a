/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is counted: inner packets each way, and what was dropped and why.
 */
#ifndef MINIVPN_COMMON_IPC_TRAFFIC_H
#define MINIVPN_COMMON_IPC_TRAFFIC_H

#include <stdint.h>

enum drop_reason {
	DROP_SOURCE,	    /* inner source address is not the peer's */
	DROP_NO_PEER,	    /* nobody has the inner destination */
	DROP_NOT_CLIENT,    /* from a client to a client, not allowed */
	DROP_NOT_CONNECTED, /* no session, or not configured yet */
	DROP_MALFORMED,	    /* no IP packet, or its lengths are wrong */
	DROP_FORGED,	    /* a record that does not authenticate */
	DROP_REPLAYED,	    /* a record seen before, or too old */
	DROP_STRANGER,	    /* a datagram of nobody's session */
	DROP_CONTROL,	    /* a control message that makes no sense here */
	DROP_SEND,	    /* the kernel did not take it */
	DROP_TOO_BIG,	    /* larger than the path to the peer carries */
	DROP_LINK_LOCAL,    /* inner source address of one link alone */
	DROP_ECN,	    /* met congestion, and can't say so (RFC 6040) */
	DROP_REASONS
};

/* What of it is kept from session to session: rx and tx as below. */
struct traffic_bytes {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes;
};

/* rx: from the peer; tx: to the peer. Bytes of inner packets. */
struct traffic {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes;
	uint64_t drops[DROP_REASONS];
};

/* "source", "no_peer" ... as `status --json` names them. */
const char *drop_reason_name(enum drop_reason reason);

#endif
