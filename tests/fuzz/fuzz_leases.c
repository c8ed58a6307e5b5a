/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of leases: whatever is in it, what is taken from it has valid names
 * and no address twice, and is written in a form that gives the same again.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "host/lease_store.h"
#include "input.h"

/* Comparing all with all has its limit. */
#define ENTRIES_MOST 64

static char directory[] = "/tmp/minivpn-leases.XXXXXX", path[64];

static void discard(void *data, enum log_level level, const char *line)
{
	(void)data;
	(void)level;
	check(line != NULL);
}

static void leave(void)
{
	unlink(path);
	rmdir(directory);
}

static void enter(void)
{
	check(mkdtemp(directory) != NULL);
	snprintf(path, sizeof(path), "%s/fuzz.leases", directory);
	setenv("MINIVPN_STATEDIR", directory, 1);
	atexit(leave);
	log_set_sink(discard, NULL);
}

static void write_file(const struct input *input)
{
	FILE *file = fopen(path, "w");

	check(file != NULL);
	check(fwrite(input->at, 1, input->left, file) == input->left);
	check(fclose(file) == 0);
}

static bool same(const struct inet_address *a, const struct inet_address *b)
{
	return a->family && inet_address_equal(a, b);
}

static void check_entries(const struct lease_store *store)
{
	size_t count;
	const struct lease_entry *list = lease_store_entries(store, &count);

	for (size_t i = 0; i < count && i < ENTRIES_MOST; i++) {
		check(config_name_valid(list[i].peer));
		for (size_t j = 0; j < i; j++) {
			check(strcmp(list[i].peer, list[j].peer) != 0);
			check(!same(&list[i].address4, &list[j].address4));
			check(!same(&list[i].address6, &list[j].address6));
		}
	}
}

/* After one more is put, the file holds what the memory does. */
static void check_written(struct lease_store *store)
{
	static const struct lease_entry entry = {
		.peer = "alice",
		.address4 = {.family = AF_INET, .bytes = {10, 8, 0, 2}},
		.used = 1700000000,
	};
	const struct lease_entry *before, *after;
	struct lease_store *again = NULL;
	size_t count, count_again;

	check(lease_store_put(store, &entry) == 0);
	check(lease_store_save(store) == 0);
	check(lease_store_open(&again, "fuzz") == 0);
	before = lease_store_entries(store, &count);
	after = lease_store_entries(again, &count_again);
	check(count == count_again && count > 0);
	for (size_t i = 0; i < count; i++) {
		check(strcmp(before[i].peer, after[i].peer) == 0);
		check(inet_address_equal(&before[i].address4,
					 &after[i].address4));
		check(inet_address_equal(&before[i].address6,
					 &after[i].address6));
		check(before[i].used == after[i].used);
	}
	lease_store_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct lease_store *store = NULL;

	if (!path[0])
		enter();
	write_file(&input);
	check(lease_store_open(&store, "fuzz") == 0);
	check_entries(store);
	check_written(store);
	lease_store_close(store);
	return 0;
}
