/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/rtnl_fixture.h"

static char *say_routes(void)
{
	static const char *const commands[] = {"ip -4 -d route show table all",
					       "ip -6 -d route show table all",
					       NULL};
	char *text = netns_output(commands);

	assert_non_null(text);
	return text;
}

static struct inet_address address(const char *text)
{
	return prefix(text).address;
}

struct route_case {
	const char *destination, *gateway, *source, *device;
	uint32_t metric, table;
	uint8_t type;
	bool onlink;
	const char *words; /* after `ip route` and the verb */
};

static const struct route_case route_cases[] = {
	{"203.0.113.5/32", "192.168.1.1", NULL, "eth0", 0, 0, RTN_UNICAST,
	 false, "203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77"},
	{"203.0.113.5/32", "10.0.0.1", NULL, "eth0", 0, 0, RTN_UNICAST, true,
	 "203.0.113.5/32 via 10.0.0.1 dev eth0 proto 77 onlink"},
	{"203.0.113.5/32", "2001:db8:1::1", NULL, "eth0", 0, 0, RTN_UNICAST,
	 false, "203.0.113.5/32 via inet6 2001:db8:1::1 dev eth0 proto 77"},
	{"0.0.0.0/1", NULL, NULL, "eth0", 0, 0, RTN_UNICAST, false,
	 "0.0.0.0/1 dev eth0 proto 77"},
	{"0.0.0.0/0", "192.168.1.1", NULL, "eth0", 50, 0, RTN_UNICAST, false,
	 "default via 192.168.1.1 dev eth0 proto 77 metric 50"},
	{"10.9.0.0/16", NULL, "192.168.1.2", "eth0", 7, 0, RTN_UNICAST, false,
	 "10.9.0.0/16 dev eth0 proto 77 src 192.168.1.2 metric 7"},
	{"10.9.0.0/16", NULL, NULL, "eth0", 0, 1000, RTN_UNICAST, false,
	 "10.9.0.0/16 dev eth0 proto 77 table 1000"},
	{"10.9.0.0/16", NULL, NULL, "eth0", 0, 100, RTN_UNICAST, false,
	 "10.9.0.0/16 dev eth0 proto 77 table 100"},
	{"128.0.0.0/1", NULL, NULL, "", 0, 0, RTN_UNREACHABLE, false,
	 "unreachable 128.0.0.0/1 proto 77"},
	{"2001:db8:5::5/128", "2001:db8:1::1", NULL, "eth0", 0, 0, RTN_UNICAST,
	 false, "2001:db8:5::5/128 via 2001:db8:1::1 dev eth0 proto 77"},
	{"2001:db8:5::5/128", "fe80::1", NULL, "eth0", 9, 0, RTN_UNICAST, true,
	 "2001:db8:5::5/128 via fe80::1 dev eth0 proto 77 metric 9 onlink"},
	{"8000::/1", NULL, NULL, "eth0", 0, 0, RTN_UNICAST, false,
	 "8000::/1 dev eth0 proto 77"},
	{"8000::/1", NULL, NULL, "", 0, 0, RTN_UNREACHABLE, false,
	 "unreachable 8000::/1 proto 77"},
	{"fd09::/48", NULL, "2001:db8:1::2", "eth0", 0, 1000, RTN_UNICAST,
	 false, "fd09::/48 dev eth0 proto 77 src 2001:db8:1::2 table 1000"},
};

static struct rtnl_route make_route(const struct route_case *from)
{
	struct rtnl_route route = {
		.destination = prefix(from->destination),
		.metric = from->metric,
		.table = from->table,
		.type = from->type,
		.protocol = RTNL_PROTOCOL,
		.onlink = from->onlink,
	};

	if (from->gateway)
		route.gateway = address(from->gateway);
	if (from->source)
		route.source = address(from->source);
	strcpy(route.device, from->device);
	return route;
}

static int find_visit(void *data, const struct rtnl_route *route)
{
	struct rtnl_route *found = data;

	if (route->protocol != RTNL_PROTOCOL)
		return 0;
	*found = *route;
	return 1;
}

/* What is read is what was asked for, the kernel's defaults filled in. */
static void assert_read(struct rtnl *rtnl, const struct rtnl_route *route)
{
	uint16_t family = route->destination.address.family;
	uint32_t table = route->table ? route->table : RT_TABLE_MAIN;
	struct rtnl_route found = {0};

	assert_int_equal(rtnl_table_each(rtnl, family, table, find_visit,
					 &found),
			 1);
	assert_true(inet_prefix_equal(&found.destination, &route->destination));
	assert_true(inet_address_equal(&found.gateway, &route->gateway));
	assert_true(inet_address_equal(&found.source, &route->source));
	assert_string_equal(found.device, route->device);
	assert_int_equal(found.type, route->type);
	assert_int_equal(found.onlink, route->onlink);
	assert_int_equal(found.table,
			 route->table ? route->table : RT_TABLE_MAIN);
	if (route->metric || family == AF_INET)
		assert_int_equal(found.metric, route->metric);
	else
		assert_int_equal(found.metric, 1024);
}

static void check_route_case(struct rtnl *rtnl, const struct route_case *from)
{
	struct rtnl_route route = make_route(from);
	char *before = say_routes(), *ours, *theirs, command[160];

	assert_int_equal(rtnl_route_del(rtnl, &route), -ESRCH);
	assert_int_equal(rtnl_route_add(rtnl, &route), 0);
	assert_int_equal(rtnl_route_add(rtnl, &route), -EEXIST);
	assert_read(rtnl, &route);
	ours = say_routes();
	assert_string_not_equal(ours, before);
	assert_int_equal(rtnl_route_del(rtnl, &route), 0);
	theirs = say_routes();
	assert_string_equal(theirs, before);
	free(theirs);
	snprintf(command, sizeof(command), "ip %s route add %s",
		 route.destination.address.family == AF_INET ? "-4" : "-6",
		 from->words);
	assert_int_equal(netns_run(command), 0);
	theirs = say_routes();
	assert_string_equal(ours, theirs);
	assert_int_equal(rtnl_route_del(rtnl, &route), 0);
	assert_int_equal(rtnl_route_del(rtnl, &route), -ESRCH);
	free(before);
	free(ours);
	free(theirs);
}

static void test_route(void **state)
{
	for (size_t i = 0; i < sizeof(route_cases) / sizeof(route_cases[0]);
	     i++)
		check_route_case(*state, &route_cases[i]);
}

static void test_route_refused(void **state)
{
	struct rtnl_route route = {
		.destination = prefix("203.0.113.5/32"),
		.gateway = address("198.51.100.1"),
		.device = "eth0",
		.type = RTN_UNICAST,
	};

	assert_int_equal(netns_run("ip route add 10.9.0.0/16 dev eth0"), 0);
	route.destination = prefix("10.9.0.0/16");
	strcpy(route.device, "xeth0");
	route.gateway.family = AF_UNSPEC;
	assert_int_equal(rtnl_route_add(*state, &route), -EEXIST);
	strcpy(route.device, "eth0");
	route.gateway = address("198.51.100.1");
	assert_int_equal(rtnl_route_add(*state, &route), -ENETUNREACH);
	assert_string_equal(rtnl_reason(*state), "Nexthop has invalid gateway");
	strcpy(route.device, "none");
	assert_int_equal(rtnl_route_add(*state, &route), -ENODEV);
	assert_int_equal(rtnl_route_del(*state, &route), -ESRCH);
	route.destination = prefix("2001:db8::/32");
	route.device[0] = '\0';
	assert_int_equal(rtnl_route_add(*state, &route), -EINVAL);
	route.destination.address.family = AF_UNSPEC;
	assert_int_equal(rtnl_route_add(*state, &route), -EAFNOSUPPORT);
	assert_int_equal(
		rtnl_table_each(*state, AF_UNSPEC, RT_TABLE_MAIN, NULL, NULL),
		-EAFNOSUPPORT);
}

/* A deletion takes nothing but the very route. */
static void test_route_del_exact(void **state)
{
	static const char *const others[] = {
		"ip route add 10.9.0.0/16 via 192.168.1.1 dev eth0 proto 77 "
		"metric 5",
		"ip route add 10.9.0.0/16 via 192.168.1.1 dev eth0 metric 6",
		"ip route add 10.9.0.0/16 proto 77 metric 7 "
		"nexthop via 192.168.1.1 dev eth0 "
		"nexthop via 192.168.1.3 dev eth0",
		"ip route add 10.9.0.0/16 via 192.168.1.1 dev eth0 proto 77 "
		"tos 0x10",
		"ip route add 10.9.0.0/16 via 192.168.1.1 dev eth0 proto 77 "
		"table 200",
		"ip route add 10.9.0.0/16 dev eth0 proto 77 metric 8",
		"ip route add 8000::/1 dev eth0 proto 77",
		"ip route add fd09::/48 via 2001:db8:1::1 dev eth0 proto 77",
		"ip route add unreachable fd0a::/48 proto 77 metric 4",
	};
	static const struct route_case ours[] = {
		{"10.9.0.0/16", "192.168.1.1", NULL, "eth0", 0, 0, RTN_UNICAST,
		 false, NULL},
		{"10.9.0.0/16", "192.168.1.1", NULL, "eth0", 6, 0, RTN_UNICAST,
		 false, NULL},
		{"10.9.0.0/16", "192.168.1.1", NULL, "eth0", 7, 0, RTN_UNICAST,
		 false, NULL},
		{"10.9.0.0/16", NULL, NULL, "eth0", 5, 0, RTN_UNICAST, false,
		 NULL},
		{"10.9.0.0/16", NULL, NULL, "xeth0", 8, 0, RTN_UNICAST, false,
		 NULL},
		{"8000::/1", NULL, NULL, "", 0, 0, RTN_UNREACHABLE, false,
		 NULL},
		{"fd09::/48", NULL, NULL, "eth0", 0, 0, RTN_UNICAST, false,
		 NULL},
		{"fd0a::/48", NULL, NULL, "", 0, 0, RTN_UNREACHABLE, false,
		 NULL},
	};
	struct rtnl_routes *routes = rtnl_routes_new();
	char *before, *after;

	assert_non_null(routes);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(netns_run(others[i]), 0);
	before = say_routes();
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		struct rtnl_route route = make_route(&ours[i]);

		assert_int_equal(rtnl_route_del(*state, &route), -ESRCH);
		assert_int_equal(rtnl_routes_have(*state, routes, &route), 0);
		assert_int_equal(rtnl_routes_del(*state, routes, &route),
				 -ESRCH);
	}
	after = say_routes();
	assert_string_equal(after, before);
	rtnl_routes_free(routes);
	free(before);
	free(after);
}

/* Ours is there whether or not the kernel would take another one or none. */
static void test_route_behind_another(void **state)
{
	static const char *const others[] = {
		"ip route add 203.0.113.5 via 192.168.1.3 dev eth0 metric 1",
		"ip rule add priority 5 lookup 200",
		"ip route add 203.0.113.0/24 via 192.168.1.3 table 200",
		"ip route add unreachable 203.0.113.5 metric 2",
		"ip link set dev eth0 down",
	};
	const struct route_case ours = {
		"203.0.113.5/32", "192.168.1.1", NULL, "eth0", 9, 0,
		RTN_UNICAST,	  false,	 NULL};
	struct rtnl_route route = make_route(&ours);
	size_t last = sizeof(others) / sizeof(others[0]) - 1;

	assert_int_equal(rtnl_route_has(*state, &route), 0);
	assert_int_equal(rtnl_route_add(*state, &route), 0);
	assert_int_equal(rtnl_route_has(*state, &route), 1);
	for (size_t i = 0; i <= last; i++) {
		struct rtnl_routes *routes = rtnl_routes_new();

		assert_non_null(routes);
		assert_int_equal(netns_run(others[i]), 0);
		/* It goes with its link. */
		assert_int_equal(rtnl_route_has(*state, &route), i < last);
		assert_int_equal(rtnl_routes_have(*state, routes, &route),
				 i < last);
		rtnl_routes_free(routes);
	}
	assert_int_equal(rtnl_route_del(*state, &route), -ESRCH);
}

/* All of them at once, read once; then each goes, the last first. */
static void test_routes_read_once(void **state)
{
	size_t count = sizeof(route_cases) / sizeof(route_cases[0]);
	struct rtnl_route routes[sizeof(route_cases) / sizeof(route_cases[0])];
	struct rtnl_routes *known = rtnl_routes_new();
	bool added[sizeof(route_cases) / sizeof(route_cases[0])];
	char *before = say_routes(), *after;

	assert_non_null(known);
	for (size_t i = 0; i < count; i++) {
		routes[i] = make_route(&route_cases[i]);
		added[i] = rtnl_route_add(*state, &routes[i]) == 0;
	}
	for (size_t i = 0; i < count; i++)
		assert_int_equal(rtnl_routes_have(*state, known, &routes[i]),
				 added[i]);
	for (size_t i = count; i-- > 0;)
		assert_int_equal(rtnl_routes_del(*state, known, &routes[i]),
				 added[i] ? 0 : -ESRCH);
	after = say_routes();
	assert_string_equal(after, before);
	/* Gone since they were read. */
	assert_int_equal(rtnl_routes_del(*state, known, &routes[0]), -ESRCH);
	rtnl_routes_free(known);
	free(before);
	free(after);
}

static int search_visit(void *data, const struct rtnl_route *route)
{
	struct rtnl_route *search = data;

	if (!inet_prefix_equal(&route->destination, &search->destination))
		return 0;
	*search = *route;
	return 1;
}

static int count_visit(void *data, const struct rtnl_route *route)
{
	size_t *count = data;

	*count += route->protocol == RTNL_PROTOCOL;
	return 0;
}

static int stop_visit(void *data, const struct rtnl_route *route)
{
	size_t *count = data;

	(void)route;
	++*count;
	return -ECANCELED;
}

static void test_route_each(void **state)
{
	struct rtnl_route found = {.destination = prefix("10.9.0.0/16")};
	static const char mapped[12] = {[10] = (char)0xff, [11] = (char)0xff};
	size_t count = 0;

	assert_int_equal(netns_run("ip route add 10.9.0.0/16 metric 3 "
				   "nexthop via 192.168.1.1 dev eth0 onlink "
				   "nexthop via 192.168.1.3 dev eth0"),
			 0);
	assert_int_equal(netns_run("ip route add unreachable "
				   "::ffff:0.0.0.0/96"),
			 0);
	assert_int_equal(rtnl_table_each(*state, AF_INET, RT_TABLE_MAIN,
					 search_visit, &found),
			 1);
	assert_string_equal(found.device, "eth0");
	assert_true(found.onlink);
	assert_int_equal(found.metric, 3);
	assert_memory_equal(found.gateway.bytes, "\xc0\xa8\x01\x01", 4);

	found.destination.address = (struct inet_address){.family = AF_INET6};
	memcpy(found.destination.address.bytes, mapped, sizeof(mapped));
	found.destination.length = 96;
	assert_int_equal(rtnl_table_each(*state, AF_INET6, RT_TABLE_MAIN,
					 search_visit, &found),
			 1);
	assert_int_equal(found.type, RTN_UNREACHABLE);
	assert_string_equal(found.device, "");

	assert_int_equal(rtnl_table_each(*state, AF_INET, RT_TABLE_MAIN,
					 stop_visit, &count),
			 -ECANCELED);
	assert_int_equal(count, 1);
}

/* By what was read once; of 2000 the last is gone already. */
static void del_every_other(struct rtnl *rtnl, struct rtnl_route *route)
{
	struct rtnl_routes *routes = rtnl_routes_new();
	size_t count = 0;

	assert_non_null(routes);
	for (unsigned i = 1; i < 2000; i += 2) {
		route->destination.address.bytes[2] = i >> 8;
		route->destination.address.bytes[3] = i;
		assert_int_equal(rtnl_routes_del(rtnl, routes, route),
				 i == 1999 ? -ESRCH : 0);
	}
	rtnl_routes_free(routes);
	assert_int_equal(rtnl_table_each(rtnl, AF_INET, RT_TABLE_MAIN,
					 count_visit, &count),
			 0);
	assert_int_equal(count, 1000);
}

/* More than one piece of a dump; the socket stays usable after an early end. */
static void test_route_many(void **state)
{
	struct rtnl_route route = {
		.destination = prefix("10.0.0.0/32"),
		.device = "eth0",
		.type = RTN_UNICAST,
		.protocol = RTNL_PROTOCOL,
	};
	size_t count = 0;

	for (unsigned i = 0; i < 2000; i++) {
		route.destination.address.bytes[2] = i >> 8;
		route.destination.address.bytes[3] = i;
		assert_int_equal(rtnl_route_add(*state, &route), 0);
	}
	assert_int_equal(rtnl_table_each(*state, AF_INET, RT_TABLE_MAIN,
					 stop_visit, &count),
			 -ECANCELED);
	count = 0;
	assert_int_equal(rtnl_table_each(*state, AF_INET, RT_TABLE_MAIN,
					 count_visit, &count),
			 0);
	assert_int_equal(count, 2000);
	assert_int_equal(rtnl_route_del(*state, &route), 0);
	del_every_other(*state, &route);
}

static void test_route_get(void **state)
{
	struct inet_address to = address("203.0.113.5");
	struct inet_address to6 = address("2001:db8:5::5");
	struct rtnl_route way;

	assert_int_equal(rtnl_route_get(*state, &to, 0, &way), -ENETUNREACH);
	assert_int_equal(rtnl_route_get(*state, &to6, 0, &way), -ENETUNREACH);
	assert_int_equal(netns_run("ip route add default via 192.168.1.1 "
				   "mtu 1300"),
			 0);
	assert_int_equal(netns_run("ip route add 2001:db8:5::/48 via "
				   "2001:db8:1::1"),
			 0);
	assert_int_equal(rtnl_route_get(*state, &to, 0, &way), 0);
	assert_int_equal(way.type, RTN_UNICAST);
	assert_string_equal(way.device, "eth0");
	assert_int_equal(way.mtu, 1300);
	assert_int_equal(way.table, RT_TABLE_MAIN);
	assert_int_equal(way.destination.length, 32);
	assert_true(inet_address_equal(&way.destination.address, &to));
	assert_memory_equal(way.gateway.bytes, "\xc0\xa8\x01\x01", 4);
	assert_memory_equal(way.source.bytes, "\xc0\xa8\x01\x02", 4);
	assert_int_equal(rtnl_route_get(*state, &to6, 0, &way), 0);
	assert_int_equal(way.gateway.family, AF_INET6);
	assert_int_equal(way.gateway.bytes[15], 1);
	assert_int_equal(way.source.bytes[15], 2);
	assert_int_equal(way.destination.length, 128);

	to = address("192.168.1.77");
	assert_int_equal(rtnl_route_get(*state, &to, 0, &way), 0);
	assert_int_equal(way.gateway.family, AF_UNSPEC);
	to = address("192.168.1.2");
	assert_int_equal(rtnl_route_get(*state, &to, 0, &way), 0);
	assert_int_equal(way.type, RTN_LOCAL);
	assert_string_equal(way.device, "lo");
	to.family = AF_UNSPEC;
	assert_int_equal(rtnl_route_get(*state, &to, 0, &way), -EAFNOSUPPORT);
}

static void test_route_get_refused(void **state)
{
	struct inet_address to = address("203.0.113.5");
	struct inet_address to6 = address("2001:db8:5::5");
	struct rtnl_route way;

	assert_int_equal(netns_run("ip route add unreachable 203.0.113.0/24"),
			 0);
	assert_int_equal(netns_run("ip route add unreachable 2001:db8:5::/48"),
			 0);
	assert_int_equal(rtnl_route_get(*state, &to, 0, &way), -EHOSTUNREACH);
	assert_int_equal(rtnl_route_get(*state, &to6, 0, &way), -EHOSTUNREACH);
	assert_int_equal(netns_run("ip route add 203.0.113.5 via inet6 "
				   "fe80::1 dev eth0"),
			 0);
	assert_int_equal(rtnl_route_get(*state, &to, 0, &way), 0);
	assert_int_equal(way.gateway.family, AF_INET6);
	assert_int_equal(way.gateway.bytes[0], 0xfe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RTNL_TEST(test_route),
		RTNL_TEST(test_route_refused),
		RTNL_TEST(test_route_del_exact),
		RTNL_TEST(test_route_behind_another),
		RTNL_TEST(test_routes_read_once),
		RTNL_TEST(test_route_each),
		RTNL_TEST(test_route_many),
		RTNL_TEST(test_route_get),
		RTNL_TEST(test_route_get_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
