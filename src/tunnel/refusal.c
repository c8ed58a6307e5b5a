/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sender of a packet that is too large for its way is told. */
#include "tunnel/fit.h"
#include "tunnel/tunnel_private.h"

/* ICMP messages at once, and a second: RFC 1812, section 4.3.2.8. */
#define ANSWERS_BURST 100.
#define ANSWERS_RATE  100.

void tunnel_refuse(struct tunnel *tunnel, const struct path_target *target,
		   const uint8_t *packet, size_t length)
{
	uint8_t answer[FIT_ANSWER_SIZE];
	size_t size;

	tunnel_drop(tunnel, target->traffic, DROP_TOO_BIG);
	tunnel->refusals.burst = ANSWERS_BURST;
	tunnel->refusals.per_second = ANSWERS_RATE;
	if (!rate_allows(&tunnel->refusals, tunnel->now))
		return;
	size = fit_answer(packet, length, target->largest, answer);
	if (size == 0)
		return;
	/* Straight: the kernel's firewall is for what comes in and goes out. */
	if (!tunnel->role->answer ||
	    !tunnel->role->answer(tunnel->state, answer, size))
		path_answer(tunnel->path, answer, size);
}
