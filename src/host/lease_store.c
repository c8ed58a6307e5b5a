/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/lease_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"
#include "common/control.h"
#include "common/log.h"

/* A hostile tunnel process could make up names: bounded, oldest out. */
#define LEASE_ENTRIES 65536

struct lease_store {
	char path[PATH_MAX];
	struct lease_entry *entries;
	size_t count, capacity;
	bool changed; /* since it was saved */
};

static struct lease_entry *find(struct lease_store *store, const char *peer)
{
	for (size_t i = 0; i < store->count; i++) {
		if (!strcmp(store->entries[i].peer, peer))
			return &store->entries[i];
	}
	return NULL;
}

static struct lease_entry *oldest(struct lease_store *store)
{
	struct lease_entry *entry = &store->entries[0];

	for (size_t i = 1; i < store->count; i++) {
		if (store->entries[i].used < entry->used)
			entry = &store->entries[i];
	}
	return entry;
}

static bool same_address(const struct inet_address *a,
			 const struct inet_address *b)
{
	return a->family && inet_address_equal(a, b);
}

/* An address that was given away is not the other peer's any more. */
static void drop_rivals(struct lease_store *store,
			const struct lease_entry *entry)
{
	size_t kept = 0;

	for (size_t i = 0; i < store->count; i++) {
		const struct lease_entry *other = &store->entries[i];

		if (!strcmp(other->peer, entry->peer) ||
		    !(same_address(&entry->address4, &other->address4) ||
		      same_address(&entry->address6, &other->address6)))
			store->entries[kept++] = *other;
	}
	store->count = kept;
}

static int put(struct lease_store *store, const struct lease_entry *entry)
{
	struct lease_entry *place;

	drop_rivals(store, entry);
	place = find(store, entry->peer);
	if (!place && store->count == LEASE_ENTRIES)
		place = oldest(store);
	if (!place) {
		if (store->count == store->capacity) {
			size_t grown =
				store->capacity ? 2 * store->capacity : 64;
			place = reallocarray(store->entries, grown,
					     sizeof(*place));
			if (!place)
				return -ENOMEM;
			store->entries = place;
			store->capacity = grown;
		}
		place = &store->entries[store->count++];
	}
	*place = *entry;
	return 0;
}

static int parse_address(const char *text, uint16_t family,
			 struct inet_address *address)
{
	if (!strcmp(text, "none")) {
		memset(address, 0, sizeof(*address));
		return 0;
	}
	if (inet_parse_address(text, address) || address->family != family)
		return -EINVAL;
	return 0;
}

static int parse_line(const char *line, struct lease_entry *entry)
{
	char v4[INET_ADDRESS_TEXT], v6[INET_ADDRESS_TEXT];

	memset(entry, 0, sizeof(*entry));
	if (sscanf(line, "%63s %45s %45s %" SCNd64, entry->peer, v4, v6,
		   &entry->used) != 4 ||
	    !config_name_valid(entry->peer) ||
	    parse_address(v4, AF_INET, &entry->address4) ||
	    parse_address(v6, AF_INET6, &entry->address6))
		return -EINVAL;
	return 0;
}

static int load(struct lease_store *store)
{
	FILE *file = fopen(store->path, "re");
	char line[256];
	unsigned number = 0;
	int err = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!err && fgets(line, sizeof(line), file)) {
		struct lease_entry entry;

		number++;
		if (line[0] == '#')
			continue;
		if (parse_line(line, &entry)) {
			log_warning("%s:%u: not a lease: left out", store->path,
				    number);
			continue;
		}
		err = put(store, &entry);
	}
	fclose(file);
	return err;
}

int lease_store_open(struct lease_store **result, const char *tunnel)
{
	struct lease_store *store = calloc(1, sizeof(*store));
	int err;

	if (!store)
		return -ENOMEM;
	snprintf(store->path, sizeof(store->path), "%s/%s.leases",
		 control_statedir(), tunnel);
	err = load(store);
	if (err) {
		lease_store_close(store);
		return err;
	}
	*result = store;
	return 0;
}

void lease_store_close(struct lease_store *store)
{
	if (!store)
		return;
	free(store->entries);
	free(store);
}

static int write_entries(const struct lease_store *store, FILE *file)
{
	fprintf(file, "# peer address4 address6 last-used\n");
	for (size_t i = 0; i < store->count; i++) {
		const struct lease_entry *entry = &store->entries[i];
		char v4[INET_ADDRESS_TEXT], v6[INET_ADDRESS_TEXT];

		fprintf(file, "%s %s %s %" PRId64 "\n", entry->peer,
			inet_format_address(&entry->address4, v4, sizeof(v4)),
			inet_format_address(&entry->address6, v6, sizeof(v6)),
			entry->used);
	}
	if (fflush(file) || ferror(file))
		return errno ? -errno : -EIO;
	return 0;
}

static int save(const struct lease_store *store)
{
	char temporary[PATH_MAX + 8];
	FILE *file;
	int err, fd;

	err = control_make_directory(control_statedir());
	if (err)
		return err;
	snprintf(temporary, sizeof(temporary), "%s.new", store->path);
	fd = open(temporary,
		  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		err = -errno;
		close(fd);
		return err;
	}
	err = write_entries(store, file);
	if (fclose(file) && !err)
		err = -errno;
	if (!err && rename(temporary, store->path) < 0)
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

int lease_store_put(struct lease_store *store, const struct lease_entry *entry)
{
	int err = put(store, entry);

	if (!err)
		store->changed = true;
	return err;
}

int lease_store_save(struct lease_store *store)
{
	int err = store->changed ? save(store) : 0;

	if (!err)
		store->changed = false;
	return err;
}

const struct lease_entry *lease_store_entries(const struct lease_store *store,
					      size_t *count)
{
	*count = store->count;
	return store->entries;
}
