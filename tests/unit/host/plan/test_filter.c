/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filters that a server's file asks for on a host with these links. */
#include "common/config/config.h"
#include "host/plan/plan.h"
#include "host/plan/plan_internal.h"
#include "unit/nft_fixture.h"

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix prefix;

	assert_int_equal(inet_parse_prefix(text, &prefix), 0);
	return prefix;
}

static void plan_one(const struct config *config, const char *own,
		     struct change_list *list)
{
	const struct inet_prefix address = prefix(own);

	assert_int_equal(plan_filter_server(config, &address, list), 0);
}

static void test_server(void **state)
{
	struct inet_endpoint listen[] = {{.port = 4433}, {.port = 4433}};
	struct inet_prefix routes[] = {prefix("10.0.0.0/8"),
				       prefix("169.254.169.254")};
	struct inet_address dns[] = {prefix("fd00:ec2::253").address,
				     prefix("9.9.9.9").address};
	struct config config = {
		.name = "a-tunnel-of-thirty-one-letters",
		.device = "tun7",
		.listen = listen,
		.listen_count = COUNT(listen),
		.routes = routes,
		.route_count = COUNT(routes),
		.dns = dns,
		.dns_count = COUNT(dns),
	};
	struct change_list list = {0}, later = {0};
	const struct nft_filter *filter;

	(void)state;
	assert_int_equal(netns_enter(), 0);
	assert_int_equal(netns_run("ip link add x1 type veth peer name x2"), 0);
	assert_int_equal(netns_run("sysctl -qw net.ipv4.ip_forward=0 "
				   "net.ipv6.conf.all.forwarding=0 "
				   "net.ipv4.conf.x2.forwarding=1"),
			 0);
	plan_one(&config, "10.8.0.1/24", &list);
	plan_one(&config, "fd08::1/64", &list);
	/* The second is that of ARP. */
	assert_int_equal(list.count, 3);
	assert_true(list.items[1].filter.arp);
	filter = &list.items[0].filter;
	assert_string_equal(filter->table,
			    "minivpn.filter-a-tunnel-of-thirty-one-letters");
	assert_int_equal(filter->port_count, 1);
	assert_int_equal(filter->allowed_count, 1);
	assert_int_equal(filter->link_count, 2);
	assert_string_equal(filter->links[0].name, "x1");
	assert_false(filter->links[0].forwards);
	assert_true(filter->links[1].forwards);
	filter = &list.items[2].filter;
	assert_int_equal(filter->allowed_count, 1);
	assert_false(filter->links[1].forwards);
	/* Once we forward, nothing can be told from the settings. */
	assert_int_equal(netns_run("sysctl -qw net.ipv4.ip_forward=1"), 0);
	plan_one(&config, "10.8.0.1/24", &later);
	assert_int_equal(later.items[0].filter.link_count, 0);
	plan_server_keep_links(&list, &later);
	assert_true(change_equal(&list.items[0], &later.items[0]));
	change_list_free(&list);
	change_list_free(&later);
}

static void run(const char *command)
{
	assert_int_equal(netns_run(command), 0);
}

static void add_sysctl(struct change_list *list, const char *key)
{
	struct change change = {.kind = CHANGE_SYSCTL};

	strcpy(change.sysctl.key, key);
	assert_int_equal(change_list_add(list, &change), 0);
}

/* Those that come later, of the filter for IPv4; "-": it is as it was. */
static const char *new_links(struct rtnl *rtnl, struct change_list *applied)
{
	static char names[256];
	struct change_list list = {0};
	const struct nft_filter *filter;

	assert_int_equal(plan_server_new_links(rtnl, applied, &list), 0);
	if (!list.count)
		return "-";
	filter = &list.items[0].filter;
	names[0] = '\0';
	for (unsigned i = applied->items[0].filter.link_count;
	     i < filter->link_count; i++) {
		strcat(names, filter->links[i].name);
		strcat(names, filter->links[i].forwards ? "+ " : " ");
	}
	if (filter->closed)
		strcpy(names, "closed");
	change_list_free(&list);
	return names;
}

/* What leads out is kept apart, what guests and VPNs have is not. */
static void test_new_links(void **state)
{
	struct config config = {.name = "office", .device = "tun0"};
	struct change_list list = {0};
	struct rtnl *rtnl;

	(void)state;
	assert_int_equal(netns_enter(), 0);
	assert_int_equal(rtnl_open(&rtnl), 0);
	run("ip link add x1 type veth peer name x2");
	run("sysctl -qw net.ipv4.ip_forward=0");
	plan_one(&config, "10.8.0.1/24", &list);
	run("ip tuntap add tun0 mode tun");
	/* For hardware, and VLANs, which not every kernel has. */
	run("ip link add out5 type ifb");
	/* This host forwards by itself. */
	assert_string_equal(new_links(rtnl, &list), "-");
	add_sysctl(&list, "net.ipv4.ip_forward");
	assert_string_equal(new_links(rtnl, &list), "out5 ");
	add_sysctl(&list, "net.ipv4.conf.default.forwarding");
	assert_string_equal(new_links(rtnl, &list), "out5+ ");
	run("ip link del out5");
	run("ip link add docker0 type bridge");
	run("ip link add guest type veth peer name guest1");
	run("ip link set guest master docker0");
	run("ip tuntap add vpn0 mode tun");
	run("ip tuntap add guest2 mode tap");
	assert_string_equal(new_links(rtnl, &list), "-");
	run("ip link set x2 master docker0");
	assert_string_equal(new_links(rtnl, &list), "docker0+ ");
	run("ip link set x2 nomaster");
	for (unsigned i = 0; i < NFT_FILTER_LINKS; i++) {
		char command[64];

		snprintf(command, sizeof(command),
			 "ip link add out%u type ifb", i);
		run(command);
	}
	assert_string_equal(new_links(rtnl, &list), "closed");
	rtnl_close(rtnl);
	change_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_new_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
