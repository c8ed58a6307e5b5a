/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/refusal.h"

/*
 * So many ICMP messages are sent at once, and a second (RFC 1812, section
 * 4.3.2.8).
 */
#define ALL_BURST    100.
#define ALL_RATE     100.
#define SENDER_BURST 20.
#define SENDER_RATE  10.

/* An unknown sender takes the place of the least recent one. */
static struct rate *rate_of(struct refusal_limit *limit,
			    const struct inet_address *address)
{
	struct refusal_sender *oldest = &limit->senders[0];

	for (unsigned i = 0; i < REFUSAL_SENDERS; i++) {
		struct refusal_sender *sender = &limit->senders[i];

		if (inet_address_equal(&sender->address, address))
			return &sender->rate;
		if (sender->rate.last < oldest->rate.last)
			oldest = sender;
	}
	*oldest = (struct refusal_sender){
		.address = *address,
		.rate = {.burst = SENDER_BURST, .per_second = SENDER_RATE},
	};
	return &oldest->rate;
}

/*
 * The sender's own comes first, as in the kernel (CVE-2024-47678): what one of
 * them sends in excess takes nothing from the others.
 */
bool refusal_allowed(struct refusal_limit *limit,
		     const struct inet_address *sender, double now)
{
	limit->all.burst = ALL_BURST;
	limit->all.per_second = ALL_RATE;
	return rate_allows(rate_of(limit, sender), now) &&
	       rate_allows(&limit->all, now);
}
