/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/killswitch.h"
#include "unit/nft_fixture.h"

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

/*
 * nft(8) of Debian 12 reads behind its list of flags where a table has none but
 * NFT_TABLE_F_PERSIST.
 */
static char *listing(void)
{
	return ruleset_without("\tflags ");
}

static void put(struct inet_prefix *list, unsigned *count,
		const char *const *texts)
{
	for (; *texts; texts++)
		assert_int_equal(inet_parse_prefix(*texts, &list[(*count)++]),
				 0);
	unsigned all = *count;

	*count = inet_prefixes_merge(list, all);
	memset(&list[*count], 0, (all - *count) * sizeof(*list));
}

/* All that a file can say; as large as it gets where full is true. */
static struct nft_killswitch make_all(bool full)
{
	static const char *const exclude[] = {
		"203.0.113.9",	   "198.51.100.0/25", "128.0.0.0/1",
		"2001:db8:9::/48", "2001:db8:8::1",   NULL};
	static const char *const networks[] = {"192.168.1.0/24",
					       "192.168.2.0/24", "10.0.0.0/8",
					       "fd00:1::/64", NULL};
	struct nft_killswitch all = make(full ? NFT_KILLSWITCH_SERVERS : 2);

	all.last_ports[1] = 29999;
	all.mark = 0x4d0000ff;
	all.mask = 0xff0000ff;
	all.names = true;
	all.lan = true;
	put(all.exclude, &all.exclude_count, exclude);
	put(all.networks, &all.network_count, networks);
	for (unsigned i = 0; full && i < NFT_KILLSWITCH_SERVERS; i++) {
		inet_parse_address("2001:db8:1111:2222:3333:4444:5555:6666",
				   &all.servers[i].address);
		all.servers[i].port = 65534;
		all.last_ports[i] = 65535;
	}
	for (unsigned i = all.exclude_count; full && i < NFT_KILLSWITCH_EXCLUDE;
	     i++) {
		inet_parse_prefix("2001:db8:ffff:ffff:ffff:ffff:ffff:fff1/128",
				  &all.exclude[i]);
		all.exclude[i].address.bytes[4] = (uint8_t)i | 0x80;
		all.exclude_count++;
	}
	for (unsigned i = all.network_count;
	     full && i < NFT_KILLSWITCH_NETWORKS; i++) {
		inet_parse_prefix("fd01:2222:ffff:ffff:ffff:ffff:ffff:fff2/127",
				  &all.networks[i]);
		all.networks[i].address.bytes[2] = (uint8_t)i | 0x80;
		all.network_count++;
	}
	return all;
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

static void check_as_nft(const struct nft_killswitch *killswitch)
{
	struct nft *nft = enter_and_open();
	char text[NFT_KILLSWITCH_TEXT], *ours, *theirs;

	assert_int_equal(nft_killswitch_add(nft, killswitch), 0);
	ours = rules();
	nft_close(nft);
	nft = enter_and_open();
	assert_int_equal(nft_killswitch_print(killswitch, text, sizeof(text)),
			 0);
	feed(text);
	theirs = rules();
	assert_string_equal(ours, theirs);
	assert_non_null(strstr(ours, "policy drop"));
	nft_close(nft);
	free(ours);
	free(theirs);
}

static void test_as_nft(void **state)
{
	static const unsigned counts[] = {0, 1, 3, NFT_KILLSWITCH_SERVERS};
	struct nft_killswitch killswitch;

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		killswitch = make(counts[i]);
		check_as_nft(&killswitch);
	}
	killswitch.bare = true;
	check_as_nft(&killswitch);
	killswitch = make(1);
	killswitch.mark = 77;
	killswitch.mask = UINT32_MAX;
	check_as_nft(&killswitch);
	killswitch.lan = true;
	check_as_nft(&killswitch);
	killswitch = make_all(false);
	check_as_nft(&killswitch);
	killswitch = make_all(true);
	check_as_nft(&killswitch);
}

static void check_text(const struct nft_killswitch *killswitch)
{
	struct nft_killswitch parsed;
	char text[NFT_KILLSWITCH_TEXT], again[NFT_KILLSWITCH_TEXT];

	assert_int_equal(nft_killswitch_print(killswitch, text, sizeof(text)),
			 0);
	assert_int_equal(nft_killswitch_parse(text, &parsed), 0);
	assert_memory_equal(&parsed, killswitch, sizeof(parsed));
	assert_int_equal(nft_killswitch_print(&parsed, again, sizeof(again)),
			 0);
	assert_string_equal(again, text);
	assert_int_equal(nft_killswitch_print(killswitch, text, 100), -ENOSPC);
	assert_int_equal(nft_killswitch_print(killswitch, text, strlen(again)),
			 -ENOSPC);
	/* One character less, or another, is not ours. */
	for (size_t i = 0; again[i]; i++) {
		memcpy(text, again, sizeof(text));
		text[i] = '?';
		assert_int_equal(nft_killswitch_parse(text, &parsed), -EINVAL);
	}
}

static void test_text(void **state)
{
	struct nft_killswitch killswitch;

	(void)state;
	killswitch = make(NFT_KILLSWITCH_SERVERS);
	check_text(&killswitch);
	killswitch = make(0);
	check_text(&killswitch);
	killswitch.lan = true;
	check_text(&killswitch);
	killswitch = make_all(false);
	check_text(&killswitch);
	killswitch.mask = UINT32_MAX;
	check_text(&killswitch);
	killswitch = make_all(true);
	check_text(&killswitch);
}

/* A program that knew no more has left this text in a journal. */
static void test_old_text(void **state)
{
	static const char old[] =
		"table inet minivpn-client { comment \"minivpn\"; "
		"chain output { type filter hook output priority filter; "
		"policy drop; oifname \"lo\" accept; "
		"oifname \"tun0\" accept; "
		"ip daddr 203.0.113.5 udp dport 4433 accept; "
		"ip6 daddr 2001:db8::5 udp dport 443 accept; "
		"udp sport 68 udp dport 67 accept; "
		"udp sport 546 udp dport 547 accept; "
		"icmpv6 type nd-router-solicit accept; "
		"icmpv6 type nd-neighbor-solicit accept; "
		"icmpv6 type nd-neighbor-advert accept; drop; }; "
		"chain forward { type filter hook forward priority filter; "
		"policy drop; oifname \"tun0\" accept; iifname \"tun0\" "
		"ct state established,related accept; drop; }; }";
	struct nft_killswitch parsed, now = make(2);
	struct nft *nft = enter_and_open();
	char *before, *after;

	(void)state;
	before = ruleset();
	assert_int_equal(nft_killswitch_parse(old, &parsed), 0);
	assert_true(parsed.bare);
	assert_int_equal(parsed.count, 2);
	check_text(&parsed);
	feed(old);
	assert_int_equal(nft_killswitch_has(nft, &parsed), 1);
	/* The next run takes it over, or `down` lifts it. */
	assert_int_equal(nft_killswitch_add(nft, &now), 0);
	assert_int_equal(nft_killswitch_del(nft, &now), 0);
	feed(old);
	assert_int_equal(nft_killswitch_del(nft, &parsed), 0);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(nft);
	free(before);
	free(after);
}

static void check_refused(const struct nft_killswitch *killswitch)
{
	char text[NFT_KILLSWITCH_TEXT];

	assert_int_equal(nft_killswitch_print(killswitch, text, sizeof(text)),
			 -EINVAL);
}

static void test_what_cannot_be_said(void **state)
{
	struct nft_killswitch killswitch = make(1);

	(void)state;
	strcpy(killswitch.device, "a\"b");
	check_refused(&killswitch);
	killswitch = make(1);
	killswitch.servers[0].address.family = AF_UNSPEC;
	check_refused(&killswitch);
	killswitch = make(1);
	killswitch.count = NFT_KILLSWITCH_SERVERS + 1;
	check_refused(&killswitch);
	killswitch = make(1);
	killswitch.mark = 1;
	check_refused(&killswitch);
	killswitch = make(1);
	killswitch.names = true;
	check_refused(&killswitch);
	killswitch = make_all(false);
	killswitch.lan = false;
	check_refused(&killswitch);
	killswitch = make_all(false);
	killswitch.exclude[1] = killswitch.exclude[0];
	check_refused(&killswitch);
	killswitch = make_all(false);
	killswitch.exclude[0].length = 0;
	check_refused(&killswitch);
	killswitch = make_all(false);
	killswitch.networks[0].address.bytes[3] = 1;
	check_refused(&killswitch);
	killswitch = make_all(false);
	killswitch.network_count = NFT_KILLSWITCH_NETWORKS + 1;
	check_refused(&killswitch);
}

static void check_lets_out(const struct nft_killswitch *killswitch,
			   const char *text, bool wanted)
{
	struct inet_address address;

	assert_int_equal(inet_parse_address(text, &address), 0);
	assert_int_equal(nft_killswitch_lets_out(killswitch, &address), wanted);
}

static void test_lets_out(void **state)
{
	struct nft_killswitch all = make_all(false), none = make(2);

	(void)state;
	check_lets_out(&all, "203.0.113.9", true);
	check_lets_out(&all, "203.0.113.5", true); /* in 128.0.0.0/1 */
	check_lets_out(&all, "10.200.0.1", true);
	check_lets_out(&all, "172.16.0.1", true);
	check_lets_out(&all, "100.64.0.1", false);
	check_lets_out(&all, "2001:db8:9::1", true);
	check_lets_out(&all, "2001:db8:8::2", false);
	check_lets_out(&all, "fd00:1::9", true);
	check_lets_out(&all, "fe80::1", true);
	check_lets_out(&none, "192.168.1.1", false);
	check_lets_out(&none, "fe80::1", false);
	check_lets_out(&none, "203.0.113.5", false);
}

static void test_outlives_its_maker(void **state)
{
	struct nft_killswitch killswitch = make(1), other = make(2);
	struct nft *nft = enter_and_open(), *second;
	char *before = listing(), *up, *left, *after;

	(void)state;
	assert_int_equal(nft_killswitch_del(nft, &killswitch), -ENOENT);
	assert_int_equal(nft_open(&second), 0);
	assert_int_equal(nft_killswitch_add(nft, &killswitch), 0);
	skip_without_owner();
	up = listing();
	/* While it is owned, nobody else gets at it. */
	assert_int_equal(nft_killswitch_del(second, &killswitch), -EPERM);
	assert_int_equal(nft_killswitch_add(second, &killswitch), -EEXIST);
	assert_int_equal(netns_run("nft flush ruleset"), 0);
	left = listing();
	assert_string_equal(left, up);
	free(left);
	nft_close(nft);
	left = listing();
	assert_string_equal(left, up);
	free(left);
	/* The next run takes it over, with other servers. */
	assert_int_equal(nft_killswitch_add(second, &other), 0);
	left = listing();
	assert_string_not_equal(left, up);
	assert_non_null(strstr(left, "2001:db8::5"));
	assert_int_equal(nft_killswitch_add(second, &killswitch), 0);
	assert_int_equal(nft_killswitch_del(second, &killswitch), 0);
	after = listing();
	assert_string_equal(after, before);
	nft_close(second);
	free(before);
	free(up);
	free(left);
	free(after);
}

/* Returns 0 or -errno; what is dropped on its way out is -EPERM. */
static int send_to(const struct inet_endpoint *to, uint32_t mark)
{
	struct sockaddr_storage address;
	socklen_t length = inet_endpoint_to_sockaddr(to, &address);
	int fd = socket(to->address.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	assert_true(fd >= 0);
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	if (sendto(fd, "x", 1, 0, (struct sockaddr *)&address, length) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Who is not the tunnel is dropped on the way to its server, too. */
static void test_mark(void **state)
{
	static const struct {
		uint32_t mark, mask, sent;
		int result;
	} cases[] = {
		{0, 0, 0, 0},
		{0, 0, 5, 0},
		{77, UINT32_MAX, 77, 0},
		{77, UINT32_MAX, 0, -EPERM},
		{77, UINT32_MAX, 78, -EPERM},
		/* Others use some bits of it. */
		{0x4d0000ff, 0xff0000ff, 0x4d0000ff, 0},
		{0x4d0000ff, 0xff0000ff, 0x4d1234ff, 0},
		{0x4d0000ff, 0xff0000ff, 0x4d0000fe, -EPERM},
		{0x4d0000ff, 0xff0000ff, 0, -EPERM},
	};
	struct nft_killswitch killswitch = make(2);
	struct nft *nft = enter_and_open();

	(void)state;
	assert_int_equal(netns_link("eth0"), 0);
	assert_int_equal(netns_run("ip address add 203.0.113.1/24 dev eth0"),
			 0);
	assert_int_equal(netns_run("ip address add 2001:db8::1/64 dev eth0 "
				   "nodad"),
			 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		killswitch.mark = cases[i].mark;
		killswitch.mask = cases[i].mask;
		assert_int_equal(nft_killswitch_add(nft, &killswitch), 0);
		for (unsigned j = 0; j < killswitch.count; j++) {
			struct inet_endpoint to = killswitch.servers[j];

			assert_int_equal(send_to(&to, cases[i].sent),
					 cases[i].result);
			to.port++;
			assert_int_equal(send_to(&to, cases[i].sent), -EPERM);
		}
	}
	nft_close(nft);
}

/*
 * Only the tunnel's own packets pass, by UDP to port 53 of anybody, and nothing
 * else.
 */
static void test_names(void **state)
{
	struct nft_killswitch killswitch = make(0);
	struct nft *nft = enter_and_open();
	struct inet_endpoint to;

	(void)state;
	assert_int_equal(netns_link("eth0"), 0);
	assert_int_equal(netns_run("ip address add 192.0.2.1/24 dev eth0"), 0);
	assert_int_equal(inet_parse_endpoint("192.0.2.53:53", &to), 0);
	killswitch.mark = 0x4d0000ff;
	killswitch.mask = 0xff0000ff;
	assert_int_equal(nft_killswitch_add(nft, &killswitch), 0);
	assert_int_equal(send_to(&to, 0x4d0000ff), -EPERM);
	killswitch.names = true;
	assert_int_equal(nft_killswitch_add(nft, &killswitch), 0);
	assert_int_equal(send_to(&to, 0x4d0000ff), 0);
	assert_int_equal(send_to(&to, 0), -EPERM);
	to.port = 5353;
	assert_int_equal(send_to(&to, 0x4d0000ff), -EPERM);
	nft_close(nft);
}

/* A server on that port is not taken for it. */
static void test_server_on_the_port_of_names(void **state)
{
	struct nft_killswitch killswitch = make(1), parsed;
	char text[NFT_KILLSWITCH_TEXT];

	(void)state;
	killswitch.servers[0].port = 53;
	killswitch.mark = 0x4d0000ff;
	killswitch.mask = 0xff0000ff;
	for (int names = 0; names < 2; names++) {
		killswitch.names = names;
		assert_int_equal(
			nft_killswitch_print(&killswitch, text, sizeof(text)),
			0);
		assert_int_equal(nft_killswitch_parse(text, &parsed), 0);
		assert_int_equal(parsed.names, names);
		assert_int_equal(parsed.count, 1);
	}
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
		cmocka_unit_test(test_old_text),
		cmocka_unit_test(test_what_cannot_be_said),
		cmocka_unit_test(test_lets_out),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_server_on_the_port_of_names),
		cmocka_unit_test(test_outlives_its_maker),
		cmocka_unit_test(test_foreign_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
