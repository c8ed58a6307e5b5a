/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kill switch in the words of nft(8), and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/nft_internal.h"
#include "host/nft_killswitch.h"

#define OUTPUT                                                                 \
	"chain output { type filter hook output priority filter; "             \
	"policy drop; oifname \"lo\" accept; "
#define LINK                                                                   \
	"udp sport 68 udp dport 67 accept; "                                   \
	"udp sport 546 udp dport 547 accept; "                                 \
	"icmpv6 type nd-router-solicit accept; "                               \
	"icmpv6 type nd-neighbor-solicit accept; "                             \
	"icmpv6 type nd-neighbor-advert accept; drop; "
#define FORWARD                                                                \
	"chain forward { type filter hook forward priority filter; "           \
	"policy drop; "

#define TEXT_SIZE 4096

int nft_killswitch_check(const struct nft_killswitch *killswitch)
{
	if (!nft_table_name_valid(killswitch->table,
				  sizeof(killswitch->table)) ||
	    !nft_device_name_valid(killswitch->device) ||
	    killswitch->count > NFT_KILLSWITCH_SERVERS)
		return -EINVAL;
	for (unsigned i = 0; i < killswitch->count; i++)
		if (!inet_size(killswitch->servers[i].address.family))
			return -EINVAL;
	return 0;
}

/* Each rule with a space after it; -ENOSPC. */
static int print_servers(const struct nft_killswitch *killswitch, char *text,
			 size_t size)
{
	char address[INET_ADDRESS_TEXT];
	size_t length = 0;

	for (unsigned i = 0; i < killswitch->count; i++) {
		const struct inet_endpoint *server = &killswitch->servers[i];

		length += (size_t)snprintf(
			text + length, size - length,
			"%s daddr %s udp dport %u accept; ",
			server->address.family == AF_INET ? "ip" : "ip6",
			inet_format_address(&server->address, address,
					    sizeof(address)),
			server->port);
		if (length >= size)
			return -ENOSPC;
	}
	return 0;
}

int nft_killswitch_print(const struct nft_killswitch *killswitch, char *text,
			 size_t size)
{
	const char *device = killswitch->device;
	char servers[TEXT_SIZE] = "";
	int length, error = nft_killswitch_check(killswitch);

	if (!error)
		error = print_servers(killswitch, servers, sizeof(servers));
	if (error)
		return error;
	length = snprintf(text, size,
			  "table inet %s { comment \"" NFT_COMMENT "\"; " OUTPUT
			  "oifname \"%s\" accept; %s" LINK "}; " FORWARD
			  "oifname \"%s\" accept; iifname \"%s\" ct state "
			  "established,related accept; drop; }; }",
			  killswitch->table, device, servers, device, device);
	return (size_t)length < size ? 0 : -ENOSPC;
}

/* The server rules, which are the only ones with a destination address. */
static int parse_servers(const char *text, struct nft_killswitch *killswitch)
{
	static const char mark[] = " daddr ";
	char address[INET_ADDRESS_TEXT];
	unsigned port;

	_Static_assert(INET_ADDRESS_TEXT == 46, "%45s");
	while ((text = strstr(text, mark))) {
		struct inet_endpoint *server =
			&killswitch->servers[killswitch->count];

		text += strlen(mark);
		if (killswitch->count == NFT_KILLSWITCH_SERVERS ||
		    sscanf(text, "%45s udp dport %5u", address, &port) != 2 ||
		    inet_parse_address(address, &server->address) ||
		    port > UINT16_MAX)
			return -EINVAL;
		server->port = (uint16_t)port;
		killswitch->count++;
	}
	return 0;
}

/* As in nft_gateway_parse(), the rest shows when it is printed again. */
int nft_killswitch_parse(const char *text, struct nft_killswitch *killswitch)
{
	struct nft_killswitch parsed = {0};
	char again[TEXT_SIZE];

	if (nft_text_between(text, "table inet ", " {", parsed.table,
			     sizeof(parsed.table)) ||
	    nft_text_between(text, "iifname \"", "\"", parsed.device,
			     sizeof(parsed.device)) ||
	    parse_servers(text, &parsed) ||
	    nft_killswitch_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*killswitch = parsed;
	return 0;
}
