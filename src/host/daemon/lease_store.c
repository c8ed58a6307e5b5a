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
#include "common/tunnel_sockets.h"

/*
 * A hostile tunnel process could make up names: bounded. Where it is full, the
 * oldest make room for some more at once, as to find them takes a look at all.
 */
#define LEASE_ENTRIES 65536
#define LEASE_ROOM    4096
#define BUCKETS	      65536
/* A line has a name, two addresses and a time; longer ones are no leases. */
#define LINE_SIZE 256

/* The file is written anew when it has this many lines that say nothing new. */
#define OLD_LINES 4096

/* Bytes that wait to be appended; where there are more, all is written. */
#define PENDING_SIZE 65536

/* A lease is looked for by one of these. */
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
	/* The file and these lines say all: nothing has to be written anew. */
	bool whole;
	char pending[PENDING_SIZE];
	size_t pending_length, pending_lines;
	size_t lines; /* in the file */
};

/* Returns NULL where there is no address of this family. */
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

/* The hash is FNV-1a, as in host/change/kind_support.c. */
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
	/* No line can say that one is gone. */
	store->whole = false;
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
	char v4[INET_ADDRESS_TEXT], v6[INET_ADDRESS_TEXT],
		outer[INET_ENDPOINT_TEXT], local[INET_ADDRESS_TEXT];
	int fields;

	memset(entry, 0, sizeof(*entry));
	fields = sscanf(line, "%63s %45s %45s %" SCNd64 " %53s %45s %u",
			entry->peer, v4, v6, &entry->used, outer, local,
			&entry->socket);
	if (fields < 4 || !config_name_valid(entry->peer) ||
	    parse_address(v4, AF_INET, &entry->address4) ||
	    parse_address(v6, AF_INET6, &entry->address6))
		return -EINVAL;
	if (fields < 7)
		return 0;
	if (inet_parse_endpoint(outer, &entry->outer) ||
	    !entry->outer.address.family || !entry->outer.port ||
	    entry->socket >= TUNNEL_SOCKETS ||
	    parse_address(local, entry->outer.address.family, &entry->local))
		return -EINVAL;
	return 0;
}

/*
 * A line without an end was being written when the machine stopped: what it
 * says of a lease may be half of it. -EINVAL where there is no lease in it.
 */
static int load_line(struct lease_store *store, const char *line)
{
	struct lease_entry entry;

	store->lines++;
	store->whole = strchr(line, '\n') != NULL;
	if (line[0] == '#')
		return 0;
	if (!store->whole || parse_line(line, &entry))
		return -EINVAL;
	return put(store, &entry);
}

static int load(struct lease_store *store)
{
	FILE *file = fopen(store->path, "re");
	char line[LINE_SIZE];
	size_t wrong = 0;
	int err = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (err != -ENOMEM && fgets(line, sizeof(line), file)) {
		err = load_line(store, line);
		if (err == -EINVAL && wrong++ == 0)
			log_warning("%s:%zu: not a lease: left out",
				    store->path, store->lines);
	}
	fclose(file);
	if (wrong > 1)
		log_warning("%s: %zu more lines are not leases: left out",
			    store->path, wrong - 1);
	return err == -ENOMEM ? err : 0;
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

static int print(const struct lease_entry *entry, char *buffer, size_t size)
{
	char v4[INET_ADDRESS_TEXT], v6[INET_ADDRESS_TEXT],
		outer[INET_ENDPOINT_TEXT], local[INET_ADDRESS_TEXT];
	int length =
		snprintf(buffer, size, "%s %s %s %" PRId64, entry->peer,
			 inet_format_address(&entry->address4, v4, sizeof(v4)),
			 inet_format_address(&entry->address6, v6, sizeof(v6)),
			 entry->used);
	size_t used = (size_t)length;

	if (!entry->outer.address.family)
		return length + snprintf(buffer + used, size - used, "\n");
	return length + snprintf(buffer + used, size - used, " %s %s %u\n",
				 inet_format_endpoint(&entry->outer, outer,
						      sizeof(outer)),
				 inet_format_address(&entry->local, local,
						     sizeof(local)),
				 entry->socket);
}

static int write_entries(const struct lease_store *store, FILE *file)
{
	const struct lease_entry *entry = NULL;
	char line[LINE_SIZE];

	fprintf(file, "# peer address4 address6 last-used connected-at\n");
	while ((entry = lease_store_next(store, entry)) != NULL) {
		print(entry, line, sizeof(line));
		fputs(line, file);
	}
	if (fflush(file) || ferror(file))
		return errno ? -errno : -EIO;
	return 0;
}

static int write_anew(struct lease_store *store)
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
	if (err) {
		unlink(temporary);
		return err;
	}
	store->lines = store->count + 1;
	store->whole = true;
	return 0;
}

static int append(struct lease_store *store)
{
	int fd =
		open(store->path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, store->pending, store->pending_length);
	if (close(fd) || written != (ssize_t)store->pending_length)
		return -EIO;
	store->lines += store->pending_lines;
	return 0;
}

/*
 * A lease is noted even where another will take its place before it is written.
 */
static void note(struct lease_store *store, const struct lease_entry *entry)
{
	size_t room = PENDING_SIZE - store->pending_length;
	int length;

	if (room < LINE_SIZE) {
		store->whole = false;
		return;
	}
	length = print(entry, store->pending + store->pending_length, room);
	store->pending_length += (size_t)length;
	store->pending_lines++;
}

int lease_store_put(struct lease_store *store, const struct lease_entry *entry)
{
	int err = put(store, entry);

	if (err)
		return err;
	note(store, entry);
	store->changed = true;
	return 0;
}

int lease_store_save(struct lease_store *store)
{
	int err = -EAGAIN;

	if (!store->changed)
		return 0;
	if (store->whole && store->lines < 2 * store->count + OLD_LINES)
		err = append(store);
	/*
	 * The file is written anew after an append that failed, which may have
	 * left a part of a line.
	 */
	if (err)
		err = write_anew(store);
	if (err) {
		store->whole = false;
		return err;
	}
	store->changed = false;
	store->pending_length = 0;
	store->pending_lines = 0;
	return 0;
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

const struct lease_entry *lease_store_find(struct lease_store *store,
					   const char *peer)
{
	struct lease_entry wanted = {0};
	struct lease *lease;

	snprintf(wanted.peer, sizeof(wanted.peer), "%s", peer);
	lease = find(store, &wanted, KEY_PEER);
	return lease ? &lease->entry : NULL;
}
