/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What needs no systemd-resolved: tests/system/test_dns.py has the rest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/dns/systemd_resolved.h"

#include "common/reason.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct systemd_resolved_link ours = {
	.device = "tun0",
	.dns = {{AF_INET, {10, 8, 0, 1}}, {AF_INET6, {0xfd, 8, [15] = 1}}},
	.dns_count = 2,
	.search = {"example.org", "a.example"},
	.search_count = 2,
	.all = true,
};

static const char *const texts[] = {
	"resolvectl dns tun0 10.8.0.1 fd08::1 && "
	"resolvectl domain tun0 example.org a.example '~.' && "
	"resolvectl default-route tun0 yes",
	"resolvectl dns tun0 10.8.0.1 && resolvectl domain tun0 '~.' && "
	"resolvectl default-route tun0 yes",
	"resolvectl dns vpn.1 fd08::1 && resolvectl domain vpn.1 example.org "
	"&& resolvectl default-route vpn.1 no",
};

static void test_text(void **state)
{
	struct systemd_resolved_link link;
	char text[512];

	(void)state;
	assert_int_equal(systemd_resolved_print(&ours, text, sizeof(text)), 0);
	assert_string_equal(text, texts[0]);
	assert_int_equal(systemd_resolved_print(&ours, text, strlen(texts[0])),
			 -ENOSPC);
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(systemd_resolved_parse(texts[i], &link), 0);
		assert_int_equal(
			systemd_resolved_print(&link, text, sizeof(text)), 0);
		assert_string_equal(text, texts[i]);
	}
	assert_int_equal(systemd_resolved_parse(texts[0], &link), 0);
	assert_memory_equal(&link, &ours, sizeof(link));
}

/* Spoilt in any byte a text is refused, or says what it says. */
static void test_text_damaged(void **state)
{
	struct systemd_resolved_link link;
	char copy[512], again[512];

	(void)state;
	for (size_t at = 0; at < strlen(texts[0]); at++) {
		for (int c = 0; c < 256; c++) {
			strcpy(copy, texts[0]);
			copy[at] = (char)c;
			if (systemd_resolved_parse(copy, &link))
				continue;
			assert_int_equal(systemd_resolved_print(&link, again,
								sizeof(again)),
					 0);
			assert_string_equal(again, copy);
		}
	}
}

static void assert_refused(const struct systemd_resolved_link *link)
{
	char text[512];

	assert_int_equal(systemd_resolved_check(link), -EINVAL);
	assert_int_equal(systemd_resolved_print(link, text, sizeof(text)),
			 -EINVAL);
	assert_true(systemd_resolved_apply(link, NULL) < 0);
}

static void test_refused_values(void **state)
{
	static const char *const devices[] = {"",     "a b",  "a/b", "..",
					      "a'b",  "$(a)", "a&b", "a;b",
					      "-tun", "a\nb", "a`b", "~"};
	static const char *const domains[] = {"", "a b", "a'b", "~.", "a&b"};
	struct systemd_resolved_link bad;

	(void)state;
	for (size_t i = 0; i < COUNT(devices); i++) {
		bad = ours;
		strcpy(bad.device, devices[i]);
		assert_refused(&bad);
	}
	for (size_t i = 0; i < COUNT(domains); i++) {
		bad = ours;
		strcpy(bad.search[1], domains[i]);
		assert_refused(&bad);
	}
	bad = ours;
	bad.dns_count = 0;
	assert_refused(&bad);
	bad.dns_count = SETTINGS_DNS + 1;
	assert_refused(&bad);
	/* Asked for no name at all. */
	bad = ours;
	bad.search_count = 0;
	bad.all = false;
	assert_refused(&bad);
}

/* A device that is not there needs no bus to be put back. */
static void test_no_device(void **state)
{
	struct systemd_resolved_link link = ours;
	struct reason reason = {0};

	(void)state;
	strcpy(link.device, "none-such");
	assert_int_equal(systemd_resolved_revert(&link, &reason), 0);
	assert_string_equal(reason.text, "");
}

static void test_mode_of_other_files(void **state)
{
	(void)state;
	assert_int_equal(systemd_resolved_mode("/nowhere/resolv.conf"),
			 SYSTEMD_RESOLVED_NONE);
	assert_int_equal(systemd_resolved_mode("/dev/null"),
			 SYSTEMD_RESOLVED_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_damaged),
		cmocka_unit_test(test_refused_values),
		cmocka_unit_test(test_no_device),
		cmocka_unit_test(test_mode_of_other_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
