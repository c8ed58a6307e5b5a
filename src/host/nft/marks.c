/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/marks.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/icmp6.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "host/nft/table.h"

/* The text of any table of marks is shorter. */
#define TEXT_SIZE 2048

/*
 * It stands behind those at NF_IP_PRI_MANGLE who mark connections themselves,
 * and in front of those who ask by which device an answer would go (firewalld:
 * mangle + 10), and of NAT.
 */
#define PRIORITY (NF_IP_PRI_MANGLE + 5)

static const struct nft_chain inbound = {.name = "inbound"};

static const struct nft_chain prerouting = {
	.name = "prerouting",
	.type = "filter",
	.hook = NF_INET_PRE_ROUTING,
	.priority = PRIORITY,
	.policy = NF_ACCEPT,
};

/*
 * It stands in front of those at NF_IP_PRI_MANGLE: whoever gives each packet
 * the mark of its connection there, whatever it had before, gives it ours.
 */
static const struct nft_chain own = {
	.name = "own",
	.type = "filter",
	.hook = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_MANGLE - 5,
	.policy = NF_ACCEPT,
};

/* Where a mark has changed, the route is looked up anew (since Linux 5.2). */
static const struct nft_chain output = {
	.name = "output",
	.type = "route",
	.hook = NF_INET_LOCAL_OUT,
	.priority = PRIORITY,
	.policy = NF_ACCEPT,
};

int nft_marks_check(const struct nft_marks *marks)
{
	if (!nft_table_name_valid(marks->table, sizeof(marks->table)) ||
	    marks->mark == 0)
		return -EINVAL;
	/* What could not be printed would be lost in the journal. */
	if (!marks->inbound)
		return marks->device[0] || marks->ports[0] || marks->ports[1]
			       ? -EINVAL
			       : 0;
	/* nft(8) has no range of one port, or none. */
	if (!nft_device_name_valid(marks->device) || marks->ports[0] == 0 ||
	    marks->ports[0] >= marks->ports[1])
		return -EINVAL;
	return 0;
}

/* The connections of an inbound tunnel that have been begun outside. */
static void add_inbound(struct nft_table *table, const struct nft_marks *marks)
{
	const struct nft_statement remember = {
		.kind = NFT_ACTION_SET_CT_MARK,
		.mark = marks->mark,
	};
	const struct nft_statement other_port = {
		.kind = NFT_MATCH_PORT_NOT_IN,
		.first = marks->ports[0],
		.last = marks->ports[1],
	};
	struct nft_statement tcp = other_port, udp = other_port,
			     client = other_port;

	tcp.protocol = IPPROTO_TCP;
	udp.protocol = client.protocol = IPPROTO_UDP;
	client.kind = NFT_MATCH_PORT_IN;
	nft_table_add_chain(table, &inbound);
	nft_table_add_rule(table, NFT_RULE(tcp, remember));
	nft_table_add_rule(
		table, NFT_RULE({.kind = NFT_MATCH_SYN,
				 .flags = TH_FIN | TH_SYN | TH_RST | TH_ACK},
				remember));
	nft_table_add_rule(table, NFT_RULE(udp, remember));
	nft_table_add_rule(table, NFT_RULE(client, {.kind = NFT_MATCH_WILDCARD},
					   remember));
	nft_table_add_rule(table,
			   NFT_RULE({.kind = NFT_MATCH_ECHO4}, remember));
	nft_table_add_rule(table, NFT_RULE({.kind = NFT_MATCH_ICMPV6,
					    .type = ICMP6_ECHO_REQUEST},
					   remember));
}

/* What comes by another device, and whose answer would not go back by it. */
static void add_question(struct nft_table *table, const struct nft_marks *marks)
{
	nft_table_add_rule(
		table,
		NFT_RULE({.kind = NFT_MATCH_NOT_IN, .name = marks->device},
			 {.kind = NFT_MATCH_CT_MARK, .mark = 0},
			 {.kind = NFT_MATCH_LOCAL},
			 {.kind = NFT_MATCH_NO_WAY_BACK},
			 {.kind = NFT_ACTION_JUMP, .name = inbound.name}));
}

static void add_restoring(struct nft_table *table, uint32_t mark)
{
	nft_table_add_rule(table,
			   NFT_RULE({.kind = NFT_MATCH_CT_MARK, .mark = mark},
				    {.kind = NFT_ACTION_RESTORE_MARK}));
}

static void describe(const struct nft_marks *marks, struct nft_table *table)
{
	*table = (struct nft_table){
		.family = NFPROTO_INET,
		.name = marks->table,
		.flags = NFT_TABLE_F_OWNER,
		.owner_printed = true,
	};
	if (marks->inbound)
		add_inbound(table, marks);
	nft_table_add_chain(table, &prerouting);
	if (marks->inbound)
		add_question(table, marks);
	add_restoring(table, marks->mark);
	/* The tunnel's own end here. */
	nft_table_add_chain(table, &own);
	nft_table_add_rule(table, NFT_RULE({.kind = NFT_MATCH_MARK,
					    .mark = marks->mark,
					    .mask = UINT32_MAX},
					   {.kind = NFT_ACTION_SAVE_MARK}));
	nft_table_add_chain(table, &output);
	add_restoring(table, marks->mark);
}

int nft_marks_add(struct nft *nft, const struct nft_marks *marks)
{
	struct nft_table table;
	int err = nft_marks_check(marks);

	if (err)
		return err;
	describe(marks, &table);
	return nft_table_make(nft, &table);
}

int nft_marks_del(struct nft *nft, const struct nft_marks *marks)
{
	int err = nft_marks_check(marks);

	return err ? err : nft_table_del(nft, NFPROTO_INET, marks->table);
}

int nft_marks_has(struct nft *nft, const struct nft_marks *marks)
{
	return nft_table_has(nft, NFPROTO_INET, marks->table);
}

int nft_marks_print(const struct nft_marks *marks, char *text, size_t size)
{
	struct nft_table table;
	int err = nft_marks_check(marks);

	if (err)
		return err;
	describe(marks, &table);
	return nft_table_print(&table, text, size);
}

/* That the rest is as it should be shows when it is printed again. */
int nft_marks_parse(const char *text, struct nft_marks *marks)
{
	struct nft_marks parsed = {0};
	char mark[16], again[TEXT_SIZE];

	if (nft_text_between(text, "table inet ", " {", parsed.table,
			     sizeof(parsed.table)) ||
	    nft_text_between(text, " meta mark 0x", " ", mark, sizeof(mark)) ||
	    sscanf(mark, "%8x", &parsed.mark) != 1)
		return -EINVAL;
	parsed.inbound = strstr(text, "chain inbound ") != NULL;
	if (parsed.inbound &&
	    (nft_text_between(text, "iifname != \"", "\"", parsed.device,
			      sizeof(parsed.device)) ||
	     sscanf(strstr(text, "chain inbound "),
		    "chain inbound { tcp dport != %5hu-%5hu", &parsed.ports[0],
		    &parsed.ports[1]) != 2))
		return -EINVAL;
	if (nft_marks_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*marks = parsed;
	return 0;
}
