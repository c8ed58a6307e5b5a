/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/marks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>

#include "host/nft/transaction.h"
#include "host/nft/expression.h"
#include "host/nft/nft_internal.h"

/* In the headers of TCP and UDP alike (RFC 9293, RFC 768). */
#define DESTINATION_PORT 2
#define PORT_SIZE	 2
/* The TCP header's byte with SYN and others in it (RFC 9293, section 3.1). */
#define TCP_FLAGS_OFFSET 13

/*
 * Behind those at NF_IP_PRI_MANGLE who mark connections themselves; in front of
 * those who look by which way an answer would go (firewalld: mangle + 10), and
 * of NAT.
 */
#define PRIORITY (NF_IP_PRI_MANGLE + 5)

static const struct nft_chain inbound = {
	.name = "inbound",
	.add = "add chain inbound",
	.add_rule = "add rule to inbound",
};

static const struct nft_chain prerouting = {
	.name = "prerouting",
	.type = "filter",
	.add = "add chain prerouting",
	.add_rule = "add rule to prerouting",
	.hook = NF_INET_PRE_ROUTING,
	.priority = PRIORITY,
	.policy = NF_ACCEPT,
};

/*
 * In front of those at NF_IP_PRI_MANGLE: whoever gives each packet the mark of
 * its connection there, whatever it had before, gives it ours.
 */
static const struct nft_chain own = {
	.name = "own",
	.type = "filter",
	.add = "add chain own",
	.add_rule = "add rule to own",
	.hook = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_MANGLE - 5,
	.policy = NF_ACCEPT,
};

/* Where a mark has changed, the way is looked up anew (since Linux 5.2). */
static const struct nft_chain output = {
	.name = "output",
	.type = "route",
	.add = "add chain output",
	.add_rule = "add rule to output",
	.hook = NF_INET_LOCAL_OUT,
	.priority = PRIORITY,
	.policy = NF_ACCEPT,
};

static void match_ct_mark(struct nft_transaction_rule rule, uint32_t mark)
{
	nft_load_ct(rule.message, NFT_CT_MARK);
	nft_compare(rule.message, NFT_CMP_EQ, &mark, sizeof(mark));
}

static void load_fib(struct nft_transaction_rule rule, uint32_t flags,
		     enum nft_fib_result result)
{
	struct nft_expression fib = nft_expression_begin(rule.message, "fib");

	nft_put_number(rule.message, NFTA_FIB_DREG, NFT_REGISTER);
	nft_put_number(rule.message, NFTA_FIB_RESULT, result);
	nft_put_number(rule.message, NFTA_FIB_FLAGS, flags);
	nft_expression_end(rule.message, fib);
}

static void match_protocol(struct nft_transaction_rule rule, uint8_t protocol)
{
	nft_load_meta(rule.message, NFT_META_L4PROTO);
	nft_compare(rule.message, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

static void load_port(struct nft_transaction_rule rule, uint8_t protocol)
{
	match_protocol(rule, protocol);
	nft_load_payload(rule.message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 DESTINATION_PORT, PORT_SIZE);
}

static void put_port(struct nft_transaction_rule rule, uint16_t type,
		     uint16_t port)
{
	struct nlattr *nest = mnl_attr_nest_start(rule.message, type);
	uint16_t number = htons(port);

	mnl_attr_put(rule.message, NFTA_DATA_VALUE, sizeof(number), &number);
	mnl_attr_nest_end(rule.message, nest);
}

static void match_other_port(struct nft_transaction_rule rule, uint8_t protocol,
			     const uint16_t ports[2])
{
	struct nft_expression range;

	load_port(rule, protocol);
	range = nft_expression_begin(rule.message, "range");
	nft_put_number(rule.message, NFTA_RANGE_SREG, NFT_REGISTER);
	nft_put_number(rule.message, NFTA_RANGE_OP, NFT_RANGE_NEQ);
	put_port(rule, NFTA_RANGE_FROM_DATA, ports[0]);
	put_port(rule, NFTA_RANGE_TO_DATA, ports[1]);
	nft_expression_end(rule.message, range);
}

/* nft(8) says this without a range. */
static void match_port(struct nft_transaction_rule rule, uint8_t protocol,
		       const uint16_t ports[2])
{
	uint16_t first = htons(ports[0]), last = htons(ports[1]);

	load_port(rule, protocol);
	nft_compare(rule.message, NFT_CMP_GTE, &first, sizeof(first));
	nft_compare(rule.message, NFT_CMP_LTE, &last, sizeof(last));
}

static void match_syn(struct nft_transaction_rule rule)
{
	static const uint8_t mask = TH_FIN | TH_SYN | TH_RST | TH_ACK,
			     syn = TH_SYN;

	match_protocol(rule, IPPROTO_TCP);
	nft_load_payload(rule.message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 TCP_FLAGS_OFFSET, sizeof(mask));
	nft_mask(rule.message, &mask, sizeof(mask));
	nft_compare(rule.message, NFT_CMP_EQ, &syn, sizeof(syn));
}

/*
 * A server's socket, which has to say itself from which address it answers. A
 * client's has an address from when it was connected.
 */
static void match_wildcard_socket(struct nft_transaction_rule rule)
{
	static const uint8_t yes = 1;
	struct nft_expression socket =
		nft_expression_begin(rule.message, "socket");

	nft_put_number(rule.message, NFTA_SOCKET_KEY, NFT_SOCKET_WILDCARD);
	nft_put_number(rule.message, NFTA_SOCKET_DREG, NFT_REGISTER);
	nft_expression_end(rule.message, socket);
	nft_compare(rule.message, NFT_CMP_EQ, &yes, sizeof(yes));
}

static void match_echo(struct nft_transaction_rule rule, uint8_t family)
{
	bool v4 = family == NFPROTO_IPV4;
	uint8_t type = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;

	nft_load_meta(rule.message, NFT_META_NFPROTO);
	nft_compare(rule.message, NFT_CMP_EQ, &family, sizeof(family));
	match_protocol(rule, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	nft_load_payload(rule.message, NFT_PAYLOAD_TRANSPORT_HEADER, 0,
			 sizeof(type));
	nft_compare(rule.message, NFT_CMP_EQ, &type, sizeof(type));
}

/* ct mark set MARK: from now on the connection has it. */
static void remember(struct nft_transaction_rule rule, uint32_t mark)
{
	nft_load_value(rule.message, &mark, sizeof(mark));
	nft_set_ct(rule.message, NFT_CT_MARK);
	nft_transaction_end_rule(rule);
}

static void add_inbound(struct nft_transaction *batch,
			const struct nft_marks *marks)
{
	static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};
	struct nft_transaction_rule rule;

	nft_transaction_add_chain(batch, &inbound);
	rule = nft_transaction_begin_rule(batch, &inbound);
	match_other_port(rule, IPPROTO_TCP, marks->ports);
	remember(rule, marks->mark);
	rule = nft_transaction_begin_rule(batch, &inbound);
	match_syn(rule);
	remember(rule, marks->mark);
	rule = nft_transaction_begin_rule(batch, &inbound);
	match_other_port(rule, IPPROTO_UDP, marks->ports);
	remember(rule, marks->mark);
	rule = nft_transaction_begin_rule(batch, &inbound);
	match_port(rule, IPPROTO_UDP, marks->ports);
	match_wildcard_socket(rule);
	remember(rule, marks->mark);
	for (size_t i = 0; i < sizeof(families); i++) {
		rule = nft_transaction_begin_rule(batch, &inbound);
		match_echo(rule, families[i]);
		remember(rule, marks->mark);
	}
}

/* What comes by another device, and whose answer would not go back by it. */
static void ask_inbound(struct nft_transaction *batch,
			const struct nft_marks *marks)
{
	const uint32_t local = RTN_LOCAL, missing = 0;
	struct nft_transaction_rule rule =
		nft_transaction_begin_rule(batch, &prerouting);

	nft_match_device(rule.message, NFT_META_IIFNAME, NFT_CMP_NEQ,
			 marks->device);
	match_ct_mark(rule, 0);
	load_fib(rule, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF,
		 NFT_FIB_RESULT_ADDRTYPE);
	nft_compare(rule.message, NFT_CMP_EQ, &local, sizeof(local));
	load_fib(rule, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT,
		 NFT_FIB_RESULT_OIF);
	nft_compare(rule.message, NFT_CMP_EQ, &missing, sizeof(missing));
	nft_jump(rule.message, inbound.name);
	nft_transaction_end_rule(rule);
}

/* ct mark MARK meta mark set ct mark */
static void restore(struct nft_transaction *batch,
		    const struct nft_chain *chain, uint32_t mark)
{
	struct nft_transaction_rule rule =
		nft_transaction_begin_rule(batch, chain);

	match_ct_mark(rule, mark);
	nft_load_ct(rule.message, NFT_CT_MARK);
	nft_set_meta(rule.message, NFT_META_MARK);
	nft_transaction_end_rule(rule);
}

/* meta mark MARK ct mark set meta mark: the tunnel's own end here. */
static void save(struct nft_transaction *batch, uint32_t mark)
{
	struct nft_transaction_rule rule =
		nft_transaction_begin_rule(batch, &own);

	nft_load_meta(rule.message, NFT_META_MARK);
	nft_compare(rule.message, NFT_CMP_EQ, &mark, sizeof(mark));
	nft_load_meta(rule.message, NFT_META_MARK);
	nft_set_ct(rule.message, NFT_CT_MARK);
	nft_transaction_end_rule(rule);
}

static int send_table(struct nft *nft, const struct nft_marks *marks,
		      uint32_t flags, bool *table_refused)
{
	const char *refused;
	struct nft_transaction batch;
	int err =
		nft_transaction_begin(&batch, nft, NFPROTO_INET, marks->table);

	if (err)
		return err;
	nft_transaction_add_table(&batch, flags);
	if (marks->inbound)
		add_inbound(&batch, marks);
	nft_transaction_add_chain(&batch, &prerouting);
	if (marks->inbound)
		ask_inbound(&batch, marks);
	restore(&batch, &prerouting, marks->mark);
	nft_transaction_add_chain(&batch, &own);
	save(&batch, marks->mark);
	nft_transaction_add_chain(&batch, &output);
	restore(&batch, &output, marks->mark);
	err = nft_transaction_send(&batch, &refused);
	*table_refused = err && strcmp(refused, "add table") == 0;
	return err;
}

int nft_marks_add(struct nft *nft, const struct nft_marks *marks)
{
	bool table_refused;
	int err = nft_marks_check(marks);

	if (err)
		return err;
	err = send_table(nft, marks, NFT_TABLE_F_OWNER, &table_refused);
	/* Unknown flags are EOPNOTSUPP, in older kernels EINVAL. */
	if (table_refused && (err == -EOPNOTSUPP || err == -EINVAL))
		err = send_table(nft, marks, 0, &table_refused);
	/* Owned by another process, as in nft_gateway_add(). */
	return table_refused && err == -EPERM ? -EEXIST : err;
}

int nft_marks_del(struct nft *nft, const struct nft_marks *marks)
{
	int err = nft_marks_check(marks);

	return err ? err : nft_table_del(nft, NFPROTO_INET, marks->table);
}

int nft_marks_has(struct nft *nft, const struct nft_marks *marks)
{
	struct nft_table table;
	int err = nft_table_get(nft, NFPROTO_INET, marks->table, &table);

	if (err)
		return err == -ENOENT ? 0 : err;
	return 1;
}
