/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of rtnl: each has a namespace of its own with eth0
 * (192.168.1.2/24, 2001:db8:1::2/64), so that what we do can be compared with
 * what ip(8) does.
 */
#ifndef MINIVPN_TESTS_RTNL_FIXTURE_H
#define MINIVPN_TESTS_RTNL_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/kernel/rtnl.h"
#include "host/kernel/rtnl_internal.h"
#include "unit/netns.h"

static inline int rtnl_setup(void **state)
{
	return netns_enter() || netns_run("ip link set lo up") ||
	       netns_link("eth0") ||
	       netns_run("ip address add 192.168.1.2/24 dev eth0") ||
	       netns_run("ip address add 2001:db8:1::2/64 dev eth0 nodad") ||
	       rtnl_open((struct rtnl **)state);
}

static inline int rtnl_teardown(void **state)
{
	rtnl_close(*state);
	return 0;
}

static inline char *say(const char *command)
{
	const char *const commands[] = {command, NULL};
	char *text = netns_output(commands);

	assert_non_null(text);
	return text;
}

/*
 * What ip says of eth0's addresses, once the kernel's worker has let go of
 * their IPv6 ones: even without duplicate address detection each is tentative
 * until that has run (addrconf_dad_start()).
 */
static inline char *say_addresses(void)
{
	char *text = say("ip address show dev eth0");

	while (strstr(text, "tentative")) {
		free(text);
		text = say("ip address show dev eth0");
	}
	return text;
}

static inline struct inet_prefix prefix(const char *text)
{
	struct inet_prefix value;

	assert_int_equal(inet_parse_prefix(text, &value), 0);
	return value;
}

#define RTNL_TEST(name)                                                        \
	cmocka_unit_test_setup_teardown(name, rtnl_setup, rtnl_teardown)

#endif
