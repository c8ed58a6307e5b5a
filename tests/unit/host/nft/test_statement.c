/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No kind of statement is without words, or without a form for the kernel. */
#include <netinet/icmp6.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/netfilter.h>

#include "host/nft/statement.h"

#define LAST NFT_ACTION_RESTORE_MARK

/* Every member has a value, whatever the kind needs of them. */
static struct nft_statement make(enum nft_statement_kind kind)
{
	return (struct nft_statement){
		.kind = kind,
		.family = AF_INET,
		.name = "name",
		.network = {{AF_INET, {10}}, 8},
		.mark = 0x4d,
		.mask = 0xff,
		.protocol = IPPROTO_TCP,
		.type = ND_ROUTER_SOLICIT,
		.flags = TH_SYN,
		.sport = 1,
		.dport = 2,
		.first = 3,
		.last = 4,
	};
}

static void test_words(void **state)
{
	char texts[LAST + 1][128] = {{0}};

	(void)state;
	for (int kind = NFT_END + 1; kind <= LAST; kind++) {
		const struct nft_statement statement = make(kind);
		struct text text = {texts[kind], sizeof(texts[kind]), 0};

		nft_statement_print(&statement, &text);
		assert_true(text.length > 0 && text_fits(&text));
		for (int other = NFT_END + 1; other < kind; other++)
			assert_string_not_equal(texts[kind], texts[other]);
	}
}

static void test_kernel(void **state)
{
	(void)state;
	for (int kind = NFT_END + 1; kind <= LAST; kind++) {
		const struct nft_statement statement = make(kind);
		_Alignas(struct nlmsghdr) char buffer[2048] = {0};
		struct nft_encoder encoder = {mnl_nlmsg_put_header(buffer),
					      NFPROTO_INET};

		nft_statement_put(&encoder, &statement);
		assert_true(mnl_nlmsg_get_payload_len(encoder.message) > 0);
		assert_true(encoder.message->nlmsg_len < sizeof(buffer));
	}
}

/* A rule of a table for both families asks for the family once. */
static void test_family(void **state)
{
	const struct nft_statement statement = make(NFT_MATCH_TO);
	_Alignas(struct nlmsghdr) char buffer[2048] = {0};
	struct nft_encoder encoder = {mnl_nlmsg_put_header(buffer),
				      NFPROTO_INET};
	size_t once, twice;

	(void)state;
	nft_statement_put(&encoder, &statement);
	assert_int_equal(encoder.family, NFPROTO_IPV4);
	once = mnl_nlmsg_get_payload_len(encoder.message);
	nft_statement_put(&encoder, &statement);
	twice = mnl_nlmsg_get_payload_len(encoder.message);
	assert_true(twice - once < once);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
