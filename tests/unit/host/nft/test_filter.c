/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keeps out who comes in beside the tunnel: as text, beside nft(8). */
#include "host/change/change.h"
#include "host/nft/filter.h"
#include "unit/nft_fixture.h"

#define KINDS 7

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix prefix;

	assert_int_equal(inet_parse_prefix(text, &prefix), 0);
	return prefix;
}

static void add_link(struct nft_filter *filter, const char *name, bool forwards)
{
	struct nft_filter_link *link = &filter->links[filter->link_count++];

	strcpy(link->name, name);
	link->forwards = forwards;
}

static struct nft_filter make(unsigned kind)
{
	struct nft_filter filter = {
		.table = "minivpn.filter-x",
		.device = "tun0",
		.inner = prefix(kind % 2 ? "fd08::1/128" : "10.8.0.1/32"),
		.arp = kind == 6,
		.server = kind >= 2 && kind < 6,
	};

	if (!filter.server)
		return filter;
	filter.inner.length = kind % 2 ? 61 : 23;
	filter.ports[filter.port_count++] = 4433;
	if (kind < 4)
		return filter;
	filter.ports[filter.port_count++] = 65535;
	filter.allowed[filter.allowed_count++] =
		prefix(kind % 2 ? "fd00:ec2::254/128" : "169.254.169.254/32");
	filter.allowed[filter.allowed_count++] =
		prefix(kind % 2 ? "fd20:ce::/64" : "169.254.128.0/17");
	if (kind == 4) {
		filter.closed = true;
		return filter;
	}
	add_link(&filter, "eth0", false);
	add_link(&filter, "eth1", true);
	add_link(&filter, "a-link.of-fif:", false);
	return filter;
}

static void test_as_nft(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct nft_filter filter = make(kind);
		struct nft *nft = enter_and_open();
		char text[8192], *ours, *theirs;

		assert_int_equal(nft_filter_has(nft, &filter), 0);
		assert_int_equal(nft_filter_add(nft, &filter), 0);
		ours = ruleset();
		assert_int_equal(nft_filter_has(nft, &filter), 1);
		nft_close(nft);
		nft = enter_and_open();
		assert_int_equal(nft_filter_print(&filter, text, sizeof(text)),
				 0);
		feed_without_owner(text);
		theirs = ruleset();
		assert_string_equal(ours, theirs);
		assert_non_null(strstr(ours, "drop"));
		nft_close(nft);
		free(ours);
		free(theirs);
	}
}

static void test_text(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct nft_filter filter = make(kind), parsed;
		char text[8192], again[8192];

		assert_int_equal(nft_filter_print(&filter, text, sizeof(text)),
				 0);
		assert_int_equal(nft_filter_parse(text, &parsed), 0);
		assert_int_equal(parsed.server, filter.server);
		assert_int_equal(parsed.closed, filter.closed);
		assert_int_equal(parsed.link_count, filter.link_count);
		assert_int_equal(parsed.links[1].forwards,
				 filter.links[1].forwards);
		assert_int_equal(
			nft_filter_print(&parsed, again, sizeof(again)), 0);
		assert_string_equal(again, text);
		assert_int_equal(nft_filter_print(&filter, text, 100), -ENOSPC);
		/* One character less, or another, is not ours. */
		nft_filter_print(&filter, text, sizeof(text));
		for (size_t i = 0; text[i]; i++) {
			memcpy(again, text, sizeof(text));
			again[i] = '?';
			assert_int_equal(nft_filter_parse(again, &parsed),
					 -EINVAL);
			again[i] = '\0';
			assert_int_equal(nft_filter_parse(again, &parsed),
					 -EINVAL);
		}
	}
}

/* The largest filter there may be fits where it has to. */
static void test_largest(void **state)
{
	struct nft_filter filter = make(3);
	struct change change = {.kind = CHANGE_FILTER}, again;
	struct nft *nft = enter_and_open();
	char text[CHANGE_TEXT_SIZE];

	(void)state;
	memset(filter.table, 'x', sizeof(filter.table) - 1);
	memset(filter.device, 'x', sizeof(filter.device) - 1);
	while (filter.port_count < NFT_FILTER_PORTS)
		filter.ports[filter.port_count++] = 65535;
	while (filter.range_count < NFT_FILTER_RANGES)
		filter.ranges[filter.range_count++] =
			(struct inet_ports){10000, 65535};
	while (filter.allowed_count < NFT_FILTER_ALLOWED)
		filter.allowed[filter.allowed_count++] =
			prefix("fd20:0:0:ce:1111:1111:1111:1111/128");
	while (filter.link_count < NFT_FILTER_LINKS) {
		char name[IFNAMSIZ];

		snprintf(name, sizeof(name), "a-link-of-ours%u",
			 filter.link_count % 10);
		add_link(&filter, name, false);
	}
	change.filter = filter;
	assert_int_equal(nft_filter_add(nft, &filter), 0);
	assert_int_equal(change_print(&change, text, sizeof(text)), 0);
	assert_int_equal(change_parse(text, &again), 0);
	assert_true(change_equal(&change, &again));
	nft_close(nft);
}

static void refuse(struct nft_filter filter)
{
	char text[8192];

	assert_int_equal(nft_filter_print(&filter, text, sizeof(text)),
			 -EINVAL);
}

static void test_refused(void **state)
{
	struct nft_filter filter = make(2);

	(void)state;
	strcpy(filter.device, "a\"b");
	refuse(filter);
	filter = make(2);
	filter.ports[0] = 0;
	refuse(filter);
	filter = make(5);
	filter.ranges[0] = (struct inet_ports){2000, 1000};
	filter.range_count = 1;
	refuse(filter);
	filter = make(5);
	filter.allowed[0].address.family = AF_INET;
	refuse(filter);
	filter = make(5);
	strcpy(filter.links[1].name, "a b");
	refuse(filter);
	filter = make(5);
	filter.link_count = NFT_FILTER_LINKS + 1;
	refuse(filter);
	/* What would not be read back. */
	filter = make(0);
	filter.inner.length = 24;
	refuse(filter);
	filter = make(0);
	filter.closed = true;
	refuse(filter);
	filter = make(1);
	filter.arp = true;
	refuse(filter);
}

/*
 * A newer table of ours takes the place of an older one; those of others stay.
 */
static void test_replaced(void **state)
{
	struct nft_filter filter = make(5), other = make(3);
	struct nft *nft = enter_and_open(), *second;
	char *before, *after;

	(void)state;
	assert_int_equal(nft_filter_add(nft, &filter), 0);
	assert_int_equal(nft_filter_add(nft, &other), 0);
	before = ruleset();
	assert_null(strstr(before, "eth0"));
	assert_int_equal(nft_open(&second), 0);
	assert_int_equal(nft_filter_add(second, &filter), -EEXIST);
	skip_without_owner();
	assert_int_equal(nft_filter_del(second, &filter), -EPERM);
	after = ruleset();
	assert_string_equal(after, before);
	free(before);
	free(after);
	assert_int_equal(nft_filter_del(nft, &other), 0);
	assert_int_equal(nft_filter_del(nft, &other), -ENOENT);
	feed("table ip6 minivpn.filter-x { comment \"mine\"; }");
	before = ruleset();
	assert_int_equal(nft_filter_add(nft, &filter), -EEXIST);
	assert_int_equal(nft_filter_del(nft, &filter), -ENOENT);
	after = ruleset();
	assert_string_equal(after, before);
	free(before);
	free(after);
	nft_close(second);
	nft_close(nft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_nft),	 cmocka_unit_test(test_text),
		cmocka_unit_test(test_largest),	 cmocka_unit_test(test_refused),
		cmocka_unit_test(test_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
