/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft_killswitch.h"
#include "nft_fixture.h"

static struct nft_killswitch make(unsigned count)
{
	static const char *const servers[] = {
		"203.0.113.5:4433",
		"[2001:db8::5]:443",
		"198.51.100.1:1",
	};
	struct nft_killswitch killswitch = {
		.table = "minivpn-client",
		.device = "tun0",
		.count = count,
	};

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(inet_parse_endpoint(servers[i % 3],
						     &killswitch.servers[i]),
				 0);
	return killswitch;
}

/* Nothing may differ but the flags, which are about who owns the table. */
static char *rules(void)
{
	char *text = ruleset();

	/* In Debian 12 nft(8) has no name for NFT_TABLE_F_PERSIST. */
	strip(text, ", \"unknown\"", "}");
	strip(text, "\tflags ", "\t");
	return text;
}

static void test_as_nft(void **state)
{
	static const unsigned counts[] = {0, 1, 3, NFT_KILLSWITCH_SERVERS};

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		struct nft_killswitch killswitch = make(counts[i]);
		struct nft *nft = enter_and_open();
		char text[4096], *ours, *theirs;

		assert_int_equal(nft_killswitch_add(nft, &killswitch), 0);
		ours = rules();
		nft_close(nft);
		nft = enter_and_open();
		assert_int_equal(
			nft_killswitch_print(&killswitch, text, sizeof(text)),
			0);
		feed(text);
		theirs = rules();
		assert_string_equal(ours, theirs);
		assert_non_null(strstr(ours, "policy drop"));
		nft_close(nft);
		free(ours);
		free(theirs);
	}
}

static void test_text(void **state)
{
	struct nft_killswitch killswitch = make(NFT_KILLSWITCH_SERVERS), parsed;
	char text[4096], again[4096];

	(void)state;
	assert_int_equal(nft_killswitch_print(&killswitch, text, sizeof(text)),
			 0);
	assert_int_equal(nft_killswitch_parse(text, &parsed), 0);
	assert_int_equal(parsed.count, NFT_KILLSWITCH_SERVERS);
	assert_int_equal(nft_killswitch_print(&parsed, again, sizeof(again)),
			 0);
	assert_string_equal(again, text);
	assert_int_equal(nft_killswitch_print(&killswitch, text, 100), -ENOSPC);
	/* One character less, or another, is not ours. */
	for (size_t i = 0; text[i]; i++) {
		char spoilt[sizeof(text)];

		memcpy(spoilt, text, sizeof(text));
		spoilt[i] = '!';
		assert_int_equal(nft_killswitch_parse(spoilt, &parsed),
				 -EINVAL);
	}
	strcpy(killswitch.device, "a\"b");
	assert_int_equal(nft_killswitch_print(&killswitch, text, sizeof(text)),
			 -EINVAL);
	killswitch = make(1);
	killswitch.servers[0].address.family = AF_UNSPEC;
	assert_int_equal(nft_killswitch_print(&killswitch, text, sizeof(text)),
			 -EINVAL);
	killswitch.count = NFT_KILLSWITCH_SERVERS + 1;
	assert_int_equal(nft_killswitch_print(&killswitch, text, sizeof(text)),
			 -EINVAL);
}

static void test_outlives_its_maker(void **state)
{
	struct nft_killswitch killswitch = make(1), other = make(2);
	struct nft *nft = enter_and_open(), *second;
	char *before = ruleset(), *up, *left, *after;

	(void)state;
	assert_int_equal(nft_killswitch_del(nft, &killswitch), -ENOENT);
	assert_int_equal(nft_open(&second), 0);
	assert_int_equal(nft_killswitch_add(nft, &killswitch), 0);
	up = rules();
	/* While it is owned, nobody else gets at it. */
	assert_int_equal(nft_killswitch_del(second, &killswitch), -EPERM);
	assert_int_equal(nft_killswitch_add(second, &killswitch), -EEXIST);
	assert_int_equal(netns_run("nft flush ruleset"), 0);
	left = rules();
	assert_string_equal(left, up);
	free(left);
	nft_close(nft);
	left = rules();
	assert_string_equal(left, up);
	free(left);
	/* The next run takes it over, with other servers. */
	assert_int_equal(nft_killswitch_add(second, &other), 0);
	left = rules();
	assert_string_not_equal(left, up);
	assert_non_null(strstr(left, "2001:db8::5"));
	assert_int_equal(nft_killswitch_add(second, &killswitch), 0);
	assert_int_equal(nft_killswitch_del(second, &killswitch), 0);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(second);
	free(before);
	free(up);
	free(left);
	free(after);
}

static void test_foreign_table(void **state)
{
	struct nft_killswitch killswitch = make(1);
	struct nft *nft = enter_and_open();
	char *before, *after;

	(void)state;
	feed("table inet minivpn-client { comment \"mine\"; chain output { "
	     "type filter hook output priority 0; accept; }; }");
	before = ruleset();
	assert_int_equal(nft_killswitch_add(nft, &killswitch), -EEXIST);
	assert_int_equal(nft_killswitch_del(nft, &killswitch), -ENOENT);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(nft);
	free(before);
	free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_nft),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_outlives_its_maker),
		cmocka_unit_test(test_foreign_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
