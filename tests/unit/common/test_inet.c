/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/inet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix value = {0};

	assert_int_equal(inet_parse_prefix(text, &value), 0);
	return value;
}

static struct inet_address address(const char *text)
{
	struct inet_address value = {0};

	assert_int_equal(inet_parse_address(text, &value), 0);
	return value;
}

static void test_address(void **state)
{
	/* What is read, and how it is written: RFC 5952, section 4. */
	static const char *const good[][2] = {
		{"192.0.2.1", "192.0.2.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"::", "::"},
		{"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"::ffff:c000:201", "192.0.2.1"},
	};
	static const char *const bad[] = {
		"",	     "192.0.2",	   "192.0.2.256", "192.0.2.1 ",
		" 10.0.0.1", "192.0.2.01", "2001:db8",	  "fe80::1%lo",
		"1::2::3",   "[::1]",	   "0x7f.1",	  "host",
	};
	char text[INET_ADDRESS_TEXT];
	struct inet_address value;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(inet_parse_address(good[i][0], &value), 0);
		inet_format_address(&value, text, sizeof(text));
		assert_string_equal(text, good[i][1]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(inet_parse_address(bad[i], &value), -EINVAL);
	value = (struct inet_address){0};
	inet_format_address(&value, text, sizeof(text));
	assert_string_equal(text, "none");
}

static void test_address_is_a_value(void **state)
{
	struct inet_address a, b;

	(void)state;
	memset(&a, 0xff, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_int_equal(inet_parse_address("10.0.0.1", &a), 0);
	assert_int_equal(inet_parse_address("::ffff:10.0.0.1", &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(sizeof(struct inet_address), 18);
	assert_int_equal(sizeof(struct inet_endpoint), 20);
	assert_true(inet_address_equal(&a, &b));
	b.bytes[3] = 2;
	assert_false(inet_address_equal(&a, &b));
}

static void test_prefix(void **state)
{
	static const char *const good[][2] = {
		{"192.0.2.7/24", "192.0.2.7/24"},
		{"192.0.2.7", "192.0.2.7/32"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"fd08::1/64", "fd08::1/64"},
		{"fd08::1", "fd08::1/128"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
	};
	static const char *const bad[] = {
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/+1",
		"10.0.0.0/8x",
		"10.0.0.0/ 8",
		"/8",
		"fd08::/129",
		"::ffff:10.0.0.0/95",
		"10.0.0.0/4294967304",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64",
	};
	char text[INET_PREFIX_TEXT];
	struct inet_prefix value;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(inet_parse_prefix(good[i][0], &value), 0);
		inet_format_prefix(&value, text, sizeof(text));
		assert_string_equal(text, good[i][1]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(inet_parse_prefix(bad[i], &value), -EINVAL);
}

static void test_endpoint(void **state)
{
	static const char *const good[][2] = {
		{"192.0.2.1:4433", "192.0.2.1:4433"},
		{"[2001:db8::1]:4433", "[2001:db8::1]:4433"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"4433", "4433"},
		{"192.0.2.1", "192.0.2.1"},
		{"2001:db8::1", "2001:db8::1"},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:1"},
		{"0.0.0.0:65535", "0.0.0.0:65535"},
	};
	static const char *const bad[] = {
		"",
		"0",
		"65536",
		"192.0.2.1:",
		"192.0.2.1:0",
		"192.0.2.1:65536",
		":4433",
		"[192.0.2.1]:1",
		"[2001:db8::1",
		"[::1]4433",
		"[::1]:",
		"host:4433",
		"-1",
		"4433 ",
		"[]:1",
	};
	char text[INET_ENDPOINT_TEXT];
	struct inet_endpoint value;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(inet_parse_endpoint(good[i][0], &value), 0);
		inet_format_endpoint(&value, text, sizeof(text));
		assert_string_equal(text, good[i][1]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(inet_parse_endpoint(bad[i], &value), -EINVAL);
}

static void test_longest_texts_fit(void **state)
{
	static const char longest[] =
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
	char text[INET_ENDPOINT_TEXT];
	struct inet_endpoint value;

	(void)state;
	assert_int_equal(inet_parse_endpoint(longest, &value), 0);
	inet_format_endpoint(&value, text, sizeof(text));
	assert_string_equal(text, longest);
}

static void test_network(void **state)
{
	static const char *const cases[][2] = {
		{"192.0.2.255/24", "192.0.2.0/24"},
		{"192.0.2.255/25", "192.0.2.128/25"},
		{"192.0.2.255/31", "192.0.2.254/31"},
		{"192.0.2.255/32", "192.0.2.255/32"},
		{"255.255.255.255/0", "0.0.0.0/0"},
		{"fd08::ffff:1/112", "fd08::ffff:0/112"},
		{"fd08::3/127", "fd08::2/127"},
		{"fd08::3/128", "fd08::3/128"},
	};
	struct inet_prefix value, expected;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		value = prefix(cases[i][0]);
		value = inet_prefix_network(&value);
		expected = prefix(cases[i][1]);
		assert_true(inet_prefix_equal(&value, &expected));
	}
}

static void test_covers(void **state)
{
	struct inet_prefix wide = prefix("10.8.0.99/16");
	struct inet_prefix narrow = prefix("10.8.4.0/24");
	struct inet_prefix other = prefix("10.9.0.0/24");
	struct inet_prefix all6 = prefix("::/0");
	struct inet_prefix none = {0};
	struct inet_address in = address("10.8.255.255");
	struct inet_address out = address("10.9.0.0");

	(void)state;
	assert_true(inet_prefix_covers(&wide, &narrow));
	assert_false(inet_prefix_covers(&narrow, &wide));
	assert_true(inet_prefix_covers(&wide, &wide));
	narrow.address = wide.address;
	assert_false(inet_prefix_covers(&narrow, &wide));
	narrow = prefix("10.8.4.0/24");
	assert_false(inet_prefix_covers(&wide, &other));
	assert_true(inet_prefix_overlaps(&narrow, &wide));
	assert_false(inet_prefix_overlaps(&narrow, &other));
	assert_false(inet_prefix_overlaps(&narrow, &all6));
	assert_false(inet_prefix_covers(&none, &none));
	assert_true(inet_prefix_contains(&wide, &in));
	assert_false(inet_prefix_contains(&wide, &out));
	assert_false(inet_prefix_contains(&all6, &in));
}

static void test_kinds(void **state)
{
	struct inet_address value;

	(void)state;
	value = address("239.1.2.3");
	assert_true(inet_address_is_multicast(&value));
	value = address("240.0.0.1");
	assert_false(inet_address_is_multicast(&value));
	value = address("ff02::1");
	assert_true(inet_address_is_multicast(&value));
	value = address("127.9.9.9");
	assert_true(inet_address_is_loopback(&value));
	value = address("::1");
	assert_true(inet_address_is_loopback(&value));
	value = address("::2");
	assert_false(inet_address_is_loopback(&value));
	value = address("10.0.0.1");
	assert_int_equal(inet_prefix_host(&value).length, 32);
}

static void test_sockaddr(void **state)
{
	struct inet_endpoint endpoint, again;
	struct sockaddr_storage storage;
	struct sockaddr_in6 in6;

	(void)state;
	assert_int_equal(inet_parse_endpoint("192.0.2.1:4433", &endpoint), 0);
	assert_int_equal(inet_endpoint_to_sockaddr(&endpoint, &storage),
			 sizeof(struct sockaddr_in));
	assert_int_equal(storage.ss_family, AF_INET);
	assert_int_equal(inet_endpoint_from_sockaddr(
				 (struct sockaddr *)&storage, &again),
			 0);
	assert_true(inet_endpoint_equal(&endpoint, &again));

	/* What a dual-stack socket says of the same one. */
	assert_int_equal(inet_endpoint_to_sockaddr_mapped(&endpoint, &storage),
			 sizeof(in6));
	memcpy(&in6, &storage, sizeof(in6));
	assert_int_equal(in6.sin6_family, AF_INET6);
	assert_true(IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr));
	assert_int_equal(ntohs(in6.sin6_port), 4433);
	assert_int_equal(inet_endpoint_from_sockaddr(
				 (struct sockaddr *)&storage, &again),
			 0);
	assert_memory_equal(&endpoint, &again, sizeof(endpoint));

	assert_int_equal(inet_parse_endpoint("[2001:db8::1]:1", &endpoint), 0);
	assert_int_equal(inet_endpoint_to_sockaddr_mapped(&endpoint, &storage),
			 sizeof(in6));
	assert_int_equal(inet_endpoint_from_sockaddr(
				 (struct sockaddr *)&storage, &again),
			 0);
	assert_true(inet_endpoint_equal(&endpoint, &again));

	storage.ss_family = AF_UNIX;
	assert_int_equal(inet_endpoint_from_sockaddr(
				 (struct sockaddr *)&storage, &again),
			 -EAFNOSUPPORT);
	endpoint = (struct inet_endpoint){.port = 1};
	assert_int_equal(inet_endpoint_to_sockaddr(&endpoint, &storage), 0);
}

static void check_merge(const char *const *texts, const char *wanted)
{
	struct inet_prefix list[8];
	char text[256] = "", name[INET_PREFIX_TEXT];
	size_t count = 0;

	for (; *texts; texts++)
		assert_int_equal(inet_parse_prefix(*texts, &list[count++]), 0);
	count = inet_prefixes_merge(list, count);
	for (size_t i = 0; i < count; i++) {
		if (i)
			strcat(text, " ");
		strcat(text, inet_format_prefix(&list[i], name, sizeof(name)));
	}
	assert_string_equal(text, wanted);
}

static void test_merge(void **state)
{
	static const char *const none[] = {NULL};
	static const char *const parts[] = {"2001:db8::1",   "10.1.0.0/16",
					    "10.0.0.0/8",    "10.0.0.0/8",
					    "2001:db8::/32", NULL};
	static const char *const halves[] = {"192.168.3.0/24", "192.168.0.0/24",
					     "192.168.2.0/24", "192.168.1.0/24",
					     "192.168.4.0/24", NULL};
	/* These are side by side, but no halves of one network. */
	static const char *const beside[] = {"192.168.2.0/24", "192.168.1.0/24",
					     "0.0.0.0/1", "8000::/1", NULL};

	(void)state;
	check_merge(none, "");
	check_merge(parts, "10.0.0.0/8 2001:db8::/32");
	check_merge(halves, "192.168.0.0/22 192.168.4.0/24");
	check_merge(beside, "0.0.0.0/1 192.168.1.0/24 192.168.2.0/24 8000::/1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_address_is_a_value),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_endpoint),
		cmocka_unit_test(test_longest_texts_fit),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_covers),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
