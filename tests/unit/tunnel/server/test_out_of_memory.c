/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory runs out in the middle of what a server keeps of its peers. Each step
 * is tried with the first allocation failing, then with the second, and so on,
 * until it succeeds: before that it says -ENOMEM and has changed nothing, and
 * the process is still there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "tunnel/server/lease_pool.h"
#include "tunnel/server/peer_table.h"

/* More than a table of uthash has room for before it is made larger. */
#define MANY 600

/* Allocations until one fails, for all of the program; 0: none does. */
static unsigned until_failure;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool fails(void)
{
	return until_failure && --until_failure == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

/* Returns how often it has failed. */
static unsigned until_success(int (*step)(void *data), void *data)
{
	for (unsigned n = 1;; n++) {
		int err;

		until_failure = n;
		err = step(data);
		if (until_failure) {
			until_failure = 0;
			assert_int_equal(err, 0);
			return n - 1;
		}
		assert_int_equal(err, -ENOMEM);
	}
}

static struct inet_address address(unsigned number)
{
	return (struct inet_address){
		.family = AF_INET,
		.bytes = {10, 8, (uint8_t)(number >> 8), (uint8_t)number},
	};
}

struct addition {
	struct peer_table table;
	struct peer *peer;
	struct association *association;
	const struct config_peer *known;
};

static int add_peer(void *data)
{
	struct addition *addition = data;
	unsigned count = HASH_COUNT(addition->table.peers);
	int err = peer_table_add(&addition->table, addition->peer,
				 addition->known);

	if (err) {
		assert_int_equal(HASH_COUNT(addition->table.peers), count);
		assert_int_equal(HASH_COUNT(addition->table.addresses), count);
		assert_null(peer_table_by_name(&addition->table,
					       addition->peer->name));
		assert_null(peer_table_by_inner(
			&addition->table, &addition->peer->lease.address4));
	}
	return err;
}

static void test_peers(void **state)
{
	struct inet_prefix subnet = {.address = address(7 << 8), .length = 24};
	const struct config_peer router = {.subnets = &subnet,
					   .subnet_count = 1};
	static struct peer peers[MANY];
	struct addition addition = {0};
	unsigned failures = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(peers[i].name, sizeof(peers[i].name), "peer%u", i);
		peers[i].lease.address4 = address(i + 2);
		addition.peer = &peers[i];
		addition.known = i ? NULL : &router;
		failures += until_success(add_peer, &addition);
	}
	/* Two for each table, the subnet, and where tables are made larger. */
	assert_true(failures > 5);
	for (unsigned i = 0; i < MANY; i++) {
		struct inet_address own = address(i + 2);

		assert_ptr_equal(
			peer_table_by_name(&addition.table, peers[i].name),
			&peers[i]);
		assert_ptr_equal(peer_table_by_inner(&addition.table, &own),
				 &peers[i]);
	}
	for (unsigned i = 0; i < MANY; i++)
		peer_table_forget(&addition.table, &peers[i]);
	assert_null(addition.table.peers);
	assert_null(addition.table.addresses);
	assert_null(addition.table.subnets.entries);
}

static int add_connected(void *data)
{
	struct addition *addition = data;
	int err = peer_table_add_connected(&addition->table,
					   addition->association);

	if (err) {
		assert_null(peer_table_connected(
			&addition->table, &addition->association->outer));
		peer_table_remove(&addition->table, addition->association);
	}
	return err;
}

static int add_pending(void *data)
{
	struct addition *addition = data;
	unsigned count = addition->table.pending_count;
	int err =
		peer_table_add_pending(&addition->table, addition->association);

	assert_int_equal(addition->table.pending_count, count + !err);
	if (err)
		peer_table_remove(&addition->table, addition->association);
	assert_int_equal(addition->table.pending_count, count + !err);
	return err;
}

static void test_associations(void **state)
{
	static struct association connected[MANY], pending[MANY];
	struct addition addition = {0};
	unsigned failures = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		connected[i].outer.address = pending[i].outer.address =
			address(i);
		addition.association = &connected[i];
		failures += until_success(add_connected, &addition);
		addition.association = &pending[i];
		failures += until_success(add_pending, &addition);
	}
	assert_true(failures > 4);
	for (unsigned i = 0; i < MANY; i++) {
		assert_ptr_equal(peer_table_connected(&addition.table,
						      &connected[i].outer),
				 &connected[i]);
		assert_ptr_equal(peer_table_pending(&addition.table,
						    &connected[i].outer),
				 &pending[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		peer_table_remove(&addition.table, &connected[i]);
		peer_table_remove(&addition.table, &pending[i]);
	}
	assert_null(addition.table.connected);
	assert_null(addition.table.pending);
}

struct named {
	struct peer_table table;
	char name[SETTINGS_NAME_SIZE];
};

static int make_limits(void *data)
{
	struct named *named = data;

	return peer_table_limits(&named->table, named->name, 1.) ? 0 : -ENOMEM;
}

static void test_limits(void **state)
{
	struct named named = {0};
	unsigned failures = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		struct peer_limits *limits;

		snprintf(named.name, sizeof(named.name), "peer%u", i);
		failures += until_success(make_limits, &named);
		/* One that has all of it back would be forgotten. */
		limits = peer_table_limits(&named.table, named.name, 1.);
		assert_true(rate_allows(&limits->lines, 1.));
	}
	assert_true(failures >= MANY);
	peer_table_forget_limits(&named.table);
}

struct taking {
	struct lease_pool *pool;
	char name[SETTINGS_NAME_SIZE];
	struct lease lease;
};

static int take_lease(void *data)
{
	struct taking *taking = data;

	return lease_pool_take(taking->pool, taking->name, NULL, 1,
			       &taking->lease, NULL);
}

static void test_leases(void **state)
{
	const struct inet_prefix own = {.address = address(1), .length = 16};
	static const struct inet_prefix none;
	struct taking taking;

	(void)state;
	assert_int_equal(lease_pool_new(&taking.pool, &own, &none), 0);
	for (unsigned i = 0; i < MANY; i++) {
		struct inet_address expected = address(i + 2);

		snprintf(taking.name, sizeof(taking.name), "peer%u", i);
		assert_true(until_success(take_lease, &taking) > 0);
		assert_true(
			inet_address_equal(&taking.lease.address4, &expected));
	}
	lease_pool_free(taking.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_associations),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
