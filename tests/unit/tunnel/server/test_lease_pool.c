/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/server/lease_pool.h"

static const struct inet_address none;

static struct inet_address address(const char *text)
{
	struct inet_address value;

	assert_int_equal(inet_parse_address(text, &value), 0);
	return value;
}

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix value = {0};

	if (text)
		assert_int_equal(inet_parse_prefix(text, &value), 0);
	return value;
}

static struct lease_pool *make_pool(const char *own4, const char *own6)
{
	struct inet_prefix prefix4 = prefix(own4), prefix6 = prefix(own6);
	struct lease_pool *pool;

	assert_int_equal(lease_pool_new(&pool, &prefix4, &prefix6), 0);
	return pool;
}

static void assert_address(const struct inet_address *got, const char *text)
{
	char buffer[INET_ADDRESS_TEXT];

	assert_string_equal(inet_format_address(got, buffer, sizeof(buffer)),
			    text);
}

static void assert_takes(struct lease_pool *pool, const char *peer, int64_t now,
			 const char *text4, const char *text6)
{
	struct lease lease;

	assert_int_equal(lease_pool_take(pool, peer, NULL, now, &lease, NULL),
			 0);
	assert_string_equal(lease.peer, peer);
	assert_true(lease.used == now);
	assert_address(&lease.address4, text4);
	assert_address(&lease.address6, text6);
}

static void assert_exhausted(struct lease_pool *pool, const char *peer)
{
	struct lease lease;
	bool changed;

	assert_int_equal(lease_pool_take(pool, peer, NULL, 1, &lease, &changed),
			 -EADDRNOTAVAIL);
	assert_false(changed);
}

static int fix(struct lease_pool *pool, const char *peer, const char *text4,
	       const char *text6)
{
	struct inet_address address4 = text4 ? address(text4) : none;
	struct inet_address address6 = text6 ? address(text6) : none;

	return lease_pool_fix(pool, peer, &address4, &address6);
}

static int restore(struct lease_pool *pool, const char *peer, const char *text4,
		   const char *text6, int64_t used)
{
	struct lease lease = {.used = used};

	strcpy(lease.peer, peer);
	lease.address4 = text4 ? address(text4) : none;
	lease.address6 = text6 ? address(text6) : none;
	return lease_pool_restore(pool, &lease);
}

static void test_lowest(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/24", "fd08::1/64");
	struct lease lease;
	bool changed;

	(void)state;
	assert_takes(pool, "alice", 1, "10.8.0.2", "fd08::2");
	assert_takes(pool, "bob", 1, "10.8.0.3", "fd08::3");
	assert_int_equal(
		lease_pool_take(pool, "bob", NULL, 2, &lease, &changed), 0);
	assert_false(changed);
	assert_int_equal(
		lease_pool_take(pool, "eve", NULL, 2, &lease, &changed), 0);
	assert_true(changed);
	assert_address(&lease.address4, "10.8.0.4");
	lease_pool_forget(pool, "bob");
	lease_pool_forget(pool, "alice");
	lease_pool_forget(pool, "alice");
	assert_takes(pool, "carol", 3, "10.8.0.2", "fd08::2");
	assert_takes(pool, "dave", 3, "10.8.0.3", "fd08::3");
	assert_takes(pool, "fred", 3, "10.8.0.5", "fd08::5");
	lease_pool_free(pool);
	lease_pool_free(NULL);
}

static void test_small_networks(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.2/30", NULL);

	(void)state;
	assert_takes(pool, "alice", 1, "10.8.0.1", "none");
	assert_exhausted(pool, "bob");
	lease_pool_free(pool);
	pool = make_pool("10.8.0.0/31", "fd08::1/127");
	assert_takes(pool, "alice", 1, "10.8.0.1", "fd08::");
	assert_exhausted(pool, "bob");
	lease_pool_free(pool);
	pool = make_pool("10.8.0.1/32", NULL);
	assert_exhausted(pool, "alice");
	lease_pool_free(pool);
	pool = make_pool(NULL, "fd08::1/128");
	assert_exhausted(pool, "alice");
	lease_pool_free(pool);
}

static void test_large_networks(void **state)
{
	struct lease_pool *pool = make_pool("10.0.0.1/8", "fd08::1/32");

	(void)state;
	assert_int_equal(fix(pool, "far", "10.255.255.254", "fd08:0:7::9"), 0);
	assert_takes(pool, "alice", 1, "10.0.0.2", "fd08::2");
	assert_takes(pool, "far", 1, "10.255.255.254", "fd08:0:7::9");
	lease_pool_forget(pool, "far");
	lease_pool_free(pool);
	pool = make_pool("10.0.0.1/0", "fd08::ffff:ffff:ffff:ffff/64");
	assert_takes(pool, "alice", 1, "0.0.0.1", "fd08::1");
	lease_pool_free(pool);
}

/* The server may have any address: host 2 is then the second of the two. */
static void test_mirror(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/24", "fd08::3/64");

	(void)state;
	assert_int_equal(fix(pool, "fixed", NULL, "fd08::2"), 0);
	assert_takes(pool, "alice", 1, "10.8.0.2", "fd08::1");
	assert_takes(pool, "bob", 1, "10.8.0.3", "fd08::4");
	assert_takes(pool, "carol", 1, "10.8.0.4", "fd08::5");
	assert_takes(pool, "dave", 1, "10.8.0.5", "fd08::6");
	assert_takes(pool, "fixed", 1, "10.8.0.6", "fd08::2");
	assert_takes(pool, "eve", 1, "10.8.0.7", "fd08::7");
	lease_pool_free(pool);
}

static void assert_request(struct lease_pool *pool, const char *peer,
			   const char *wish4, const char *text4)
{
	struct lease request = {.address4 = address(wish4)}, lease;

	assert_int_equal(lease_pool_take(pool, peer, &request, 1, &lease, NULL),
			 0);
	assert_address(&lease.address4, text4);
}

static void test_requests(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/24", NULL);

	(void)state;
	assert_request(pool, "alice", "10.8.0.77", "10.8.0.77");
	assert_request(pool, "alice", "10.8.0.78", "10.8.0.77");
	assert_request(pool, "bob", "10.8.0.77", "10.8.0.2");
	assert_request(pool, "own", "10.8.0.1", "10.8.0.3");
	assert_request(pool, "network", "10.8.0.0", "10.8.0.4");
	assert_request(pool, "broadcast", "10.8.0.255", "10.8.0.5");
	assert_request(pool, "elsewhere", "10.8.1.9", "10.8.0.6");
	assert_request(pool, "family", "fd08::9", "10.8.0.7");
	lease_pool_release(pool, "alice", 2);
	assert_request(pool, "carol", "10.8.0.77", "10.8.0.8");
	lease_pool_free(pool);
}

static void test_exhaustion(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/29", "fd08::1/64");

	(void)state;
	assert_takes(pool, "a", 1, "10.8.0.2", "fd08::2");
	assert_takes(pool, "b", 1, "10.8.0.3", "fd08::3");
	assert_takes(pool, "c", 1, "10.8.0.4", "fd08::4");
	assert_takes(pool, "d", 1, "10.8.0.5", "fd08::5");
	assert_takes(pool, "e", 1, "10.8.0.6", "fd08::6");
	assert_exhausted(pool, "f");
	lease_pool_release(pool, "d", 20);
	lease_pool_release(pool, "b", 30);
	lease_pool_release(pool, "c", 10);
	lease_pool_release(pool, "nobody", 10);
	/* The longest unused goes first, and with both its addresses. */
	assert_takes(pool, "f", 40, "10.8.0.4", "fd08::4");
	assert_takes(pool, "d", 41, "10.8.0.5", "fd08::5");
	assert_takes(pool, "g", 42, "10.8.0.3", "fd08::3");
	assert_exhausted(pool, "b");
	lease_pool_release(pool, "a", 50);
	assert_takes(pool, "b", 51, "10.8.0.2", "fd08::2");
	lease_pool_free(pool);
}

/* One family runs out: the address of the other is not kept. */
static void test_all_or_nothing(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/24", "fd08::1/126");

	(void)state;
	assert_takes(pool, "a", 1, "10.8.0.2", "fd08::2");
	assert_exhausted(pool, "b");
	assert_int_equal(restore(pool, "c", "10.8.0.3", NULL, 1), 0);
	lease_pool_free(pool);
}

static void test_fixed(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/29", "fd08::1/64");

	(void)state;
	assert_takes(pool, "a", 1, "10.8.0.2", "fd08::2");
	assert_int_equal(fix(pool, "b", "10.8.0.2", NULL), 0);
	assert_int_equal(fix(pool, "c", "10.8.0.2", NULL), -EEXIST);
	assert_int_equal(fix(pool, "c", "10.8.0.1", NULL), -EINVAL);
	assert_int_equal(fix(pool, "c", "10.8.0.7", NULL), -EINVAL);
	assert_int_equal(fix(pool, "c", "10.8.0.5", "fd09::5"), -EINVAL);
	assert_int_equal(fix(pool, "c", "fd08::4", NULL), -EINVAL);
	assert_int_equal(fix(pool, "", "10.8.0.4", NULL), -EINVAL);
	assert_takes(pool, "b", 2, "10.8.0.2", "fd08::3");
	/* It keeps what was not asked for, and gets another for the rest. */
	assert_takes(pool, "a", 2, "10.8.0.3", "fd08::2");
	/* Fixed ones are never given away, leases of others are. */
	assert_int_equal(fix(pool, "c", "10.8.0.4", NULL), 0);
	assert_int_equal(fix(pool, "d", "10.8.0.5", NULL), 0);
	assert_int_equal(fix(pool, "e", "10.8.0.6", NULL), 0);
	lease_pool_release(pool, "b", 3);
	assert_exhausted(pool, "f");
	lease_pool_release(pool, "a", 4);
	assert_takes(pool, "f", 5, "10.8.0.3", "fd08::2");
	/* Fixed to another, and to none: then an ordinary lease. */
	lease_pool_forget(pool, "d");
	assert_int_equal(fix(pool, "b", "10.8.0.5", NULL), 0);
	assert_takes(pool, "b", 6, "10.8.0.5", "fd08::3");
	assert_takes(pool, "g", 6, "10.8.0.2", "fd08::4");
	assert_exhausted(pool, "h");
	lease_pool_release(pool, "b", 7);
	assert_int_equal(fix(pool, "b", NULL, NULL), 0);
	assert_takes(pool, "h", 8, "10.8.0.5", "fd08::5");
	assert_exhausted(pool, "b");
	lease_pool_free(pool);
}

static void test_restore(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/24", NULL);
	struct lease unterminated = {.address4 = address("10.8.0.9")};

	(void)state;
	assert_int_equal(restore(pool, "a", "10.8.0.3", "fd08::3", 7), 0);
	assert_int_equal(restore(pool, "a", "10.8.0.4", NULL, 7), -EEXIST);
	assert_int_equal(restore(pool, "b", "10.8.0.3", NULL, 7), -EEXIST);
	assert_int_equal(restore(pool, "b", "10.8.0.1", NULL, 7), -EINVAL);
	assert_int_equal(restore(pool, "b", "10.9.0.1", NULL, 7), -EINVAL);
	assert_int_equal(restore(pool, "b", NULL, "fd08::3", 7), -EINVAL);
	assert_int_equal(restore(pool, "b", NULL, NULL, 7), -EINVAL);
	assert_int_equal(restore(pool, "", "10.8.0.4", NULL, 7), -EINVAL);
	memset(unterminated.peer, 'x', sizeof(unterminated.peer));
	assert_int_equal(lease_pool_restore(pool, &unterminated), -EINVAL);
	/* Fixed before or after: the file's is passed over. */
	assert_int_equal(fix(pool, "c", "10.8.0.10", NULL), 0);
	assert_int_equal(restore(pool, "c", "10.8.0.11", NULL, 7), 0);
	assert_int_equal(restore(pool, "d", "10.8.0.12", NULL, 7), 0);
	assert_int_equal(fix(pool, "d", "10.8.0.13", NULL), 0);
	assert_takes(pool, "a", 8, "10.8.0.3", "none");
	assert_takes(pool, "c", 8, "10.8.0.10", "none");
	assert_takes(pool, "d", 8, "10.8.0.13", "none");
	assert_takes(pool, "e", 8, "10.8.0.2", "none");
	assert_takes(pool, "f", 8, "10.8.0.4", "none");
	lease_pool_free(pool);
}

static int copy(void *data, const struct lease *lease)
{
	return lease_pool_restore(data, lease);
}

static int stop(void *data, const struct lease *lease)
{
	(void)lease;
	++*(int *)data;
	return -EINTR;
}

/* A restarted server does it like this. */
static void test_each(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/24", "fd08::1/64");
	struct lease_pool *next = make_pool("10.8.0.1/24", "fd08::1/64");
	int visits = 0;

	(void)state;
	assert_int_equal(lease_pool_each(pool, stop, &visits), 0);
	assert_takes(pool, "a", 1, "10.8.0.2", "fd08::2");
	assert_takes(pool, "b", 1, "10.8.0.3", "fd08::3");
	assert_takes(pool, "c", 1, "10.8.0.4", "fd08::4");
	lease_pool_release(pool, "b", 2);
	assert_int_equal(lease_pool_each(pool, stop, &visits), -EINTR);
	assert_int_equal(visits, 1);
	assert_int_equal(lease_pool_each(pool, copy, next), 0);
	assert_takes(next, "c", 3, "10.8.0.4", "fd08::4");
	assert_takes(next, "d", 3, "10.8.0.5", "fd08::5");
	assert_takes(next, "b", 3, "10.8.0.3", "fd08::3");
	assert_takes(next, "a", 3, "10.8.0.2", "fd08::2");
	lease_pool_free(pool);
	lease_pool_free(next);
}

/* 65 k peers in and out: with a search through the pool it takes minutes. */
static void test_many(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/16", "fd08::1/64");
	struct lease lease;
	char name[16];

	(void)state;
	for (int i = 0; i < 3 * 65533; i++) {
		snprintf(name, sizeof(name), "peer%d", i);
		assert_int_equal(
			lease_pool_take(pool, name, NULL, i, &lease, NULL), 0);
		if (i % 8)
			lease_pool_release(pool, name, 65533 - i);
		if (i % 7 == 3)
			lease_pool_forget(pool, name);
	}
	lease_pool_free(pool);
}

/*
 * Half of 65 k peers leave, and as many others come: their addresses are filled
 * from the lowest on, in one pass.
 */
static void test_gaps(void **state)
{
	struct lease_pool *pool = make_pool("10.8.0.1/16", NULL);
	unsigned last = 0;
	struct lease lease;
	char name[16];

	(void)state;
	for (int i = 0; i < 65533; i++) {
		snprintf(name, sizeof(name), "peer%d", i);
		assert_int_equal(
			lease_pool_take(pool, name, NULL, 1, &lease, NULL), 0);
	}
	for (int i = 65532; i >= 0; i -= 2) {
		snprintf(name, sizeof(name), "peer%d", i);
		lease_pool_forget(pool, name);
	}
	for (int i = 0; i < 65533; i += 2) {
		unsigned host;

		snprintf(name, sizeof(name), "other%d", i);
		assert_int_equal(
			lease_pool_take(pool, name, NULL, 1, &lease, NULL), 0);
		host = (unsigned)lease.address4.bytes[2] << 8 |
		       lease.address4.bytes[3];
		assert_int_equal(host, i + 2);
		assert_true(host > last);
		last = host;
	}
	assert_exhausted(pool, "late");
	lease_pool_free(pool);
}

#define PEERS 24

/* What a pool of 13 leases is known to hold. */
struct model {
	struct lease_pool *pool;
	struct inet_address held[PEERS];
	bool in_use[PEERS];
};

static int holder_of(const struct model *model,
		     const struct inet_address *wanted)
{
	for (int i = 0; i < PEERS; i++)
		if (inet_address_equal(&model->held[i], wanted))
			return i;
	return -1;
}

static void model_take(struct model *model, int i, const char *name)
{
	struct lease lease;
	int in_use = 0, holder;

	for (int j = 0; j < PEERS; j++)
		in_use += model->in_use[j];
	if (lease_pool_take(model->pool, name, NULL, 1, &lease, NULL) < 0) {
		assert_int_equal(in_use, 13);
		assert_false(model->in_use[i]);
		return;
	}
	holder = holder_of(model, &lease.address4);
	if (holder >= 0 && holder != i) {
		assert_false(model->in_use[holder]);
		model->held[holder] = none;
	}
	if (model->held[i].family != AF_UNSPEC)
		assert_int_equal(holder, i);
	for (uint8_t n = 2; holder < 0 && n < lease.address4.bytes[3]; n++) {
		struct inet_address lower = lease.address4;

		lower.bytes[3] = n;
		assert_true(holder_of(model, &lower) >= 0);
	}
	model->held[i] = lease.address4;
	model->in_use[i] = true;
}

static void test_random(void **state)
{
	struct model model = {.pool = make_pool("10.8.0.1/28", NULL)};
	unsigned seed = 7;
	char name[16];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		int i = rand_r(&seed) % PEERS;

		snprintf(name, sizeof(name), "peer%d", i);
		switch (rand_r(&seed) % 4) {
		case 0:
			lease_pool_forget(model.pool, name);
			model.held[i] = none;
			model.in_use[i] = false;
			break;
		case 1:
			lease_pool_release(model.pool, name,
					   rand_r(&seed) % 100);
			model.in_use[i] = false;
			break;
		default:
			model_take(&model, i, name);
		}
	}
	lease_pool_free(model.pool);
}

/* Of two that share a network, each as the other's sibling. */
static void make_siblings(struct lease_pool *pools[2],
			  struct inet_address others[4])
{
	others[0] = address("10.8.0.2");
	others[1] = address("fd08::2");
	others[2] = address("10.8.0.1");
	others[3] = address("fd08::1");
	pools[0] = make_pool("10.8.0.1/29", "fd08::1/64");
	pools[1] = make_pool("10.8.0.2/29", "fd08::2/64");
	lease_pool_share(pools[0], &others[0], 2);
	lease_pool_share(pools[1], &others[2], 2);
}

static void test_siblings_choose_apart(void **state)
{
	struct inet_address others[4];
	struct lease_pool *pools[2];

	(void)state;
	make_siblings(pools, others);
	assert_takes(pools[0], "alice", 1, "10.8.0.4", "fd08::4");
	assert_takes(pools[0], "bob", 1, "10.8.0.6", "fd08::6");
	assert_exhausted(pools[0], "carol");
	assert_takes(pools[1], "alice", 1, "10.8.0.3", "fd08::3");
	assert_takes(pools[1], "bob", 1, "10.8.0.5", "fd08::5");
	/* Also where IPv4 runs out: neither is the other's. */
	assert_int_equal(fix(pools[0], "dave", "10.8.0.2", NULL), -EINVAL);
	/* Who has left may be with the sibling, for a day. */
	lease_pool_release(pools[0], "bob", 1000);
	assert_exhausted(pools[0], "carol");
	assert_takes(pools[0], "carol", 1000 + LEASE_KEPT, "10.8.0.6",
		     "fd08::6");
	lease_pool_free(pools[0]);
	lease_pool_free(pools[1]);
}

static struct lease wanted(const char *peer, const char *text4,
			   const char *text6)
{
	struct lease lease = {
		.address4 = address(text4),
		.address6 = address(text6),
	};

	strcpy(lease.peer, peer);
	return lease;
}

static void test_adopted(void **state)
{
	struct lease alice = wanted("alice", "10.8.0.3", "fd08::3");
	struct lease bob = wanted("bob", "10.8.0.3", "fd08::3");
	struct lease server = wanted("alice", "10.8.0.2", "fd08::7");
	struct inet_address others[4];
	struct lease_pool *pools[2];
	struct lease lease;

	(void)state;
	make_siblings(pools, others);
	assert_int_equal(lease_pool_adopt(pools[0], &alice, &lease), -ENOENT);
	assert_takes(pools[0], "alice", 1, "10.8.0.4", "fd08::4");
	assert_int_equal(lease_pool_adopt(pools[0], &server, &lease),
			 -EADDRNOTAVAIL);
	assert_takes(pools[0], "alice", 1, "10.8.0.4", "fd08::4");
	assert_int_equal(lease_pool_adopt(pools[0], &alice, &lease), 0);
	assert_address(&lease.address4, "10.8.0.3");
	assert_address(&lease.address6, "fd08::3");
	/* What she had here is another's to have. */
	assert_takes(pools[0], "bob", 1, "10.8.0.4", "fd08::4");
	assert_int_equal(lease_pool_adopt(pools[0], &bob, &lease), -EADDRINUSE);
	assert_takes(pools[0], "bob", 1, "10.8.0.4", "fd08::4");
	/* But once she has left, he has it, and she something else. */
	lease_pool_release(pools[0], "alice", 2);
	assert_int_equal(lease_pool_adopt(pools[0], &bob, &lease), 0);
	assert_address(&lease.address4, "10.8.0.3");
	assert_takes(pools[0], "alice", 3, "10.8.0.4", "fd08::4");
	/* A fixed address stays. */
	assert_int_equal(fix(pools[0], "carol", "10.8.0.6", "fd08::6"), 0);
	assert_takes(pools[0], "carol", 1, "10.8.0.6", "fd08::6");
	bob = wanted("carol", "10.8.0.5", "fd08::5");
	assert_int_equal(lease_pool_adopt(pools[0], &bob, &lease), 0);
	assert_address(&lease.address4, "10.8.0.6");
	lease_pool_free(pools[0]);
	lease_pool_free(pools[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lowest),
		cmocka_unit_test(test_small_networks),
		cmocka_unit_test(test_large_networks),
		cmocka_unit_test(test_mirror),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_siblings_choose_apart),
		cmocka_unit_test(test_adopted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
