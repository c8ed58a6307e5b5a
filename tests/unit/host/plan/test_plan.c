/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/plan_lab.h"

#define LINK	"ip link set dev tun0 addrgenmode none txqueuelen 1000 mtu 1435 up"
#define TABLE	" table 77 proto 77"
#define REFUSE4 "ip route add unreachable 0.0.0.0/0" TABLE
#define REFUSE6 "ip route add unreachable ::/0" TABLE
#define HALVES4                                                                \
	"ip route add 0.0.0.0/1 dev tun0 scope global" TABLE,                  \
		"ip route add 128.0.0.0/1 dev tun0 scope global" TABLE
#define HALVES6                                                                \
	"ip route add ::/1 dev tun0" TABLE,                                    \
		"ip route add 8000::/1 dev tun0" TABLE
#define NETWORK4 "ip route add 10.8.0.0/24 dev tun0 scope global" TABLE
#define NETWORK6 "ip route add fd08::/64 dev tun0" TABLE
/* What stays on a link, and what stays on the LAN. */
#define ON_LINK                                                                \
	"ip route add throw 224.0.0.0/4" TABLE,                                \
		"ip route add throw 255.255.255.255/32" TABLE,                 \
		"ip route add throw fe80::/10" TABLE,                          \
		"ip route add throw ff00::/8" TABLE
#define LAN "ip route add throw 192.168.1.0/24" TABLE
#define RULE4                                                                  \
	"ip rule add pref 77 not fwmark 0x4d000001/0xff000001 lookup 77 "      \
	"protocol 77"
#define RULE6                                                                  \
	"ip -6 rule add pref 77 not fwmark 0x4d000001/0xff000001 lookup 77 "   \
	"protocol 77"
/* These rules are of a tunnel for some networks, in front of those for all. */
#define SOME4                                                                  \
	"ip rule add pref 67 not fwmark 0x4d000001/0xff000001 lookup 77 "      \
	"protocol 77"
#define SOME6                                                                  \
	"ip -6 rule add pref 67 not fwmark 0x4d000001/0xff000001 lookup 77 "   \
	"protocol 77"
#define ADDRESS4 "ip address add 10.8.0.2/24 dev tun0"
#define ADDRESS6 "ip address add fd08::2/64 dev tun0"
#define HOST	 "ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77"

static int enter_client(void **state)
{
	struct lab *lab;
	int error = enter(state);

	if (error)
		return error;
	lab = *state;
	lab->config.role = CONFIG_CLIENT;
	lab->config.routes_choice = CONFIG_PUSHED;
	lab->config.dns_choice = CONFIG_PUSHED;
	lab->settings.address4 = prefix("10.8.0.2/24");
	return 0;
}

static struct plan_client client(const struct lab *lab,
				 const struct settings *settings)
{
	struct plan_client client = {
		.rtnl = lab->context.rtnl,
		.config = &lab->config,
		.settings = settings,
		.server = &lab->server,
	};

	assert_int_equal(plan_routing_find(client.rtnl, &client.routing), 0);
	assert_true(plan_routing_front(client.rtnl,
				       plan_takes_all(&lab->config, settings),
				       &client.routing) >= 0);
	return client;
}

static int plan(struct lab *lab, bool with_settings)
{
	struct settings settings;
	struct plan_client input;

	change_list_free(&lab->list);
	lab->log_lines = 0;
	plan_bound(&lab->config, &lab->settings, &settings);
	input = client(lab, with_settings ? &settings : NULL);
	return plan_client(&input, &lab->list, &lab->reason);
}

static int plan_endpoint(struct lab *lab)
{
	struct plan_client input = client(lab, &lab->settings);

	change_list_free(&lab->list);
	return plan_client_endpoint(&input, &lab->list, &lab->reason);
}

static void push(struct lab *lab, const char *route)
{
	lab->settings.routes[lab->settings.route_count++] = prefix(route);
}

static void test_client_default(void **state)
{
	struct lab *lab = *state;

	lab->config.routes_choice = CONFIG_DEFAULT;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4, ON_LINK, LAN, HALVES4, REFUSE4,
	       REFUSE6, RULE4, RULE6);

	lab->settings.address6 = prefix("fd08::2/64");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, ADDRESS6, NETWORK4, NETWORK6, ON_LINK, LAN,
	       HALVES4, HALVES6, REFUSE4, REFUSE6, RULE4, RULE6);

	lab->settings.address4 = (struct inet_prefix){0};
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS6, NETWORK6, ON_LINK, LAN, HALVES6, REFUSE4,
	       REFUSE6, RULE4, RULE6);
	assert_int_equal(lab->log_lines, 0);
}

/* A dry run knows the file alone. */
static void test_client_dry(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(plan(lab, false), 0);
	EXPECT(lab, LINK);
	lab->config.routes_choice = CONFIG_DEFAULT;
	assert_int_equal(plan(lab, false), 0);
	EXPECT(lab, LINK, ON_LINK, LAN, HALVES4, HALVES6, REFUSE4, REFUSE6,
	       RULE4, RULE6);
	lab->config.routes_choice = CONFIG_NONE;
	assert_int_equal(plan(lab, false), 0);
	EXPECT(lab, LINK);
}

/* Private networks of links, and what the file says; no public one. */
static void test_client_outside(void **state)
{
	struct lab *lab = *state;
	struct inet_prefix exclude[] = {prefix("198.51.100.10/32"),
					prefix("10.0.0.0/8")};

	netns_run("ip address add 192.0.2.7/24 dev eth0");
	netns_run("ip address add 2001:db8:1::2/64 dev eth0 nodad");
	netns_run("ip address add fd77::2/64 dev eth0 nodad");
	netns_run("ip address add 10.9.0.2/24 dev eth0");
	lab->config.routes_choice = CONFIG_DEFAULT;
	lab->config.exclude = exclude;
	lab->config.exclude_count = 2;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4, ON_LINK,
	       "ip route add throw 198.51.100.10/32" TABLE,
	       "ip route add throw 10.0.0.0/8" TABLE, LAN,
	       "ip route add throw fd77::/64" TABLE, HALVES4, REFUSE4, REFUSE6,
	       RULE4, RULE6);

	lab->config.exclude_count = 0;
	lab->config.exclude_lan = true;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4, ON_LINK, LAN,
	       "ip route add throw 192.0.2.0/24" TABLE,
	       "ip route add throw 10.9.0.0/24" TABLE,
	       "ip route add throw fd77::/64" TABLE,
	       "ip route add throw 2001:db8:1::/64" TABLE, HALVES4, REFUSE4,
	       REFUSE6, RULE4, RULE6);
}

/* In front of whoever has a rule; another table where ours is in use. */
static void test_client_rules_of_others(void **state)
{
	struct lab *lab = *state;

	netns_run("ip rule add pref 50 lookup 201");
	netns_run("ip -6 rule add pref 1 lookup 201");
	netns_run("ip route add 192.0.2.0/24 dev eth0 table 77");
	netns_run("ip rule add pref 1000 lookup 78");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4,
	       "ip route add 10.8.0.0/24 dev tun0 scope global table 79 "
	       "proto 77",
	       "ip rule add pref 39 not fwmark 0x4d000004/0xff000004 lookup 79 "
	       "protocol 77");
	lab->config.routes_choice = CONFIG_DEFAULT;
	assert_int_equal(plan(lab, true), 0);
	assert_int_equal(lab->list.items[lab->list.count - 2].rule.priority,
			 49);
	assert_int_equal(lab->list.items[lab->list.count - 1].rule.priority, 0);
	/* The rule for local addresses stays in front of all. */
	netns_run("ip rule add pref 100 lookup local");
	netns_run("ip rule del pref 0");
	assert_int_equal(plan(lab, true), 0);
	assert_int_equal(lab->list.items[lab->list.count - 2].rule.priority,
			 100);
}

/* One for some networks goes first; of one kind the newer does; they stay. */
static void test_client_beside_another(void **state)
{
	struct plan_routing routing = {.table = 79};
	struct rtnl *rtnl = ((struct lab *)*state)->context.rtnl;

	routing.priority[0] = routing.priority[1] = PLAN_NO_PRIORITY;
	netns_run("ip rule add pref 77 not fwmark 0x4d000001/0xff000001 lookup "
		  "77 protocol 77");
	netns_run("ip rule add pref 67 not fwmark 0x4d000002/0xff000002 lookup "
		  "78 protocol 77");
	assert_int_equal(plan_routing_front(rtnl, true, &routing), 1);
	assert_int_equal(routing.priority[0], 76);
	assert_int_equal(routing.priority[1], 77);
	assert_int_equal(plan_routing_front(rtnl, true, &routing), 0);
	assert_int_equal(plan_routing_front(rtnl, false, &routing), 1);
	assert_int_equal(routing.priority[0], 66);
	assert_int_equal(routing.priority[1], 67);
	netns_run("ip rule add pref 30 lookup 201");
	assert_int_equal(plan_routing_front(rtnl, false, &routing), 1);
	assert_int_equal(routing.priority[0], 19);
	assert_int_equal(plan_routing_front(rtnl, false, &routing), 0);
}

/* A tunnel goes through those of lower tables, and none through itself. */
static void test_marks(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PLAN_TABLES; i++) {
		struct plan_routing inner = {.table = PLAN_TABLE + i};
		uint32_t mark = plan_routing_mark(&inner);

		assert_int_equal(mark & PLAN_ROUTING_ANY, mark);
		for (uint32_t j = 0; j < PLAN_TABLES; j++) {
			struct plan_routing outer = {.table = PLAN_TABLE + j};
			struct change rule = plan_routing_rule(&outer, AF_INET);
			bool caught = (mark & rule.rule.mask) != rule.rule.mark;

			assert_int_equal(caught, j < i);
			/*
			 * The rule does not match packets without a mark, nor
			 * those with another program's.
			 */
			assert_int_not_equal(0 & rule.rule.mask,
					     rule.rule.mark);
			assert_int_not_equal(51820 & rule.rule.mask,
					     rule.rule.mark);
		}
	}
}

/* Answers of a family that the tunnel refuses need the mark from the start. */
static void test_answers(void **state)
{
	static const char accept[] =
		"sysctl -w net.ipv4.tcp_fwmark_accept=1 # was 0";
	static const char reflect4[] =
		"sysctl -w net.ipv4.fwmark_reflect=1 # was 0";
	static const char reflect6[] =
		"sysctl -w net.ipv6.fwmark_reflect=1 # was 0";
	static const char marks[] = "nft 'table inet minivpn.marks-office";
	struct lab *lab = *state;

	lab->config.routes_choice = CONFIG_DEFAULT;
	lab->config.inbound = true;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, marks, accept, reflect6, LINK, ADDRESS4, NETWORK4, ON_LINK,
	       LAN, HALVES4, REFUSE4, REFUSE6, RULE4, RULE6);

	lab->config.kill_switch = true;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, marks, LINK, ADDRESS4, NETWORK4, ON_LINK, LAN, HALVES4,
	       REFUSE4, REFUSE6, RULE4, RULE6);

	lab->config.kill_switch = false;
	lab->settings.address6 = prefix("fd08::2/64");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, marks, LINK, ADDRESS4, ADDRESS6, NETWORK4, NETWORK6,
	       ON_LINK, LAN, HALVES4, HALVES6, REFUSE4, REFUSE6, RULE4, RULE6);

	lab->settings.address4 = (struct inet_prefix){0};
	netns_run("sysctl -qw net.ipv4.tcp_fwmark_accept=1");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, marks, reflect4,
	       "ip link set dev tun0 addrgenmode none txqueuelen 1000 mtu 1435 "
	       "up",
	       ADDRESS6, NETWORK6, ON_LINK, LAN, HALVES6, REFUSE4, REFUSE6,
	       RULE4, RULE6);
	assert_int_equal(lab->log_lines, 0);
}

static void test_client_pushed(void **state)
{
	struct lab *lab = *state;

	push(lab, "10.9.0.0/16");
	push(lab, "10.8.0.128/25");
	push(lab, "10.9.0.0/16");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4,
	       "ip route add 10.9.0.0/16 dev tun0 scope global" TABLE,
	       "ip route add 10.8.0.128/25 dev tun0 scope global" TABLE, SOME4);
	assert_int_equal(lab->log_lines, 0);

	push(lab, "0.0.0.0/0");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4, ON_LINK, LAN, HALVES4,
	       "ip route add 10.9.0.0/16 dev tun0 scope global" TABLE,
	       "ip route add 10.8.0.128/25 dev tun0 scope global" TABLE,
	       REFUSE4, REFUSE6, RULE4, RULE6);

	lab->config.routes_choice = CONFIG_NONE;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4, SOME4);
}

/* What a server may not do to a client: each is left out alone. */
static void test_client_pushed_bounds(void **state)
{
	static const char *const routes[] = {
		"127.0.0.0/8",	      "127.0.0.53/32", "169.254.169.254/32",
		"224.0.0.0/4",	      "0.0.0.0/8",     "192.168.1.0/24",
		"2001:db8::/32",      "fe80::/64",     "::1/128",
		"255.255.255.255/32",
	};
	size_t count = sizeof(routes) / sizeof(routes[0]);
	struct lab *lab = *state;

	for (size_t i = 0; i < count; i++)
		push(lab, routes[i]);
	push(lab, "10.9.0.0/16");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4,
	       "ip route add 10.9.0.0/16 dev tun0 scope global" TABLE, SOME4);
	assert_int_equal(lab->log_lines, count);

	/* Values that no server has sent, but a broken tunnel process may. */
	lab->settings.route_count = 4000000000;
	lab->settings.routes[20].address.family = 77;
	lab->settings.routes[21] =
		(struct inet_prefix){{AF_INET, {10, 1}}, 200};
	assert_int_equal(plan(lab, true), 0);
}

static unsigned lines_of(struct lab *lab, const char *pushed)
{
	lab->settings.route_count = 0;
	push(lab, pushed);
	assert_int_equal(plan(lab, true), 0);
	return lab->log_lines;
}

/* A part of the LAN would be taken from it; what holds it leaves it alone. */
static void test_client_pushed_lan(void **state)
{
	static const char *const parts[] = {
		"192.168.1.0/24", "192.168.1.0/25", "192.168.1.128/25",
		"192.168.1.1/32", "fd00:1::/64",    "fd00:1::1/128"};
	struct lab *lab = *state;

	netns_run("ip address add fd00:1::2/64 dev eth0 nodad");
	netns_run("ip address add 2001:db8:1::2/64 dev eth0 nodad");
	lab->settings.address6 = prefix("fd08::2/64");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		assert_int_equal(lines_of(lab, parts[i]), 1);
		EXPECT(lab, LINK, ADDRESS4, ADDRESS6, NETWORK4, NETWORK6, SOME4,
		       SOME6);
	}
	/* An address on a link takes nothing that is public (LocalNet). */
	assert_int_equal(lines_of(lab, "2001:db8:1::1/128"), 0);
	EXPECT(lab, LINK, ADDRESS4, ADDRESS6, NETWORK4, NETWORK6,
	       "ip route add 2001:db8:1::1/128 dev tun0" TABLE, SOME4, SOME6);
	/* The LAN stays where it is in what holds it. */
	assert_int_equal(lines_of(lab, "192.168.0.0/16"), 0);
	EXPECT(lab, LINK, ADDRESS4, ADDRESS6, NETWORK4, NETWORK6, LAN,
	       "ip route add 192.168.0.0/16 dev tun0 scope global" TABLE, SOME4,
	       SOME6);
	assert_int_equal(lines_of(lab, "192.168.2.0/24"), 0);
	/* Nor does a way to a network make it the LAN. */
	netns_run("ip route add 10.0.0.0/8 via 192.168.1.1");
	assert_int_equal(lines_of(lab, "10.9.0.0/16"), 0);
	/* The file's own words are another matter than the server's. */
	lab->config.routes_choice = CONFIG_LIST;
	lab->config.routes = lab->settings.routes;
	lab->config.route_count = 1;
	assert_int_equal(lines_of(lab, "192.168.1.128/25"), 0);
}

/* The later one of two Wi-Fis with the same addresses takes nothing from us. */
static void test_client_lan_came_later(void **state)
{
	struct lab *lab = *state;

	netns_link("tun0");
	netns_run("ip address add 10.8.0.2/24 dev tun0");
	netns_run("ip address add 10.8.0.77/16 dev eth0");
	netns_run("ip route add 10.9.0.0/16 dev eth0 metric 600");
	assert_int_equal(lines_of(lab, "10.9.0.0/16"), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4,
	       "ip route add 10.9.0.0/16 dev tun0 scope global" TABLE, SOME4);
	lab->settings.address4 = prefix("10.8.0.3/24");
	assert_int_equal(plan(lab, true), -EADDRINUSE);
}

/* Who says itself what goes in does not get a server's idea of its network. */
static void test_client_wide_pool(void **state)
{
	struct lab *lab = *state;
	struct inet_prefix routes[] = {prefix("10.9.0.0/16")};

	lab->settings.address4 = prefix("10.8.0.2/8");
	lab->settings.address6 = prefix("fd08::2/48");
	lab->settings.server4 = address("10.8.0.1");
	lab->settings.server6 = address("2001:db8::1");
	lab->config.routes_choice = CONFIG_NONE;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, "ip address add 10.8.0.2/32 dev tun0",
	       "ip address add fd08::2/128 dev tun0",
	       "ip route add 10.8.0.1/32 dev tun0 scope global" TABLE, SOME4);

	lab->config.routes_choice = CONFIG_LIST;
	lab->config.routes = routes;
	lab->config.route_count = 1;
	push(lab, "10.10.0.0/16");
	lab->log_lines = 0;
	assert_int_equal(plan(lab, true), 0);
	assert_int_equal(lab->log_lines, 2 + 1);
	EXPECT(lab, LINK, "ip address add 10.8.0.2/32 dev tun0",
	       "ip address add fd08::2/128 dev tun0",
	       "ip route add 10.8.0.1/32 dev tun0 scope global" TABLE,
	       "ip route add 10.9.0.0/16 dev tun0 scope global" TABLE, SOME4);

	/* A usual one is let in; and all of it where the server may say. */
	lab->settings.address4 = prefix("10.8.0.2/22");
	lab->settings.address6 = prefix("fd08::2/64");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, "ip address add 10.8.0.2/22 dev tun0", ADDRESS6,
	       "ip route add 10.8.0.0/22 dev tun0 scope global" TABLE, NETWORK6,
	       "ip route add 10.9.0.0/16 dev tun0 scope global" TABLE, SOME4,
	       SOME6);
	lab->config.routes_choice = CONFIG_PUSHED;
	lab->settings.address4 = prefix("10.8.0.2/8");
	lab->settings.route_count = 0;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, "ip address add 10.8.0.2/8 dev tun0", ADDRESS6,
	       "ip route add 10.0.0.0/8 dev tun0 scope global" TABLE, NETWORK6,
	       SOME4, SOME6);
}

static void test_client_list(void **state)
{
	struct lab *lab = *state;
	struct inet_prefix routes[] = {prefix("10.9.0.0/16"),
				       prefix("fd09::/48")};

	lab->config.routes_choice = CONFIG_LIST;
	lab->config.routes = routes;
	lab->config.route_count = 2;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4,
	       "ip route add 10.9.0.0/16 dev tun0 scope global" TABLE,
	       "ip route add unreachable fd09::/48" TABLE, SOME4, SOME6);
	/* What is listed goes by the tunnel, whoever has it else. */
	netns_run("ip route add 10.9.0.0/16 via 192.168.1.1");
	routes[1] = prefix("192.168.1.0/24");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4,
	       "ip route add 10.9.0.0/16 dev tun0 scope global" TABLE,
	       "ip route add 192.168.1.0/24 dev tun0 scope global" TABLE,
	       SOME4);
}

static void test_client_lease(void **state)
{
	struct lab *lab = *state;
	static const char *const wrong[] = {"127.0.0.2/24", "224.0.0.1/24",
					    "8.8.8.8/1", "0.0.0.0/24",
					    "169.254.1.1/16"};

	lab->settings.address4 = prefix("192.168.1.77/24");
	assert_int_equal(plan(lab, true), -EADDRINUSE);
	assert_says(lab, "192.168.1.0/24 is already in use here by eth0");
	/* A part of it is taken as well. */
	lab->settings.address4 = prefix("192.168.77.1/16");
	assert_int_equal(plan(lab, true), -EADDRINUSE);
	/* So is what it is a part of, though it would win over that. */
	lab->settings.address4 = prefix("192.168.1.77/28");
	assert_int_equal(plan(lab, true), -EADDRINUSE);
	assert_says(lab, "192.168.1.64/28 is already in use here by eth0");
	lab->settings.address4 = prefix("192.168.1.77/32");
	assert_int_equal(plan(lab, true), -EADDRINUSE);
	/* But for a network that is not ours: a way to it is no address there.
	 */
	netns_run("ip route add 10.0.0.0/8 via 192.168.1.1");
	lab->settings.address4 = prefix("10.8.0.2/24");
	assert_int_equal(plan(lab, true), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		lab->settings.address4 = prefix(wrong[i]);
		assert_int_equal(plan(lab, true), -EINVAL);
		assert_says(lab, "can't be used");
	}
	lab->settings.address4 = (struct inet_prefix){{AF_INET, {10}}, 77};
	assert_int_equal(plan(lab, true), -EINVAL);
	lab->settings.address4 = (struct inet_prefix){0};
	assert_int_equal(plan(lab, true), -EAFNOSUPPORT);
}

static void test_client_without_ipv6(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(sysctl_write("net.ipv6.conf.all.disable_ipv6", "1"),
			 0);
	lab->config.routes_choice = CONFIG_DEFAULT;
	lab->settings.address6 = prefix("fd08::2/64");
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4, ON_LINK, LAN, HALVES4, REFUSE4,
	       REFUSE6, RULE4, RULE6);
	assert_int_equal(lab->log_lines, 1);
}

/* It is the last, behind what leads to its servers. */
static struct resolv_conf *resolv_conf_of(struct lab *lab)
{
	struct change *last = &lab->list.items[lab->list.count - 1];

	assert_int_equal(last->kind, CHANGE_RESOLV_CONF);
	return &last->resolv_conf;
}

static void test_client_dns(void **state)
{
	struct lab *lab = *state;
	struct inet_address dns = address("9.9.9.9");
	char domain[] = "example.net", *search[] = {domain};
	struct resolv_conf *resolv_conf;

	lab->settings.dns[0] = address("10.8.0.1");
	lab->settings.dns[1] = address("127.0.0.53");
	lab->settings.dns_count = 2;
	strcpy(lab->settings.search[0], "example.org");
	strcpy(lab->settings.search[1], "x' >/etc/passwd");
	lab->settings.search_count = 2;
	assert_int_equal(plan(lab, true), 0);
	resolv_conf = resolv_conf_of(lab);
	assert_string_equal(resolv_conf->name, "office");
	assert_int_equal(resolv_conf->dns_count, 1);
	assert_true(inet_address_equal(&resolv_conf->dns[0],
				       &lab->settings.dns[0]));
	assert_int_equal(resolv_conf->search_count, 1);
	assert_string_equal(resolv_conf->search[0], "example.org");
	assert_int_equal(lab->log_lines, 2);

	lab->config.dns_choice = CONFIG_LIST;
	lab->config.dns = &dns;
	lab->config.dns_count = 1;
	lab->config.search = search;
	lab->config.search_count = 1;
	assert_int_equal(plan(lab, true), 0);
	/* It is asked by the tunnel, though no route leads there. */
	assert_string_equal(lab->reason.text, "");
	resolv_conf = resolv_conf_of(lab);
	assert_true(inet_address_equal(&resolv_conf->dns[0], &dns));
	lab->list.count--;
	EXPECT(lab, LINK, ADDRESS4, NETWORK4,
	       "ip route add 9.9.9.9/32 dev tun0 scope global" TABLE, SOME4);
	/* The file may name one of the LAN, the server may not. */
	dns = address("192.168.1.1");
	assert_int_equal(plan(lab, true), 0);
	assert_int_equal(resolv_conf_of(lab)->dns_count, 1);
	lab->list.count--;
	EXPECT(lab, LINK, ADDRESS4, NETWORK4, SOME4);
	lab->config.dns_choice = CONFIG_PUSHED;
	lab->settings.dns[0] = dns;
	lab->settings.dns_count = 1;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4, SOME4);
	lab->config.dns_choice = CONFIG_LIST;
	dns = address("9.9.9.9");
	assert_int_equal(plan(lab, true), 0);
	resolv_conf = resolv_conf_of(lab);
	assert_string_equal(resolv_conf->search[0], "example.net");

	lab->config.dns_choice = CONFIG_NONE;
	assert_int_equal(plan(lab, true), 0);
	EXPECT(lab, LINK, ADDRESS4, NETWORK4, SOME4);
}

/* A server does not get others' names; the client's own file may say so. */
static void test_public_suffixes(void **state)
{
	static const char *const pushed[] = {"com", "Co.Uk", "lan",
					     "corp.example"};
	struct lab *lab = *state;
	char domain[] = "lan", *search[] = {domain};
	struct resolv_conf *resolv_conf;

	lab->settings.dns[0] = address("10.8.0.1");
	lab->settings.dns_count = 1;
	for (unsigned i = 0; i < 4; i++)
		strcpy(lab->settings.search[i], pushed[i]);
	lab->settings.search_count = 4;
	assert_int_equal(plan(lab, true), 0);
	resolv_conf = resolv_conf_of(lab);
	assert_int_equal(resolv_conf->search_count, 1);
	assert_string_equal(resolv_conf->search[0], "corp.example");
	assert_int_equal(lab->log_lines, 3);

	lab->config.search = search;
	lab->config.search_count = 1;
	assert_int_equal(plan(lab, true), 0);
	resolv_conf = resolv_conf_of(lab);
	assert_int_equal(resolv_conf->search_count, 1);
	assert_string_equal(resolv_conf->search[0], "lan");
	assert_int_equal(lab->log_lines, 0);
}

static void test_endpoint(void **state)
{
	struct lab *lab = *state;

	/* Nothing wanted covers it. */
	push(lab, "10.9.0.0/16");
	assert_int_equal(plan_endpoint(lab), 0);
	assert_int_equal(lab->list.count, 0);
	push(lab, "203.0.113.0/24");
	assert_int_equal(plan_endpoint(lab), 0);
	EXPECT(lab, HOST);
	lab->config.routes_choice = CONFIG_DEFAULT;
	assert_int_equal(plan_endpoint(lab), 0);
	EXPECT(lab, HOST);
	lab->server.address = address("192.168.1.9");
	assert_int_equal(plan_endpoint(lab), 0);
	EXPECT(lab, "ip route add 192.168.1.9/32 dev eth0 proto 77 src "
		    "192.168.1.2");
	lab->server.address = address("192.168.1.2");
	assert_int_equal(plan_endpoint(lab), 0);
	assert_int_equal(lab->list.count, 0);
	lab->server.address = address("2001:db8::5");
	assert_int_equal(plan_endpoint(lab), -ENETUNREACH);
	assert_says(lab, "no route to the server 2001:db8::5");
}

static void test_endpoint_onlink(void **state)
{
	struct lab *lab = *state;

	lab->config.routes_choice = CONFIG_DEFAULT;
	netns_run("ip route replace default via 172.31.1.1 dev eth0 onlink");
	assert_int_equal(plan_endpoint(lab), 0);
	EXPECT(lab, "ip route add 203.0.113.5/32 via 172.31.1.1 dev eth0 "
		    "proto 77 onlink");
	netns_run("ip address add 2001:db8:1::2/64 dev eth0 nodad");
	netns_run("ip -6 route add default via fe80::1 dev eth0");
	lab->server.address = address("2001:db8::5");
	assert_int_equal(plan_endpoint(lab), 0);
	EXPECT(lab, "ip route add 2001:db8::5/128 via fe80::1 dev eth0 "
		    "proto 77");
}

/*
 * The copy has the kernel's source, MTU and metric, and not what can't be
 * copied.
 */
static void test_endpoint_copy(void **state)
{
	struct lab *lab = *state;

	lab->config.routes_choice = CONFIG_DEFAULT;
	netns_run("ip address add 192.168.1.77/24 dev eth0");
	netns_run("ip route replace default via 192.168.1.1 src 192.168.1.77 "
		  "mtu 1400");
	assert_int_equal(plan_endpoint(lab), 0);
	EXPECT(lab, "ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 "
		    "proto 77 src 192.168.1.77 mtu 1400");
	/* The kernel takes one that lives of several next hops. */
	netns_run("ip route replace default nexthop via 192.168.1.1 "
		  "nexthop via 192.168.1.3");
	assert_int_equal(plan_endpoint(lab), 0);
	assert_int_equal(lab->list.count, 0);
	netns_run("ip route replace 203.0.113.5 via 192.168.1.3");
	assert_int_equal(plan_endpoint(lab), 0);
	assert_int_equal(lab->list.count, 0);
}

/* The server is reached by a rule of others, as their packets would go. */
static void test_endpoint_by_rule(void **state)
{
	struct lab *lab = *state;

	lab->config.routes_choice = CONFIG_DEFAULT;
	netns_run("ip route add default via 172.31.1.1 dev eth0 onlink "
		  "table 201");
	netns_run("ip rule add pref 100 lookup 201");
	assert_int_equal(plan_endpoint(lab), 0);
	EXPECT(lab, "ip route add 203.0.113.5/32 via 172.31.1.1 dev eth0 "
		    "proto 77 onlink");
}

/* While the tunnel is up its own routes are not in the way of the question. */
static void test_endpoint_again(void **state)
{
	struct lab *lab = *state;

	lab->config.routes_choice = CONFIG_DEFAULT;
	netns_link("tun0");
	netns_run("ip route add 0.0.0.0/1 dev tun0 scope global table 78 "
		  "proto 77");
	netns_run("ip route add 128.0.0.0/1 dev tun0 scope global table 78 "
		  "proto 77");
	netns_run("ip rule add pref 77 not fwmark 0x4d000002/0xff000002 lookup "
		  "78 protocol 77");
	assert_int_equal(plan_endpoint(lab), 0);
	EXPECT(lab, HOST);
	netns_run("ip route add 203.0.113.0/24 via 192.168.1.254");
	assert_int_equal(plan_endpoint(lab), 0);
	EXPECT(lab, "ip route add 203.0.113.5/32 via 192.168.1.254 dev eth0 "
		    "proto 77");
	/* A plan sees no conflict with what is its own. */
	netns_run("ip address add 10.8.0.2/24 dev tun0");
	assert_int_equal(plan(lab, true), 0);
}

static void test_mtu(void **state)
{
	struct lab *lab = *state;
	struct rtnl *rtnl = lab->context.rtnl;
	const struct config *config = &lab->config;
	struct settings *settings = &lab->settings;

	assert_int_equal(plan_mtu(rtnl, config, settings, &lab->server, 0),
			 1435);
	settings->mtu = 1400;
	assert_int_equal(plan_mtu(rtnl, config, settings, &lab->server, 0),
			 1400);
	settings->mtu = 9000;
	assert_int_equal(plan_mtu(rtnl, config, settings, &lab->server, 0),
			 1435);
	netns_run("ip link set dev eth0 mtu 1400");
	assert_int_equal(plan_mtu(rtnl, config, settings, &lab->server, 0),
			 1335);
	assert_int_equal(plan_mtu(rtnl, config, NULL, NULL, 0), 1335);
	netns_run("ip route replace default via 192.168.1.1 mtu 1300");
	assert_int_equal(plan_mtu(rtnl, config, settings, &lab->server, 0),
			 1235);
	settings->address6 = prefix("fd08::2/64");
	assert_int_equal(plan_mtu(rtnl, config, settings, &lab->server, 0),
			 1280);
	settings->address6 = (struct inet_prefix){0};
	settings->mtu = 1;
	assert_int_equal(plan_mtu(rtnl, config, settings, &lab->server, 0),
			 576);
	settings->mtu = 0;
	lab->server.address = address("2001:db8::5");
	assert_int_equal(plan_mtu(rtnl, config, settings, &lab->server, 0),
			 1415);
	lab->config.mtu = 1350;
	assert_int_equal(plan_mtu(rtnl, config, settings, &lab->server, 0),
			 1350);
}

#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, enter_client, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LAB(test_client_default),
		IN_LAB(test_client_dry),
		IN_LAB(test_client_outside),
		IN_LAB(test_client_rules_of_others),
		IN_LAB(test_client_beside_another),
		cmocka_unit_test(test_marks),
		cmocka_unit_test_setup_teardown(test_answers, enter_client,
						leave),
		IN_LAB(test_client_pushed),
		IN_LAB(test_client_pushed_bounds),
		IN_LAB(test_client_pushed_lan),
		IN_LAB(test_client_lan_came_later),
		IN_LAB(test_client_wide_pool),
		IN_LAB(test_client_list),
		IN_LAB(test_client_lease),
		IN_LAB(test_client_without_ipv6),
		IN_LAB(test_client_dns),
		IN_LAB(test_public_suffixes),
		IN_LAB(test_endpoint),
		IN_LAB(test_endpoint_onlink),
		IN_LAB(test_endpoint_copy),
		IN_LAB(test_endpoint_by_rule),
		IN_LAB(test_endpoint_again),
		IN_LAB(test_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
