/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/kernel.h"

static void test_versions(void **state)
{
	static const struct {
		const char *release;
		bool damages;
	} cases[] = {
		{"6.1.0-50-amd64", false},
		{"6.18.44", false},
		{"7.0", true},
		{"7.0.0-12-generic", true},
		{"7.0.9-1-pve", true},
		{"7.1.4", true},
		{"7.1.5+deb14-amd64", false},
		{"7.2.0-rc1", false},
		{"70.1", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (kernel_version_damages_runs(cases[i].release) !=
		    cases[i].damages)
			fail_msg("%s", cases[i].release);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
