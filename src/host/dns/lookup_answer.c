/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/dns/lookup_answer.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct lookup_answer) < PIPE_BUF, "one write");

static bool check_result(struct lookup_result *result,
			 const struct config_host *hosts, size_t count)
{
	struct inet_endpoint *endpoint = &result->endpoint;
	uint16_t family = endpoint->address.family;

	if (result->host >= count || !inet_size(family))
		return false;
	/* In the one form that an address has. */
	endpoint->address =
		inet_address_from_bytes(family, endpoint->address.bytes);
	endpoint->port = hosts[result->host].port;
	return true;
}

static bool check(struct lookup_answer *answer, size_t got,
		  const struct config_host *hosts, size_t count)
{
	if (got != sizeof(*answer) || answer->count > LOOKUP_RESULTS ||
	    !memchr(answer->reason, '\0', sizeof(answer->reason)))
		return false;
	for (size_t i = 0; i < answer->count; i++)
		if (!check_result(&answer->results[i], hosts, count))
			return false;
	/* It becomes a line of the log. */
	for (char *c = answer->reason; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return true;
}

void lookup_answer_check(struct lookup_answer *answer, size_t got,
			 const struct config_host *hosts, size_t count)
{
	if (check(answer, got, hosts, count))
		return;
	memset(answer, 0, sizeof(*answer));
	snprintf(answer->reason, sizeof(answer->reason),
		 "name resolution ended without an answer");
}
