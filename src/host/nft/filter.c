/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/filter.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <string.h>

#include "host/nft/table.h"

static const struct nft_chain links = {.name = "links"};

static const struct nft_chain prerouting = {
	.name = "prerouting",
	.type = "filter",
	.hook = NF_INET_PRE_ROUTING,
	.priority = NF_IP_PRI_RAW,
	.policy = NF_ACCEPT,
};

static const struct nft_chain forward = {
	.name = "forward",
	.type = "filter",
	.hook = NF_INET_FORWARD,
	.priority = NF_IP_PRI_FILTER,
	.policy = NF_ACCEPT,
};

/*
 * It stands behind all that chooses a port, and before the connection is
 * entered.
 */
static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "filter",
	.hook = NF_INET_POST_ROUTING,
	.priority = NF_IP_PRI_NAT_SRC + 1,
	.policy = NF_ACCEPT,
};

static const struct nft_chain arp_input = {
	.name = "input",
	.type = "filter",
	.hook = NF_ARP_IN,
	.priority = NF_IP_PRI_FILTER,
	.policy = NF_ACCEPT,
};

/*
 * Where clouds answer their machines without a password: all that is local to
 * a link (RFC 3927), among it 169.254.169.254 of most; of Azure, Alibaba and
 * Oracle; of Amazon, Google and Oracle by IPv6.
 */
static const struct inet_prefix clouds[] = {
	{{AF_INET, {169, 254}}, 16},
	{{AF_INET, {168, 63, 129, 16}}, 32},
	{{AF_INET, {100, 100, 100, 200}}, 32},
	{{AF_INET, {192, 0, 0, 192}}, 32},
	{{AF_INET6, {0xfd, 0, 0x0e, 0xc2}}, 32},
	{{AF_INET6, {0xfd, 0x20, 0, 0xce}}, 64},
	{{AF_INET6, {0xfd, 0, 0, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe}}, 128},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool nft_filter_is_cloud(const struct inet_prefix *network)
{
	for (size_t i = 0; i < COUNT(clouds); i++) {
		if (inet_prefix_covers(&clouds[i], network))
			return true;
	}
	return false;
}

/*
 * A network has to be of the filter's family, with its host bits cleared, and
 * not everything.
 */
static bool network_valid(const struct nft_filter *filter,
			  const struct inet_prefix *prefix)
{
	struct inet_prefix network = inet_prefix_network(prefix);
	size_t bits = 8 * inet_size(prefix->address.family);

	return prefix->address.family == filter->inner.address.family &&
	       prefix->length > 0 && prefix->length <= bits &&
	       inet_prefix_equal(&network, prefix);
}

static bool server_valid(const struct nft_filter *filter)
{
	if (filter->port_count > NFT_FILTER_PORTS ||
	    filter->range_count > NFT_FILTER_RANGES ||
	    filter->allowed_count > NFT_FILTER_ALLOWED ||
	    filter->link_count > NFT_FILTER_LINKS)
		return false;
	for (unsigned i = 0; i < filter->port_count; i++) {
		if (!filter->ports[i])
			return false;
	}
	for (unsigned i = 0; i < filter->range_count; i++) {
		if (!filter->ranges[i].first ||
		    filter->ranges[i].first >= filter->ranges[i].last)
			return false;
	}
	for (unsigned i = 0; i < filter->allowed_count; i++) {
		if (!network_valid(filter, &filter->allowed[i]))
			return false;
	}
	for (unsigned i = 0; i < filter->link_count; i++) {
		if (!nft_device_name_valid(filter->links[i].name))
			return false;
	}
	return true;
}

int nft_filter_check(const struct nft_filter *filter)
{
	size_t bits = 8 * inet_size(filter->inner.address.family);

	if (!nft_table_name_valid(filter->table, sizeof(filter->table)) ||
	    !nft_device_name_valid(filter->device) || bits == 0 ||
	    filter->inner.length == 0 || filter->inner.length > bits)
		return -EINVAL;
	if (filter->arp &&
	    (filter->inner.address.family != AF_INET || filter->server))
		return -EINVAL;
	/* What could not be printed would be lost in the journal. */
	if (!filter->server)
		return filter->inner.length == bits && !filter->port_count &&
				       !filter->range_count &&
				       !filter->allowed_count &&
				       !filter->link_count && !filter->closed
			       ? 0
			       : -EINVAL;
	return server_valid(filter) ? 0 : -EINVAL;
}

#define IN(device)                                                             \
	{                                                                      \
		.kind = NFT_MATCH_IN, .name = (device)                         \
	}
#define OUT(device)                                                            \
	{                                                                      \
		.kind = NFT_MATCH_OUT, .name = (device)                        \
	}
#define NOT_IN(device)                                                         \
	{                                                                      \
		.kind = NFT_MATCH_NOT_IN, .name = (device)                     \
	}
#define NOT_OUT(device)                                                        \
	{                                                                      \
		.kind = NFT_MATCH_NOT_OUT, .name = (device)                    \
	}
#define FROM(prefix)                                                           \
	{                                                                      \
		.kind = NFT_MATCH_FROM, .network = (prefix)                    \
	}
#define TO(prefix)                                                             \
	{                                                                      \
		.kind = NFT_MATCH_TO, .network = (prefix)                      \
	}
#define ANSWERS                                                                \
	{                                                                      \
		.kind = NFT_MATCH_ANSWERS                                      \
	}
#define ACCEPT                                                                 \
	{                                                                      \
		.kind = NFT_ACTION_ACCEPT                                      \
	}
#define DROP                                                                   \
	{                                                                      \
		.kind = NFT_ACTION_DROP                                        \
	}
#define JUMP(chain)                                                            \
	{                                                                      \
		.kind = NFT_ACTION_JUMP, .name = (chain)                       \
	}

static void add_links(struct nft_table *table, const struct nft_filter *filter)
{
	if (!filter->link_count)
		return;
	nft_table_add_chain(table, &links);
	for (unsigned i = 0; i < filter->link_count; i++)
		nft_table_add_rule(table,
				   NFT_RULE(OUT(filter->links[i].name), DROP));
}

static void add_prerouting(struct nft_table *table,
			   const struct nft_filter *filter)
{
	const char *tun = filter->device;
	struct inet_prefix own = inet_prefix_host(&filter->inner.address);

	nft_table_add_chain(table, &prerouting);
	/* Four bytes are sooner compared than a name. */
	nft_table_add_rule(table,
			   NFT_RULE(TO(own), NOT_IN(tun), NOT_IN("lo"), DROP));
	if (filter->server)
		nft_table_add_rule(
			table,
			NFT_RULE(FROM(inet_prefix_network(&filter->inner)),
				 NOT_IN(tun), NOT_IN("lo"), DROP));
}

static void add_clouds(struct nft_table *table, const struct nft_filter *filter)
{
	uint16_t family = filter->inner.address.family;

	for (unsigned i = 0; i < filter->allowed_count; i++)
		nft_table_add_rule(table,
				   NFT_RULE(IN(filter->device),
					    TO(filter->allowed[i]), ACCEPT));
	for (size_t i = 0; i < COUNT(clouds); i++) {
		if (clouds[i].address.family == family)
			nft_table_add_rule(table,
					   NFT_RULE(IN(filter->device),
						    TO(clouds[i]), DROP));
	}
}

/*
 * Nobody opens a connection into the tunnel's network. What else goes into the
 * tunnel is for Subnets.
 */
static void add_inward(struct nft_table *table, const struct nft_filter *filter)
{
	const char *tun = filter->device;

	nft_table_add_rule(table,
			   NFT_RULE(NOT_IN(tun), OUT(tun), ANSWERS, ACCEPT));
	nft_table_add_rule(
		table, NFT_RULE(NOT_IN(tun), OUT(tun),
				TO(inet_prefix_network(&filter->inner)), DROP));
}

static void add_forward(struct nft_table *table,
			const struct nft_filter *filter)
{
	const char *tun = filter->device;

	nft_table_add_chain(table, &forward);
	add_clouds(table, filter);
	add_inward(table, filter);
	if (filter->closed)
		nft_table_add_rule(table,
				   NFT_RULE(NOT_IN(tun), NOT_OUT(tun), DROP));
	for (unsigned i = 0; i < filter->link_count; i++) {
		const char *name = filter->links[i].name;

		/*
		 * What a bridge passes on is seen here by br_netfilter, and
		 * passes.
		 */
		if (!filter->links[i].forwards)
			nft_table_add_rule(table,
					   NFT_RULE(IN(name), NOT_OUT(name),
						    JUMP(links.name)));
	}
}

static void add_postrouting(struct nft_table *table,
			    const struct nft_filter *filter)
{
	nft_table_add_chain(table, &postrouting);
	for (unsigned i = 0; i < filter->port_count; i++)
		nft_table_add_rule(
			table, NFT_RULE({.kind = NFT_MATCH_PORTS,
					 .protocol = IPPROTO_UDP,
					 .sport = filter->ports[i]},
					{.kind = NFT_MATCH_TRANSLATED}, DROP));
	for (unsigned i = 0; i < filter->range_count; i++)
		nft_table_add_rule(
			table, NFT_RULE({.kind = NFT_MATCH_SPORT_IN,
					 .protocol = IPPROTO_UDP,
					 .first = filter->ranges[i].first,
					 .last = filter->ranges[i].last},
					{.kind = NFT_MATCH_TRANSLATED}, DROP));
}

static void add_arp(struct nft_table *table, const struct nft_filter *filter)
{
	nft_table_add_chain(table, &arp_input);
	nft_table_add_rule(
		table,
		NFT_RULE(NOT_IN(filter->device),
			 {.kind = NFT_MATCH_ARP_TARGET,
			  .network = inet_prefix_host(&filter->inner.address)},
			 DROP));
}

static uint8_t family_of(const struct nft_filter *filter)
{
	if (filter->arp)
		return NFPROTO_ARP;
	return filter->inner.address.family == AF_INET ? NFPROTO_IPV4
						       : NFPROTO_IPV6;
}

static void describe(const struct nft_filter *filter, struct nft_table *table)
{
	*table = (struct nft_table){
		.family = family_of(filter),
		.name = filter->table,
		.flags = NFT_TABLE_F_OWNER,
		.owner_printed = true,
		.replaces = true,
	};
	if (filter->arp) {
		add_arp(table, filter);
		return;
	}
	if (filter->server)
		add_links(table, filter);
	add_prerouting(table, filter);
	if (!filter->server)
		return;
	add_forward(table, filter);
	add_postrouting(table, filter);
}

int nft_filter_add(struct nft *nft, const struct nft_filter *filter)
{
	struct nft_table table;
	int err = nft_filter_check(filter);

	if (err)
		return err;
	describe(filter, &table);
	return nft_table_make(nft, &table);
}

int nft_filter_del(struct nft *nft, const struct nft_filter *filter)
{
	int err = nft_filter_check(filter);

	return err ? err : nft_table_del(nft, family_of(filter), filter->table);
}

int nft_filter_has(struct nft *nft, const struct nft_filter *filter)
{
	return nft_table_has(nft, family_of(filter), filter->table);
}

int nft_filter_print(const struct nft_filter *filter, char *text, size_t size)
{
	struct nft_table table;
	int err = nft_filter_check(filter);

	if (err)
		return err;
	describe(filter, &table);
	return nft_table_print(&table, text, size);
}

/* The tun's address, and at a server the network that it is in. */
static int parse_inner(const char *text, struct nft_filter *filter)
{
	const char *head = filter->arp ? " arp daddr ip " : " daddr ";
	char own[INET_ADDRESS_TEXT], network[INET_PREFIX_TEXT];
	struct inet_prefix prefix;

	if (nft_text_between(text, head, " ", own, sizeof(own)) ||
	    inet_parse_address(own, &filter->inner.address))
		return -EINVAL;
	filter->inner.length = 8 * inet_size(filter->inner.address.family);
	if (!filter->server)
		return 0;
	if (nft_text_between(text, " saddr ", " ", network, sizeof(network)) ||
	    inet_parse_prefix(network, &prefix))
		return -EINVAL;
	filter->inner.length = prefix.length;
	return 0;
}

/* They are the only ones that are accepted by their address. */
static int parse_allowed(const char *text, struct nft_filter *filter)
{
	static const char head[] = " daddr ", accept[] = " accept; ";
	char word[INET_PREFIX_TEXT];

	_Static_assert(INET_PREFIX_TEXT == 50, "%49s");
	while ((text = strstr(text, head))) {
		text += strlen(head);
		if (sscanf(text, "%49s", word) != 1 ||
		    strncmp(text + strlen(word), accept, strlen(accept)) != 0)
			continue;
		if (filter->allowed_count == NFT_FILTER_ALLOWED ||
		    inet_parse_prefix(word,
				      &filter->allowed[filter->allowed_count]))
			return -EINVAL;
		filter->allowed_count++;
	}
	return 0;
}

static int add_port(const struct inet_ports *ports, struct nft_filter *filter)
{
	if (ports->first == ports->last) {
		if (filter->port_count == NFT_FILTER_PORTS)
			return -EINVAL;
		filter->ports[filter->port_count++] = ports->first;
		return 0;
	}
	if (filter->range_count == NFT_FILTER_RANGES)
		return -EINVAL;
	filter->ranges[filter->range_count++] = *ports;
	return 0;
}

static int parse_ports(const char *text, struct nft_filter *filter)
{
	static const char head[] = "udp sport ";
	char word[INET_PORTS_TEXT];
	struct inet_ports ports;

	_Static_assert(INET_PORTS_TEXT == 12, "%11s");
	while ((text = strstr(text, head))) {
		text += strlen(head);
		if (sscanf(text, "%11s", word) != 1 ||
		    inet_parse_ports(word, &ports) || add_port(&ports, filter))
			return -EINVAL;
	}
	return 0;
}

static int parse_links(const char *text, struct nft_filter *filter)
{
	static const char head[] = "oifname \"";
	const char *from = strstr(text, "chain links { "), *to;

	if (!from)
		return 0;
	to = strstr(from, "}; ");
	while ((from = strstr(from, head)) && to && from < to) {
		struct nft_filter_link *link =
			&filter->links[filter->link_count];
		char closed[96];

		if (filter->link_count == NFT_FILTER_LINKS ||
		    nft_text_between(from, head, "\"", link->name,
				     sizeof(link->name)))
			return -EINVAL;
		snprintf(closed, sizeof(closed),
			 "iifname \"%s\" oifname != \"%s\" jump links",
			 link->name, link->name);
		link->forwards = !strstr(text, closed);
		filter->link_count++;
		from += strlen(head);
	}
	return 0;
}

static int parse_server(const char *text, struct nft_filter *filter)
{
	char closed[64];
	int err;

	snprintf(closed, sizeof(closed), "oifname != \"%s\" drop; ",
		 filter->device);
	filter->closed = strstr(text, closed) != NULL;
	err = parse_allowed(text, filter);
	if (!err)
		err = parse_ports(text, filter);
	return err ? err : parse_links(text, filter);
}

/* That the rest is as it should be shows when it is printed again. */
int nft_filter_parse(const char *text, struct nft_filter *filter)
{
	struct nft_filter parsed = {0};
	char family[8], again[8192];
	int err;

	if (nft_text_between(text, "table ", " ", family, sizeof(family)) ||
	    nft_text_between(text + strlen("table "), " ", " {", parsed.table,
			     sizeof(parsed.table)) ||
	    nft_text_between(text, "iifname != \"", "\"", parsed.device,
			     sizeof(parsed.device)))
		return -EINVAL;
	parsed.arp = strcmp(family, "arp") == 0;
	parsed.server = strstr(text, "chain forward ") != NULL;
	err = parse_inner(text, &parsed);
	if (!err && parsed.server)
		err = parse_server(text, &parsed);
	if (err || nft_filter_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*filter = parsed;
	return 0;
}
