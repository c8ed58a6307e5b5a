/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of resolv.conf(5) counts for our own look-ups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/dns/lookup_config.h"

static struct lookup_config parse(const char *text)
{
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	struct lookup_config config;

	assert_non_null(file);
	lookup_config_read(file, &config);
	fclose(file);
	return config;
}

static void expect_server(const struct lookup_config *config, size_t index,
			  const char *address, uint32_t scope)
{
	char text[INET_ADDRESS_TEXT];

	assert_true(index < config->server_count);
	assert_string_equal(inet_format_address(&config->servers[index].address,
						text, sizeof(text)),
			    address);
	assert_int_equal(config->servers[index].scope, scope);
	assert_int_equal(config->servers[index].mark, 0);
}

static void test_servers(void **state)
{
	struct lookup_config config = parse("# nameserver 192.0.2.1\n"
					    "; nameserver 192.0.2.2\n"
					    "nameserver\t192.0.2.3 \r\n"
					    "nameserver nonsense\n"
					    "nameserver\n"
					    " nameserver fe80::1%lo\n"
					    "nameserver fe80::2%7\n"
					    "nameserver 192.0.2.4");

	(void)state;
	assert_int_equal(config.server_count, 3);
	expect_server(&config, 0, "192.0.2.3", 0);
	expect_server(&config, 1, "fe80::1", 1);
	expect_server(&config, 2, "fe80::2", 7);
	assert_int_equal(config.search.count, 0);
	assert_int_equal(config.search.ndots, 1);
}

static void test_none(void **state)
{
	struct lookup_config config = parse("options rotate\n");

	(void)state;
	assert_int_equal(config.server_count, 1);
	expect_server(&config, 0, "127.0.0.1", 0);
	lookup_config_read(NULL, &config);
	expect_server(&config, 0, "127.0.0.1", 0);
	assert_int_equal(config.search.ndots, 1);
}

static void test_search(void **state)
{
	struct lookup_config config = parse("search a.test b.test\n"
					    "options edns0 ndots:3 rotate\n"
					    "domain c.test\n");

	(void)state;
	assert_int_equal(config.search.count, 1);
	assert_string_equal(config.search.domains[0], "c.test");
	assert_int_equal(config.search.ndots, 3);
	config = parse("search 1 2 3 4 5 6 7 8\noptions ndots:99\n");
	assert_int_equal(config.search.count, LOOKUP_SEARCH);
	assert_string_equal(config.search.domains[5], "6");
	assert_int_equal(config.search.ndots, 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
