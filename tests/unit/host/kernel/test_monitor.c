/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include "common/reason.h"
#include "host/change/change.h"
#include "host/kernel/monitor.h"
#include "unit/netns.h"

/* The index that stands for the tun in messages made by hand. */
#define TUN 7

/* Routes whose notifications are more than a socket holds (rmem_default). */
#define MANY_ROUTES 4000

struct watched {
	struct ev_loop *loop;
	struct monitor *monitor;
	unsigned what;
};

static void look(void *owner, unsigned what)
{
	struct watched *watched = owner;

	watched->what |= what;
	ev_break(watched->loop, EVBREAK_ALL);
}

static int enter(void **state)
{
	struct watched *watched = calloc(1, sizeof(*watched));

	if (!watched || netns_enter() || netns_run("ip link set lo up") ||
	    netns_link("eth0") || netns_link("eth9"))
		return -1;
	watched->loop = ev_loop_new(EVFLAG_AUTO);
	*state = watched;
	return monitor_open(&watched->monitor, watched->loop, look, watched);
}

static int leave(void **state)
{
	struct watched *watched = *state;

	monitor_close(watched->monitor);
	ev_loop_destroy(watched->loop);
	free(watched);
	return 0;
}

/* Waits for it; the runner's time limit is the only one. */
static void await(struct watched *watched, unsigned what)
{
	while ((watched->what & what) != what)
		ev_run(watched->loop, 0);
}

static void settle(struct watched *watched)
{
	/* A change that is seen for sure comes after all the others. */
	watched->what = 0;
	assert_int_equal(netns_run("nft add table ip settled"), 0);
	await(watched, MONITOR_TABLES);
	assert_int_equal(netns_run("nft delete table ip settled"), 0);
	watched->what = 0;
	ev_run(watched->loop, 0);
	watched->what = 0;
}

static unsigned index_of(const char *device)
{
	return if_nametoindex(device);
}

static void test_tells_ours_from_others(void **state)
{
	struct watched *watched = *state;

	monitor_device(watched->monitor, index_of("eth9"));
	settle(watched);
	assert_int_equal(netns_run("ip address add 10.1.0.1/24 dev eth0"), 0);
	await(watched, MONITOR_UPLINK);
	assert_int_equal(watched->what, MONITOR_UPLINK);
	assert_int_equal(netns_run("ip route add 10.2.0.0/24 dev eth0"), 0);
	watched->what = 0;
	await(watched, MONITOR_UPLINK);
	assert_int_equal(watched->what, MONITOR_UPLINK);
	assert_int_equal(
		netns_run("ip route add 10.3.0.0/24 dev eth0 proto 77"), 0);
	await(watched, MONITOR_OWN);
	watched->what = 0;
	assert_int_equal(netns_run("ip address add 10.4.0.1/24 dev eth9"), 0);
	await(watched, MONITOR_OWN);
	watched->what = 0;
	assert_int_equal(netns_run("ip rule add from 10.9.0.0/24 lookup 9"), 0);
	await(watched, MONITOR_UPLINK);
	assert_int_equal(watched->what, MONITOR_UPLINK);
	assert_int_equal(
		netns_run("ip rule add from 10.9.1.0/24 lookup 9 proto 77"), 0);
	await(watched, MONITOR_OWN);
	watched->what = 0;
	assert_int_equal(
		netns_run("ip rule del from 10.9.1.0/24 lookup 9 proto 77"), 0);
	await(watched, MONITOR_OWN);
}

/* Of all devices together; each that comes has its own. */
static void test_sees_settings(void **state)
{
	static const char *const keys[] = {"net.ipv4.ip_forward",
					   "net.ipv6.conf.all.forwarding",
					   "net.ipv4.conf.all.rp_filter"};
	struct watched *watched = *state;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		settle(watched);
		assert_int_equal(sysctl_write(keys[i], "1"), 0);
		await(watched, MONITOR_SETTINGS);
	}
	settle(watched);
	assert_int_equal(sysctl_write("net.ipv4.conf.eth0.rp_filter", "1"), 0);
	assert_int_equal(netns_run("nft add table ip after"), 0);
	await(watched, MONITOR_TABLES);
	assert_false(watched->what & MONITOR_SETTINGS);
}

/* One that takes the place of ours bears no sign of it but a flag. */
static void test_sees_a_replacement(void **state)
{
	struct watched *watched = *state;

	assert_int_equal(netns_run("ip address add 10.1.0.1/24 dev eth0"), 0);
	assert_int_equal(
		netns_run("ip route add 10.3.0.0/24 dev eth0 proto 77"), 0);
	settle(watched);
	assert_int_equal(netns_run("ip route replace 10.3.0.0/24 via 10.1.0.9"),
			 0);
	await(watched, MONITOR_OWN);
}

static void test_lost_notifications_are_made_good(void **state)
{
	struct watched *watched = *state;
	char path[] = "/tmp/minivpn-monitor-XXXXXX", command[64];
	int fd = mkstemp(path);
	FILE *file;

	settle(watched);
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	for (int i = 0; i < MANY_ROUTES; i++)
		fprintf(file, "route add 10.%d.%d.0/24 dev eth0\n",
			100 + i / 256, i % 256);
	fclose(file);
	snprintf(command, sizeof(command), "ip -batch %s", path);
	assert_int_equal(netns_run(command), 0);
	unlink(path);
	/* None of them was ours, but one might have been. */
	await(watched, MONITOR_OWN);
}

static void test_asks_later(void **state)
{
	struct watched *watched = *state;

	settle(watched);
	monitor_ask(watched->monitor, MONITOR_AWAKE, 3600.);
	monitor_ask(watched->monitor, MONITOR_OWN, 0.);
	await(watched, MONITOR_OWN | MONITOR_AWAKE);
}

/* As on a kernel that knows no owner of a table: anybody may remove it. */
static void test_table_without_owner_is_missed(void **state)
{
	struct watched *watched = *state;
	struct change change = {.kind = CHANGE_GATEWAY,
				.gateway = {.table = "minivpn-server",
					    .device = "tun0",
					    .masquerade = true,
					    .ports = {32768, 65535}}};
	struct change_context context;
	struct reason reason;

	assert_int_equal(
		inet_parse_prefix("10.8.0.0/24", &change.gateway.inner), 0);
	assert_int_equal(change_context_open(&context), 0);
	assert_int_equal(nft_open(&context.nft), 0);
	assert_int_equal(change_missing(&context, &change), 1);
	assert_int_equal(netns_run("nft add table ip minivpn-server"), 0);
	assert_int_equal(change_missing(&context, &change), 0);
	settle(watched);
	assert_int_equal(netns_run("nft flush ruleset"), 0);
	await(watched, MONITOR_TABLES);
	assert_int_equal(change_missing(&context, &change), 1);
	assert_int_equal(change_apply(&context, &change, &reason), 0);
	assert_int_equal(change_missing(&context, &change), 0);
	/* With an owner it is left where it is. */
	assert_int_equal(netns_run("nft flush ruleset"), 0);
	assert_int_equal(change_missing(&context, &change), 0);
	change_context_close(&context);
}

static struct change make_sysctl(const char *key, const char *value,
				 const char *before)
{
	struct change change = {.kind = CHANGE_SYSCTL};

	snprintf(change.sysctl.key, SYSCTL_KEY_SIZE, "%s", key);
	snprintf(change.sysctl.value, SYSCTL_VALUE_SIZE, "%s", value);
	snprintf(change.sysctl.before, SYSCTL_VALUE_SIZE, "%s", before);
	return change;
}

/* As it was before; not as somebody wants it instead. */
static void test_setting_is_missing(void **state)
{
	static const char key[] = "net.ipv6.conf.eth0.accept_ra";
	struct change change = make_sysctl(key, "2", "1");
	struct change kept = make_sysctl(key, "1", "1");
	struct change none =
		make_sysctl("net.ipv4.conf.eth7.forwarding", "1", "0");
	struct change_context context;
	struct reason reason;

	(void)state;
	assert_int_equal(change_context_open(&context), 0);
	assert_int_equal(sysctl_write(key, "1"), 0);
	assert_int_equal(change_missing(&context, &change), 1);
	assert_int_equal(change_apply(&context, &change, &reason), 0);
	assert_int_equal(change_missing(&context, &change), 0);
	assert_int_equal(sysctl_write(key, "0"), 0);
	assert_int_equal(change_missing(&context, &change), 0);
	assert_int_equal(change_missing(&context, &kept), 0);
	assert_int_equal(change_missing(&context, &none), 0);
	change_context_close(&context);
}

static void test_what_is_missing(void **state)
{
	struct change link = {.kind = CHANGE_LINK,
			      .link = {.device = "eth9", .mtu = 1400}};
	struct change address = {.kind = CHANGE_ADDRESS,
				 .address.device = "eth9"};
	struct change route = {
		.kind = CHANGE_ROUTE,
		.route = {.device = "eth9", .protocol = RTNL_PROTOCOL}};
	struct change *const all[] = {&link, &address, &route};
	struct change_context context;
	struct reason reason;

	(void)state;
	inet_parse_prefix("10.5.0.1/24", &address.address.prefix);
	inet_parse_prefix("10.6.0.0/24", &route.route.destination);
	assert_int_equal(change_context_open(&context), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(change_missing(&context, all[i]), 1);
		assert_int_equal(change_apply(&context, all[i], &reason), 0);
		assert_int_equal(change_missing(&context, all[i]), 0);
	}
	/* Another length, or another's, is not the same. */
	address.address.prefix.length = 25;
	assert_int_equal(change_missing(&context, &address), 1);
	address.address.prefix.length = 24;
	assert_int_equal(
		netns_run("ip route replace 10.6.0.0/24 dev eth9 proto 4"), 0);
	assert_int_equal(change_missing(&context, &route), 1);
	assert_int_equal(netns_run("ip link set eth9 down"), 0);
	assert_int_equal(change_missing(&context, &link), 1);
	assert_int_equal(netns_run("ip link set eth9 up mtu 1300"), 0);
	assert_int_equal(change_missing(&context, &link), 1);
	assert_int_equal(netns_run("ip link delete eth9"), 0);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(change_missing(&context, all[i]), 1);
	change_context_close(&context);
}

union message {
	struct nlmsghdr header;
	char bytes[256];
};

static void test_reads_what_is_whole(void **state)
{
	union message message = {0};
	struct rtmsg *route;
	size_t size;

	(void)state;
	mnl_nlmsg_put_header(message.bytes);
	message.header.nlmsg_type = RTM_DELROUTE;
	route = mnl_nlmsg_put_extra_header(&message.header, sizeof(*route));
	route->rtm_family = AF_INET;
	route->rtm_dst_len = 32;
	mnl_attr_put_u32(&message.header, RTA_DST, 0x0100007f);
	mnl_attr_put_u32(&message.header, RTA_OIF, TUN);
	size = message.header.nlmsg_len;
	assert_int_equal(monitor_read(NETLINK_ROUTE, &message, size, TUN),
			 MONITOR_OWN);
	assert_int_equal(monitor_read(NETLINK_ROUTE, &message, size, TUN + 1),
			 MONITOR_UPLINK);
	/* Not of the other bus. */
	assert_int_equal(monitor_read(NETLINK_NETFILTER, &message, size, TUN),
			 0);
	for (size_t cut = 1; cut < size; cut++)
		assert_int_equal(
			monitor_read(NETLINK_ROUTE, &message, cut, TUN),
			MONITOR_NETWORK | MONITOR_LINKS | MONITOR_SETTINGS);
	assert_int_equal(monitor_read(NETLINK_ROUTE, &message, 0, TUN), 0);
	/* Said to be longer than the family's addresses are. */
	route->rtm_dst_len = 33;
	assert_int_equal(monitor_read(NETLINK_ROUTE, &message, size, TUN),
			 MONITOR_NETWORK);
	route->rtm_family = RTNL_FAMILY_IPMR;
	assert_int_equal(monitor_read(NETLINK_ROUTE, &message, size, TUN), 0);
	message.header.nlmsg_type =
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE;
	assert_int_equal(monitor_read(NETLINK_NETFILTER, &message, size, TUN),
			 MONITOR_TABLES);
	message.header.nlmsg_type =
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM;
	assert_int_equal(monitor_read(NETLINK_NETFILTER, &message, size, TUN),
			 0);
}

#define MONITOR_TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_is_whole),
		MONITOR_TEST(test_tells_ours_from_others),
		MONITOR_TEST(test_sees_a_replacement),
		MONITOR_TEST(test_sees_settings),
		MONITOR_TEST(test_lost_notifications_are_made_good),
		MONITOR_TEST(test_asks_later),
		MONITOR_TEST(test_table_without_owner_is_missed),
		MONITOR_TEST(test_setting_is_missing),
		MONITOR_TEST(test_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
