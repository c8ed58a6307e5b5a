/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server may not have against a client's file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/config/config.h"
#include "common/config/settings_bound.h"

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix value;

	if (inet_parse_prefix(text, &value))
		fail_msg("no prefix: %s", text);
	return value;
}

static void expect(const struct config *config, const char *said,
		   const char *left)
{
	struct inet_prefix own = prefix(said), wanted = prefix(left);
	struct settings settings = {0};
	struct inet_prefix *place = own.address.family == AF_INET
					    ? &settings.address4
					    : &settings.address6;

	*place = own;
	assert_int_equal(settings_bound(config, &settings),
			 !inet_prefix_equal(&own, &wanted));
	assert_true(inet_prefix_equal(place, &wanted));
	assert_false(settings_bound(config, &settings));
}

static void test_public_networks(void **state)
{
	struct inet_prefix routes[] = {prefix("192.0.2.0/24"),
				       prefix("2001:db8::/32")};
	const struct config none = {.routes_choice = CONFIG_NONE};
	const struct config list = {
		.routes_choice = CONFIG_LIST,
		.routes = routes,
		.route_count = 2,
	};

	(void)state;
	expect(&none, "8.8.8.8/8", "8.8.8.8/32");
	expect(&none, "2001:db8::7/64", "2001:db8::7/128");
	expect(&list, "8.8.8.8/30", "8.8.8.8/32");
	expect(&list, "8.8.8.8/32", "8.8.8.8/32");
	/* What is wanted anyway, or a part of it; not what holds it. */
	expect(&list, "192.0.2.7/24", "192.0.2.7/24");
	expect(&list, "192.0.2.7/28", "192.0.2.7/28");
	expect(&list, "192.0.2.7/23", "192.0.2.7/32");
	expect(&list, "2001:db8:1::7/64", "2001:db8:1::7/64");
	expect(&list, "2001:db9::7/16", "2001:db9::7/128");
}

static void test_private_networks(void **state)
{
	const struct config none = {.routes_choice = CONFIG_NONE};

	(void)state;
	expect(&none, "10.8.0.7/24", "10.8.0.7/24");
	expect(&none, "11.8.0.7/24", "11.8.0.7/32");
	expect(&none, "172.31.0.7/24", "172.31.0.7/24");
	expect(&none, "172.32.0.7/24", "172.32.0.7/32");
	expect(&none, "192.168.7.7/24", "192.168.7.7/24");
	expect(&none, "100.127.0.1/24", "100.127.0.1/24");
	expect(&none, "fd08::7/64", "fd08::7/64");
}

static void test_large_networks(void **state)
{
	struct inet_prefix routes[] = {prefix("10.0.0.0/8")};
	const struct config none = {.routes_choice = CONFIG_NONE};
	const struct config list = {
		.routes_choice = CONFIG_LIST,
		.routes = routes,
		.route_count = 1,
	};

	(void)state;
	expect(&none, "10.8.0.7/22", "10.8.0.7/22");
	expect(&none, "10.8.0.7/21", "10.8.0.7/32");
	expect(&none, "fd08::7/63", "fd08::7/128");
	expect(&list, "10.8.0.7/16", "10.8.0.7/16");
	expect(&list, "10.8.0.7/7", "10.8.0.7/32");
	expect(&list, "172.16.0.7/12", "172.16.0.7/32");
}

/* The server's own address: NULL where it is not to be reached. */
static void expect_server(const struct config *config, const char *own,
			  const char *server, bool stays)
{
	struct inet_address said = prefix(server).address;
	struct settings settings = {
		.address4 = prefix(own),
		.server4 = said,
	};

	settings_bound(config, &settings);
	if (stays)
		assert_true(inet_address_equal(&settings.server4, &said));
	else
		assert_int_equal(settings.server4.family, 0);
}

static void test_server_itself(void **state)
{
	struct inet_prefix routes[] = {prefix("8.8.0.0/24")};
	const struct config pushed = {.routes_choice = CONFIG_PUSHED};
	const struct config none = {.routes_choice = CONFIG_NONE};
	const struct config list = {
		.routes_choice = CONFIG_LIST,
		.routes = routes,
		.route_count = 1,
	};
	struct settings nothing = {.server4 = prefix("10.8.0.1").address};

	(void)state;
	expect_server(&none, "10.8.0.7/24", "10.8.0.1", true);
	expect_server(&none, "10.8.0.7/8", "10.8.0.1", true);
	expect_server(&none, "10.8.0.7/24", "10.9.0.1", false);
	expect_server(&none, "8.8.8.8/8", "8.8.0.1", false);
	expect_server(&list, "8.8.8.8/8", "8.8.0.1", true);
	expect_server(&list, "8.8.8.8/8", "8.8.1.1", false);
	expect_server(&pushed, "8.8.8.8/8", "8.8.0.1", true);
	expect_server(&pushed, "8.8.8.8/16", "8.9.0.1", false);
	settings_bound(&pushed, &nothing);
	assert_int_equal(nothing.server4.family, 0);
}

static void test_server_may_say(void **state)
{
	const struct config pushed = {.routes_choice = CONFIG_PUSHED};
	const struct config all = {.routes_choice = CONFIG_DEFAULT};
	struct settings nothing = {0};

	(void)state;
	expect(&pushed, "8.8.8.8/8", "8.8.8.8/8");
	expect(&all, "8.8.8.8/8", "8.8.8.8/8");
	assert_false(settings_bound(&pushed, &nothing));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public_networks),
		cmocka_unit_test(test_private_networks),
		cmocka_unit_test(test_large_networks),
		cmocka_unit_test(test_server_itself),
		cmocka_unit_test(test_server_may_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
