/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/gateway.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/nft/nft_internal.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

/* A tunnel's name may hold an @, which nft(8) cannot read, but the kernel. */
#define TABLE_CHARACTERS  LETTERS DIGITS "._-@"
#define DEVICE_CHARACTERS LETTERS DIGITS "._-@:+"

#define POSTROUTING                                                            \
	"chain postrouting { type nat hook postrouting priority srcnat; "      \
	"policy accept; "
#define FORWARD                                                                \
	"chain forward { type filter hook forward priority mangle; "           \
	"policy accept; "
#define CLAMP "tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu; "

static bool name_valid(const char *name, size_t size, const char *characters)
{
	size_t length = strnlen(name, size);

	return length > 0 && length < size &&
	       strspn(name, characters) == length;
}

/* A first digit or dash would be no name for nft(8). */
bool nft_table_name_valid(const char *name, size_t size)
{
	return name_valid(name, size, TABLE_CHARACTERS) &&
	       !strchr(DIGITS "-@", name[0]);
}

bool nft_device_name_valid(const char name[IFNAMSIZ])
{
	return name_valid(name, IFNAMSIZ, DEVICE_CHARACTERS);
}

int nft_gateway_check(const struct nft_gateway *gateway)
{
	struct inet_prefix network = inet_prefix_network(&gateway->inner);
	size_t bits = inet_size(gateway->inner.address.family) * 8;

	if (!nft_table_name_valid(gateway->table, sizeof(gateway->table)) ||
	    !nft_device_name_valid(gateway->device))
		return -EINVAL;
	/* What could not be printed would be lost in the journal. */
	if (bits == 0 || (!gateway->masquerade && gateway->uplink[0]))
		return -EINVAL;
	if (!gateway->masquerade)
		return gateway->ports[0] || gateway->ports[1] ? -EINVAL : 0;
	/* nft(8) has no range of one port, or none; but see struct nft_gateway.
	 */
	if (gateway->ports[0] >= gateway->ports[1] &&
	    (gateway->ports[0] || gateway->ports[1]))
		return -EINVAL;
	if (gateway->uplink[0] && !nft_device_name_valid(gateway->uplink))
		return -EINVAL;
	if (gateway->inner.length == 0 || gateway->inner.length > bits ||
	    !inet_prefix_equal(&network, &gateway->inner))
		return -EINVAL;
	return 0;
}

static const char *family_text(const struct nft_gateway *gateway)
{
	return gateway->inner.address.family == AF_INET ? "ip" : "ip6";
}

/* As older programs have made it. */
static int print_masquerade_any(const char *from, const char *uplink,
				char *text, size_t size)
{
	int length = snprintf(text, size, POSTROUTING "%s %s masquerade; }; ",
			      from, uplink);

	return (size_t)length < size ? 0 : -ENOSPC;
}

/* The chains translate and postrouting with a space after them. */
static int print_masquerade(const struct nft_gateway *gateway, char *text,
			    size_t size)
{
	char inner[INET_PREFIX_TEXT], from[INET_PREFIX_TEXT + 16], uplink[48];
	unsigned first = gateway->ports[0], last = gateway->ports[1];
	bool any = !gateway->uplink[0];
	int length;

	inet_format_prefix(&gateway->inner, inner, sizeof(inner));
	snprintf(from, sizeof(from), "%s saddr %s", family_text(gateway),
		 inner);
	snprintf(uplink, sizeof(uplink), "oifname %s\"%s\"", any ? "!= " : "",
		 any ? gateway->device : gateway->uplink);
	if (!first)
		return print_masquerade_any(from, uplink, text, size);
	length = snprintf(text, size,
			  "chain " NFT_TRANSLATE " { "
			  "meta l4proto tcp masquerade to :%u-%u; "
			  "meta l4proto udp masquerade to :%u-%u; "
			  "masquerade; }; " POSTROUTING
			  "%s %s jump " NFT_TRANSLATE "; "
			  "iifname \"%s\" %s jump " NFT_TRANSLATE "; }; ",
			  first, last, first, last, from, uplink,
			  gateway->device, uplink);
	return (size_t)length < size ? 0 : -ENOSPC;
}

int nft_gateway_print(const struct nft_gateway *gateway, char *text,
		      size_t size)
{
	char nat[512] = "";
	int length, error = nft_gateway_check(gateway);

	if (!error && gateway->masquerade)
		error = print_masquerade(gateway, nat, sizeof(nat));
	if (error)
		return error;
	length = snprintf(text, size,
			  "table %s %s { comment \"" NFT_COMMENT "\"; "
			  "flags owner; %s" FORWARD "oifname \"%s\" " CLAMP
			  "iifname \"%s\" " CLAMP "}; }",
			  family_text(gateway), gateway->table, nat,
			  gateway->device, gateway->device);
	return (size_t)length < size ? 0 : -ENOSPC;
}

int nft_text_between(const char *text, const char *start, const char *end,
		     char *word, size_t size)
{
	const char *from = strstr(text, start), *to;

	if (!from)
		return -EINVAL;
	from += strlen(start);
	to = strstr(from, end);
	if (!to || (size_t)(to - from) >= size)
		return -EINVAL;
	memcpy(word, from, to - from);
	word[to - from] = '\0';
	return 0;
}

static int parse_masquerade(const char *text, struct nft_gateway *gateway)
{
	const char *ports = strstr(text, " masquerade to :");
	char inner[INET_PREFIX_TEXT];

	gateway->masquerade = true;
	if (ports && sscanf(ports, " masquerade to :%5hu-%5hu",
			    &gateway->ports[0], &gateway->ports[1]) != 2)
		return -EINVAL;
	if (nft_text_between(text, " saddr ", " ", inner, sizeof(inner)) ||
	    inet_parse_prefix(inner, &gateway->inner))
		return -EINVAL;
	text = strstr(text, "chain postrouting ");
	if (!text)
		return -EINVAL;
	/* Not found where any device but the tun is meant. */
	if (nft_text_between(text, " oifname \"", "\" masquerade; ",
			     gateway->uplink, sizeof(gateway->uplink)))
		nft_text_between(text, " oifname \"", "\" jump ",
				 gateway->uplink, sizeof(gateway->uplink));
	return 0;
}

/*
 * Finds the values by what stands around them; that the rest is as it should be
 * shows when the value is printed again.
 */
int nft_gateway_parse(const char *text, struct nft_gateway *gateway)
{
	struct nft_gateway parsed = {0};
	char family[8], again[1536];

	if (nft_text_between(text, "table ", " ", family, sizeof(family)) ||
	    nft_text_between(text + strlen("table "), " ", " {", parsed.table,
			     sizeof(parsed.table)) ||
	    nft_text_between(text, "iifname \"", "\"", parsed.device,
			     sizeof(parsed.device)))
		return -EINVAL;
	parsed.inner.address.family =
		strcmp(family, "ip") == 0 ? AF_INET : AF_INET6;
	if (strstr(text, " masquerade; ") && parse_masquerade(text, &parsed))
		return -EINVAL;
	if (nft_gateway_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*gateway = parsed;
	return 0;
}
