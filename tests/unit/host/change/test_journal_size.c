/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A journal of changes that come and go does not grow for ever. */
#include <fcntl.h>
#include <limits.h>
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
#include "host/change/journal.h"
#include "unit/netns.h"

#define STAYS "ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77"
#define FLIPS "ip route add 198.51.100.0/24 via 192.168.1.1 dev eth0 proto 77"
/* Twice its lines are more than the file may have. */
#define TIMES 1500
#define MOST  (100 << 10)

struct lab {
	/* In memory, where fdatasync() costs nothing. */
	char directory[40], path[64];
	struct change_context context;
	struct journal *journal;
	struct change stays, flips;
};

static int enter(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	if (!lab || netns_uplink())
		return -1;
	*state = lab;
	strcpy(lab->directory, "/dev/shm/minivpn-test-XXXXXX");
	if (!mkdtemp(lab->directory) || change_parse(STAYS, &lab->stays) ||
	    change_parse(FLIPS, &lab->flips))
		return -1;
	snprintf(lab->path, sizeof(lab->path), "%s/journal", lab->directory);
	return change_context_open(&lab->context) ||
	       journal_create(lab->path, &lab->journal);
}

static int leave(void **state)
{
	struct lab *lab = *state;

	journal_close(lab->journal);
	change_context_close(&lab->context);
	unlink(lab->path);
	/* Fails where anything else was left in it. */
	assert_int_equal(rmdir(lab->directory), 0);
	free(lab);
	return 0;
}

static off_t size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) ? -1 : status.st_size;
}

static void put(struct lab *lab, const struct change *change)
{
	struct reason reason;

	assert_int_equal(
		journal_apply(lab->journal, &lab->context, change, &reason), 0);
}

static void flip(struct lab *lab)
{
	struct reason reason;

	put(lab, &lab->flips);
	assert_int_equal(journal_revert(lab->journal, &lab->context,
					&lab->flips, &reason),
			 0);
}

static void test_stays_short_and_true(void **state)
{
	struct lab *lab = *state;
	char *before = netns_state(), *after;
	off_t longest = 0;

	put(lab, &lab->stays);
	for (int i = 0; i < TIMES; i++) {
		off_t size;

		flip(lab);
		size = size_of(lab->path);
		longest = size > longest ? size : longest;
	}
	assert_in_range(longest, 1, MOST);
	/* What is in applied is in the new file, for whoever heals by it. */
	put(lab, &lab->flips);
	journal_close(lab->journal);
	lab->journal = NULL;
	assert_int_equal(journal_heal(lab->path, &lab->context), 2);
	after = netns_state();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* A directory of that name: the new file can't be made. */
static void test_goes_on_where_it_cannot(void **state)
{
	struct lab *lab = *state;
	char path[80];

	snprintf(path, sizeof(path), "%s.new", lab->path);
	assert_int_equal(mkdir(path, 0700), 0);
	log_set_level(0);
	put(lab, &lab->stays);
	for (int i = 0; i < TIMES; i++)
		flip(lab);
	assert_true(size_of(lab->path) > MOST);
	journal_close(lab->journal);
	lab->journal = NULL;
	assert_int_equal(journal_heal(lab->path, &lab->context), 1);
	assert_int_equal(rmdir(path), 0);
}

/* Killed while it was writing the new file, which is of no use. */
static void test_half_a_new_file_goes_with_the_old(void **state)
{
	struct lab *lab = *state;
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "%s.new", lab->path);
	put(lab, &lab->stays);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "minivpn-jour", 12), 12);
	close(fd);
	journal_close(lab->journal);
	lab->journal = NULL;
	assert_int_equal(journal_heal(lab->path, &lab->context), 1);
	assert_int_equal(size_of(path), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stays_short_and_true,
						enter, leave),
		cmocka_unit_test_setup_teardown(test_goes_on_where_it_cannot,
						enter, leave),
		cmocka_unit_test_setup_teardown(
			test_half_a_new_file_goes_with_the_old, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
