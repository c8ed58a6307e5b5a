/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "common/log.h"
#include "common/reason.h"
#include "host/change/change.h"
#include "unit/netns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define HOST "ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77"

static struct change parsed(const char *text)
{
	struct change change;

	if (change_parse(text, &change))
		fail_msg("can't be parsed: %s", text);
	change.may_exist = strcmp(text, HOST) == 0;
	return change;
}

static void test_text_round_trip(void **state)
{
	static const char *const texts[] = {
		"ip tuntap add dev tun0 mode tun",
		"ip tuntap add dev a-name_of.15ch! mode tun",
		"ip link set dev tun0 addrgenmode none mtu 1435 up",
		"ip link set dev tun0 addrgenmode none txqueuelen 1000 mtu 1435 up",
		"ip link set dev tun0 addrgenmode none txqueuelen 1000 up",
		"ip link set dev tun0 addrgenmode none up",
		"ip address add 10.8.0.2/24 dev tun0",
		"ip address add fd08::2/64 dev tun0",
		"ip route add 0.0.0.0/1 dev tun0 proto 77",
		"ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77",
		"ip route add 203.0.113.5/32 via inet6 fe80::1 dev eth0 proto 77",
		"ip route add 2001:db8::/32 via fe80::1 dev eth0 proto 77",
		"ip route add 10.0.0.0/8 dev eth0 table 7 proto 77 "
		"src 10.8.0.2 metric 4294967295 onlink",
		"ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77 "
		"onlink",
		"ip route add unreachable ::/1 proto 77",
		"ip route add unreachable 128.0.0.0/1 proto 77",
		"ip route add unreachable ::/0 table 77 proto 77",
		"ip route add throw 192.168.1.0/24 table 77 proto 77",
		"ip route add 0.0.0.0/1 dev tun0 scope global table 77 proto 77",
		"ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77 "
		"src 192.168.1.77 metric 100 mtu 1400 onlink",
		"ip rule add pref 77 not fwmark 0x4d000001/0xff000001 lookup "
		"77 protocol 77",
		"ip -6 rule add pref 0 not fwmark 0x4d000080/0xff000080 lookup "
		"84 protocol 77",
		"ip rule add pref 4294967295 fwmark 0x1/0xffffffff lookup "
		"4294967295 protocol 77",
		"sysctl -w net.ipv4.ip_forward=1 # was 0",
		"sysctl -w net.ipv4.conf.eth0/100.forwarding=1 # was 1",
	};
	char again[CHANGE_TEXT_SIZE];
	struct change change;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		change = parsed(texts[i]);
		assert_int_equal(change_print(&change, again, sizeof(again)),
				 0);
		assert_string_equal(again, texts[i]);
		assert_true(change_equal(&change, &change));
		assert_int_equal(change_print(&change, again, strlen(texts[i])),
				 -ENOSPC);
	}
}

static void test_text_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"ip",
		"ip route add ",
		"ip route add",
		"rm -rf /",
		"ip tuntap add dev  mode tun",
		"ip tuntap add dev tun0 mode tap",
		"ip tuntap add dev tun0 mode tun ",
		"ip tuntap add dev .. mode tun",
		"ip tuntap add dev a/b mode tun",
		"ip tuntap add dev a:b mode tun",
		"ip tuntap add dev sixteen-letters- mode tun",
		"ip link set dev tun0 addrgenmode none mtu 0 up",
		"ip link set dev tun0 addrgenmode none mtu -1 up",
		"ip link set dev tun0 addrgenmode none mtu 99999999999 up",
		"ip link set dev tun0 addrgenmode none mtu 1435 down",
		"ip link set dev tun0 addrgenmode none txqueuelen 0 mtu 1435 up",
		"ip link set dev tun0 addrgenmode none mtu 1435 txqueuelen 1000 up",
		"ip address add 10.8.0.2 dev tun0",
		"ip address add 10.8.0.2/33 dev tun0",
		"ip address add 010.8.0.2/24 dev tun0",
		"ip address add FD08::2/64 dev tun0",
		"ip address add 10.8.0.2/24 dev tun0 peer 10.8.0.1",
		"ip route add default dev tun0 proto 77",
		"ip route add 0.0.0.0/1 dev tun0",
		"ip route add 0.0.0.0/1 dev tun0 proto 2",
		"ip route add 0.0.0.0/1 dev tun0 proto 333",
		"ip route add 0.0.0.0/1 proto 77",
		"ip route add 0.0.0.0/1 dev tun0 dev tun1 proto 77",
		"ip route add 0.0.0.0/1 proto 77 dev tun0",
		"ip route add 0.0.0.0/1 dev tun0 proto 77 # may  exist",
		"ip route add 0.0.0.0/1 dev tun0 proto 77 metric 0",
		"ip route add 0.0.0.0/1 dev tun0 proto 77 metric 4294967296",
		"ip route add 0.0.0.0/1 via inet6 10.0.0.1 dev tun0 proto 77",
		"ip route add ::/1 via 10.0.0.1 dev tun0 proto 77",
		"ip route add ::/1 via inet6 10.0.0.1 dev tun0 proto 77",
		"ip route add blackhole 0.0.0.0/1 proto 77",
		"ip route add unreachable 0.0.0.0/1 dev tun0 proto 77",
		"ip route add unreachable",
		"ip route add throw 192.168.1.0/24 dev eth0 table 77 proto 77",
		"ip route add throw",
		"ip route add ::/1 dev tun0 scope global table 77 proto 77",
		"ip route add 0.0.0.0/1 dev tun0 scope link table 77 proto 77",
		"ip route add 0.0.0.0/1 dev tun0 proto 77 mtu 0",
		"ip rule add pref 77 lookup 77 protocol 77",
		"ip rule add pref 77 not fwmark 0x0/0x0 lookup 77 protocol 77",
		"ip rule add pref 77 not fwmark 0x3/0x1 lookup 77 protocol 77",
		"ip rule add pref 77 fwmark 0x1/0x1 lookup 0 protocol 77",
		"ip rule add pref 77 fwmark 0x1/0x1 lookup 77 protocol 4",
		"ip rule add pref 77 fwmark 0x1/0x1 lookup 77 protocol 333",
		"ip rule add pref 77 fwmark 0x1/0x1 lookup 77",
		"ip rule add pref 4294967296 fwmark 0x1/0x1 lookup 77 protocol 77",
		"ip rule add pref -1 fwmark 0x1/0x1 lookup 77 protocol 77",
		"ip -4 rule add pref 7 fwmark 0x1/0x1 lookup 77 protocol 77",
		"ip rule del pref 77 fwmark 0x1/0x1 lookup 77 protocol 77",
		" # may exist",
		"ip route add  # may exist",
		"sysctl -w net.ipv4.ip_forward=1",
		"sysctl -w net.ipv4.ip_forward=1 # was ",
		"sysctl -w net.ipv4.ip_forward= # was 0",
		"sysctl -w kernel.core_pattern=|/bin/sh # was core",
		"sysctl -w net.a=b=1 # was 0 ",
		"sysctl -w net.ipv4.ip_forward=1 # was 0\nx",
		"sysctl -w net.ipv4.ip_forward=1 # was 0 # may exist",
		"nft ",
		"nft '",
		"nft ''",
		"nft 'flush ruleset'",
		"printf ",
		"printf 'nameserver 1.1.1.1\\n' >/etc/passwd",
	};
	struct change change = {.kind = CHANGE_RESOLV_CONF};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (change_parse(texts[i], &change) != -EINVAL)
			fail_msg("was accepted: %s", texts[i]);
	assert_int_equal(change.kind, CHANGE_RESOLV_CONF);
}

/* Whatever is cut off or replaced: never another text for the same value. */
static void test_text_damaged(void **state)
{
	static const char text[] =
		"ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77";
	char damaged[sizeof(text)], again[CHANGE_TEXT_SIZE];
	struct change change;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int byte = 1; byte < 256; byte++) {
			memcpy(damaged, text, sizeof(text));
			damaged[i] = byte;
			if (change_parse(damaged, &change))
				continue;
			assert_int_equal(
				change_print(&change, again, sizeof(again)), 0);
			assert_string_equal(again, damaged);
		}
		memcpy(damaged, text, sizeof(text));
		damaged[i] = '\0';
		assert_int_equal(change_parse(damaged, &change), -EINVAL);
	}
}

static struct change gateway_change(void)
{
	struct change change = {
		.kind = CHANGE_GATEWAY,
		.gateway = {.table = "minivpn-server",
			    .device = "tun0",
			    .masquerade = true,
			    .ports = {32768, 65535}},
	};

	inet_parse_prefix("10.8.0.0/24", &change.gateway.inner);
	return change;
}

static struct change resolv_conf_change(void)
{
	struct change change = {
		.kind = CHANGE_RESOLV_CONF,
		.resolv_conf = {.name = "office",
				.dns_count = 2,
				.search = {"example.org", "example.net"},
				.search_count = 2},
	};

	inet_parse_address("10.8.0.1", &change.resolv_conf.dns[0]);
	inet_parse_address("fd08::1", &change.resolv_conf.dns[1]);
	return change;
}

static void test_text_of_others(void **state)
{
	struct change changes[] = {gateway_change(), gateway_change(),
				   gateway_change(), resolv_conf_change(),
				   resolv_conf_change()};
	char text[CHANGE_TEXT_SIZE], again[CHANGE_TEXT_SIZE];
	struct change change;

	(void)state;
	strcpy(changes[1].gateway.uplink, "eth0");
	changes[2].gateway.masquerade = false;
	memset(changes[2].gateway.ports, 0, sizeof(changes[2].gateway.ports));
	changes[4].resolv_conf.search_count = 0;
	changes[4].resolv_conf.dns_count = 1;
	for (size_t i = 0; i < COUNT(changes); i++) {
		assert_int_equal(change_print(&changes[i], text, sizeof(text)),
				 0);
		change = parsed(text);
		assert_int_equal(change_print(&change, again, sizeof(again)),
				 0);
		assert_string_equal(again, text);
		assert_int_equal(change.kind, changes[i].kind);
		assert_int_equal(strncmp(text, i < 3 ? "nft '" : "printf '", 5),
				 0);
		assert_int_equal(change_print(&change, again, 20), -ENOSPC);
	}
	assert_false(change_equal(&changes[0], &changes[1]));
	assert_false(change_equal(&changes[0], &changes[3]));
}

static void test_equal(void **state)
{
	struct change a = parsed("ip route add 0.0.0.0/1 dev tun0 proto 77");
	struct change b = a;

	(void)state;
	/* A matter of applying, no part of what the change is. */
	b.may_exist = true;
	assert_true(change_equal(&a, &b));
	b.route.mtu = 1400;
	assert_false(change_equal(&a, &b));
	b = a;
	b.route.metric = 1;
	assert_false(change_equal(&a, &b));
}

static int enter(void **state)
{
	struct change_context *context = calloc(1, sizeof(*context));

	*state = context;
	if (!context || netns_uplink())
		return -1;
	return change_context_open(context);
}

static int leave(void **state)
{
	change_context_close(*state);
	free(*state);
	return 0;
}

static void apply(struct change_context *context, const char *text, int result,
		  const char *why)
{
	struct change change = parsed(text);
	struct reason reason;

	if (change_apply(context, &change, &reason) != result)
		fail_msg("%s: %s", text, reason.text);
	if (!strstr(reason.text, why))
		fail_msg("\"%s\" does not say \"%s\"", reason.text, why);
}

static void revert(struct change_context *context, const char *text, int result)
{
	struct change change = parsed(text);
	struct reason reason;

	if (change_revert(context, &change, &reason) != result)
		fail_msg("%s: %s", text, reason.text);
}

static void test_apply_and_revert(void **state)
{
	static const char *const texts[] = {
		"ip tuntap add dev tun0 mode tun",
		"ip link set dev tun0 addrgenmode none mtu 1435 up",
		"ip address add 10.8.0.2/24 dev tun0",
		"ip address add fd08::2/64 dev tun0",
		HOST,
		"ip route add 0.0.0.0/1 dev tun0 proto 77",
		"ip route add 8000::/1 dev tun0 proto 77",
		"ip route add unreachable ::/1 proto 77",
		"sysctl -w net.ipv4.conf.eth0.rp_filter=2 # was 0",
	};
	char *before, *during, *after;

	(void)state;
	netns_run("sysctl -qw net.ipv4.conf.eth0.rp_filter=0");
	before = netns_state();
	for (size_t i = 0; i < COUNT(texts); i++)
		apply(*state, texts[i], 0, "");
	during = netns_state();
	for (size_t i = COUNT(texts); i > 0; i--)
		revert(*state, texts[i - 1], 0);
	after = netns_state();
	assert_non_null(before);
	assert_string_equal(before, after);
	assert_string_not_equal(before, during);
	/* Once more: all is found undone. */
	for (size_t i = COUNT(texts); i > 0; i--)
		revert(*state, texts[i - 1], 0);
	free(before);
	free(during);
	free(after);
}

static void test_taken(void **state)
{
	char *before, *after;

	netns_link("wg0");
	netns_run("ip route add 0.0.0.0/1 dev wg0");
	netns_run("ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0");
	before = netns_state();
	apply(*state, "ip tuntap add dev wg0 mode tun", -EBUSY,
	      "Device = in the file");
	apply(*state, "ip address add 192.168.1.2/24 dev eth0", -EEXIST,
	      "eth0 has the address 192.168.1.2/24 already");
	apply(*state, "ip route add 0.0.0.0/1 dev eth0 proto 77", -EEXIST,
	      "0.0.0.0/1 is already routed by wg0");
	apply(*state, HOST, 1, "");
	/* The route in the kernel is not of proto 77, and so not ours. */
	revert(*state, HOST, 0);
	revert(*state, "ip route add 0.0.0.0/1 dev wg0 proto 77", 0);
	after = netns_state();
	assert_string_equal(before, after);
	free(before);
	free(after);
	apply(*state, "ip address add 10.8.0.2/24 dev tun7", -ENODEV, "10.8.0");
	apply(*state, "ip route add 10.9.0.0/24 dev tun7 proto 77", -ENODEV,
	      "route 10.9.0.0/24");
	revert(*state, "ip address add 10.8.0.2/24 dev tun7", 0);
	revert(*state, "ip route add 10.9.0.0/24 dev tun7 proto 77", 0);
}

static void check_sysctl(const char *key, const char *value)
{
	char now[SYSCTL_VALUE_SIZE];

	assert_int_equal(sysctl_read(key, now, sizeof(now)), 0);
	assert_string_equal(now, value);
}

static void test_sysctl(void **state)
{
	const char *key = "net.ipv4.conf.eth0.rp_filter";
	const char *set = "sysctl -w net.ipv4.conf.eth0.rp_filter=2 # was 0";
	const char *keep = "sysctl -w net.ipv4.conf.eth0.rp_filter=1 # was 1";

	assert_int_equal(sysctl_write(key, "2"), 0);
	apply(*state, set, 1, "");
	assert_int_equal(sysctl_write(key, "1"), 0);
	apply(*state, set, -EAGAIN, "somebody else");
	assert_int_equal(sysctl_write(key, "0"), 0);
	apply(*state, set, 0, "");
	check_sysctl(key, "2");
	/* Changed by somebody else after us: stays. */
	assert_int_equal(sysctl_write(key, "1"), 0);
	revert(*state, set, 1);
	check_sysctl(key, "1");

	apply(*state, keep, 0, "");
	assert_int_equal(sysctl_write(key, "0"), 0);
	revert(*state, keep, 0);
	check_sysctl(key, "1");
	apply(*state, "sysctl -w net.ipv4.conf.gone.rp_filter=1 # was 0",
	      -ENOENT, "no such setting");
	revert(*state, "sysctl -w net.ipv4.conf.gone.rp_filter=1 # was 0", 0);
}

static void test_gateway(void **state)
{
	struct change_context *context = *state;
	struct change change = gateway_change();
	const char *const list[] = {"nft list tables", NULL};
	struct change_context other;
	struct reason reason;
	char *tables;

	assert_int_equal(change_revert(context, &change, &reason), 0);
	assert_int_equal(change_apply(context, &change, &reason), 0);
	tables = netns_output(list);
	assert_non_null(strstr(tables, "table ip minivpn-server"));
	free(tables);
	assert_int_equal(change_context_open(&other), 0);
	assert_int_equal(change_apply(&other, &change, &reason), -EEXIST);
	assert_non_null(strstr(reason.text, "minivpn-server already"));
	/* Another process's table stays. */
	assert_int_not_equal(change_revert(&other, &change, &reason), 0);
	change_context_close(&other);
	assert_int_equal(change_revert(context, &change, &reason), 0);
	assert_int_equal(change_apply(context, &change, &reason), 0);
	assert_int_equal(change_revert(context, &change, &reason), 0);
}

static void test_resolver(void **state)
{
	struct change_context *context = *state;
	struct change change = resolv_conf_change(), other = change;
	char directory[] = "/tmp/minivpn-test-XXXXXX", path[64];
	struct reason reason;
	char text[64] = "";
	FILE *file;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/resolv.conf", directory);
	context->resolv_conf = path;
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("nameserver 192.0.2.1\n", file);
	fclose(file);
	strcpy(other.resolv_conf.name, "home");
	assert_int_equal(change_apply(context, &change, &reason), 0);
	assert_int_equal(change_apply(context, &other, &reason), -EEXIST);
	assert_non_null(strstr(reason.text, "another tunnel"));
	assert_int_equal(change_revert(context, &change, &reason), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "nameserver 192.0.2.1\n");
	unlink(path);
	/* Nothing was left beside it. */
	assert_int_equal(rmdir(directory), 0);
}

/* What the kernel says to the table of marks: see the linker's --wrap. */
static int marks_error;

int __real_nft_marks_add(struct nft *nft, const struct nft_marks *marks);
int __wrap_nft_marks_add(struct nft *nft, const struct nft_marks *marks);

int __wrap_nft_marks_add(struct nft *nft, const struct nft_marks *marks)
{
	return marks_error ? marks_error : __real_nft_marks_add(nft, marks);
}

static struct change marks_change(void)
{
	return (struct change){
		.kind = CHANGE_MARKS,
		.marks = {.table = "minivpn.marks-client",
			  .mark = 0x4d0000ff,
			  .inbound = true,
			  .device = "tun0",
			  .ports = {32768, 60999}},
	};
}

static void test_marks(void **state)
{
	struct change_context *context = *state;
	struct change change = marks_change(), again;
	char text[CHANGE_TEXT_SIZE];
	struct reason reason;

	assert_int_equal(change_print(&change, text, sizeof(text)), 0);
	again = parsed(text);
	assert_int_equal(again.kind, CHANGE_MARKS);
	assert_true(change_equal(&again, &change));
	apply(context, text, 0, "");
	assert_int_equal(change_missing(context, &change), 0);
	apply(context, text, -EEXIST, "marks-client already");
	revert(context, text, 0);
	assert_int_equal(change_missing(context, &change), 1);
	revert(context, text, 0);
	/* A value that the journal could not hold. */
	change.marks.inbound = false;
	assert_int_equal(change_print(&change, text, sizeof(text)), -EINVAL);
	assert_int_equal(change_revert(context, &change, &reason), -EINVAL);
}

static void count_line(void *data, enum log_level level, const char *line)
{
	unsigned *lines = data;

	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_non_null(strstr(line, "minivpn.marks-client is left out"));
	++*lines;
}

/* A tunnel works without it on most kernels. */
static void test_marks_left_out(void **state)
{
	static const int errors[] = {-EOPNOTSUPP, -ENOENT, -EPROTONOSUPPORT,
				     -EAFNOSUPPORT, -EINVAL};
	struct change change = marks_change();
	unsigned lines = 0;
	struct reason reason;

	log_set_sink(count_line, &lines);
	for (size_t i = 0; i < COUNT(errors); i++) {
		marks_error = errors[i];
		assert_int_equal(change_apply(*state, &change, &reason), 1);
		assert_int_equal(lines, i + 1);
	}
	marks_error = -EPERM;
	assert_int_equal(change_apply(*state, &change, &reason), -EPERM);
	assert_non_null(strstr(reason.text, "as root"));
	marks_error = 0;
	log_set_sink(NULL, NULL);
}

static void test_list(void **state)
{
	struct change change = parsed("ip address add 10.8.0.2/24 dev tun0");
	struct change_list list = {0};

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		change.address.prefix.length = i % 33;
		assert_int_equal(change_list_add(&list, &change), 0);
	}
	assert_int_equal(list.count, 100);
	assert_int_equal(list.items[99].address.prefix.length, 99 % 33);
	change_list_free(&list);
	assert_null(list.items);
	assert_int_equal(list.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_round_trip),
		cmocka_unit_test(test_text_refused),
		cmocka_unit_test(test_text_damaged),
		cmocka_unit_test(test_text_of_others),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_list),
		cmocka_unit_test_setup_teardown(test_apply_and_revert, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_taken, enter, leave),
		cmocka_unit_test_setup_teardown(test_sysctl, enter, leave),
		cmocka_unit_test_setup_teardown(test_gateway, enter, leave),
		cmocka_unit_test_setup_teardown(test_marks, enter, leave),
		cmocka_unit_test_setup_teardown(test_marks_left_out, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_resolver, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
