/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a certificate is warned about, and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tunnel/role/expiry.h"

#define DAY 86400

static char said[512];
static unsigned lines;

static void listen_in(void *data, enum log_level level, const char *line)
{
	(void)data;
	assert_int_equal(level, LOG_LEVEL_WARNING);
	snprintf(said, sizeof(said), "%s", line);
	lines++;
}

static void expect(int64_t left, const char *words)
{
	lines = 0;
	said[0] = '\0';
	expiry_warn_peer("alice", time(NULL) + left);
	assert_int_equal(lines, words ? 1 : 0);
	if (words && !strstr(said, words))
		fail_msg("\"%s\" is not in \"%s\"", words, said);
}

static void test_fourteen_days(void **state)
{
	(void)state;
	log_set_sink(listen_in, NULL);
	expect(15 * DAY, NULL);
	expect(14 * DAY + 60, NULL);
	expect(14 * DAY - 60, "in 13 days");
	expect(3 * DAY + 60, "alice: its certificate expires on ");
	expect(60, "in 0 days");
	expect(-60, "has expired on ");
	expect(-400 * DAY, "has expired on ");
	log_set_sink(NULL, NULL);
}

static void test_keys_do_not_expire(void **state)
{
	(void)state;
	log_set_sink(listen_in, NULL);
	lines = 0;
	expiry_warn_peer("alice", 0);
	assert_int_equal(lines, 0);
	log_set_sink(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fourteen_days),
		cmocka_unit_test(test_keys_do_not_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
