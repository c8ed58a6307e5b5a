/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/filter.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_ipv4.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/nft/transaction.h"
#include "host/nft/nft_internal.h"
#include "host/nft/match.h"

/* Of what a client writes: header, kind, two addresses (RFC 826, Ethernet). */
#define ARP_TARGET_OFFSET 24

static const struct nft_chain links = {
	.name = "links",
	.add = "add chain links",
	.add_rule = "add rule to links",
};

static const struct nft_chain prerouting = {
	.name = "prerouting",
	.type = "filter",
	.add = "add chain prerouting",
	.add_rule = "add rule to prerouting",
	.hook = NF_INET_PRE_ROUTING,
	.priority = NF_IP_PRI_RAW,
	.policy = NF_ACCEPT,
};

static const struct nft_chain forward = {
	.name = "forward",
	.type = "filter",
	.add = "add chain forward",
	.add_rule = "add rule to forward",
	.hook = NF_INET_FORWARD,
	.priority = NF_IP_PRI_FILTER,
	.policy = NF_ACCEPT,
};

/* Behind all that chooses a port, and before the connection is entered. */
static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "filter",
	.add = "add chain postrouting",
	.add_rule = "add rule to postrouting",
	.hook = NF_INET_POST_ROUTING,
	.priority = NF_IP_PRI_NAT_SRC + 1,
	.policy = NF_ACCEPT,
};

static const struct nft_chain arp_input = {
	.name = "input",
	.type = "filter",
	.add = "add chain input",
	.add_rule = "add rule to input",
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

/* A rule, or, where chain is not NULL, that chain's beginning or end. */
struct step {
	enum { CHAIN_BEGIN, RULE, CHAIN_END } kind;
	const struct nft_chain *chain;
	const struct nft_match *matches;
	uint32_t verdict;
	const char *jump; /* instead of the verdict */
};

typedef void (*step_visit)(void *data, const struct step *step);

struct walk {
	const struct nft_filter *filter;
	step_visit visit;
	void *data;
	const struct nft_chain *chain;
};

static void begin(struct walk *walk, const struct nft_chain *chain)
{
	walk->chain = chain;
	walk->visit(walk->data,
		    &(struct step){.kind = CHAIN_BEGIN, .chain = chain});
}

static void end(struct walk *walk)
{
	walk->visit(walk->data,
		    &(struct step){.kind = CHAIN_END, .chain = walk->chain});
}

static void rule(struct walk *walk, uint32_t verdict,
		 const struct nft_match *matches)
{
	walk->visit(walk->data, &(struct step){.kind = RULE,
					       .chain = walk->chain,
					       .matches = matches,
					       .verdict = verdict});
}

static void jump(struct walk *walk, const char *chain,
		 const struct nft_match *matches)
{
	walk->visit(walk->data, &(struct step){.kind = RULE,
					       .chain = walk->chain,
					       .matches = matches,
					       .jump = chain});
}

#define MATCHES(...) ((const struct nft_match[NFT_MATCHES]){__VA_ARGS__})
#define IN(device)                                                             \
	{                                                                      \
		.kind = NFT_MATCH_IN, .name = (device)                         \
	}
#define OUT(device)                                                            \
	{                                                                      \
		.kind = NFT_MATCH_OUT, .name = (device)                        \
	}
#define BESIDE(tun)                                                            \
	{                                                                      \
		.kind = NFT_MATCH_NOT_IN, .name = (tun)                        \
	}
#define ELSEWHERE(tun)                                                         \
	{                                                                      \
		.kind = NFT_MATCH_NOT_OUT, .name = (tun)                       \
	}
#define FROM(prefix)                                                           \
	{                                                                      \
		.kind = NFT_MATCH_FROM, .network = (prefix)                    \
	}
#define TO(prefix)                                                             \
	{                                                                      \
		.kind = NFT_MATCH_TO, .network = (prefix)                      \
	}
#define CONNECTION_KNOWN                                                       \
	{                                                                      \
		.kind = NFT_MATCH_ANSWERS                                      \
	}

static void visit_links(struct walk *walk)
{
	const struct nft_filter *filter = walk->filter;

	if (!filter->link_count)
		return;
	begin(walk, &links);
	for (unsigned i = 0; i < filter->link_count; i++)
		rule(walk, NF_DROP, MATCHES(OUT(filter->links[i].name)));
	end(walk);
}

static void visit_prerouting(struct walk *walk)
{
	const struct nft_filter *filter = walk->filter;
	const char *tun = filter->device;
	struct inet_prefix own = inet_prefix_host(&filter->inner.address);

	begin(walk, &prerouting);
	/* Four bytes are sooner compared than a name. */
	rule(walk, NF_DROP, MATCHES(TO(own), BESIDE(tun), BESIDE("lo")));
	if (filter->server)
		rule(walk, NF_DROP,
		     MATCHES(FROM(inet_prefix_network(&filter->inner)),
			     BESIDE(tun), BESIDE("lo")));
	end(walk);
}

static void visit_clouds(struct walk *walk)
{
	const struct nft_filter *filter = walk->filter;
	uint16_t family = filter->inner.address.family;

	for (unsigned i = 0; i < filter->allowed_count; i++)
		rule(walk, NF_ACCEPT,
		     MATCHES(IN(filter->device), TO(filter->allowed[i])));
	for (size_t i = 0; i < COUNT(clouds); i++) {
		if (clouds[i].address.family == family)
			rule(walk, NF_DROP,
			     MATCHES(IN(filter->device), TO(clouds[i])));
	}
}

/* To the tunnel's network; what else goes into the tunnel is for Subnets. */
static void visit_inward(struct walk *walk)
{
	const struct nft_filter *filter = walk->filter;
	const char *tun = filter->device;

	rule(walk, NF_ACCEPT, MATCHES(BESIDE(tun), OUT(tun), CONNECTION_KNOWN));
	rule(walk, NF_DROP,
	     MATCHES(BESIDE(tun), OUT(tun),
		     TO(inet_prefix_network(&filter->inner))));
}

static void visit_forward(struct walk *walk)
{
	const struct nft_filter *filter = walk->filter;
	const char *tun = filter->device;

	begin(walk, &forward);
	visit_clouds(walk);
	visit_inward(walk);
	if (filter->closed)
		rule(walk, NF_DROP, MATCHES(BESIDE(tun), ELSEWHERE(tun)));
	for (unsigned i = 0; i < filter->link_count; i++) {
		const char *name = filter->links[i].name;

		/* Not what a bridge passes on, seen here by br_netfilter. */
		if (!filter->links[i].forwards)
			jump(walk, links.name,
			     MATCHES(IN(name), ELSEWHERE(name)));
	}
	end(walk);
}

static void visit_postrouting(struct walk *walk)
{
	const struct nft_filter *filter = walk->filter;

	begin(walk, &postrouting);
	for (unsigned i = 0; i < filter->port_count; i++)
		rule(walk, NF_DROP,
		     MATCHES({.kind = NFT_MATCH_PORTS,
			      .protocol = IPPROTO_UDP,
			      .from = filter->ports[i]},
			     {.kind = NFT_MATCH_TRANSLATED}));
	end(walk);
}

static void visit_all(const struct nft_filter *filter, step_visit visit,
		      void *data)
{
	struct walk walk = {.filter = filter, .visit = visit, .data = data};

	if (filter->server)
		visit_links(&walk);
	visit_prerouting(&walk);
	if (!filter->server)
		return;
	visit_forward(&walk);
	visit_postrouting(&walk);
}

static uint8_t family_of(const struct nft_filter *filter)
{
	if (filter->arp)
		return NFPROTO_ARP;
	return filter->inner.address.family == AF_INET ? NFPROTO_IPV4
						       : NFPROTO_IPV6;
}

struct filling {
	struct nft_transaction *batch;
	uint16_t family;
};

static void add_step(void *data, const struct step *step)
{
	struct filling *filling = data;
	uint16_t family = filling->family;
	struct nft_transaction_rule rule;

	if (step->kind == CHAIN_BEGIN)
		nft_transaction_add_chain(filling->batch, step->chain);
	if (step->kind != RULE)
		return;
	rule = nft_transaction_begin_rule(filling->batch, step->chain);
	for (const struct nft_match *match = step->matches; match->kind;
	     match++)
		nft_match_put(rule.message, match, &family);
	if (step->jump)
		nft_jump(rule.message, step->jump);
	else
		nft_verdict(rule.message, step->verdict);
	nft_transaction_end_rule(rule);
}

static void add_arp(struct nft_transaction *batch,
		    const struct nft_filter *filter)
{
	const struct inet_address *own = &filter->inner.address;
	struct nft_transaction_rule rule;

	nft_transaction_add_chain(batch, &arp_input);
	rule = nft_transaction_begin_rule(batch, &arp_input);
	nft_match_device(rule.message, NFT_META_IIFNAME, NFT_CMP_NEQ,
			 filter->device);
	nft_load_payload(rule.message, NFT_PAYLOAD_NETWORK_HEADER,
			 ARP_TARGET_OFFSET, inet_size(own->family));
	nft_compare(rule.message, NFT_CMP_EQ, own->bytes,
		    inet_size(own->family));
	nft_verdict(rule.message, NF_DROP);
	nft_transaction_end_rule(rule);
}

static int send_table(struct nft *nft, const struct nft_filter *filter,
		      const struct nft_table *old, uint32_t flags,
		      bool *table_refused)
{
	const char *refused;
	struct nft_transaction batch;
	struct filling filling = {&batch, filter->inner.address.family};
	int err = nft_transaction_begin(&batch, nft, family_of(filter),
					filter->table);

	if (err)
		return err;
	if (old)
		nft_transaction_del_table(&batch, old->handle);
	nft_transaction_add_table(&batch, flags);
	if (filter->arp)
		add_arp(&batch, filter);
	else
		visit_all(filter, add_step, &filling);
	err = nft_transaction_send(&batch, &refused);
	*table_refused = err && strcmp(refused, "add table") == 0;
	return err;
}

int nft_filter_add(struct nft *nft, const struct nft_filter *filter)
{
	bool table_refused, left;
	struct nft_table old;
	int err = nft_filter_check(filter);

	if (err)
		return err;
	left = nft_table_get_ours(nft, family_of(filter), filter->table,
				  &old) == 0;
	err = send_table(nft, filter, left ? &old : NULL, NFT_TABLE_F_OWNER,
			 &table_refused);
	/* Unknown flags are EOPNOTSUPP, in older kernels EINVAL. */
	if (table_refused && (err == -EOPNOTSUPP || err == -EINVAL))
		err = send_table(nft, filter, left ? &old : NULL, 0,
				 &table_refused);
	/* Owned by another process, as in nft_gateway_add(). */
	return table_refused && err == -EPERM ? -EEXIST : err;
}

int nft_filter_del(struct nft *nft, const struct nft_filter *filter)
{
	int err = nft_filter_check(filter);

	return err ? err : nft_table_del(nft, family_of(filter), filter->table);
}

int nft_filter_has(struct nft *nft, const struct nft_filter *filter)
{
	struct nft_table table;
	int err = nft_table_get(nft, family_of(filter), filter->table, &table);

	if (err)
		return err == -ENOENT ? 0 : err;
	return 1;
}

/* Host bits cleared, of the filter's family, and not everything. */
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
	    filter->allowed_count > NFT_FILTER_ALLOWED ||
	    filter->link_count > NFT_FILTER_LINKS)
		return false;
	for (unsigned i = 0; i < filter->port_count; i++) {
		if (!filter->ports[i])
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
				       !filter->allowed_count &&
				       !filter->link_count && !filter->closed
			       ? 0
			       : -EINVAL;
	return server_valid(filter) ? 0 : -EINVAL;
}

struct text {
	char *buffer;
	size_t size, length; /* length: what there would be with more room */
};

__attribute__((format(printf, 2, 3))) static void
append(struct text *text, const char *format, ...)
{
	bool room = text->length < text->size;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(room ? text->buffer + text->length : NULL,
			   room ? text->size - text->length : 0, format,
			   arguments);
	va_end(arguments);
	text->length += length > 0 ? (size_t)length : 0;
}

static void print_chain(struct text *text, const struct nft_chain *chain)
{
	append(text, "chain %s { ", chain->name);
	if (chain == &prerouting)
		append(text, "type filter hook prerouting priority raw; "
			     "policy accept; ");
	else if (chain == &forward)
		append(text, "type filter hook forward priority filter; "
			     "policy accept; ");
	else if (chain == &postrouting)
		append(text, "type filter hook postrouting priority "
			     "srcnat + 1; policy accept; ");
}

static void print_step(void *data, const struct step *step)
{
	struct text *text = data;
	char words[128];

	switch (step->kind) {
	case CHAIN_BEGIN:
		print_chain(text, step->chain);
		return;
	case CHAIN_END:
		append(text, "}; ");
		return;
	case RULE:
		break;
	}
	for (const struct nft_match *match = step->matches; match->kind;
	     match++) {
		nft_match_print(match, words, sizeof(words));
		append(text, "%s", words);
	}
	if (step->jump)
		append(text, "jump %s; ", step->jump);
	else
		append(text, "%s; ",
		       step->verdict == NF_DROP ? "drop" : "accept");
}

static void print_arp(struct text *text, const struct nft_filter *filter)
{
	char own[INET_ADDRESS_TEXT];

	append(text,
	       "chain input { type filter hook input priority filter; "
	       "policy accept; iifname != \"%s\" arp daddr ip %s drop; }; ",
	       filter->device,
	       inet_format_address(&filter->inner.address, own, sizeof(own)));
}

static const char *family_text(const struct nft_filter *filter)
{
	if (filter->arp)
		return "arp";
	return filter->inner.address.family == AF_INET ? "ip" : "ip6";
}

int nft_filter_print(const struct nft_filter *filter, char *buffer, size_t size)
{
	struct text text = {.buffer = buffer, .size = size};
	int err = nft_filter_check(filter);

	if (err)
		return err;
	append(&text,
	       "table %s %s { comment \"" NFT_COMMENT "\"; flags owner; ",
	       family_text(filter), filter->table);
	if (filter->arp)
		print_arp(&text, filter);
	else
		visit_all(filter, print_step, &text);
	append(&text, "}");
	return text.length < size ? 0 : -ENOSPC;
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

static int parse_ports(const char *text, struct nft_filter *filter)
{
	static const char head[] = "udp sport ";
	unsigned port;

	while ((text = strstr(text, head))) {
		text += strlen(head);
		if (filter->port_count == NFT_FILTER_PORTS ||
		    sscanf(text, "%5u", &port) != 1 || port > UINT16_MAX)
			return -EINVAL;
		filter->ports[filter->port_count++] = (uint16_t)port;
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

/* As in nft_gateway_parse(), the rest shows when it is printed again. */
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
