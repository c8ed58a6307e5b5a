/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of leases: whatever is in it, what is taken from it has valid names
 * and no address twice, and is written in a form that gives the same again.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/log.h"
#include "host/daemon/lease_store.h"
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
	const struct lease_entry *list[ENTRIES_MOST], *entry = NULL;
	size_t count = 0;

	while (count < ENTRIES_MOST &&
	       (entry = lease_store_next(store, entry)) != NULL) {
		check(config_name_valid(entry->peer));
		for (size_t i = 0; i < count; i++) {
			check(strcmp(list[i]->peer, entry->peer) != 0);
			check(!same(&list[i]->address4, &entry->address4));
			check(!same(&list[i]->address6, &entry->address6));
		}
		list[count++] = entry;
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
	const struct lease_entry *before = NULL, *after = NULL;
	struct lease_store *again = NULL;

	check(lease_store_put(store, &entry) == 0);
	check(lease_store_save(store) == 0);
	check(lease_store_open(&again, "fuzz") == 0);
	check(lease_store_next(store, NULL) != NULL);
	while ((before = lease_store_next(store, before)) != NULL) {
		after = lease_store_next(again, after);
		check(after != NULL);
		check(strcmp(before->peer, after->peer) == 0);
		check(inet_address_equal(&before->address4, &after->address4));
		check(inet_address_equal(&before->address6, &after->address6));
		check(before->used == after->used);
		check(inet_endpoint_equal(&before->outer, &after->outer));
		check(inet_address_equal(&before->local, &after->local));
		check(before->socket == after->socket ||
		      !before->outer.address.family);
	}
	check(lease_store_next(again, after) == NULL);
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
