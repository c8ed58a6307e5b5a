/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/usage_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/ipc/control_socket.h"
#include "common/log.h"

/*
 * With certificates a hostile tunnel process could make up names: bounded. The
 * ones that were not seen for longest make room for some more at once.
 */
#define ENTRIES 65536
#define ROOM	4096
/* A name and five numbers; longer lines are none of ours. */
#define LINE_SIZE 256

struct usage_store {
	char path[PATH_MAX];
	struct usage_entry *entries;
	bool changed; /* since it was saved */
};

/* Numbers stay what JSON's integers can hold. */
static uint64_t plus(uint64_t a, uint64_t b)
{
	return a > INT64_MAX - b || b > INT64_MAX ? INT64_MAX : a + b;
}

static struct traffic_bytes sum(const struct traffic_bytes *a,
				const struct traffic_bytes *b)
{
	return (struct traffic_bytes){
		.rx_packets = plus(a->rx_packets, b->rx_packets),
		.rx_bytes = plus(a->rx_bytes, b->rx_bytes),
		.tx_packets = plus(a->tx_packets, b->tx_packets),
		.tx_bytes = plus(a->tx_bytes, b->tx_bytes),
	};
}

struct traffic_bytes usage_store_total(const struct usage_entry *entry)
{
	return sum(&entry->past, &entry->session);
}

static int by_seen(const struct usage_entry *a, const struct usage_entry *b)
{
	return (a->seen > b->seen) - (a->seen < b->seen);
}

static void make_room(struct usage_store *store)
{
	struct usage_entry *entry, *next;

	if (HASH_COUNT(store->entries) < ENTRIES)
		return;
	HASH_SORT(store->entries, by_seen);
	HASH_ITER (hh, store->entries, entry, next) {
		if (HASH_COUNT(store->entries) <= ENTRIES - ROOM)
			return;
		HASH_DEL(store->entries, entry);
		free(entry);
	}
}

static struct usage_entry *find(const struct usage_store *store,
				const char *peer)
{
	struct usage_entry *entry;

	HASH_FIND_STR(store->entries, peer, entry);
	return entry;
}

/* Returns NULL where there is no memory. */
static struct usage_entry *find_or_add(struct usage_store *store,
				       const char *peer)
{
	struct usage_entry *entry = find(store, peer);

	if (entry)
		return entry;
	make_room(store);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	snprintf(entry->peer, sizeof(entry->peer), "%s", peer);
	HASH_ADD_STR(store->entries, peer, entry);
	if (HASH_ADDED(entry))
		return entry;
	free(entry);
	return NULL;
}

int usage_store_put(struct usage_store *store, const char *peer, int64_t seen,
		    const struct traffic_bytes *session, bool over)
{
	static const struct traffic_bytes none;
	struct usage_entry *entry = find_or_add(store, peer);

	if (!entry)
		return -ENOMEM;
	if (seen > entry->seen)
		entry->seen = seen;
	entry->session = *session;
	if (over) {
		entry->past = usage_store_total(entry);
		entry->session = none;
	}
	store->changed = true;
	return 0;
}

void usage_store_end_all(struct usage_store *store)
{
	static const struct traffic_bytes none;
	struct usage_entry *entry, *next;

	HASH_ITER (hh, store->entries, entry, next) {
		entry->past = usage_store_total(entry);
		entry->session = none;
	}
}

const struct usage_entry *usage_store_find(const struct usage_store *store,
					   const char *peer)
{
	return find(store, peer);
}

/* -EINVAL where it is no such line. */
static int load_line(struct usage_store *store, const char *line)
{
	struct usage_entry read = {0}, *entry;
	struct traffic_bytes *past = &read.past;
	int fields;

	if (line[0] == '#')
		return 0;
	fields = sscanf(line,
			"%63s %" SCNd64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			" %" SCNu64,
			read.peer, &read.seen, &past->rx_bytes,
			&past->rx_packets, &past->tx_bytes, &past->tx_packets);
	if (fields < 6 || !strchr(line, '\n') || read.seen < 0 ||
	    !config_name_valid(read.peer))
		return -EINVAL;
	entry = find_or_add(store, read.peer);
	if (!entry)
		return -ENOMEM;
	entry->seen = read.seen;
	/* Each is at most what there can be. */
	entry->past = sum(&read.past, &read.session);
	return 0;
}

static int load(struct usage_store *store)
{
	FILE *file = fopen(store->path, "re");
	char line[LINE_SIZE];
	size_t number = 0, wrong = 0;
	int err = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (err != -ENOMEM && fgets(line, sizeof(line), file)) {
		number++;
		err = load_line(store, line);
		if (err == -EINVAL && wrong++ == 0)
			log_warning("%s:%zu: not a client's traffic: left out",
				    store->path, number);
	}
	fclose(file);
	if (wrong > 1)
		log_warning("%s: %zu more lines are left out", store->path,
			    wrong - 1);
	return err == -ENOMEM ? err : 0;
}

int usage_store_open(struct usage_store **result, const char *tunnel)
{
	struct usage_store *store = calloc(1, sizeof(*store));
	int err;

	if (!store)
		return -ENOMEM;
	snprintf(store->path, sizeof(store->path), "%s/%s.usage",
		 control_statedir(), tunnel);
	err = load(store);
	if (err) {
		usage_store_close(store);
		return err;
	}
	*result = store;
	return 0;
}

void usage_store_close(struct usage_store *store)
{
	struct usage_entry *entry, *next;

	if (!store)
		return;
	HASH_ITER (hh, store->entries, entry, next) {
		HASH_DEL(store->entries, entry);
		free(entry);
	}
	free(store);
}

static int write_entries(const struct usage_store *store, FILE *file)
{
	const struct usage_entry *entry, *next;

	fprintf(file, "# peer last-seen rx-bytes rx-packets tx-bytes "
		      "tx-packets\n");
	HASH_ITER (hh, store->entries, entry, next) {
		const struct traffic_bytes total = usage_store_total(entry);

		fprintf(file,
			"%s %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			" %" PRIu64 "\n",
			entry->peer, entry->seen, total.rx_bytes,
			total.rx_packets, total.tx_bytes, total.tx_packets);
	}
	if (fflush(file) || ferror(file))
		return errno ? -errno : -EIO;
	return 0;
}

static int write_to(const struct usage_store *store, const char *path)
{
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		      0600);
	FILE *file;
	int err;

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
	return err;
}

int usage_store_save(struct usage_store *store)
{
	char temporary[PATH_MAX + 8];
	int err;

	if (!store->changed)
		return 0;
	err = control_claim_directory(control_statedir());
	if (err)
		return err;
	snprintf(temporary, sizeof(temporary), "%s.new", store->path);
	err = write_to(store, temporary);
	if (!err && rename(temporary, store->path) < 0)
		err = -errno;
	if (err) {
		unlink(temporary);
		return err;
	}
	store->changed = false;
	return 0;
}
