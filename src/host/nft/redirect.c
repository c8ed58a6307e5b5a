/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/redirect.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "host/nft/table.h"

/* The text of any is shorter. */
#define TEXT_SIZE 2048

/* It stands behind those who publish ports of containers and the like. */
static const struct nft_chain prerouting = {
	.name = "prerouting",
	.type = "nat",
	.hook = NF_INET_PRE_ROUTING,
	.priority = NF_IP_PRI_NAT_DST + 1,
	.policy = NF_ACCEPT,
};

static uint16_t address_family(const struct nft_redirect *redirect)
{
	return redirect->ipv6 ? AF_INET6 : AF_INET;
}

static uint8_t family_of(const struct nft_redirect *redirect)
{
	return redirect->ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
}

int nft_redirect_check(const struct nft_redirect *redirect)
{
	if (!nft_table_name_valid(redirect->table, sizeof(redirect->table)) ||
	    !nft_device_name_valid(redirect->device) || !redirect->count ||
	    redirect->count > NFT_REDIRECT_RANGES)
		return -EINVAL;
	for (unsigned i = 0; i < redirect->count; i++) {
		const struct inet_ports *ports = &redirect->ports[i];
		const struct inet_endpoint *to = &redirect->to[i];

		if (!ports->first || ports->first > ports->last || !to->port ||
		    inet_ports_contain(ports, to->port) ||
		    (to->address.family &&
		     to->address.family != address_family(redirect)))
			return -EINVAL;
	}
	return 0;
}

static void add_range(struct nft_table *table, const struct inet_ports *ports,
		      const struct inet_endpoint *to)
{
	const struct nft_statement to_ports = {
		.kind = NFT_MATCH_PORT_IN,
		.protocol = IPPROTO_UDP,
		.first = ports->first,
		.last = ports->last,
	};
	const struct nft_statement translate = {
		.kind = NFT_ACTION_TO_PORT,
		.first = to->port,
	};
	struct nft_statement to_us = {.kind = NFT_MATCH_TO_US};

	if (to->address.family)
		to_us = (struct nft_statement){
			.kind = NFT_MATCH_TO,
			.network = inet_prefix_host(&to->address),
		};
	nft_table_add_rule(table, NFT_RULE(to_ports, {.kind = NFT_MATCH_BOUND},
					   {.kind = NFT_ACTION_ACCEPT}));
	nft_table_add_rule(table, NFT_RULE(to_ports, to_us, translate));
}

static void describe(const struct nft_redirect *redirect,
		     struct nft_table *table)
{
	*table = (struct nft_table){
		.family = family_of(redirect),
		.name = redirect->table,
		.flags = NFT_TABLE_F_OWNER,
		.owner_printed = true,
	};
	nft_table_add_chain(table, &prerouting);
	nft_table_add_rule(table, NFT_RULE({.kind = NFT_MATCH_IN,
					    .name = redirect->device},
					   {.kind = NFT_ACTION_ACCEPT}));
	for (unsigned i = 0; i < redirect->count; i++)
		add_range(table, &redirect->ports[i], &redirect->to[i]);
}

int nft_redirect_add(struct nft *nft, const struct nft_redirect *redirect)
{
	struct nft_table table;
	int err = nft_redirect_check(redirect);

	if (err)
		return err;
	describe(redirect, &table);
	return nft_table_make(nft, &table);
}

int nft_redirect_del(struct nft *nft, const struct nft_redirect *redirect)
{
	int err = nft_redirect_check(redirect);

	return err ? err
		   : nft_table_del(nft, family_of(redirect), redirect->table);
}

int nft_redirect_has(struct nft *nft, const struct nft_redirect *redirect)
{
	return nft_table_has(nft, family_of(redirect), redirect->table);
}

int nft_redirect_print(const struct nft_redirect *redirect, char *text,
		       size_t size)
{
	struct nft_table table;
	int err = nft_redirect_check(redirect);

	if (err)
		return err;
	describe(redirect, &table);
	return nft_table_print(&table, text, size);
}

/* udp dport 20000-29999 ip daddr 192.0.2.1 dnat to :4433 */
static int parse_range(const char *text, struct nft_redirect *redirect)
{
	struct inet_endpoint *to = &redirect->to[redirect->count];
	char ports[INET_PORTS_TEXT], word[INET_ADDRESS_TEXT];

	_Static_assert(INET_PORTS_TEXT == 12, "%11s");
	_Static_assert(INET_ADDRESS_TEXT == 46, "%45s");
	if (sscanf(text, "%11s %*s daddr %45s dnat to :%5hu", ports, word,
		   &to->port) == 3) {
		if (inet_parse_address(word, &to->address))
			return -EINVAL;
	} else if (sscanf(text, "%11s fib daddr type local dnat to :%5hu",
			  ports, &to->port) != 2) {
		return -EINVAL;
	}
	return inet_parse_ports(ports, &redirect->ports[redirect->count]);
}

static int parse_ranges(const char *text, struct nft_redirect *redirect)
{
	static const char head[] = " udp dport ", bound[] = " socket ";

	while ((text = strstr(text, head))) {
		text += strlen(head);
		/* Two rules of each range have its ports. */
		if (strncmp(text + strcspn(text, " "), bound, strlen(bound)) ==
		    0)
			continue;
		if (redirect->count == NFT_REDIRECT_RANGES ||
		    parse_range(text, redirect))
			return -EINVAL;
		redirect->count++;
	}
	return 0;
}

/* That the rest is as it should be shows when it is printed again. */
int nft_redirect_parse(const char *text, struct nft_redirect *redirect)
{
	struct nft_redirect parsed = {0};
	char family[8], again[TEXT_SIZE];

	if (nft_text_between(text, "table ", " ", family, sizeof(family)) ||
	    nft_text_between(text + strlen("table "), " ", " {", parsed.table,
			     sizeof(parsed.table)) ||
	    nft_text_between(text, "iifname \"", "\"", parsed.device,
			     sizeof(parsed.device)) ||
	    parse_ranges(text, &parsed))
		return -EINVAL;
	parsed.ipv6 = strcmp(family, "ip6") == 0;
	if (nft_redirect_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*redirect = parsed;
	return 0;
}
