/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The examples of RFC 6052, section 2.4, and what RFC 7050 finds in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host/dns/nat64.h"

static struct inet_address address(const char *text)
{
	struct inet_address value;

	assert_int_equal(inet_parse_address(text, &value), 0);
	return value;
}

static const struct {
	const char *prefix;
	unsigned length;
	const char *ipv4, *ipv6;
} examples[] = {
	{"2001:db8::", 32, "192.0.2.33", "2001:db8:c000:221::"},
	{"2001:db8:100::", 40, "192.0.2.33", "2001:db8:1c0:2:21::"},
	{"2001:db8:122::", 48, "192.0.2.33", "2001:db8:122:c000:2:2100::"},
	{"2001:db8:122:300::", 56, "192.0.2.33", "2001:db8:122:3c0:0:221::"},
	{"2001:db8:122:344::", 64, "192.0.2.33",
	 "2001:db8:122:344:c0:2:2100:0"},
	{"2001:db8:122:344::", 96, "192.0.2.33", "2001:db8:122:344::c000:221"},
	{"64:ff9b::", 96, "192.0.2.33", "64:ff9b::c000:221"},
};

#define EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static void test_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct inet_prefix prefix = {address(examples[i].prefix),
					     (uint8_t)examples[i].length};
		struct inet_address ipv4 = address(examples[i].ipv4),
				    ipv6 = address(examples[i].ipv6),
				    made = nat64_address(&prefix, &ipv4);

		assert_true(inet_address_equal(&made, &ipv6));
	}
}

static void test_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct inet_prefix prefix = {address(examples[i].prefix),
					     (uint8_t)examples[i].length},
				   found;
		struct inet_address known = address("192.0.0.171"),
				    made = nat64_address(&prefix, &known);

		assert_true(nat64_prefix(&made, &found));
		assert_true(inet_prefix_equal(&found, &prefix));
	}
}

static void test_none(void **state)
{
	static const char *const texts[] = {
		"2001:db8::1",	      /* a name server that makes things up */
		"192.0.0.170",	      /* its own IPv4 address */
		"::ffff:192.0.0.170", /* the same */
		"64:ff9b::c000:ac",   /* 192.0.0.172 */
	};
	struct inet_prefix prefix;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct inet_address answer = address(texts[i]);

		assert_false(nat64_prefix(&answer, &prefix));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
