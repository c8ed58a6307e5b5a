/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/lease_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "common/config/config.h"
#include "common/ipc/control_socket.h"
#include "common/log.h"

/*
 * A hostile tunnel process could make up names: bounded. Where it is full, the
 * oldest make room for some more at once, as to find them takes a look at all.
 */
#define LEASE_ENTRIES 65536
#define LEASE_ROOM    4096
#define BUCKETS	      16384

/* By what a lease is looked for. */
enum lease_key { KEY_PEER, KEY_ADDRESS4, KEY_ADDRESS6, KEYS };

struct lease {
	struct lease_entry entry; /* the first: lease_store_next() */
	struct lease *prev, *next;
	struct lease *same_bucket[KEYS];
};

struct lease_store {
	char path[PATH_MAX];
	struct lease *leases; /* as they came */
	size_t count;
	struct lease *buckets[KEYS][BUCKETS];
	uint64_t compared;
	bool changed; /* since it was saved */
};

/* NULL: there is no address of this family. */
static const void *key_of(const struct lease_entry *entry, enum lease_key key,
			  size_t *size)
{
	const struct inet_address *address =
		key == KEY_ADDRESS4 ? &entry->address4 : &entry->address6;

	*size = sizeof(*address);
	if (key != KEY_PEER)
		return address->family ? address : NULL;
	*size = strlen(entry->peer);
	return entry->peer;
}

/* FNV-1a */
static struct lease **bucket_of(struct lease_store *store, enum lease_key key,
				const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 16777619u;
	return &store->buckets[key][(hash ^ hash >> 16) % BUCKETS];
}

static struct lease *find(struct lease_store *store,
			  const struct lease_entry *entry, enum lease_key key)
{
	size_t size, its_size;
	const void *bytes = key_of(entry, key, &size), *its;
	struct lease *lease = NULL;

	if (bytes)
		lease = *bucket_of(store, key, bytes, size);
	for (; lease; lease = lease->same_bucket[key]) {
		store->compared++;
		its = key_of(&lease->entry, key, &its_size);
		if (size == its_size && !memcmp(bytes, its, size))
			break;
	}
	return lease;
}

static void add(struct lease_store *store, struct lease *lease)
{
	DL_APPEND(store->leases, lease);
	store->count++;
	for (int key = 0; key < KEYS; key++) {
		size_t size;
		const void *bytes = key_of(&lease->entry, key, &size);
		struct lease **bucket;

		if (!bytes)
			continue;
		bucket = bucket_of(store, key, bytes, size);
		lease->same_bucket[key] = *bucket;
		*bucket = lease;
	}
}

static void drop(struct lease_store *store, struct lease *lease)
{
	if (!lease)
		return;
	for (int key = 0; key < KEYS; key++) {
		size_t size;
		const void *bytes = key_of(&lease->entry, key, &size);
		struct lease **link;

		if (!bytes)
			continue;
		link = bucket_of(store, key, bytes, size);
		while (*link != lease) {
			store->compared++;
			link = &(*link)->same_bucket[key];
		}
		*link = lease->same_bucket[key];
	}
	DL_DELETE(store->leases, lease);
	store->count--;
	free(lease);
}

static int by_age(const struct lease *a, const struct lease *b)
{
	return (a->entry.used > b->entry.used) -
	       (a->entry.used < b->entry.used);
}

static void make_room(struct lease_store *store)
{
	if (store->count < LEASE_ENTRIES)
		return;
	DL_SORT(store->leases, by_age);
	while (store->count > LEASE_ENTRIES - LEASE_ROOM)
		drop(store, store->leases);
}

/* An address that was given away is not the other peer's any more. */
static int put(struct lease_store *store, const struct lease_entry *entry)
{
	struct lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return -ENOMEM;
	lease->entry = *entry;
	for (int key = 0; key < KEYS; key++)
		drop(store, find(store, entry, key));
	make_room(store);
	add(store, lease);
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
	struct lease *lease, *next;

	if (!store)
		return;
	DL_FOREACH_SAFE (store->leases, lease, next)
		free(lease);
	free(store);
}

static int write_entries(const struct lease_store *store, FILE *file)
{
	const struct lease_entry *entry = NULL;

	fprintf(file, "# peer address4 address6 last-used\n");
	while ((entry = lease_store_next(store, entry)) != NULL) {
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

	err = control_claim_directory(control_statedir());
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

const struct lease_entry *lease_store_next(const struct lease_store *store,
					   const struct lease_entry *previous)
{
	const struct lease *lease = (const struct lease *)previous;

	lease = lease ? lease->next : store->leases;
	return lease ? &lease->entry : NULL;
}

uint64_t lease_store_compared(const struct lease_store *store)
{
	return store->compared;
}
