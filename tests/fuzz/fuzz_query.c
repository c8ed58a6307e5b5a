/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers of name servers that a client asks outside the tunnel: anybody on the
 * way can make one up.
 */
#include <stdlib.h>

#include "host/dns/lookup_query.h"

#define SIZE 4
#define A    1
#define AAAA 28

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The identifier is guessed right, as it is by the one who reads along. */
static void decode(const uint8_t *data, size_t size, unsigned type,
		   size_t bytes)
{
	struct inet_address addresses[SIZE];
	unsigned id = size < 2 ? 0 : (unsigned)data[0] << 8 | data[1];
	int count = lookup_query_decode(data, size, "vpn.example", type, id,
					addresses, SIZE);

	if (count > SIZE)
		abort();
	/* An IPv4-mapped one becomes IPv4. */
	for (int i = 0; i < count; i++)
		if (inet_size(addresses[i].family) != bytes &&
		    inet_size(addresses[i].family) != 4)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(data, size, A, 4);
	decode(data, size, AAAA, 16);
	return 0;
}
