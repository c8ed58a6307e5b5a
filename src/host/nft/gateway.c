/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/gateway.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "host/nft/table.h"

static const struct nft_chain translate = {.name = "translate"};

static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "nat",
	.hook = NF_INET_POST_ROUTING,
	.priority = NF_IP_PRI_NAT_SRC,
	.policy = NF_ACCEPT,
};

static const struct nft_chain forward = {
	.name = "forward",
	.type = "filter",
	.hook = NF_INET_FORWARD,
	.priority = NF_IP_PRI_MANGLE,
	.policy = NF_ACCEPT,
};

/* Returns -EINVAL where a value has no form in nft(8)'s language. */
static int check(const struct nft_gateway *gateway)
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
	/* nft(8) has no range of one port. For none see struct nft_gateway. */
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

static struct nft_statement leaves_by_uplink(const struct nft_gateway *gateway)
{
	if (gateway->uplink[0])
		return (struct nft_statement){.kind = NFT_MATCH_OUT,
					      .name = gateway->uplink};
	return (struct nft_statement){.kind = NFT_MATCH_NOT_OUT,
				      .name = gateway->device};
}

/* The ports would be ignored without a protocol that has them. */
static void add_translation(struct nft_table *table,
			    const struct nft_gateway *gateway)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

	nft_table_add_chain(table, &translate);
	for (size_t i = 0; i < sizeof(protocols); i++)
		nft_table_add_rule(table,
				   NFT_RULE({.kind = NFT_MATCH_PROTOCOL,
					     .protocol = protocols[i]},
					    {.kind = NFT_ACTION_MASQUERADE,
					     .first = gateway->ports[0],
					     .last = gateway->ports[1]}));
	nft_table_add_rule(table, NFT_RULE({.kind = NFT_ACTION_MASQUERADE}));
}

static void add_masquerade(struct nft_table *table,
			   const struct nft_gateway *gateway)
{
	const struct nft_statement from_inner = {
		.kind = NFT_MATCH_FROM,
		.network = gateway->inner,
		.length = true,
	};
	const struct nft_statement out = leaves_by_uplink(gateway);
	const struct nft_statement jump = {
		.kind = NFT_ACTION_JUMP,
		.name = translate.name,
	};

	/* Older programs have made it so. */
	if (!gateway->ports[0]) {
		nft_table_add_chain(table, &postrouting);
		nft_table_add_rule(table,
				   NFT_RULE(from_inner, out,
					    {.kind = NFT_ACTION_MASQUERADE}));
		return;
	}
	add_translation(table, gateway);
	nft_table_add_chain(table, &postrouting);
	nft_table_add_rule(table, NFT_RULE(from_inner, out, jump));
	nft_table_add_rule(
		table, NFT_RULE({.kind = NFT_MATCH_IN, .name = gateway->device},
				out, jump));
}

static void add_clamp(struct nft_table *table, enum nft_statement_kind kind,
		      const struct nft_gateway *gateway)
{
	nft_table_add_rule(
		table,
		NFT_RULE({.kind = kind, .name = gateway->device},
			 {.kind = NFT_MATCH_SYN, .flags = TH_SYN | TH_RST},
			 {.kind = NFT_ACTION_CLAMP_MSS}));
}

static uint8_t family_of(const struct nft_gateway *gateway)
{
	return gateway->inner.address.family == AF_INET ? NFPROTO_IPV4
							: NFPROTO_IPV6;
}

static void describe(const struct nft_gateway *gateway, struct nft_table *table)
{
	*table = (struct nft_table){
		.family = family_of(gateway),
		.name = gateway->table,
		.flags = NFT_TABLE_F_OWNER,
		.owner_printed = true,
	};
	if (gateway->masquerade)
		add_masquerade(table, gateway);
	nft_table_add_chain(table, &forward);
	add_clamp(table, NFT_MATCH_OUT, gateway);
	add_clamp(table, NFT_MATCH_IN, gateway);
}

int nft_gateway_add(struct nft *nft, const struct nft_gateway *gateway)
{
	struct nft_table table;
	int err = check(gateway);

	if (!err && gateway->masquerade && !gateway->ports[0])
		err = -EINVAL;
	if (err)
		return err;
	describe(gateway, &table);
	return nft_table_make(nft, &table);
}

int nft_gateway_del(struct nft *nft, const struct nft_gateway *gateway)
{
	int err = check(gateway);

	return err ? err
		   : nft_table_del(nft, family_of(gateway), gateway->table);
}

int nft_gateway_has(struct nft *nft, const struct nft_gateway *gateway)
{
	int err = check(gateway);

	return err ? err
		   : nft_table_has(nft, family_of(gateway), gateway->table);
}

int nft_gateway_print(const struct nft_gateway *gateway, char *text,
		      size_t size)
{
	struct nft_table table;
	int err = check(gateway);

	if (err)
		return err;
	describe(gateway, &table);
	return nft_table_print(&table, text, size);
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
	/* Neither text is there where any device but the tun is meant. */
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
