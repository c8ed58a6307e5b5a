/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/block.h"
#include "unit/nft_fixture.h"

static struct nft_block make(void)
{
	static const struct {
		const char *prefix;
		bool drop;
	} entries[] = {
		{"192.168.1.0/24", false}, {"fe80::/10", false},
		{"10.8.0.0/24", true},	   {"128.0.0.0/1", true},
		{"8000::/1", true},	   {"0.0.0.0/0", true},
	};
	struct nft_block block = {
		.table = "minivpn.block-client",
		.devices = {"tun0", "tun1"},
		.device_count = 2,
		.marks = {{0x4d000001, 0xff000001}, {77, UINT32_MAX}},
		.mark_count = 2,
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
	char text[NFT_BLOCK_TEXT];
	struct nft_block block = make();
	struct nft *nft = enter_and_open();
	char *ours, *theirs;

	(void)state;
	assert_int_equal(nft_block_set(nft, &block), 0);
	ours = rules();
	nft_close(nft);
	nft = enter_and_open();
	assert_int_equal(nft_block_print(&block, text, sizeof(text)), 0);
	feed(text);
	theirs = rules();
	assert_string_equal(ours, theirs);
	assert_non_null(strstr(ours, "ip daddr 192.168.1.0/24 accept"));
	assert_non_null(strstr(ours, "meta nfproto ipv4 drop"));
	for (size_t i = 0; i <= strlen(text); i++) {
		char less[NFT_BLOCK_TEXT];

		assert_int_equal(nft_block_print(&block, less, i), -ENOSPC);
	}
	nft_close(nft);
	free(ours);
	free(theirs);
}

/* A set has what there is no room for as rules: side by side, both families. */
static void test_many_networks(void **state)
{
	enum { NETWORKS = 600 };
	size_t size = NFT_BLOCK_TEXT + NETWORKS * NFT_BLOCK_NETWORK_TEXT;
	struct nft_block block = make();
	struct nft *nft = enter_and_open();
	char *text = malloc(size), *ours, *theirs;

	(void)state;
	assert_non_null(text);
	block.count = 3;
	block.network_count = NETWORKS;
	block.networks = calloc(NETWORKS, sizeof(*block.networks));
	assert_non_null(block.networks);
	for (unsigned i = 0; i < NETWORKS; i++) {
		bool v4 = i < NETWORKS / 2;

		block.networks[i] = (struct inet_prefix){
			.address = {.family = v4 ? AF_INET : AF_INET6,
				    .bytes = {v4 ? 11 : 0x20, (uint8_t)(i >> 8),
					      (uint8_t)i}},
			.length = 24,
		};
	}
	assert_int_equal(nft_block_set(nft, &block), 0);
	ours = rules();
	assert_int_equal(nft_block_set(nft, &block), 0);
	nft_close(nft);
	nft = enter_and_open();
	assert_int_equal(nft_block_print(&block, text, size), 0);
	feed(text);
	theirs = rules();
	assert_string_equal(ours, theirs);
	assert_non_null(strstr(ours, "ip daddr @routes4 drop"));
	assert_non_null(strstr(ours, "ip6 daddr @routes6 drop"));
	nft_close(nft);
	free(block.networks);
	free(text);
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
	assert_false(is_listed("minivpn.block-client"));
	assert_int_equal(nft_block_set(nft, &block), 0);
	nft_close(nft);
	assert_false(is_listed("minivpn.block-client"));
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
	assert_int_equal(netns_run("nft add table inet minivpn.block-client"),
			 0);
	block.prefixes[0].prefix.length = 1;
	assert_int_equal(nft_block_set(nft, &block), -EEXIST);
	assert_true(is_listed("minivpn.block-client"));
	nft_close(nft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_nft),
		cmocka_unit_test(test_many_networks),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
