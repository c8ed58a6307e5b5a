/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/if_addr.h>

#include "unit/rtnl_fixture.h"

static void assert_addresses(char *expected)
{
	char *text = say_addresses();

	assert_string_equal(text, expected);
	free(text);
	free(expected);
}

static void test_link(void **state)
{
	unsigned index, mtu;
	char name[IFNAMSIZ];

	assert_int_equal(rtnl_link_get(*state, "eth0", &index, &mtu), 0);
	assert_int_equal(index, if_nametoindex("eth0"));
	assert_int_equal(mtu, 1500);
	assert_int_equal(rtnl_link_name(*state, index, name), 0);
	assert_string_equal(name, "eth0");
	assert_int_equal(rtnl_link_get(*state, "none", &index, NULL), -ENODEV);
	assert_int_equal(rtnl_link_get(*state, "", &index, NULL), -ENODEV);
	assert_int_equal(
		rtnl_link_get(*state, "longer-than-names-may-be", &index, NULL),
		-ENODEV);
	assert_int_equal(rtnl_link_name(*state, 4711, name), -ENODEV);
}

static void test_link_set(void **state)
{
	char *text;
	unsigned index, mtu;

	assert_int_equal(netns_run("ip link add v0 type veth peer name v1"), 0);
	assert_int_equal(rtnl_link_no_autoconf(*state, "v0"), 0);
	assert_int_equal(rtnl_link_set(*state, "v0", 1435, false), 0);
	text = say("ip -d link show v0");
	assert_non_null(strstr(text, "addrgenmode none"));
	assert_null(strstr(text, "UP"));
	free(text);
	assert_int_equal(rtnl_link_set(*state, "v0", 0, true), 0);
	assert_int_equal(rtnl_link_get(*state, "v0", &index, &mtu), 0);
	assert_int_equal(mtu, 1435);
	text = say("ip link show v0");
	assert_non_null(strstr(text, ",UP"));
	free(text);
	assert_int_equal(rtnl_link_queue(*state, "v0", 77), 0);
	text = say("ip link show v0");
	assert_non_null(strstr(text, "qlen 77"));
	free(text);
	assert_int_equal(rtnl_link_queue(*state, "none", 77), -ENODEV);
	assert_int_equal(rtnl_link_set(*state, "none", 0, true), -ENODEV);
	/* Too small for the driver: the kernel says so in words. */
	assert_int_equal(rtnl_link_set(*state, "v0", 10, true), -EINVAL);
	assert_string_not_equal(rtnl_reason(*state), "");
	assert_int_equal(rtnl_link_set(*state, "v0", 1400, true), 0);
	assert_string_equal(rtnl_reason(*state), "");
	/* Below 1280 a link has no IPv6. */
	assert_int_equal(rtnl_link_set(*state, "v0", 1000, true), 0);
	assert_int_equal(rtnl_link_no_autoconf(*state, "v0"), 0);
}

static void test_address(void **state)
{
	static const struct {
		const char *prefix, *command;
	} cases[] = {
		{"10.8.0.2/24", "ip address add 10.8.0.2/24 dev eth0"},
		{"10.8.0.2/32", "ip address add 10.8.0.2/32 dev eth0"},
		{"fd08::2/64", "ip address add fd08::2/64 dev eth0 nodad"},
	};
	struct inet_prefix value, other;
	char *before, *ours;

	assert_int_equal(netns_run("ip link set eth0 arp off"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		value = other = prefix(cases[i].prefix);
		other.length--;
		before = say_addresses();
		assert_int_equal(rtnl_address_add(*state, "eth0", &value), 0);
		assert_int_equal(rtnl_address_add(*state, "eth0", &value),
				 -EEXIST);
		/* It can be used at once: without a wait for the worker. */
		ours = say("ip address show dev eth0");
		assert_null(strstr(ours, "tentative"));
		assert_string_not_equal(ours, before);
		assert_int_equal(rtnl_address_del(*state, "eth0", &other),
				 -EADDRNOTAVAIL);
		assert_int_equal(rtnl_address_del(*state, "eth0", &value), 0);
		assert_addresses(before);
		assert_int_equal(rtnl_address_del(*state, "eth0", &value),
				 -EADDRNOTAVAIL);
		assert_int_equal(netns_run(cases[i].command), 0);
		assert_addresses(ours);
		assert_int_equal(rtnl_address_del(*state, "eth0", &value), 0);
	}
	assert_int_equal(rtnl_address_add(*state, "none", &value), -ENODEV);
	/* Without IPv6 on the link there is no such address either. */
	assert_int_equal(rtnl_link_set(*state, "eth0", 1000, true), 0);
	assert_int_equal(rtnl_address_del(*state, "eth0", &value),
			 -EADDRNOTAVAIL);
}

/* In memory of just that size, so that a byte too far is found. */
static void check_read(const void *message, size_t size, size_t at, int flip)
{
	uint8_t *copy = malloc(size);
	struct nlmsghdr *header = (struct nlmsghdr *)copy;
	struct rtnl_reading reading;
	int result;

	assert_non_null(copy);
	memcpy(copy, message, size);
	copy[at] ^= flip;
	header->nlmsg_len = size;
	result = rtnl_read_route(header, AF_INET, &reading);
	assert_true(result == 0 || result == -EPROTO);
	free(copy);
}

/* A message is cut anywhere, and each of its bits is turned. */
static void check_spoilt(const struct nlmsghdr *message)
{
	size_t size = message->nlmsg_len;

	for (size_t i = sizeof(*message); i < size; i++) {
		check_read(message, i, 0, 0);
		for (int bit = 0; bit < 8; bit++)
			check_read(message, size, i, 1 << bit);
	}
}

/* A message as the kernel would send it, then spoilt. */
static void test_reading(void **state)
{
	struct netlink_buffer buffer = {{0}};
	struct nlmsghdr *message = netlink_message(&buffer, RTM_NEWROUTE, 0);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, 12);
	struct rtnexthop hop = {.rtnh_len = 16, .rtnh_ifindex = 7};
	struct rtnl_reading reading;
	struct nlattr *nest;
	void *place;

	(void)state;
	header->rtm_family = AF_INET;
	header->rtm_dst_len = 16;
	mnl_attr_put(message, RTA_DST, 4, "\x0a\x09\0\0");
	nest = mnl_attr_nest_start(message, RTA_METRICS);
	mnl_attr_put_u32(message, RTAX_MTU, 1300);
	mnl_attr_nest_end(message, nest);
	nest = mnl_attr_nest_start(message, RTA_MULTIPATH);
	place = memcpy(mnl_nlmsg_get_payload_tail(message), &hop, sizeof(hop));
	message->nlmsg_len += sizeof(hop);
	mnl_attr_put(message, RTA_GATEWAY, 4, "\xc0\xa8\1\1");
	mnl_attr_nest_end(message, nest);
	assert_int_equal(rtnl_read_route(message, AF_INET, &reading), 0);
	assert_int_equal(reading.index, 7);
	assert_true(reading.multipath);
	assert_int_equal(reading.route.mtu, 1300);
	assert_int_equal(reading.route.gateway.bytes[3], 1);
	assert_int_equal(rtnl_read_route(message, AF_INET6, &reading), -EPROTO);

	check_spoilt(message);
	/* A nexthop that is longer than its attribute, or shorter than itself.
	 */
	for (hop.rtnh_len = 0; hop.rtnh_len < 64; hop.rtnh_len++) {
		memcpy(place, &hop, sizeof(hop));
		assert_int_equal(rtnl_read_route(message, AF_INET, &reading),
				 hop.rtnh_len >= sizeof(hop) &&
						 hop.rtnh_len <= 16
					 ? 0
					 : -EPROTO);
	}
	/* This address is as long as the other family's. */
	message = netlink_message(&buffer, RTM_NEWROUTE, 0);
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->rtm_family = AF_INET6;
	mnl_attr_put(message, RTA_GATEWAY, 4, "\xc0\xa8\1\1");
	assert_int_equal(rtnl_read_route(message, AF_INET6, &reading), -EPROTO);
}

struct interruption {
	struct rtnl *rtnl;
	unsigned visits;
};

/* Between two pieces of a dump: the kernel goes on when it is read again. */
static int interrupt_visit(void *data, const struct nlmsghdr *message)
{
	struct interruption *interruption = data;
	struct inet_prefix value = prefix("10.99.0.1/32");

	(void)message;
	if (interruption->visits++ == 0)
		assert_int_equal(
			rtnl_address_add(interruption->rtnl, "xeth0", &value),
			0);
	return 0;
}

static void test_interrupted_dump(void **state)
{
	struct inet_prefix value = prefix("10.8.0.0/32");
	struct interruption interruption = {.rtnl = *state};
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct netlink other;

	for (unsigned i = 0; i < 1500; i++) {
		value.address.bytes[2] = i >> 8;
		value.address.bytes[3] = i;
		assert_int_equal(rtnl_address_add(*state, "eth0", &value), 0);
	}
	assert_int_equal(netlink_open(&other, NETLINK_ROUTE), 0);
	for (int i = 0; i < 2; i++) {
		message = netlink_message(&buffer, RTM_GETADDR, NLM_F_DUMP);
		mnl_nlmsg_put_extra_header(message, sizeof(struct ifaddrmsg));
		/* The second time, nothing comes in between. */
		assert_int_equal(netlink_request(&other, message,
						 interrupt_visit,
						 &interruption),
				 i ? 0 : -EINTR);
	}
	assert_true(interruption.visits > 3000);
	netlink_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RTNL_TEST(test_link),
		RTNL_TEST(test_link_set),
		RTNL_TEST(test_address),
		RTNL_TEST(test_interrupted_dump),
		cmocka_unit_test(test_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
