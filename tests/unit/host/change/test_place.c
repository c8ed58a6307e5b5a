/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of changes in another network namespace, and of its name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host/plan/namespace.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define WHICH " # net:[4026532281] cookie 18446744073709551615"

static void test_text_round_trip(void **state)
{
	static const char *const texts[] = {
		"mkdir /run/netns",
		"mkdir /etc/netns",
		"mkdir /etc/netns/work",
		"mount --bind --make-shared /run/netns /run/netns",
		"ip netns add work",
		"ip netns add work # net:[4026532281]",
		"ip netns add work" WHICH,
		"ip -n work link set dev lo up" WHICH,
		"ip -n work tuntap add dev tun0 mode tun",
		"ip -n work link set dev tun0 addrgenmode none txqueuelen 1000 mtu 1435 up"
		" # net:[1]",
		"ip -n work address add 10.8.0.2/24 dev tun0" WHICH,
		"ip -n work route add unreachable ::/1 proto 77" WHICH,
		"nsenter --net=/proc/1234/ns/net ip address add 10.8.0.2/24 "
		"dev tun0" WHICH,
		"nsenter --net=/run/docker/netns/0f-3,a=b ip route add "
		"0.0.0.0/1 dev tun0 proto 77",
		"printf 'nameserver 10.8.0.1\\n' >/etc/netns/work/resolv.conf "
		"# minivpn office",
	};
	char again[CHANGE_TEXT_SIZE];
	struct change change;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (change_parse(texts[i], &change))
			fail_msg("can't be parsed: %s", texts[i]);
		assert_int_equal(change_print(&change, again, sizeof(again)),
				 0);
		assert_string_equal(again, texts[i]);
		assert_true(change_equal(&change, &change));
		assert_int_equal(change_print(&change, again, strlen(texts[i])),
				 -ENOSPC);
	}
}

static void test_text_of_a_table(void **state)
{
	struct change change, again;
	struct config config = {.device = "tun0", .name = "office"};
	struct netns place = {.name = "work", .inode = 4026532281, .cookie = 7};
	char text[CHANGE_TEXT_SIZE];

	(void)state;
	plan_killswitch_inside(&config, &place, &change);
	assert_int_equal(change_print(&change, text, sizeof(text)), 0);
	assert_ptr_equal(strstr(text, "ip netns exec work nft 'table inet "
				      "minivpn-office {"),
			 text);
	assert_int_equal(change_parse(text, &again), 0);
	assert_true(change_equal(&change, &again));
	assert_true(netns_equal(&again.place, &place));
	/* Another one of that name is another place. */
	again.place.cookie++;
	assert_false(change_equal(&change, &again));

	strcpy(change.place.name, "/proc/1/ns/net");
	assert_int_equal(change_print(&change, text, sizeof(text)), 0);
	assert_ptr_equal(strstr(text, "nsenter --net=/proc/1/ns/net nft '"),
			 text);
	assert_int_equal(change_parse(text, &again), 0);
	assert_true(change_equal(&change, &again));
}

static void test_text_refused(void **state)
{
	static const char *const texts[] = {
		"mkdir /etc",
		"mkdir /etc/netns/..",
		"mkdir /etc/netns/a/b",
		"mkdir /etc/netns//a",
		"mkdir /etc/netns/",
		"mkdir /run/netns/work",
		"mount --bind --make-shared /run/netns /run/netns2",
		"mount --bind --make-shared /run/netns",
		"ip netns add",
		"ip netns add ..",
		"ip netns add a/b",
		"ip netns add -x",
		"ip netns add /run/netns/work",
		"ip netns add work # net:[4026532281] cookie 0",
		"ip netns add work # net:[4026532281] cookie",
		"ip netns add work # net:[0]",
		"ip netns add work # net:[01]",
		"ip netns add work # net:[1",
		"ip netns add work # net:[99999999999]",
		"ip netns add work # net:[1] # net:[2]",
		"ip link set dev lo up",
		"ip -n .. link set dev lo up",
		"ip -n a/../.. link set dev lo up",
		"ip -n /proc/1/ns/net link set dev lo up",
		"ip -n work link set dev lo down",
		"ip -n work -n work link set dev lo up",
		"ip -n work ip link set dev lo up",
		"ip netns exec work ip link set dev lo up",
		"ip netns exec work sh",
		"nsenter --net=work ip link set dev lo up",
		"nsenter --net=/a b ip link set dev lo up",
		"nsenter --net=/a;b ip link set dev lo up",
		"nsenter --net=/a ip netns add work",
		"ip -n work netns add other",
		"nsenter --net=/a mkdir /etc/netns",
		"ip netns exec work sysctl -w net.ipv4.ip_forward=1 # was 0",
		"printf 'nameserver 10.8.0.1\\n' >/etc/netns/../resolv.conf "
		"# minivpn office",
		"printf 'nameserver 10.8.0.1\\n' >/etc/netns/a/b/resolv.conf "
		"# minivpn office",
		"printf 'nameserver 10.8.0.1\\n' >/etc/netns/work/passwd "
		"# minivpn office",
	};
	struct change change;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (change_parse(texts[i], &change) != -EINVAL)
			fail_msg("was accepted: %s", texts[i]);
}

static void test_names(void **state)
{
	static const char *const good[] = {
		"work",		  "a.b_c@d-1",	     "1234",
		"/proc/1/ns/net", "/run/netns/work", "/a:b+c,d=e",
	};
	static const char *const bad[] = {
		"",    ".",    "..",   "-n",   ".a",	"a/b",	"a b",	"/",
		"a;b", "a\nb", "/a b", "/a'b", "/a\"b", "/a#b", "/a$b", "a*",
	};
	char name[CONFIG_NAMESPACE_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(config_namespace_valid(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(config_namespace_valid(bad[i]));
	memset(name, 'a', sizeof(name));
	name[SETTINGS_NAME_SIZE - 1] = '\0';
	assert_true(config_namespace_valid(name));
	name[SETTINGS_NAME_SIZE - 1] = 'a';
	name[SETTINGS_NAME_SIZE] = '\0';
	assert_false(config_namespace_valid(name));
	name[0] = '/';
	name[SETTINGS_NAME_SIZE] = 'a';
	name[CONFIG_NAMESPACE_SIZE - 1] = '\0';
	assert_true(config_namespace_valid(name));
	name[CONFIG_NAMESPACE_SIZE - 1] = 'a';
	name[CONFIG_NAMESPACE_SIZE] = '\0';
	assert_false(config_namespace_valid(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_round_trip),
		cmocka_unit_test(test_text_of_a_table),
		cmocka_unit_test(test_text_refused),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
