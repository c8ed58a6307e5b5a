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
#include "host/daemon/usage_store.h"

static char directory[] = "/tmp/minivpn-usage-XXXXXX", path[PATH_MAX];

static int make_directory(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	if (!mkdtemp(directory) || setenv("MINIVPN_STATEDIR", directory, 1))
		return -1;
	snprintf(path, sizeof(path), "%s/t.usage", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static struct usage_store *open_store(void)
{
	struct usage_store *store = NULL;

	assert_int_equal(usage_store_open(&store, "t"), 0);
	return store;
}

static void put(struct usage_store *store, const char *peer, int64_t seen,
		uint64_t bytes, bool over)
{
	const struct traffic_bytes session = {
		.rx_packets = bytes / 100,
		.rx_bytes = bytes,
		.tx_packets = bytes / 50,
		.tx_bytes = 2 * bytes,
	};

	assert_int_equal(usage_store_put(store, peer, seen, &session, over), 0);
}

static uint64_t received(const struct usage_store *store, const char *peer)
{
	const struct usage_entry *entry = usage_store_find(store, peer);

	return entry ? usage_store_total(entry).rx_bytes : 0;
}

/* Each session counts once, however often it was asked for meanwhile. */
static void test_sessions_add_up(void **state)
{
	struct usage_store *store = open_store();
	struct traffic_bytes total;

	(void)state;
	assert_null(usage_store_find(store, "alice"));
	put(store, "alice", 1000, 100, false);
	put(store, "alice", 1001, 300, false);
	assert_int_equal(received(store, "alice"), 300);
	put(store, "alice", 1002, 400, true);
	put(store, "alice", 999, 50, false);
	assert_int_equal(received(store, "alice"), 450);
	put(store, "bob", 5, 7, true);
	assert_int_equal(usage_store_save(store), 0);
	usage_store_close(store);

	store = open_store();
	total = usage_store_total(usage_store_find(store, "alice"));
	assert_int_equal(total.rx_bytes, 450);
	assert_int_equal(total.rx_packets, 4);
	assert_int_equal(total.tx_bytes, 900);
	assert_int_equal(total.tx_packets, 9);
	assert_int_equal(usage_store_find(store, "alice")->seen, 1002);
	assert_int_equal(received(store, "bob"), 7);
	usage_store_close(store);
	unlink(path);
}

/* The tunnel process died: what is known of the sessions is not lost. */
static void test_all_are_over(void **state)
{
	struct usage_store *store = open_store();

	(void)state;
	put(store, "alice", 1000, 100, false);
	usage_store_end_all(store);
	put(store, "alice", 1001, 1, false);
	assert_int_equal(received(store, "alice"), 101);
	usage_store_close(store);
}

/* Nothing that is said makes a counter go round, or a number JSON can't hold.
 */
static void test_counters_stop_at_the_end(void **state)
{
	struct usage_store *store = open_store();

	(void)state;
	put(store, "alice", 1, UINT64_MAX, true);
	put(store, "alice", 1, 1000, true);
	assert_int_equal(received(store, "alice"), INT64_MAX);
	put(store, "bob", 1, INT64_MAX - 5, true);
	put(store, "bob", 1, 6, false);
	assert_int_equal(received(store, "bob"), INT64_MAX);
	usage_store_close(store);
}

static void test_names_are_bounded(void **state)
{
	enum { NAMES = 140000, MOST = 65536 };
	struct usage_store *store = open_store();
	unsigned known = 0;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "peer%u", i);
		put(store, name, i, i, true);
	}
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "peer%u", i);
		known += usage_store_find(store, name) != NULL;
	}
	assert_in_range(known, MOST - 4096, MOST);
	/* Those that were not seen for longest are gone. */
	assert_null(usage_store_find(store, "peer1"));
	assert_int_equal(received(store, name), NAMES - 1);
	usage_store_close(store);
}

static void test_bad_lines_are_left_out(void **state)
{
	FILE *file = fopen(path, "w");
	struct usage_store *store;

	(void)state;
	assert_non_null(file);
	fputs("# comment\n../x 1 2 3 4 5\nalice -1 2 3 4 5\nbob 1 2 3 4\n"
	      "carol x 2 3 4 5\ndave 1 18446744073709551615 3 4 5\n"
	      "erin 1 2 3 4 5",
	      file);
	fclose(file);
	store = open_store();
	assert_null(usage_store_find(store, "alice"));
	assert_null(usage_store_find(store, "bob"));
	assert_null(usage_store_find(store, "carol"));
	assert_int_equal(received(store, "dave"), INT64_MAX);
	/* The line may be half of what was being written. */
	assert_null(usage_store_find(store, "erin"));
	/* Nothing has changed: nothing is written. */
	unlink(path);
	assert_int_equal(usage_store_save(store), 0);
	assert_int_equal(access(path, F_OK), -1);
	usage_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions_add_up),
		cmocka_unit_test(test_all_are_over),
		cmocka_unit_test(test_counters_stop_at_the_end),
		cmocka_unit_test(test_names_are_bounded),
		cmocka_unit_test(test_bad_lines_are_left_out),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
