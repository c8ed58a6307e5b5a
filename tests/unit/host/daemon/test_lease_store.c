/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "host/daemon/lease_store.h"

static char directory[] = "/tmp/minivpn-leases-XXXXXX";

static int make_directory(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	return mkdtemp(directory) && !setenv("MINIVPN_STATEDIR", directory, 1)
		       ? 0
		       : -1;
}

static int remove_directory(void **state)
{
	char path[PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/t.leases", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/many.leases", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/few.leases", directory);
	unlink(path);
	return rmdir(directory);
}

static struct lease_entry entry(const char *peer, const char *v4, int64_t used)
{
	struct lease_entry value = {.used = used};

	strcpy(value.peer, peer);
	assert_int_equal(inet_parse_address(v4, &value.address4), 0);
	return value;
}

static const struct lease_entry *entry_of(const struct lease_store *store,
					  const char *peer)
{
	const struct lease_entry *entry = NULL;

	while ((entry = lease_store_next(store, entry)) != NULL &&
	       strcmp(entry->peer, peer) != 0)
		;
	return entry;
}

static size_t count_of(const struct lease_store *store)
{
	const struct lease_entry *entry = NULL;
	size_t count = 0;

	while ((entry = lease_store_next(store, entry)) != NULL)
		count++;
	return count;
}

static void test_entries_outlive_the_store(void **state)
{
	struct lease_entry alice = entry("alice", "10.8.0.2", 1000);
	struct lease_entry bob = entry("bob", "10.8.0.3", 2000);
	struct lease_store *store;

	(void)state;
	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(lease_store_put(store, &alice), 0);
	assert_int_equal(lease_store_put(store, &bob), 0);
	alice.used = 3000;
	assert_int_equal(lease_store_put(store, &alice), 0);
	assert_int_equal(lease_store_save(store), 0);
	lease_store_close(store);

	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(count_of(store), 2);
	assert_int_equal(entry_of(store, "alice")->used, 3000);
	assert_true(inet_address_equal(&entry_of(store, "bob")->address4,
				       &bob.address4));
	assert_int_equal(entry_of(store, "bob")->address6.family, 0);
	lease_store_close(store);
}

/* Where a client was connected is found again; who has left is not there. */
static void test_where_it_is_connected(void **state)
{
	struct lease_entry alice = entry("alice", "10.8.0.2", 1000);
	struct lease_entry bob = entry("bob", "10.8.0.3", 2000);
	const struct lease_entry *found;
	struct lease_store *store;

	(void)state;
	inet_parse_endpoint("[2001:db8::7]:4000", &alice.outer);
	inet_parse_address("2001:db8::1", &alice.local);
	alice.socket = 4;
	inet_parse_endpoint("192.0.2.7:4001", &bob.outer);
	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(lease_store_put(store, &alice), 0);
	assert_int_equal(lease_store_put(store, &bob), 0);
	assert_int_equal(lease_store_save(store), 0);
	lease_store_close(store);
	assert_int_equal(lease_store_open(&store, "t"), 0);
	found = entry_of(store, "alice");
	assert_true(inet_endpoint_equal(&found->outer, &alice.outer));
	assert_true(inet_address_equal(&found->local, &alice.local));
	assert_int_equal(found->socket, 4);
	found = entry_of(store, "bob");
	assert_true(inet_endpoint_equal(&found->outer, &bob.outer));
	assert_int_equal(found->local.family, 0);
	memset(&bob.outer, 0, sizeof(bob.outer));
	assert_int_equal(lease_store_put(store, &bob), 0);
	assert_int_equal(lease_store_save(store), 0);
	lease_store_close(store);
	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(entry_of(store, "bob")->outer.address.family, 0);
	lease_store_close(store);
}

static void test_an_address_given_away_has_one_owner(void **state)
{
	struct lease_entry alice = entry("alice", "10.8.0.7", 1000);
	struct lease_entry zoe = entry("zoe", "10.8.0.7", 2000);
	struct lease_store *store;

	(void)state;
	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(lease_store_put(store, &alice), 0);
	assert_int_equal(lease_store_put(store, &zoe), 0);
	assert_int_equal(lease_store_save(store), 0);
	lease_store_close(store);
	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_null(entry_of(store, "alice"));
	assert_non_null(entry_of(store, "zoe"));
	lease_store_close(store);
}

static void test_bad_lines_are_left_out(void **state)
{
	char path[PATH_MAX];
	struct lease_store *store;
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/t.leases", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("# comment\n../x 10.8.0.2 none 1\nalice 10.8.0.999 none 1\n"
	      "bob fd08::3 none 1\ncarol 10.8.0.4 none x\n"
	      "fred 10.8.0.7 none 1 nowhere none 0\n"
	      "gina 10.8.0.8 none 1 192.0.2.1:1 fd08::1 0\n"
	      "hank 10.8.0.9 none 1 192.0.2.1:1 none 24\n"
	      "dave 10.8.0.5 fd08::5 7\nerin 10.8.0.6",
	      file);
	fclose(file);
	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(count_of(store), 1);
	assert_non_null(entry_of(store, "dave"));
	lease_store_close(store);
}

static struct lease_entry numbered(unsigned peer, unsigned address)
{
	struct lease_entry value = {.used = peer};
	uint8_t bytes[16] = {10, address >> 16, address >> 8, address};

	snprintf(value.peer, sizeof(value.peer), "peer%u", peer);
	value.address4 = inet_address_from_bytes(AF_INET, bytes);
	bytes[0] = 0xfd;
	value.address6 = inet_address_from_bytes(AF_INET6, bytes);
	return value;
}

/*
 * As many leases as a pool has room for are put and read again, with a few
 * comparisons for each.
 */
static void test_work_grows_with_the_number_alone(void **state)
{
	enum { LEASES = 65536, MORE = 10000, LOOKS = 16 };
	struct lease_entry first = numbered(0, 0), moved;
	struct lease_store *store;

	(void)state;
	assert_int_equal(lease_store_open(&store, "many"), 0);
	for (unsigned i = 0; i < LEASES; i++) {
		struct lease_entry one = numbered(i, i);

		assert_int_equal(lease_store_put(store, &one), 0);
	}
	assert_int_equal(count_of(store), LEASES);
	assert_in_range(lease_store_compared(store), LEASES, LEASES * LOOKS);
	/* One more has an address of each of two others. */
	moved = numbered(7, 8);
	moved.address6 = numbered(0, 9).address6;
	assert_int_equal(lease_store_put(store, &moved), 0);
	assert_int_equal(count_of(store), LEASES - 2);
	assert_null(entry_of(store, "peer8"));
	assert_null(entry_of(store, "peer9"));
	/* Beyond that number the oldest go, and not one that has come back. */
	first.used = 2 * LEASES;
	assert_int_equal(lease_store_put(store, &first), 0);
	for (unsigned i = LEASES; i < LEASES + MORE; i++) {
		struct lease_entry one = numbered(i, i);

		assert_int_equal(lease_store_put(store, &one), 0);
	}
	assert_in_range(count_of(store), LEASES - 4096, LEASES);
	assert_non_null(entry_of(store, "peer0"));
	assert_null(entry_of(store, "peer1"));
	assert_null(entry_of(store, "peer7"));
	assert_non_null(entry_of(store, "peer65535"));
	assert_in_range(lease_store_compared(store), LEASES,
			(LEASES + MORE) * LOOKS);
	assert_int_equal(lease_store_save(store), 0);
	first.used = count_of(store);
	lease_store_close(store);

	assert_int_equal(lease_store_open(&store, "many"), 0);
	assert_int_equal(count_of(store), first.used);
	assert_in_range(lease_store_compared(store), 0, LEASES * LOOKS);
	lease_store_close(store);
}

static struct stat file_of(const char *name)
{
	char path[PATH_MAX];
	struct stat result;

	snprintf(path, sizeof(path), "%s/%s.leases", directory, name);
	assert_int_equal(stat(path, &result), 0);
	return result;
}

/* A lease costs a line, not a file; but the file does not grow for ever. */
static void test_lines_are_appended(void **state)
{
	enum { LEASES = 2000, ROUNDS = 20000 };
	struct lease_store *store;
	unsigned anew = 0;

	(void)state;
	assert_int_equal(lease_store_open(&store, "few"), 0);
	for (unsigned i = 0; i < LEASES; i++) {
		struct lease_entry one = numbered(i, i);

		assert_int_equal(lease_store_put(store, &one), 0);
	}
	assert_int_equal(lease_store_save(store), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct lease_entry one = numbered(i % LEASES, i % LEASES);
		struct stat before = file_of("few"), after;

		one.used = LEASES + i;
		assert_int_equal(lease_store_put(store, &one), 0);
		assert_int_equal(lease_store_save(store), 0);
		after = file_of("few");
		if (after.st_ino == before.st_ino)
			assert_in_range(after.st_size - before.st_size, 1, 100);
		else
			anew++;
		assert_in_range(after.st_size, 1, (4 * LEASES + 8192) * 50);
	}
	assert_in_range(anew, 1, ROUNDS / LEASES);
	lease_store_close(store);
	assert_int_equal(lease_store_open(&store, "few"), 0);
	assert_int_equal(count_of(store), LEASES);
	assert_int_equal(entry_of(store, "peer1999")->used,
			 LEASES + ROUNDS - 1);
	lease_store_close(store);
}

/* The machine stopped within a line: it is no lease, and harms no other. */
static void test_half_a_line(void **state)
{
	struct lease_entry zoe = entry("zoe", "10.8.0.9", 4000);
	struct lease_store *store;
	char path[PATH_MAX];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/t.leases", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("bob 10.8.0.3 none 1700000000\ncarol 10.8.0.4 none 17", file);
	fclose(file);
	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(count_of(store), 1);
	assert_int_equal(lease_store_put(store, &zoe), 0);
	assert_int_equal(lease_store_save(store), 0);
	lease_store_close(store);

	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(count_of(store), 2);
	assert_non_null(entry_of(store, "bob"));
	assert_int_equal(entry_of(store, "zoe")->used, 4000);
	lease_store_close(store);
}

/* Somebody has removed the file: all of it is written again. */
static void test_file_is_gone(void **state)
{
	struct lease_entry alice = entry("alice", "10.8.0.2", 1000);
	struct lease_entry bob = entry("bob", "10.8.0.3", 2000);
	struct lease_store *store;
	char path[PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/t.leases", directory);
	unlink(path);
	assert_int_equal(lease_store_open(&store, "t"), 0);
	/* Nothing to say: no file. */
	assert_int_equal(lease_store_save(store), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(lease_store_put(store, &alice), 0);
	assert_int_equal(lease_store_save(store), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(lease_store_put(store, &bob), 0);
	assert_int_equal(lease_store_save(store), 0);
	lease_store_close(store);
	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(count_of(store), 2);
	lease_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_outlive_the_store),
		cmocka_unit_test(test_where_it_is_connected),
		cmocka_unit_test(test_an_address_given_away_has_one_owner),
		cmocka_unit_test(test_bad_lines_are_left_out),
		cmocka_unit_test(test_work_grows_with_the_number_alone),
		cmocka_unit_test(test_lines_are_appended),
		cmocka_unit_test(test_half_a_line),
		cmocka_unit_test(test_file_is_gone),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
