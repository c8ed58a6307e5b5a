/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With libpsl and without it: what both must know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/dns/public_suffix.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_public(void **state)
{
	static const char *const domains[] = {
		"com",	  "org",   "COM",    "com.",   "de",	"corp",
		"lan",	  "co.uk", "Co.Uk.", "org.uk", "co.jp", "ac.jp",
		"com.au", "ne.jp", "com.br", "gov.in"};

	(void)state;
	for (size_t i = 0; i < COUNT(domains); i++)
		assert_true(public_suffix_matches(domains[i]));
}

static void test_own(void **state)
{
	static const char *const domains[] = {
		"example.org",	   "corp.test",	      "example.co.uk",
		"a.example",	   "Example.Com.",    "co.example.uk",
		"lan.example.net", "co.example.com",  "intranet.local",
		"bbc.example",	   "compute.internal"};

	(void)state;
	for (size_t i = 0; i < COUNT(domains); i++)
		assert_false(public_suffix_matches(domains[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public),
		cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
