/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How large a packet does the path to the other end carry? The search of RFC
 * 8899 (Datagram Packetization Layer Path MTU Discovery) as a machine without
 * sockets and without a clock: it says which probes are due, and is told which
 * were answered. What ICMP says is only a reason to ask: an unanswered probe is
 * the only proof that a size does not pass, and an answered one that it does.
 *
 * Several sizes are probed at once, each round with a small probe beside them:
 * where that is not answered either the path is silent, and nothing is learnt.
 *
 * Sizes are bytes of inner packets, times seconds of one monotonic clock.
 */
#ifndef MINIVPN_TUNNEL_CONTROL_PMTU_H
#define MINIVPN_TUNNEL_CONTROL_PMTU_H

#include <stdbool.h>
#include <stdint.h>

/* Sizes in a round at most, the small one among them. */
#define PMTU_SIZES 8

enum pmtu_state {
	PMTU_IDLE, /* size is not known to be the largest, and is not probed */
	PMTU_SEARCHING,
	PMTU_SETTLED,
	PMTU_DOUBTING, /* does size still pass? */
};

struct pmtu {
	uint8_t state; /* enum pmtu_state */
	uint8_t count; /* of sizes */
	uint8_t next;  /* of sizes, to be sent in this try */
	uint8_t tries;
	bool alive;	   /* the small one was answered in this round */
	uint16_t large;	   /* packets that were sent since confirmed */
	uint16_t size;	   /* what may be used now */
	uint16_t proven;   /* the largest answered in this round; 0: none */
	uint16_t failed;   /* the smallest that was not */
	uint16_t least;	   /* never less, whatever is answered */
	uint16_t base;	   /* what is used before anything is known */
	uint16_t ceiling;  /* never more */
	uint16_t overhead; /* outer bytes around an inner packet */
	uint16_t id;	   /* of sizes[0], the others follow */
	uint16_t sizes[PMTU_SIZES];
	float rtt;
	float spread;	  /* of all pauses, to the next probe */
	double sent;	  /* this try */
	double searched;  /* end of the search */
	double confirmed; /* the same, or when last found to pass still */
};

/*
 * size 0: without padding. id: never 0, to be repeated by the answer, and below
 * those of run_probe.h.
 */
struct pmtu_probe {
	uint16_t size, id;
};

/* Begins the search, below or at ceiling. overhead: see above. */
void pmtu_start(struct pmtu *pmtu, unsigned ceiling, unsigned overhead,
		double now);

/* The next probe that is to be sent now; false: none, see pmtu_again(). */
bool pmtu_due(struct pmtu *pmtu, double now, struct pmtu_probe *probe);

/* Seconds until pmtu_due() is to be asked again; negative: no need. */
double pmtu_again(const struct pmtu *pmtu, double now);

/*
 * A probe was answered, after rtt seconds. Ask pmtu_due() afterwards. An id
 * that is not one of this round's is passed over.
 */
void pmtu_answered(struct pmtu *pmtu, uint16_t id, double rtt, double now);

/*
 * Packets of so many bytes were sent: size is put in doubt, once it has not
 * been confirmed for a while. True: pmtu_again() has changed.
 */
bool pmtu_used(struct pmtu *pmtu, unsigned bytes, unsigned count);

/* Somebody says that packets are too large: at once. As pmtu_used(). */
bool pmtu_hint(struct pmtu *pmtu, double now);

#endif
