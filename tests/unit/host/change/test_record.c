/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes as records: the fields that are set, and the text as a comment. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "host/change/change.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define KILLSWITCH                                                             \
	"kind=killswitch table=minivpn-client device=tun0 mark=1291845887 "    \
	"mask=4294967295 names=yes "                                           \
	"servers=203.0.113.5:4433,[2001:db8::5]:4433 "                         \
	"exclude=198.51.100.0/24,2001:db8:7::/48 lan=yes "                     \
	"networks=192.168.0.0/16"
#define FILTER                                                                 \
	"kind=filter table=minivpn.filter-server device=tun0 "                 \
	"inner=10.8.0.1/24 server=yes ports=4433 allowed=169.254.169.254/32 "  \
	"closed=yes links=eth0,eth1/forwards"

/* Each kind is here with one field after the other. */
static const char *const records[] = {
	"kind=tun device=tun0",
	"kind=tun namespace=work device=tun0",
	"kind=link device=tun0",
	"kind=link device=tun0 queue=1000 mtu=1435",
	"kind=address prefix=10.8.0.2/24 device=a,b=c#d",
	"kind=address namespace=/run/netns/work inode=4026531840 "
	"cookie=18446744073709551615 prefix=fd08::2/64 device=tun0",
	"kind=route destination=0.0.0.0/1 type=1 device=tun0 global=yes "
	"table=77 protocol=77",
	"kind=route destination=10.0.0.0/8 type=1 gateway=fe80::1 device=eth0 "
	"protocol=77 source=192.168.1.2 metric=4294967295 mtu=1400 onlink=yes",
	"kind=route destination=::/0 type=7 protocol=77",
	"kind=route destination=192.168.1.0/24 type=9 table=77 protocol=77",
	"kind=rule family=10 mark=1 mask=3 unless=yes table=77 protocol=77",
	"kind=rule family=2 priority=77 mark=1 mask=3 table=77 protocol=77",
	"kind=sysctl key=net.ipv4.conf.eth0/100.forwarding value=1 before=0",
	"kind=gateway table=minivpn-server inner=10.8.0.0/24 device=tun0 "
	"uplink=eth0 masquerade=yes ports=32768,65535",
	"kind=gateway table=minivpn-server inner=10.8.0.0/24 device=tun0",
	"kind=gateway table=minivpn-server inner=::/0 device=tun0",
	KILLSWITCH,
	"kind=killswitch table=minivpn-client device=tun0 "
	"servers=203.0.113.5:4433 bare=yes",
	"kind=killswitch table=minivpn-client device=tun0 "
	"servers=203.0.113.5:4433,198.51.100.1:443,203.0.113.6:20000 "
	"last_ports=,600,29999 bare=yes",
	"kind=marks table=minivpn.marks-client mark=77",
	"kind=marks table=minivpn.marks-client mark=77 inbound=yes device=tun0 "
	"ports=32768,60999",
	FILTER,
	"kind=filter table=minivpn.filter-client device=tun0 "
	"inner=10.8.0.2/32 arp=yes",
	"kind=filter table=minivpn.filter-server device=tun0 "
	"inner=10.8.0.1/24 server=yes ports=4433 ranges=20000-29999,1-2",
	"kind=redirect table=minivpn.ports-server device=tun0 "
	"ports=20000-29999,700 to=4433,192.0.2.1:443",
	"kind=redirect table=minivpn.ports-server device=tun0 ipv6=yes "
	"ports=20000-29999 to=4433",
	"kind=resolv_conf name=office dns=10.8.0.1,fd08::1 search=example.org",
	"kind=resolv_conf namespace=work inode=7 name=office dns=10.8.0.1",
	"kind=resolv_conf name=office stub=yes",
	"kind=systemd_resolved device=tun0 dns=10.8.0.1 "
	"search=example.org,example.net all=yes",
	"kind=directory path=/etc/netns/work",
	"kind=netns_mount",
	"kind=netns namespace=work inode=4026531840",
	"kind=loopback namespace=work",
};

static void test_round_trip(void **state)
{
	char entry[CHANGE_ENTRY_SIZE], expected[CHANGE_ENTRY_SIZE];
	char text[CHANGE_TEXT_SIZE];
	struct change change, again;
	bool kinds[CHANGE_KINDS] = {false};

	(void)state;
	for (size_t i = 0; i < COUNT(records); i++) {
		if (change_decode(records[i], &change))
			fail_msg("not read: %s", records[i]);
		kinds[change.kind] = true;
		assert_int_equal(change_print(&change, text, sizeof(text)), 0);
		snprintf(expected, sizeof(expected), "%s # %s", records[i],
			 text);
		assert_int_equal(change_encode(&change, entry, sizeof(entry)),
				 0);
		assert_string_equal(entry, expected);
		assert_int_equal(change_decode(entry, &again), 0);
		assert_true(change_equal(&change, &again));
		assert_int_equal(
			change_encode(&change, entry, strlen(expected)),
			-ENOSPC);
		/* The words of ip and nft may be others in another version. */
		snprintf(entry, sizeof(entry), "%s # whatever # else",
			 records[i]);
		assert_int_equal(change_decode(entry, &again), 0);
		assert_true(change_equal(&change, &again));
	}
	for (unsigned kind = 0; kind < CHANGE_KINDS; kind++)
		assert_true(kinds[kind]);
}

/* No two of them are the same. */
static void test_each_is_another(void **state)
{
	struct change a, b;

	(void)state;
	for (size_t i = 0; i < COUNT(records); i++) {
		assert_int_equal(change_decode(records[i], &a), 0);
		for (size_t j = 0; j < COUNT(records); j++) {
			assert_int_equal(change_decode(records[j], &b), 0);
			assert_int_equal(change_equal(&a, &b), i == j);
		}
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"kind=",
		"kind=tunnel device=tun0",
		"kind=tun",
		"kind=tun ",
		"kind=tun  device=tun0",
		"kind=tun device=tun0 ",
		"kind=tun device",
		"kind=tun device=",
		"kind=tun device=tun0 device=tun0",
		"kind=tun device=tun0 device=tun1",
		"kind=tun device=tun0 mtu=1400",
		"kind=tun device=a/b",
		"kind=tun device=sixteen-letters-",
		"kind=tun inode=7 device=tun0 namespace=work",
		"kind=tun device=tun0 namespace=work",
		"kind=tun namespace=.. device=tun0",
		"kind=link device=tun0 mtu=1435 queue=1000",
		"kind=link device=tun0 mtu=0",
		"kind=link device=tun0 mtu=01435",
		"kind=link device=tun0 mtu=+1435",
		"kind=link device=tun0 mtu= 1435",
		"kind=link device=tun0 mtu=-1",
		"kind=link device=tun0 mtu=4294967296",
		"kind=link device=tun0 mtu=99999999999999999999",
		"kind=address prefix=10.8.0.2 device=tun0",
		"kind=address prefix=10.8.0.2/33 device=tun0",
		"kind=address prefix=FD08::2/64 device=tun0",
		"kind=route destination=0.0.0.0/1 type=1 device=tun0",
		"kind=route destination=0.0.0.0/1 type=1 device=tun0 "
		"protocol=333",
		"kind=route destination=0.0.0.0/1 type=6 protocol=77",
		"kind=route destination=0.0.0.0/1 type=1 device=tun0 "
		"global=no protocol=77",
		"kind=rule family=2 priority=77 table=77 protocol=77",
		"kind=sysctl key=kernel.core_pattern value=1 before=0",
		"kind=sysctl key=net.a value=1",
		"kind=sysctl namespace=work key=net.a value=1 before=0",
		"kind=gateway table=minivpn-server inner=10.8.0.0/24 "
		"device=tun0 masquerade=yes ports=32768",
		"kind=gateway table=minivpn-server inner=10.8.0.0/24 "
		"device=tun0 masquerade=yes ports=32768,65535,1",
		"kind=filter table=minivpn.filter-server device=tun0 "
		"inner=10.8.0.1/24 server=yes ports=4433 links=eth0/",
		"kind=filter table=minivpn.filter-server device=tun0 "
		"inner=10.8.0.1/24 server=yes ports=4433 links=eth0,",
		"kind=filter table=minivpn.filter-server device=tun0 "
		"inner=10.8.0.1/24 server=yes "
		"ports=1,2,3,4,5,6,7,8,9",
		"kind=resolv_conf name=office dns=10.8.0.1,",
		"kind=resolv_conf name=office dns=1.1.1.1,1.1.1.2,1.1.1.3,"
		"1.1.1.4,1.1.1.5",
		"kind=directory path=/etc",
		"kind=netns_mount namespace=work",
		"kind=netns namespace=/run/netns/work",
		"kind=loopback",
		"Kind=tun device=tun0",
		" kind=tun device=tun0",
		"",
	};
	struct change change = {.kind = CHANGE_RESOLV_CONF};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (change_decode(texts[i], &change) != -EINVAL)
			fail_msg("was accepted: %s", texts[i]);
	assert_int_equal(change.kind, CHANGE_RESOLV_CONF);
}

/* Whatever is cut off or replaced: never another record of the same value. */
static void test_damaged(void **state)
{
	static const char text[] =
		"kind=route destination=203.0.113.5/32 type=1 "
		"gateway=192.168.1.1 device=eth0 protocol=77";
	char damaged[sizeof(text)], again[CHANGE_ENTRY_SIZE];
	struct change change;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int byte = 1; byte < 256; byte++) {
			memcpy(damaged, text, sizeof(text));
			damaged[i] = (char)byte;
			if (change_decode(damaged, &change))
				continue;
			assert_int_equal(
				change_encode(&change, again, sizeof(again)),
				0);
			*strstr(again, " # ") = '\0';
			assert_string_equal(again, damaged);
		}
		memcpy(damaged, text, sizeof(text));
		damaged[i] = '\0';
		assert_int_equal(change_decode(damaged, &change), -EINVAL);
	}
}

static struct inet_prefix long_network(unsigned number)
{
	struct inet_prefix network;
	char text[INET_PREFIX_TEXT];

	snprintf(text, sizeof(text),
		 "%x:1111:2222:3333:4444:5555:6666:7700/120", 0x2000 + number);
	assert_int_equal(inet_parse_prefix(text, &network), 0);
	return network;
}

/* The largest change there can be has room, and so has its line. */
static void test_largest(void **state)
{
	struct change change = {
		.kind = CHANGE_KILLSWITCH,
		.killswitch = {.device = "fifteen-letters",
			       .mark = UINT32_MAX,
			       .mask = UINT32_MAX,
			       .names = true,
			       .lan = true,
			       .count = NFT_KILLSWITCH_SERVERS,
			       .exclude_count = NFT_KILLSWITCH_EXCLUDE,
			       .network_count = NFT_KILLSWITCH_NETWORKS},
		.place = {.inode = UINT32_MAX, .cookie = UINT64_MAX},
	};
	struct nft_killswitch *killswitch = &change.killswitch;
	char entry[CHANGE_ENTRY_SIZE];
	struct change again;

	(void)state;
	memset(killswitch->table, 'a', sizeof(killswitch->table) - 1);
	memset(change.place.name, 'a', sizeof(change.place.name) - 1);
	change.place.name[0] = '/';
	for (unsigned i = 0; i < NFT_KILLSWITCH_SERVERS; i++) {
		killswitch->servers[i] =
			(struct inet_endpoint){long_network(i).address, 65534};
		killswitch->last_ports[i] = 65535;
	}
	for (unsigned i = 0; i < NFT_KILLSWITCH_EXCLUDE; i++)
		killswitch->exclude[i] = long_network(i);
	for (unsigned i = 0; i < NFT_KILLSWITCH_NETWORKS; i++)
		killswitch->networks[i] = long_network(i);
	assert_int_equal(change_encode(&change, entry, sizeof(entry)), 0);
	assert_int_equal(change_decode(entry, &again), 0);
	assert_true(change_equal(&change, &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_each_is_another),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
