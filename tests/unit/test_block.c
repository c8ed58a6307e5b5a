/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft_block.h"
#include "nft_fixture.h"

static struct nft_block make(void)
{
	static const struct {
		const char *prefix;
		bool drop;
	} entries[] = {
		{"192.168.1.0/24", false}, {"fe80::/10", false},
		{"10.8.0.0/24", true},	   {"128.0.0.0/1", true},
		{"8000::/1", true},
	};
	struct nft_block block = {
		.table = "minivpn-client/block",
		.device = "tun0",
		.mark = 77,
	};

	for (size_t i = 0; i < COUNT(entries); i++) {
		struct nft_block_prefix *entry = &block.prefixes[block.count++];

		assert_int_equal(
			inet_parse_prefix(entries[i].prefix, &entry->prefix),
			0);
		entry->drop = entries[i].drop;
	}
	return block;
}

#define OUTPUT                                                                 \
	"chain output { type filter hook output priority -1; policy accept; "  \
	"oifname \"lo\" accept; oifname \"tun0\" accept; "                     \
	"meta mark 77 accept; udp sport 68 udp dport 67 accept; "              \
	"meta l4proto icmpv6 icmpv6 type >= 133 icmpv6 type <= 136 accept; "
#define FORWARD                                                                \
	"chain forward { type filter hook forward priority -1; "               \
	"policy accept; oifname \"tun0\" accept; meta mark 77 accept; "
#define PREFIXES                                                               \
	"ip daddr 192.168.1.0/24 accept; ip6 daddr fe80::/10 accept; "         \
	"ip daddr 10.8.0.0/24 drop; ip daddr 128.0.0.0/1 drop; "               \
	"ip6 daddr 8000::/1 drop; }; "

/* The kernel has the same rules as from nft(8), but for whose they are. */
static char *rules(void)
{
	static const char *const commands[] = {"nft list ruleset", NULL};
	char *text = netns_output(commands), *all = ruleset();

	assert_non_null(text);
	assert_non_null(strstr(all, "drop"));
	free(all);
	strip(text, "\tflags owner\n", "\t");
	strip(text, " # progname ", "\n");
	strip(text, "\tcomment \"minivpn\"\n", "\t");
	return text;
}

static void test_as_nft(void **state)
{
	static const char nft_text[] =
		"table inet minivpn-client/block { " OUTPUT PREFIXES FORWARD
			PREFIXES "}";
	struct nft_block block = make();
	struct nft *nft = enter_and_open();
	char *ours, *theirs;

	(void)state;
	assert_int_equal(nft_block_set(nft, &block), 0);
	ours = rules();
	nft_close(nft);
	nft = enter_and_open();
	feed(nft_text);
	theirs = rules();
	assert_string_equal(ours, theirs);
	nft_close(nft);
	free(ours);
	free(theirs);
}

static bool is_listed(const char *word)
{
	static const char *const commands[] = {"nft list ruleset", NULL};
	char *text = netns_output(commands);
	bool found = text && strstr(text, word);

	free(text);
	return found;
}

/* Another one takes its place; nobody else can; it goes with its socket. */
static void test_life(void **state)
{
	struct nft_block block = make();
	struct nft *nft = enter_and_open();

	(void)state;
	assert_int_equal(nft_block_del(nft, &block), -ENOENT);
	assert_int_equal(nft_block_set(nft, &block), 0);
	assert_true(is_listed("128.0.0.0/1"));
	block.count = 3;
	assert_int_equal(nft_block_set(nft, &block), 0);
	assert_false(is_listed("128.0.0.0/1"));
	assert_true(is_listed("10.8.0.0/24"));
	assert_int_equal(netns_run("nft flush ruleset"), 0);
	assert_true(is_listed("10.8.0.0/24"));
	assert_int_equal(nft_block_del(nft, &block), 0);
	assert_false(is_listed("minivpn-client/block"));
	assert_int_equal(nft_block_set(nft, &block), 0);
	nft_close(nft);
	assert_false(is_listed("minivpn-client/block"));
}

static void test_limits(void **state)
{
	struct nft_block block = make();
	struct nft *nft = enter_and_open();

	(void)state;
	while (block.count < NFT_BLOCK_PREFIXES)
		block.prefixes[block.count++] = block.prefixes[0];
	for (unsigned i = 0; i < NFT_BLOCK_PREFIXES; i++)
		block.prefixes[i] = block.prefixes[4]; /* the longest text */
	assert_int_equal(nft_block_set(nft, &block), 0);
	block.count++;
	assert_int_equal(nft_block_set(nft, &block), -EINVAL);
	block.count = 1;
	block.prefixes[0].prefix.length = 129;
	assert_int_equal(nft_block_set(nft, &block), -EINVAL);
	assert_int_equal(nft_block_del(nft, &block), 0);
	/* One of the same name that somebody else has made stays. */
	assert_int_equal(netns_run("nft add table inet minivpn-client/block"),
			 0);
	block.prefixes[0].prefix.length = 1;
	assert_int_equal(nft_block_set(nft, &block), -EEXIST);
	assert_true(is_listed("minivpn-client/block"));
	nft_close(nft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_nft),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
