/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel says without being asked, and what it says of other people's
 * chains and rules: nothing that is malformed is read past its end, and what is
 * read ends and is in its range. The first byte says which of them it is.
 */
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "host/kernel/monitor.h"
#include "host/nft/foreign_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEVICE 7

static const struct nft_view views[] = {
	{
		.device = "tun0",
		.index = DEVICE,
		.inner4 = {{AF_INET, {10, 8}}, 24},
		.inner6 = {{AF_INET6, {0xfd, 0x08}}, 64},
	},
	{.device = "tun0", .port = 4433},
};

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_name(const char name[NFT_NAME_MAXLEN])
{
	check(memchr(name, '\0', NFT_NAME_MAXLEN) != NULL);
}

static void read_message(const struct nlmsghdr *message)
{
	struct nft_chain_reading chain;
	struct nft_rule_reading rule;

	if (nft_read_chain(message, &chain) == 0) {
		check_name(chain.table);
		check_name(chain.name);
		check(!chain.drops || chain.forward || chain.input);
	}
	for (unsigned i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		if (nft_read_rule(message, &views[i], &rule))
			continue;
		check_name(rule.chain);
		check_name(rule.target);
		check(rule.verdict <= NFT_RULE_RETURN);
		check(rule.match < 2 * NFT_RULE_NEVER);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *message;
	int bus, left;

	if (size == 0)
		return 0;
	bus = data[0] & 1 ? NETLINK_NETFILTER : NETLINK_ROUTE;
	left = (int)--size;
	/* Aligned, and its end known to the sanitizer. */
	message = malloc(size ? size : 1);
	check(message != NULL);
	memcpy(message, data + 1, size);
	check(monitor_read(bus, message, size, DEVICE) <=
	      (MONITOR_NETWORK | MONITOR_TABLES | MONITOR_SETTINGS |
	       MONITOR_LINKS));
	for (const struct nlmsghdr *each = message; netlink_whole(each, left);
	     each = mnl_nlmsg_next(each, &left))
		read_message(each);
	free(message);
	return 0;
}
