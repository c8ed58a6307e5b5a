/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kill switch in the words of nft(8), and back. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/nft/nft_internal.h"
#include "host/nft/killswitch_rules.h"

#define OUTPUT                                                                 \
	"chain output { type filter hook output priority filter; "             \
	"policy drop; "
#define POSTROUTING                                                            \
	"chain postrouting { type filter hook postrouting priority "           \
	"mangle - 1; policy drop; "
#define FORWARD                                                                \
	"chain forward { type filter hook forward priority filter; "           \
	"policy drop; "

/* Sorted, and none is a part of another: so the kernel wants its intervals. */
static bool networks_valid(const struct inet_prefix *networks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct inet_prefix network = inet_prefix_network(&networks[i]);
		size_t size = inet_size(network.address.family);

		if (!size || !network.length || network.length > 8 * size ||
		    !inet_prefix_equal(&network, &networks[i]))
			return false;
		if (i && (memcmp(&networks[i - 1].address, &network.address,
				 sizeof(network.address)) >= 0 ||
			  inet_prefix_covers(&networks[i - 1], &network)))
			return false;
	}
	return true;
}

int nft_killswitch_check(const struct nft_killswitch *killswitch)
{
	if (!nft_table_name_valid(killswitch->table,
				  sizeof(killswitch->table)) ||
	    !nft_device_name_valid(killswitch->device) ||
	    killswitch->count > NFT_KILLSWITCH_SERVERS ||
	    killswitch->exclude_count > NFT_KILLSWITCH_EXCLUDE ||
	    killswitch->network_count > NFT_KILLSWITCH_NETWORKS)
		return -EINVAL;
	/* What could not be printed would be lost in the journal. */
	if (killswitch->mark & ~killswitch->mask ||
	    (killswitch->names && !killswitch->mask) ||
	    (killswitch->network_count && !killswitch->lan) ||
	    !networks_valid(killswitch->exclude, killswitch->exclude_count) ||
	    !networks_valid(killswitch->networks, killswitch->network_count))
		return -EINVAL;
	for (unsigned i = 0; i < killswitch->count; i++)
		if (!inet_size(killswitch->servers[i].address.family))
			return -EINVAL;
	return 0;
}

struct text {
	char *buffer;
	size_t size, length; /* length: what there would be with more room */
};

/* Where the next words go, and how much room is left for them. */
static char *text_end(const struct text *text)
{
	return text->length < text->size ? text->buffer + text->length : NULL;
}

static size_t text_room(const struct text *text)
{
	return text->length < text->size ? text->size - text->length : 0;
}

__attribute__((format(printf, 2, 3))) static void
append(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text_end(text), text_room(text), format, arguments);
	va_end(arguments);
	text->length += length > 0 ? (size_t)length : 0;
}

static void print_set(struct text *text, const struct nft_killswitch_set *set)
{
	char name[INET_PREFIX_TEXT];

	append(text, "set %s { type ipv%c_addr; flags interval; elements = { ",
	       set->name, set->family == AF_INET ? '4' : '6');
	for (unsigned i = 0; i < set->count; i++)
		append(text, "%s%s", i ? ", " : "",
		       inet_format_prefix(&set->networks[i], name,
					  sizeof(name)));
	append(text, " }; }; ");
}

static void print_rule(void *data, const struct nft_match *matches)
{
	struct text *text = data;

	for (; matches->kind; matches++) {
		int length = nft_match_print(matches, text_end(text),
					     text_room(text));

		text->length += length > 0 ? (size_t)length : 0;
	}
	append(text, "accept; ");
}

int nft_killswitch_print(const struct nft_killswitch *killswitch, char *buffer,
			 size_t size)
{
	struct text text = {.buffer = buffer, .size = size};
	int err = nft_killswitch_check(killswitch);

	if (err)
		return err;
	append(&text, "table inet %s { comment \"" NFT_COMMENT "\"; ",
	       killswitch->table);
	for (unsigned i = 0; i < NFT_KILLSWITCH_SETS; i++) {
		struct nft_killswitch_set set =
			nft_killswitch_set(killswitch, i);

		if (set.count)
			print_set(&text, &set);
	}
	append(&text, killswitch->bare ? OUTPUT : POSTROUTING);
	nft_killswitch_rules(killswitch,
			     killswitch->bare ? NFT_KILLSWITCH_OUTPUT
					      : NFT_KILLSWITCH_POSTROUTING,
			     print_rule, &text);
	append(&text, "drop; }; " FORWARD);
	nft_killswitch_rules(killswitch, NFT_KILLSWITCH_FORWARD, print_rule,
			     &text);
	append(&text, "drop; }; }");
	return text.length < size ? 0 : -ENOSPC;
}

/* Rules with an address and a port behind it: no others have these. */
static int parse_servers(const char *text, struct nft_killswitch *killswitch)
{
	static const char side[] = " daddr ";
	char address[INET_ADDRESS_TEXT];
	struct inet_endpoint server;
	unsigned port;

	_Static_assert(INET_ADDRESS_TEXT == 46, "%45s");
	while ((text = strstr(text, side))) {
		text += strlen(side);
		if (sscanf(text, "%45s udp dport %5u", address, &port) != 2)
			continue;
		if (killswitch->count == NFT_KILLSWITCH_SERVERS ||
		    inet_parse_address(address, &server.address) ||
		    port > UINT16_MAX)
			return -EINVAL;
		server.port = (uint16_t)port;
		killswitch->servers[killswitch->count++] = server;
	}
	return 0;
}

/* All servers have the same. */
static void parse_mark(const char *text, struct nft_killswitch *killswitch)
{
	static const char meta[] = "meta mark ";
	const char *mark = strstr(text, meta);

	if (!mark)
		return;
	mark += strlen(meta);
	if (sscanf(mark, "& %" SCNx32 " == %" SCNx32, &killswitch->mask,
		   &killswitch->mark) != 2 &&
	    sscanf(mark, "%" SCNx32, &killswitch->mark) == 1)
		killswitch->mask = UINT32_MAX;
}

/* Adds the networks of a set to a list of at most size; -EINVAL. */
static int parse_set(const char *text, const char *name,
		     struct inet_prefix *networks, unsigned *count, size_t size)
{
	char head[64], word[INET_PREFIX_TEXT];
	const char *from;
	int length;

	snprintf(head, sizeof(head), "set %s {", name);
	from = strstr(text, head);
	from = from ? strstr(from, "elements = { ") : NULL;
	if (!from)
		return 0;
	from += strlen("elements = { ");
	while (sscanf(from, "%49[0-9a-f:./]%n", word, &length) == 1) {
		if (*count == size ||
		    inet_parse_prefix(word, &networks[*count]))
			return -EINVAL;
		(*count)++;
		from += length;
		if (strncmp(from, ", ", 2) == 0)
			from += 2;
	}
	return 0;
}

static int parse_sets(const char *text, struct nft_killswitch *killswitch)
{
	static const char *const excludes[] = {"exclude4", "exclude6"};
	static const char *const lans[] = {"lan4", "lan6"};
	int err = 0;

	for (unsigned i = 0; !err && i < 2; i++)
		err = parse_set(text, excludes[i], killswitch->exclude,
				&killswitch->exclude_count,
				NFT_KILLSWITCH_EXCLUDE);
	for (unsigned i = 0; !err && i < 2; i++)
		err = parse_set(text, lans[i], killswitch->networks,
				&killswitch->network_count,
				NFT_KILLSWITCH_NETWORKS);
	/* What always comes with it. */
	killswitch->lan = strstr(text, "ip6 daddr ff02::/16 ") != NULL;
	killswitch->bare = strstr(text, "set private4 ") == NULL;
	return err;
}

/* As in nft_gateway_parse(), the rest shows when it is printed again. */
int nft_killswitch_parse(const char *text, struct nft_killswitch *killswitch)
{
	struct nft_killswitch parsed = {0};
	char again[NFT_KILLSWITCH_TEXT];

	if (nft_text_between(text, "table inet ", " {", parsed.table,
			     sizeof(parsed.table)) ||
	    nft_text_between(text, "iifname \"", "\"", parsed.device,
			     sizeof(parsed.device)) ||
	    parse_servers(text, &parsed) || parse_sets(text, &parsed))
		return -EINVAL;
	parse_mark(text, &parsed);
	/* No address in front of it, as a server's has. */
	parsed.names = strstr(text, "; udp dport 53 meta mark ") != NULL;
	if (nft_killswitch_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*killswitch = parsed;
	return 0;
}
