/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "host/lease_store.h"

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
	size_t count;
	const struct lease_entry *entries = lease_store_entries(store, &count);

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(entries[i].peer, peer))
			return &entries[i];
	}
	return NULL;
}

static void test_entries_outlive_the_store(void **state)
{
	struct lease_entry alice = entry("alice", "10.8.0.2", 1000);
	struct lease_entry bob = entry("bob", "10.8.0.3", 2000);
	struct lease_store *store;
	size_t count;

	(void)state;
	assert_int_equal(lease_store_open(&store, "t"), 0);
	assert_int_equal(lease_store_put(store, &alice), 0);
	assert_int_equal(lease_store_put(store, &bob), 0);
	alice.used = 3000;
	assert_int_equal(lease_store_put(store, &alice), 0);
	assert_int_equal(lease_store_save(store), 0);
	lease_store_close(store);

	assert_int_equal(lease_store_open(&store, "t"), 0);
	lease_store_entries(store, &count);
	assert_int_equal(count, 2);
	assert_int_equal(entry_of(store, "alice")->used, 3000);
	assert_true(inet_address_equal(&entry_of(store, "bob")->address4,
				       &bob.address4));
	assert_int_equal(entry_of(store, "bob")->address6.family, 0);
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
	size_t count;
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/t.leases", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("# comment\n../x 10.8.0.2 none 1\nalice 10.8.0.999 none 1\n"
	      "bob fd08::3 none 1\ncarol 10.8.0.4 none x\n"
	      "dave 10.8.0.5 fd08::5 7\nerin 10.8.0.6",
	      file);
	fclose(file);
	assert_int_equal(lease_store_open(&store, "t"), 0);
	lease_store_entries(store, &count);
	assert_int_equal(count, 1);
	assert_non_null(entry_of(store, "dave"));
	lease_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_outlive_the_store),
		cmocka_unit_test(test_an_address_given_away_has_one_owner),
		cmocka_unit_test(test_bad_lines_are_left_out),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
