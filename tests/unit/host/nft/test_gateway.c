/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/nft_fixture.h"

struct gateway_case {
	const char *inner, *uplink;
	bool masquerade;
};

static const struct gateway_case cases[] = {
	{"10.8.0.0/24", "", true},   {"10.8.0.0/24", "eth0", true},
	{"10.8.0.0/22", "", true},   {"10.8.0.1/32", "", true},
	{"128.0.0.0/1", "", true},   {"0.0.0.0/0", "", false},
	{"fd08::/64", "", true},     {"fd08::/64", "eth0", true},
	{"fd08::/61", "eth0", true}, {"fd08::1/128", "", true},
	{"fd08::/125", "", true},    {"::/0", "", false},
};

static struct nft_gateway make_gateway(const struct gateway_case *from)
{
	struct nft_gateway gateway = {
		.table = "minivpn-server",
		.device = "tun0",
		.masquerade = from->masquerade,
	};

	assert_int_equal(inet_parse_prefix(from->inner, &gateway.inner), 0);
	strcpy(gateway.uplink, from->uplink);
	if (from->masquerade) {
		gateway.ports[0] = 32768;
		gateway.ports[1] = 65535;
	}
	return gateway;
}

/* In nft's words, but not owned by an nft that ends at once. */
static char *print_plain(const struct nft_gateway *gateway)
{
	char text[1024];

	assert_int_equal(nft_gateway_print(gateway, text, sizeof(text)), 0);
	strip(text, "flags owner; ", "c");
	return strdup(text);
}

/* What we tell the kernel and what nft makes of our text are the same. */
static void test_as_nft(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct nft_gateway gateway = make_gateway(&cases[i]);
		char *ours, *theirs, *text;
		struct nft *nft = enter_and_open();

		assert_int_equal(nft_gateway_add(nft, &gateway), 0);
		ours = ruleset();
		nft_close(nft);
		nft = enter_and_open();
		text = print_plain(&gateway);
		feed(text);
		theirs = ruleset();
		assert_string_equal(ours, theirs);
		assert_non_null(strstr(ours, "maxseg"));
		assert_true(!strstr(ours, "masquerade") != cases[i].masquerade);
		nft_close(nft);
		free(text);
		free(ours);
		free(theirs);
	}
}

static void test_add_del(void **state)
{
	struct nft_gateway gateway = make_gateway(&cases[0]);
	struct nft_gateway other = make_gateway(&cases[6]);
	struct nft *nft = enter_and_open();
	char *before, *after;

	(void)state;
	assert_int_equal(nft_gateway_del(nft, &gateway), -ENOENT);
	assert_int_equal(netns_run("nft add table ip other"), 0);
	before = ruleset();
	assert_int_equal(nft_gateway_add(nft, &gateway), 0);
	assert_string_equal(nft_reason(nft), "");
	assert_int_equal(nft_gateway_add(nft, &gateway), -EEXIST);
	assert_memory_equal(nft_reason(nft), "add table", 9);
	/* The other family's table of that name is another one. */
	assert_int_equal(nft_gateway_del(nft, &other), -ENOENT);
	assert_int_equal(nft_gateway_add(nft, &other), 0);
	assert_int_equal(nft_gateway_del(nft, &gateway), 0);
	assert_int_equal(nft_gateway_del(nft, &gateway), -ENOENT);
	assert_int_equal(nft_gateway_del(nft, &other), 0);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(nft);
	free(before);
	free(after);
}

static void test_goes_with_its_socket(void **state)
{
	struct nft_gateway gateway = make_gateway(&cases[0]);
	struct nft *nft = enter_and_open(), *second;
	char *before, *after;

	(void)state;
	assert_int_equal(netns_run("nft add table ip6 other"), 0);
	before = ruleset();
	assert_int_equal(nft_open(&second), 0);
	assert_int_equal(nft_gateway_add(nft, &gateway), 0);
	skip_without_owner();
	after = ruleset();
	assert_string_not_equal(after, before);
	free(after);
	assert_int_equal(nft_gateway_del(second, &gateway), -EPERM);
	assert_int_equal(nft_gateway_add(second, &gateway), -EEXIST);
	nft_close(nft);
	after = ruleset();
	assert_string_equal(after, before);
	assert_int_equal(nft_gateway_del(second, &gateway), -ENOENT);
	nft_close(second);
	free(before);
	free(after);
}

static void test_foreign_table(void **state)
{
	struct nft_gateway gateway = make_gateway(&cases[0]);
	struct nft *nft = enter_and_open();
	char *before, *after;

	(void)state;
	feed("table ip minivpn-server { comment \"mine\"; chain forward { "
	     "type filter hook forward priority 0; accept; }; }");
	before = ruleset();
	assert_int_equal(nft_gateway_add(nft, &gateway), -EEXIST);
	assert_int_equal(nft_gateway_del(nft, &gateway), -ENOENT);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(nft);
	free(before);
	free(after);
}

/* What a run without an owner has left, as from before Linux 5.12. */
static void test_heal(void **state)
{
	struct nft_gateway gateway = make_gateway(&cases[7]);
	struct nft *nft = enter_and_open();
	char *text = print_plain(&gateway), *before = ruleset(), *after;

	(void)state;
	feed(text);
	assert_int_equal(nft_gateway_del(nft, &gateway), 0);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(nft);
	free(text);
	free(before);
	free(after);
}

static void test_refused_values(void **state)
{
	static const char *const names[] = {"",	   "tun*", "tun\"0", "tun 0",
					    "a;b", "a\nb", "tun'0",  "a/b"};
	struct nft_gateway good = make_gateway(&cases[1]), bad;
	struct nft *nft = enter_and_open();
	char text[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		bad = good;
		strcpy(bad.device, names[i]);
		assert_int_equal(nft_gateway_add(nft, &bad), -EINVAL);
		bad = good;
		strcpy(bad.table, names[i]);
		assert_int_equal(nft_gateway_print(&bad, text, sizeof(text)),
				 -EINVAL);
		bad = good;
		strcpy(bad.uplink, names[i]);
		assert_int_equal(nft_gateway_print(&bad, text, sizeof(text)),
				 names[i][0] ? -EINVAL : 0);
	}
	bad = good;
	memset(bad.device, 'x', sizeof(bad.device));
	assert_int_equal(nft_gateway_add(nft, &bad), -EINVAL);
	bad = good;
	bad.inner.length = 23;
	bad.inner.address.bytes[2] = 1;
	assert_int_equal(nft_gateway_add(nft, &bad), -EINVAL);
	bad.inner.length = 33;
	assert_int_equal(nft_gateway_del(nft, &bad), -EINVAL);
	bad.inner = (struct inet_prefix){.address.family = AF_INET};
	assert_int_equal(nft_gateway_add(nft, &bad), -EINVAL);
	bad = good;
	bad.masquerade = false;
	assert_int_equal(nft_gateway_add(nft, &bad), -EINVAL);
	bad.uplink[0] = '\0';
	assert_int_equal(nft_gateway_add(nft, &bad), -EINVAL);
	bad = good;
	bad.ports[1] = bad.ports[0];
	assert_int_equal(nft_gateway_add(nft, &bad), -EINVAL);
	/* A table without ports is read from a journal, but not made. */
	bad.ports[0] = bad.ports[1] = 0;
	assert_int_equal(nft_gateway_add(nft, &bad), -EINVAL);
	assert_int_equal(nft_gateway_print(&bad, text, sizeof(text)), 0);
	nft_close(nft);
}

static void test_text(void **state)
{
	struct nft_gateway gateway = make_gateway(&cases[0]);
	char text[1024];

	(void)state;
	assert_int_equal(nft_gateway_print(&gateway, text, sizeof(text)), 0);
	assert_string_equal(
		text,
		"table ip minivpn-server { comment \"minivpn\"; flags owner; "
		"chain translate { "
		"meta l4proto tcp masquerade to :32768-65535; "
		"meta l4proto udp masquerade to :32768-65535; masquerade; }; "
		"chain postrouting { type nat hook postrouting priority "
		"srcnat; policy accept; ip saddr 10.8.0.0/24 oifname != "
		"\"tun0\" jump translate; iifname \"tun0\" oifname != "
		"\"tun0\" jump translate; }; "
		"chain forward { type filter hook forward priority mangle; "
		"policy accept; "
		"oifname \"tun0\" tcp flags & (syn|rst) == syn "
		"tcp option maxseg size set rt mtu; "
		"iifname \"tun0\" tcp flags & (syn|rst) == syn "
		"tcp option maxseg size set rt mtu; }; }");
}

/* Spoilt in any byte or cut anywhere, it is refused, or says what it says. */
static void check_spoilt(const char *text)
{
	size_t length = strlen(text);
	char copy[1024], again[1024];
	struct nft_gateway parsed;

	for (size_t i = 0; i < length; i++) {
		strcpy(copy, text);
		copy[i] = '\0';
		assert_int_equal(nft_gateway_parse(copy, &parsed), -EINVAL);
		for (int c = 1; c < 256; c++) {
			strcpy(copy, text);
			copy[i] = c;
			if (nft_gateway_parse(copy, &parsed))
				continue;
			assert_int_equal(nft_gateway_print(&parsed, again,
							   sizeof(again)),
					 0);
			assert_string_equal(again, copy);
		}
	}
}

static void test_parse(void **state)
{
	char text[1024], small[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct nft_gateway gateway = make_gateway(&cases[i]);
		struct nft_gateway parsed = {0};
		size_t length;

		strcpy(gateway.table, "minivpn-masquerade.a@b");
		assert_int_equal(
			nft_gateway_print(&gateway, text, sizeof(text)), 0);
		assert_int_equal(nft_gateway_parse(text, &parsed), 0);
		assert_string_equal(parsed.table, gateway.table);
		assert_string_equal(parsed.device, gateway.device);
		assert_string_equal(parsed.uplink, gateway.uplink);
		assert_int_equal(parsed.masquerade, gateway.masquerade);
		assert_true(inet_prefix_equal(&parsed.inner, &gateway.inner));
		length = strlen(text);
		assert_int_equal(nft_gateway_print(&gateway, small, length),
				 -ENOSPC);
		assert_int_equal(nft_gateway_print(&gateway, small, length + 1),
				 0);
		if (i % 6 < 2)
			check_spoilt(text);
		strcat(text, " ");
		assert_int_equal(nft_gateway_parse(text, &parsed), -EINVAL);
	}
	assert_int_equal(nft_gateway_parse("table ", &(struct nft_gateway){0}),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused_values),
		cmocka_unit_test(test_as_nft),
		cmocka_unit_test(test_add_del),
		cmocka_unit_test(test_goes_with_its_socket),
		cmocka_unit_test(test_foreign_table),
		cmocka_unit_test(test_heal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
