/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/reason.h"
#include "unit/plan_lab.h"

static int enter_server(void **state)
{
	struct lab *lab;
	int error = enter(state);

	if (error)
		return error;
	lab = *state;
	lab->config.role = CONFIG_SERVER;
	lab->config.nat = CONFIG_NAT_ANY;
	lab->config.address4 = prefix("10.8.0.1/24");
	return 0;
}

static int plan_for_server(struct lab *lab)
{
	change_list_free(&lab->list);
	lab->log_lines = 0;
	return plan_server(lab->context.rtnl, &lab->config, &lab->list,
			   &lab->reason);
}

#define SERVER                                                                 \
	"ip tuntap add dev tun0 mode tun", LINK,                               \
		"ip address add 10.8.0.1/24 dev tun0"

static void forwarding_off(void)
{
	/* A new namespace takes some of these from the first one. */
	sysctl_write("net.ipv4.ip_forward", "0");
	sysctl_write("net.ipv6.conf.all.forwarding", "0");
	sysctl_write("net.ipv4.conf.all.accept_redirects", "1");
}

/* Returns the first of them, that of IPv4. */
static const struct nft_gateway *gateway_of(const struct lab *lab)
{
	for (size_t i = 0; i < lab->list.count; i++) {
		if (lab->list.items[i].kind == CHANGE_GATEWAY)
			return &lab->list.items[i].gateway;
	}
	fail_msg("no gateway");
	return NULL;
}

static void test_server(void **state)
{
	struct lab *lab = *state;

	forwarding_off();
	assert_int_equal(plan_for_server(lab), 0);
	EXPECT(lab, SERVER, "sysctl -w net.ipv4.ip_forward=1 # was 0",
	       "nft 'table ip minivpn-office ");

	sysctl_write("net.ipv4.ip_forward", "1");
	lab->config.address6 = prefix("fd08::1/64");
	lab->config.nat = CONFIG_NAT_DEVICE;
	strcpy(lab->config.nat_device, "eth0");
	assert_int_equal(plan_for_server(lab), 0);
	EXPECT(lab, SERVER, "ip address add fd08::1/64 dev tun0",
	       "sysctl -w net.ipv6.conf.all.forwarding=1 # was 0",
	       "nft 'table ip minivpn-office ",
	       "nft 'table ip6 minivpn-office ");
	assert_true(gateway_of(lab)->masquerade);
	assert_string_equal(gateway_of(lab)->uplink, "eth0");

	lab->config.nat = CONFIG_NAT_NO;
	assert_int_equal(plan_for_server(lab), 0);
	assert_false(gateway_of(lab)->masquerade);
	assert_string_equal(gateway_of(lab)->uplink, "");
	assert_int_equal(lab->log_lines, 0);
}

/* Clients are masqueraded from ports that are not listened on. */
static void test_server_ports(void **state)
{
	static const struct {
		uint16_t listen[3], first, last;
	} cases[] = {
		{{4433, 443, 53}, 32768, 65535},
		{{32767, 4433, 4433}, 32768, 65535},
		{{32768, 4433, 4433}, 32769, 65535},
		{{51820, 4433, 4433}, 32768, 51819},
		{{40000, 4433, 4433}, 40001, 65535},
		{{65535, 4433, 4433}, 32768, 65534},
		{{33000, 60000, 34000}, 34001, 59999},
		{{60000, 34000, 65535}, 34001, 59999},
	};
	struct lab *lab = *state;
	struct inet_endpoint listen[3] = {0};

	lab->config.listen = listen;
	lab->config.listen_count = 3;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t j = 0; j < 3; j++)
			listen[j].port = cases[i].listen[j];
		assert_int_equal(plan_for_server(lab), 0);
		assert_int_equal(gateway_of(lab)->ports[0], cases[i].first);
		assert_int_equal(gateway_of(lab)->ports[1], cases[i].last);
	}
}

/* Nor from those that lead there. */
static void test_server_redirects(void **state)
{
	static const struct {
		struct inet_ports ports;
		uint16_t first, last;
	} cases[] = {
		{{20000, 29999}, 32768, 65535}, {{20000, 32768}, 32769, 65535},
		{{32768, 40000}, 40001, 65535}, {{60000, 65535}, 32768, 59999},
		{{33000, 40000}, 40001, 65535},
	};
	struct lab *lab = *state;
	struct inet_endpoint listen = {.port = 4433};
	struct config_redirect redirect = {.to = 4433};

	forwarding_off();
	lab->config.listen = &listen;
	lab->config.redirects = &redirect;
	lab->config.listen_count = lab->config.redirect_count = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		redirect.ports = cases[i].ports;
		assert_int_equal(plan_for_server(lab), 0);
		assert_int_equal(gateway_of(lab)->ports[0], cases[i].first);
		assert_int_equal(gateway_of(lab)->ports[1], cases[i].last);
	}
	EXPECT(lab, SERVER, "sysctl -w net.ipv4.ip_forward=1 # was 0",
	       "nft 'table ip minivpn-office ",
	       "nft 'table ip minivpn.ports-office ",
	       "nft 'table ip6 minivpn.ports-office ");
	inet_parse_address("2001:db8::1", &redirect.address);
	assert_int_equal(plan_for_server(lab), 0);
	EXPECT(lab, SERVER, "sysctl -w net.ipv4.ip_forward=1 # was 0",
	       "nft 'table ip minivpn-office ",
	       "nft 'table ip6 minivpn.ports-office ");
}

static void test_server_conflicts(void **state)
{
	struct lab *lab = *state;

	lab->config.address4 = prefix("192.168.1.100/24");
	assert_int_equal(plan_for_server(lab), -EADDRINUSE);
	assert_says(lab, "192.168.1.0/24 is already routed by eth0: choose "
			 "another Address");
	lab->config.address4 = prefix("192.168.100.1/16");
	assert_int_equal(plan_for_server(lab), -EADDRINUSE);
	lab->config.address4 = prefix("192.168.1.100/28");
	assert_int_equal(plan_for_server(lab), 0);

	sysctl_write("net.ipv6.conf.all.disable_ipv6", "1");
	lab->config.address6 = prefix("fd08::1/64");
	assert_int_equal(plan_for_server(lab), 0);
	assert_int_equal(lab->log_lines, 1);
	lab->config.address4 = (struct inet_prefix){0};
	assert_int_equal(plan_for_server(lab), -EAFNOSUPPORT);
	assert_says(lab, "IPv6 is switched off");
}

static void test_server_subnets(void **state)
{
	struct lab *lab = *state;
	struct inet_prefix subnets[] = {
		prefix("192.168.4.0/24"),
		prefix("10.8.0.64/26"),
		prefix("fd44::/48"),
		prefix("192.168.4.0/24"),
	};
	struct config_peer peer = {
		.name = "alice",
		.subnets = subnets,
		.subnet_count = 4,
	};

	sysctl_write("net.ipv4.ip_forward", "1");
	lab->config.peers = &peer;
	lab->config.peer_count = 1;
	assert_int_equal(plan_for_server(lab), 0);
	EXPECT(lab, SERVER, "nft 'table ip minivpn-office ",
	       "ip route add 192.168.4.0/24 dev tun0 proto 77");
	assert_int_equal(lab->log_lines, 1);
	/* One that is a part of it, or larger, is no clash. */
	subnets[1] = prefix("192.168.1.0/25");
	subnets[3] = prefix("192.168.0.0/16");
	assert_int_equal(plan_for_server(lab), 0);
	subnets[1] = prefix("192.168.1.0/24");
	assert_int_equal(plan_for_server(lab), -EEXIST);
	assert_says(lab, "192.168.1.0/24 (Subnets of alice) is already routed "
			 "by eth0");
}

static void test_server_subnets_taken(void **state)
{
	struct lab *lab = *state;
	struct inet_prefix subnets[] = {
		prefix("192.168.4.0/24"),
		prefix("fd44::/48"),
		prefix("fd45::/48"),
	};
	struct config_peer peers[] = {
		{.name = "alice", .subnets = subnets, .subnet_count = 2},
		{.name = "bob", .subnets = subnets + 2, .subnet_count = 1},
	};

	sysctl_write("net.ipv4.ip_forward", "1");
	sysctl_write("net.ipv6.conf.all.forwarding", "1");
	lab->config.address6 = prefix("fd08::1/64");
	lab->config.peers = peers;
	lab->config.peer_count = 2;
	/* Neither another table, nor a refusal, nor our own. */
	assert_int_equal(netns_run("ip route add fd44::/48 dev eth0 table 7"),
			 0);
	assert_int_equal(netns_run("ip route add unreachable 192.168.4.0/24"),
			 0);
	assert_int_equal(plan_for_server(lab), 0);
	assert_int_equal(netns_run("ip route add fd45::/48 dev eth0"), 0);
	assert_int_equal(plan_for_server(lab), -EEXIST);
	assert_says(lab, "fd45::/48 (Subnets of bob) is already routed by "
			 "eth0");
}

/* Everything that forwarding changes beside itself comes back. */
static void test_server_side_effects(void **state)
{
	struct lab *lab = *state;
	struct reason reason;
	char *before, *after;

	forwarding_off();
	assert_int_equal(netns_link("eth0.100"), 0);
	sysctl_write("net.ipv4.conf.all.accept_redirects", "0");
	sysctl_write("net.ipv4.conf.default.forwarding", "1");
	sysctl_write("net.ipv4.conf.eth0/100.forwarding", "1");
	sysctl_write("net.ipv6.conf.eth0.forwarding", "1");
	sysctl_write("net.ipv6.conf.eth0/100.accept_ra", "1");
	netns_run("ip address add 2001:db8:1::2/64 dev eth0.100 nodad");
	/*
	 * A worker makes the address local even without DAD
	 * (addrconf_dad_work).
	 */
	netns_await("ip -6 route show table local", "local 2001:db8:1::2 ");
	netns_run("ip -6 route add default via fe80::1 dev eth0.100 proto ra");
	lab->config.address6 = prefix("fd08::1/64");
	before = netns_state();
	assert_int_equal(plan_for_server(lab), 0);
	EXPECT(lab, SERVER, "ip address add fd08::1/64 dev tun0",
	       "sysctl -w net.ipv4.conf.all.accept_redirects=0 # was 0",
	       "sysctl -w net.ipv4.conf.default.forwarding=1 # was 1",
	       "sysctl -w net.ipv4.conf.eth0/100.forwarding=1 # was 1",
	       "sysctl -w net.ipv4.ip_forward=1 # was 0",
	       "sysctl -w net.ipv6.conf.eth0/100.accept_ra=2 # was 1",
	       "sysctl -w net.ipv6.conf.eth0.forwarding=1 # was 1",
	       "sysctl -w net.ipv6.conf.all.forwarding=1 # was 0",
	       "nft 'table ip minivpn-office ",
	       "nft 'table ip6 minivpn-office ");
	for (size_t i = 0; i < lab->list.count; i++)
		if (change_apply(&lab->context, &lab->list.items[i], &reason))
			fail_msg("%s", reason.text);
	for (size_t i = lab->list.count; i > 0; i--)
		if (change_revert(&lab->context, &lab->list.items[i - 1],
				  &reason))
			fail_msg("%s", reason.text);
	after = netns_state();
	assert_non_null(before);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, enter_server, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LAB(test_server),
		IN_LAB(test_server_ports),
		IN_LAB(test_server_redirects),
		IN_LAB(test_server_conflicts),
		IN_LAB(test_server_subnets),
		IN_LAB(test_server_subnets_taken),
		IN_LAB(test_server_side_effects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
