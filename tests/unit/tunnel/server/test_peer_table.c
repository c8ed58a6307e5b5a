/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/server/peer_table.h"

static struct inet_address address(const char *text)
{
	struct inet_address value;

	assert_int_equal(inet_parse_address(text, &value), 0);
	return value;
}

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix value;

	assert_int_equal(inet_parse_prefix(text, &value), 0);
	return value;
}

static void add(struct peer_table *table, struct peer *peer, const char *name,
		const char *v4, const char *v6, const struct config_peer *known)
{
	memset(peer, 0, sizeof(*peer));
	strcpy(peer->name, name);
	if (v4)
		peer->lease.address4 = address(v4);
	if (v6)
		peer->lease.address6 = address(v6);
	assert_int_equal(peer_table_add(table, peer, known), 0);
}

static struct peer *who(struct peer_table *table, const char *text)
{
	struct inet_address value = address(text);

	return peer_table_by_inner(table, &value);
}

static void test_by_name_and_inner_address(void **state)
{
	struct peer_table table = {0};
	struct peer alice, bob;

	(void)state;
	add(&table, &alice, "alice", "10.8.0.2", "fd08::2", NULL);
	add(&table, &bob, "bob", "10.8.0.3", NULL, NULL);
	assert_ptr_equal(peer_table_by_name(&table, "alice"), &alice);
	assert_null(peer_table_by_name(&table, "carol"));
	assert_ptr_equal(who(&table, "10.8.0.2"), &alice);
	assert_ptr_equal(who(&table, "fd08::2"), &alice);
	assert_ptr_equal(who(&table, "10.8.0.3"), &bob);
	assert_null(who(&table, "10.8.0.4"));
	/* A family that nobody has is no address of anybody. */
	assert_null(who(&table, "::"));
	peer_table_forget(&table, &alice);
	assert_null(who(&table, "10.8.0.2"));
	assert_null(who(&table, "fd08::2"));
	assert_ptr_equal(who(&table, "10.8.0.3"), &bob);
	peer_table_forget(&table, &bob);
}

/* What was found is remembered, also of others in the same place. */
static void test_answers_change(void **state)
{
	struct inet_prefix subnet = prefix("10.9.0.0/16");
	const struct config_peer router = {.subnets = &subnet,
					   .subnet_count = 1};
	struct peer_table table = {0};
	struct peer alice, bob, carol;

	(void)state;
	add(&table, &alice, "alice", "10.8.0.2", NULL, NULL);
	for (int i = 0; i < 2; i++) {
		assert_null(who(&table, "10.8.0.66"));
		assert_ptr_equal(who(&table, "10.8.0.2"), &alice);
		assert_null(who(&table, "10.9.0.2"));
	}
	add(&table, &bob, "bob", "10.8.0.66", NULL, NULL);
	assert_ptr_equal(who(&table, "10.8.0.66"), &bob);
	add(&table, &carol, "carol", NULL, "fd08::42", &router);
	assert_ptr_equal(who(&table, "10.9.0.2"), &carol);
	assert_ptr_equal(who(&table, "10.8.0.2"), &alice);
	assert_ptr_equal(who(&table, "fd08::42"), &carol);
	peer_table_forget(&table, &carol);
	assert_null(who(&table, "10.9.0.2"));
	assert_null(who(&table, "fd08::42"));
	peer_table_forget(&table, &bob);
	peer_table_forget(&table, &alice);
}

static void test_the_longest_subnet_wins(void **state)
{
	struct inet_prefix wide = prefix("192.168.0.0/16");
	struct inet_prefix narrow = prefix("192.168.4.0/24");
	const struct config_peer has_wide = {.subnets = &wide,
					     .subnet_count = 1};
	const struct config_peer has_narrow = {.subnets = &narrow,
					       .subnet_count = 1};
	struct peer_table table = {0};
	struct peer alice, bob;

	(void)state;
	add(&table, &alice, "alice", "10.8.0.2", NULL, &has_wide);
	add(&table, &bob, "bob", "10.8.0.3", NULL, &has_narrow);
	assert_ptr_equal(who(&table, "192.168.4.7"), &bob);
	assert_ptr_equal(who(&table, "192.168.5.7"), &alice);
	assert_null(who(&table, "192.169.0.1"));
	peer_table_forget(&table, &bob);
	assert_ptr_equal(who(&table, "192.168.4.7"), &alice);
	peer_table_forget(&table, &alice);
	assert_null(table.subnets.entries);
}

static void test_connected_beside_pending(void **state)
{
	struct peer_table table = {0};
	struct association connected = {0}, pending = {0};
	struct inet_endpoint outer;

	(void)state;
	assert_int_equal(inet_parse_endpoint("192.0.2.1:4433", &outer), 0);
	connected.outer = pending.outer = outer;
	assert_int_equal(peer_table_add_connected(&table, &connected), 0);
	assert_int_equal(peer_table_add_pending(&table, &pending), 0);
	assert_ptr_equal(peer_table_connected(&table, &outer), &connected);
	assert_ptr_equal(peer_table_pending(&table, &outer), &pending);
	assert_int_equal(table.pending_count, 1);
	peer_table_remove(&table, &connected);
	assert_null(peer_table_connected(&table, &outer));
	assert_ptr_equal(peer_table_pending(&table, &outer), &pending);
	peer_table_remove(&table, &pending);
	assert_int_equal(table.pending_count, 0);
	outer.port++;
	assert_null(peer_table_pending(&table, &outer));
}

/* Half-open handshakes of one network, and which was the first. */
static void test_pending_of(void **state)
{
	static const char *const from[] = {"198.51.100.7", "192.0.2.1",
					   "192.0.3.1",	   "192.0.2.255",
					   "2001:db8::1",  "192.0.2.1"};
	struct association pending[6] = {0}, *oldest;
	struct inet_prefix network = prefix("192.0.2.0/24");
	struct peer_table table = {0};

	(void)state;
	assert_int_equal(peer_table_pending_of(&table, &network, &oldest), 0);
	assert_null(oldest);
	for (uint16_t i = 0; i < 6; i++) {
		pending[i].outer.address = address(from[i]);
		pending[i].outer.port = i;
		assert_int_equal(peer_table_add_pending(&table, &pending[i]),
				 0);
	}
	assert_int_equal(peer_table_pending_of(&table, &network, &oldest), 3);
	assert_ptr_equal(oldest, &pending[1]);
	peer_table_remove(&table, oldest);
	assert_int_equal(peer_table_pending_of(&table, &network, &oldest), 2);
	assert_ptr_equal(oldest, &pending[3]);
	assert_int_equal(table.pending_count, 5);
	for (uint16_t i = 0; i < 6; i++)
		peer_table_remove(&table, &pending[i]);
	assert_int_equal(table.pending_count, 0);
}

/* Returns how many sessions it may begin at once. */
static unsigned sessions(struct peer_table *table, const char *name, double now)
{
	struct peer_limits *limits = peer_table_limits(table, name, now);
	unsigned count = 0;

	assert_non_null(limits);
	while (rate_allows(&limits->sessions, now))
		count++;
	return count;
}

/*
 * Each peer has its own, "alice" too, whose place in a table of 256 by uthash's
 * own hash is that of "greedy1728"; and nobody gets them back by being
 * forgotten.
 */
/* Nobody takes the place of another by saying that he is there. */
static void test_relocate(void **state)
{
	struct inet_endpoint here = {address("192.0.2.1"), 4000};
	struct inet_endpoint there = {address("192.0.2.2"), 4000};
	struct association alice = {.outer = here}, bob = {.outer = there};
	struct peer_table table = {0};

	(void)state;
	assert_int_equal(peer_table_add_connected(&table, &alice), 0);
	assert_int_equal(peer_table_add_connected(&table, &bob), 0);
	assert_int_equal(peer_table_relocate(&table, &alice, &there),
			 -EADDRINUSE);
	assert_ptr_equal(peer_table_connected(&table, &here), &alice);
	assert_ptr_equal(peer_table_connected(&table, &there), &bob);
	peer_table_remove(&table, &bob);
	assert_int_equal(peer_table_relocate(&table, &alice, &there), 0);
	assert_ptr_equal(peer_table_connected(&table, &there), &alice);
	assert_null(peer_table_connected(&table, &here));
	peer_table_remove(&table, &alice);
	assert_null(table.connected);
}

static void test_limits(void **state)
{
	struct peer_table table = {0};
	char name[SETTINGS_NAME_SIZE];
	unsigned burst;

	(void)state;
	burst = sessions(&table, "greedy1728", 1000.);
	assert_true(burst > 10);
	assert_int_equal(sessions(&table, "alice", 1000.), burst);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "peer%u", i);
		assert_int_equal(sessions(&table, name, 1000.), burst);
	}
	assert_int_equal(sessions(&table, "greedy1728", 1000.), 0);
	assert_int_equal(HASH_COUNT(table.limits), 1002);
	/* Later they are what they would be if they were made anew. */
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "other%u", i);
		assert_non_null(peer_table_limits(&table, name, 2000.));
	}
	assert_in_range(HASH_COUNT(table.limits), 1, 1001);
	assert_int_equal(sessions(&table, "greedy1728", 2000.), burst);
	peer_table_forget_limits(&table);
	assert_null(table.limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_name_and_inner_address),
		cmocka_unit_test(test_answers_change),
		cmocka_unit_test(test_pending_of),
		cmocka_unit_test(test_the_longest_subnet_wins),
		cmocka_unit_test(test_connected_beside_pending),
		cmocka_unit_test(test_relocate),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
