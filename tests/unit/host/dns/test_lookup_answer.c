/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a child that resolves names may say to host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host/dns/lookup.h"

#define HOSTS 2

static const struct config_host hosts[HOSTS] = {
	{.host = "a.example", .port = 4433},
	{.host = "b.example", .port = 4434},
};

/* The answer has two addresses of the second host, and a word on the first. */
static struct lookup_answer answer(void)
{
	struct lookup_answer value = {
		.results =
			{
				{.host = 1,
				 .endpoint = {{AF_INET, {192, 0, 2, 1}}, 4434}},
				{.host = 1,
				 .endpoint = {{AF_INET6, {0x20, 1}}, 4434}},
			},
		.count = 2,
		.reason = "can't resolve a.example",
	};

	return value;
}

static void assert_refused(struct lookup_answer value, size_t got)
{
	lookup_answer_check(&value, got, hosts, HOSTS);
	assert_int_equal(value.count, 0);
	assert_string_equal(value.reason,
			    "name resolution ended without an answer");
}

static void test_honest(void **state)
{
	struct lookup_answer value = answer(), same = answer();

	(void)state;
	lookup_answer_check(&value, sizeof(value), hosts, HOSTS);
	assert_memory_equal(&value, &same, sizeof(value));
}

static void test_hostile(void **state)
{
	struct lookup_answer value = answer();

	(void)state;
	assert_refused(answer(), 0);
	assert_refused(answer(), sizeof(value) - 1);
	value.count = LOOKUP_RESULTS + 1;
	assert_refused(value, sizeof(value));
	value.count = SIZE_MAX;
	assert_refused(value, sizeof(value));
	value = answer();
	value.results[1].host = HOSTS;
	assert_refused(value, sizeof(value));
	value.results[1].host = ~0u;
	assert_refused(value, sizeof(value));
	value = answer();
	value.results[0].endpoint.address.family = AF_UNIX;
	assert_refused(value, sizeof(value));
	value.results[0].endpoint.address.family = AF_UNSPEC;
	assert_refused(value, sizeof(value));
	value = answer();
	memset(value.reason, 'x', sizeof(value.reason));
	assert_refused(value, sizeof(value));
}

/* What can be put right is: the port is the file's, an address has one form. */
static void test_put_right(void **state)
{
	struct lookup_answer value = answer(), same = answer();

	(void)state;
	value.results[0].endpoint.port = 22;
	value.results[0].endpoint.address.bytes[15] = 1;
	strcpy(value.reason, "\033[2J\nnothing");
	strcpy(same.reason, "?[2J?nothing");
	lookup_answer_check(&value, sizeof(value), hosts, HOSTS);
	assert_string_equal(value.reason, same.reason);
	assert_int_equal(value.count, 2);
	for (size_t i = 0; i < value.count; i++)
		assert_true(inet_endpoint_equal(&value.results[i].endpoint,
						&same.results[i].endpoint));
}

/* One letter a result: its host, and a capital for IPv6. */
static void assert_order(const char *before, const char *after)
{
	struct lookup_result results[LOOKUP_RESULTS] = {0};
	size_t count = strlen(before);

	for (size_t i = 0; i < count; i++) {
		struct lookup_result *result = &results[i];
		bool ipv6 = before[i] < 'a';

		result->host = (unsigned)before[i] - (ipv6 ? 'A' : 'a');
		result->endpoint.address.family = ipv6 ? AF_INET6 : AF_INET;
		result->endpoint.port = (uint16_t)i;
	}
	lookup_alternate(results, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(before[results[i].endpoint.port], after[i]);
	/* Results of one family stay in their order. */
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			if (after[i] == after[j])
				assert_true(results[i].endpoint.port <
					    results[j].endpoint.port);
		}
	}
}

static void test_families_alternate(void **state)
{
	(void)state;
	assert_order("", "");
	assert_order("a", "a");
	assert_order("AAAAAAa", "AaAAAAA");
	assert_order("AAAaa", "AaAaA");
	assert_order("aAAA", "aAAA");
	assert_order("aaaAA", "aAaAa");
	/*
	 * Each server's own addresses alternate, one server behind the other.
	 */
	assert_order("AAaBBbb", "AaABbBb");
	assert_order("abcD", "abcD");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_families_alternate),
		cmocka_unit_test(test_honest),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_put_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
