/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other network namespaces: their names, the way in, and changes in them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "common/reason.h"
#include "host/change/change.h"
#include "host/kernel/monitor.h"
#include "host/plan/namespace.h"
#include "unit/netns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A network and a /run of its own, where nothing is named yet. */
static int enter(void **state)
{
	struct change_context *context = calloc(1, sizeof(*context));

	*state = context;
	if (!context || netns_uplink() || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0)
		return -1;
	return change_context_open(context);
}

static int leave(void **state)
{
	change_context_close(*state);
	free(*state);
	return 0;
}

static struct netns make(struct change_context *context, const char *name)
{
	struct netns netns = {0};

	strcpy(netns.name, name);
	assert_int_equal(netns_make(&context->netns_fd), 0);
	assert_int_equal(netns_identify(context->netns_fd, &netns), 0);
	return netns;
}

static void apply_all(struct change_context *context,
		      const struct change_list *list)
{
	struct reason reason;

	for (size_t i = 0; i < list->count; i++)
		if (change_apply(context, &list->items[i], &reason))
			fail_msg("%s", reason.text);
}

/* Returns how many are not undone. */
static unsigned revert_all(struct change_context *context,
			   const struct change_list *list)
{
	unsigned left = 0;

	for (size_t i = list->count; i-- > 0;)
		left += change_revert(context, &list->items[i], NULL) != 0;
	return left;
}

static bool exists(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static void test_made_and_removed(void **state)
{
	struct change_context *context = *state;
	struct netns netns = make(context, "work");
	struct change_list list = {0};
	int fd;

	assert_int_equal(netns_open("work", &fd), -ENOENT);
	assert_int_equal(plan_netns(&netns, &list), 0);
	assert_int_equal(list.count, 4);
	apply_all(context, &list);
	assert_int_equal(netns_open("work", &fd), 0);
	assert_int_equal(netns_is(fd, &netns), 1);
	close(fd);
	/* As ip has it; and the links are those of that one. */
	assert_int_equal(netns_run("ip netns exec work true"), 0);
	assert_int_not_equal(netns_run("ip -n work link show eth0"), 0);
	assert_int_equal(netns_run("ip link show eth0"), 0);
	assert_int_equal(revert_all(context, &list), 0);
	assert_false(exists(NETNS_DIRECTORY));
	/* All of it is found undone. */
	assert_int_equal(revert_all(context, &list), 0);
	change_list_free(&list);
}

/* What is there already is planned no more, and others' work stays. */
static void test_in_a_directory_of_others(void **state)
{
	struct change_context *context = *state;
	struct netns netns = make(context, "work");
	struct change_list list = {0};

	assert_int_equal(netns_run("ip netns add theirs"), 0);
	assert_int_equal(plan_netns(&netns, &list), 0);
	assert_int_equal(list.count, 2);
	apply_all(context, &list);
	assert_int_equal(revert_all(context, &list), 0);
	assert_false(exists(NETNS_DIRECTORY "/work"));
	assert_int_equal(netns_run("ip netns exec theirs true"), 0);
	change_list_free(&list);
}

static void test_others_come_later(void **state)
{
	struct change_context *context = *state;
	struct netns netns = make(context, "work");
	struct change_list list = {0};

	assert_int_equal(plan_netns(&netns, &list), 0);
	apply_all(context, &list);
	assert_int_equal(netns_run("ip netns add theirs"), 0);
	/* The directory, and that it is a mount. */
	assert_int_equal(revert_all(context, &list), 2);
	assert_false(exists(NETNS_DIRECTORY "/work"));
	assert_int_equal(netns_run("ip netns exec theirs true"), 0);
	change_list_free(&list);
}

static void test_name_is_taken(void **state)
{
	struct change_context *context = *state;
	struct netns netns = make(context, "work");
	struct change change = {.kind = CHANGE_NETNS, .place = netns};
	struct reason reason;

	assert_int_equal(netns_run("ip netns add work"), 0);
	assert_int_equal(change_apply(context, &change, &reason), -EEXIST);
	/*
	 * A namespace that is not ours stays, and so does one whose inode is
	 * not known.
	 */
	assert_int_equal(change_revert(context, &change, &reason), 1);
	change.place.inode = 0;
	change.place.cookie = 0;
	assert_int_equal(change_revert(context, &change, &reason), 1);
	assert_int_equal(netns_run("ip netns exec work true"), 0);
}

/* Its number is given to the next one as soon as it is free. */
static void test_number_is_given_again(void **state)
{
	struct change_context *context = *state;
	struct netns netns = make(context, "work"), next = {0};
	int fd = context->netns_fd;

	if (!netns.cookie)
		skip();
	assert_int_equal(netns_make(&context->netns_fd), 0);
	assert_int_equal(netns_identify(context->netns_fd, &next), 0);
	assert_true(netns.cookie != next.cookie);
	next.inode = netns.inode;
	assert_int_equal(netns_is(fd, &netns), 1);
	assert_int_equal(netns_is(fd, &next), 0);
	close(fd);
}

/*
 * The process is killed between the steps of netns_add(), and of
 * netns_remove().
 */
static void test_killed_between(void **state)
{
	struct change_context *context = *state;
	struct netns netns = make(context, "work");

	assert_int_equal(mkdir(NETNS_DIRECTORY, 0755), 0);
	close(open(NETNS_DIRECTORY "/work", O_CREAT | O_EXCL, 0));
	assert_int_equal(netns_remove(&netns), 0);
	assert_false(exists(NETNS_DIRECTORY "/work"));
	/* A file with something in it is not what we have left. */
	assert_int_equal(netns_run_to(open(NETNS_DIRECTORY "/work",
					   O_CREAT | O_WRONLY, 0644),
				      "echo theirs"),
			 0);
	assert_int_equal(netns_remove(&netns), 1);
	assert_true(exists(NETNS_DIRECTORY "/work"));
}

static void test_changes_inside(void **state)
{
	static const char *const texts[] = {
		"ip -n work address add 10.8.0.2/24 dev eth0",
		"ip -n work route add 10.9.0.0/24 dev eth0 proto 77",
		"ip -n work route add unreachable ::/1 proto 77",
	};
	struct change_context *context = *state, other;
	struct change_list list = {0};
	char *before = netns_state(), *after;
	struct change change;
	int fd;

	assert_int_equal(netns_run("ip netns add work"), 0);
	assert_int_equal(netns_run("ip -n work link add eth0 type veth"), 0);
	assert_int_equal(netns_run("ip -n work link set eth0 up"), 0);
	assert_int_equal(netns_run("ip -n work link set veth0 up"), 0);
	assert_int_equal(netns_open("work", &fd), 0);
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(change_parse(texts[i], &change), 0);
		assert_int_equal(netns_identify(fd, &change.place), 0);
		change_list_add(&list, &change);
	}
	close(fd);
	apply_all(context, &list);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(change_missing(context, &list.items[i]), 0);
	after = netns_state();
	assert_string_equal(before, after);
	free(after);
	/* By anybody who finds it by its name. */
	assert_int_equal(change_context_open(&other), 0);
	assert_int_equal(revert_all(&other, &list), 0);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(change_missing(context, &list.items[i]), 1);
	/* Or not any more; or finds another one. */
	assert_int_equal(netns_run("ip netns del work"), 0);
	change_context_close(&other);
	assert_int_equal(change_context_open(&other), 0);
	assert_int_equal(revert_all(&other, &list), 0);
	assert_int_equal(netns_run("ip netns add work"), 0);
	assert_int_equal(netns_run("ip -n work -6 route add unreachable ::/1 "
				   "proto 77"),
			 0);
	assert_int_equal(revert_all(&other, &list), 0);
	assert_int_equal(netns_run("ip -n work -6 route del unreachable ::/1 "
				   "proto 77"),
			 0);
	change_context_close(&other);
	change_list_free(&list);
	free(before);
}

static const char *const plan_lines[] = {
	"ip -n work tuntap add dev tun0 mode tun",
	"ip -n work link set dev tun0 addrgenmode none txqueuelen 1000 mtu 1435 up",
	"ip netns exec work nft 'table ip minivpn.filter-office { "
	"comment \"minivpn\"; flags owner; chain prerouting { type filter hook "
	"prerouting priority raw; policy accept; ip daddr 192.168.1.9 "
	"iifname != \"tun0\" iifname != \"lo\" drop; }; }'",
	"ip netns exec work nft 'table arp minivpn.filter-office { "
	"comment \"minivpn\"; flags owner; chain input { type filter hook "
	"input priority filter; policy accept; iifname != \"tun0\" "
	"arp daddr ip 192.168.1.9 drop; }; }'",
	"ip -n work address add 192.168.1.9/24 dev tun0",
	"ip -n work route add 192.168.1.0/24 dev tun0 scope global table 77 proto 77",
	"ip -n work route add throw 224.0.0.0/4 table 77 proto 77",
	"ip -n work route add throw 255.255.255.255/32 table 77 proto 77",
	"ip -n work route add throw fe80::/10 table 77 proto 77",
	"ip -n work route add throw ff00::/8 table 77 proto 77",
	"ip -n work route add 0.0.0.0/1 dev tun0 scope global table 77 proto 77",
	"ip -n work route add 128.0.0.0/1 dev tun0 scope global table 77 proto 77",
	"ip -n work route add unreachable 0.0.0.0/0 table 77 proto 77",
	"ip -n work route add unreachable ::/0 table 77 proto 77",
	"ip -n work rule add pref 77 not fwmark 0x4d000001/0xff000001 lookup "
	"77 protocol 77",
	"ip -n work -6 rule add pref 77 not fwmark 0x4d000001/0xff000001 "
	"lookup 77 protocol 77",
};

/* The host's own network, 192.168.1.0/24, is in nobody's way in there. */
static void test_plan(void **state)
{
	struct change_context *context = *state;
	struct config config = {.role = CONFIG_CLIENT,
				.name = "office",
				.device = "tun0",
				.routes_choice = CONFIG_DEFAULT};
	struct settings settings = {0};
	struct plan_inside inside = {.ipv6 = true};
	struct inet_endpoint server = {.port = 4433};
	struct plan_client client = {
		.config = &config, .settings = &settings, .server = &server};
	struct change_list list = {0};
	struct reason reason = {0};
	char text[CHANGE_TEXT_SIZE];

	inet_parse_address("203.0.113.5", &server.address);
	inet_parse_prefix("192.168.1.9/24", &settings.address4);
	strcpy(inside.place.name, "work");
	make(context, "work");
	assert_int_equal(netns_identify(context->netns_fd, &inside.place), 0);
	assert_int_equal(change_context_enter(context, &inside.place), 0);
	inside.rtnl = context->rtnl;
	inside.place.inode = 0;
	inside.place.cookie = 0;
	assert_int_equal(rtnl_open(&context->rtnl), 0);
	client.rtnl = context->rtnl;
	assert_int_equal(plan_routing_find(inside.rtnl, &client.routing), 0);
	assert_int_equal(plan_routing_front(inside.rtnl, true, &client.routing),
			 1);
	assert_int_equal(
		plan_client_inside(&client, &inside, NULL, &list, &reason), 0);
	assert_int_equal(list.count, COUNT(plan_lines));
	for (size_t i = 0; i < list.count; i++) {
		assert_int_equal(
			change_print(&list.items[i], text, sizeof(text)), 0);
		assert_string_equal(text, plan_lines[i]);
	}
	rtnl_close(inside.rtnl);
	change_list_free(&list);
}

struct watched {
	struct ev_loop *loop;
	unsigned what;
};

static void look(void *owner, unsigned what)
{
	struct watched *watched = owner;

	watched->what |= what;
	ev_break(watched->loop, EVBREAK_ALL);
}

static void await(struct watched *watched, unsigned what)
{
	watched->what = 0;
	while (!watched->what)
		ev_run(watched->loop, 0);
	assert_int_equal(watched->what, what);
}

static void test_monitor(void **state)
{
	struct change_context *context = *state;
	struct watched watched = {.loop = ev_loop_new(EVFLAG_AUTO)};
	struct monitor *monitor;

	assert_int_equal(netns_run("ip netns add work"), 0);
	assert_int_equal(netns_open("work", &context->netns_fd), 0);
	assert_int_equal(monitor_open_inside(&monitor, watched.loop,
					     context->netns_fd, look, &watched),
			 0);
	/* The index of lo is 1 in each of them. */
	monitor_device(monitor, 1);
	assert_int_equal(netns_run("ip address add 10.7.0.1/24 dev lo"), 0);
	await(&watched, MONITOR_UPLINK);
	assert_int_equal(netns_run("ip -n work address add 10.7.0.1/24 dev lo"),
			 0);
	await(&watched, MONITOR_OWN);
	assert_int_equal(netns_run("ip route add 10.3.0.0/24 dev eth0 proto "
				   "77"),
			 0);
	await(&watched, MONITOR_UPLINK);
	assert_int_equal(netns_run("ip netns exec work nft add table ip x"), 0);
	await(&watched, MONITOR_TABLES);
	monitor_close(monitor);
	ev_loop_destroy(watched.loop);
}

#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LAB(test_made_and_removed),
		IN_LAB(test_in_a_directory_of_others),
		IN_LAB(test_others_come_later),
		IN_LAB(test_name_is_taken),
		IN_LAB(test_number_is_given_again),
		IN_LAB(test_killed_between),
		IN_LAB(test_changes_inside),
		IN_LAB(test_plan),
		IN_LAB(test_monitor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
