/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/flood_filter_bpf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tunnel/dtls/dtls.h"

/*
 * Offsets from the UDP header, where such a filter begins, and in a record
 * behind it; of addresses, from the IP header.
 */
#define AT_PORT	   0
#define UDP_HEADER 8
#define AT_EPOCH   (UDP_HEADER + DTLS_EPOCH)
/* The sequence number is used but for its first byte, and its last. */
#define AT_SEQUENCE   (UDP_HEADER + DTLS_SEQUENCE + 1)
#define SEQUENCE_BITS 8
#define AT_LENGTH     (UDP_HEADER + DTLS_LENGTH)
#define AT_VERSION    SKF_NET_OFF
#define AT_SOURCE4    (SKF_NET_OFF + 12)
#define AT_SOURCE6    (SKF_NET_OFF + 8)

/* The first one that is encrypted; we know no session with a second. */
#define EPOCH 1

#define DROP 0
#define PASS UINT32_MAX /* all bytes of it */

/* A source as the filter sees it. */
struct entry {
	uint32_t hash;
	uint32_t floor; /* without the last SEQUENCE_BITS */
};

struct salt {
	uint32_t word, whole; /* odd */
};

static uint32_t hash(const struct inet_endpoint *outer, struct salt salt)
{
	size_t words = inet_size(outer->address.family) / sizeof(uint32_t);
	uint32_t sum = 0, word;

	for (size_t i = 0; i < words; i++) {
		memcpy(&word, outer->address.bytes + i * sizeof(word),
		       sizeof(word));
		sum = (sum + ntohl(word)) * salt.word;
	}
	return (sum + outer->port) * salt.whole;
}

static void put(struct flood_filter *flood_filter, unsigned code,
		uint32_t value, uint8_t if_true, uint8_t if_false)
{
	if (flood_filter->length < BPF_MAXINSNS)
		flood_filter->code[flood_filter->length] = (struct sock_filter){
			.code = (uint16_t)code,
			.jt = if_true,
			.jf = if_false,
			.k = value,
		};
	flood_filter->length++;
}

static void load(struct flood_filter *flood_filter, unsigned size, uint32_t at)
{
	put(flood_filter, BPF_LD | BPF_ABS | size, at, 0, 0);
}

/* A jump to a place that is not known yet, which arrive() makes known. */
static unsigned jump(struct flood_filter *flood_filter)
{
	put(flood_filter, BPF_JMP | BPF_JA, 0, 0, 0);
	return flood_filter->length - 1;
}

static void arrive(struct flood_filter *flood_filter, unsigned from)
{
	if (from < BPF_MAXINSNS)
		flood_filter->code[from].k = flood_filter->length - from - 1;
}

/* Leaves out the next statement where A is value. */
static void unless(struct flood_filter *flood_filter, uint32_t value)
{
	put(flood_filter, BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
}

static void put_words(struct flood_filter *flood_filter, uint32_t at,
		      size_t count, struct salt salt)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			put(flood_filter, BPF_MISC | BPF_TAX, 0, 0, 0);
		load(flood_filter, BPF_W,
		     at + (uint32_t)(i * sizeof(uint32_t)));
		if (i > 0)
			put(flood_filter, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
		put(flood_filter, BPF_ALU | BPF_MUL | BPF_K, salt.word, 0, 0);
	}
}

/* A: the hash of who has sent it. */
static void put_hash(struct flood_filter *flood_filter, struct salt salt)
{
	unsigned six, hashed;

	load(flood_filter, BPF_B, (uint32_t)AT_VERSION);
	put(flood_filter, BPF_ALU | BPF_RSH | BPF_K, 4, 0, 0);
	put(flood_filter, BPF_JMP | BPF_JEQ | BPF_K, 4, 1, 0);
	six = jump(flood_filter);
	put_words(flood_filter, (uint32_t)AT_SOURCE4, 1, salt);
	hashed = jump(flood_filter);
	arrive(flood_filter, six);
	put_words(flood_filter, (uint32_t)AT_SOURCE6, 4, salt);
	arrive(flood_filter, hashed);
	put(flood_filter, BPF_MISC | BPF_TAX, 0, 0, 0);
	load(flood_filter, BPF_H, AT_PORT);
	put(flood_filter, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
	put(flood_filter, BPF_ALU | BPF_MUL | BPF_K, salt.whole, 0, 0);
}

/* Finds A among the entries: X is its floor then; jumps to what comes next. */
static void put_search(struct flood_filter *flood_filter,
		       const struct entry *entries, size_t count,
		       unsigned *found)
{
	size_t half = count / 2;
	unsigned upper;

	if (count == 0) {
		put(flood_filter, BPF_RET | BPF_K, DROP, 0, 0);
	} else if (count == 1) {
		put(flood_filter, BPF_JMP | BPF_JEQ | BPF_K, entries->hash, 1,
		    0);
		put(flood_filter, BPF_RET | BPF_K, DROP, 0, 0);
		put(flood_filter, BPF_LDX | BPF_IMM, entries->floor, 0, 0);
		*found = jump(flood_filter);
	} else {
		put(flood_filter, BPF_JMP | BPF_JGE | BPF_K, entries[half].hash,
		    0, 1);
		upper = jump(flood_filter);
		put_search(flood_filter, entries, half, found);
		arrive(flood_filter, upper);
		put_search(flood_filter, entries + half, count - half,
			   found + half);
	}
}

/*
 * X: the floor. Judged is what holds one record only: what the kernel has
 * joined (UDP_GRO) may have others behind the first.
 */
static void put_floor(struct flood_filter *flood_filter)
{
	put(flood_filter, BPF_STX, 0, 0, 0);
	load(flood_filter, BPF_H, AT_LENGTH);
	put(flood_filter, BPF_ALU | BPF_ADD | BPF_K, UDP_HEADER + DTLS_HEADER,
	    0, 0);
	put(flood_filter, BPF_MISC | BPF_TAX, 0, 0, 0);
	put(flood_filter, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
	put(flood_filter, BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0);
	put(flood_filter, BPF_RET | BPF_K, PASS, 0, 0);
	load(flood_filter, BPF_H, AT_EPOCH);
	unless(flood_filter, EPOCH);
	put(flood_filter, BPF_RET | BPF_K, PASS, 0, 0);
	put(flood_filter, BPF_LDX | BPF_MEM, 0, 0, 0);
	load(flood_filter, BPF_W, AT_SEQUENCE);
	put(flood_filter, BPF_JMP | BPF_JGE | BPF_X, 0, 0, 1);
	put(flood_filter, BPF_RET | BPF_K, PASS, 0, 0);
	put(flood_filter, BPF_RET | BPF_K, DROP, 0, 0);
}

static int by_hash(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->floor < b->floor ? -1 : a->floor > b->floor;
}

/* Of those with one hash the first stays, with the lowest floor. */
static size_t unique(struct entry *entries, size_t count)
{
	size_t kept = 0;

	qsort(entries, count, sizeof(*entries), by_hash);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || entries[i].hash != entries[kept - 1].hash)
			entries[kept++] = entries[i];
	}
	return kept;
}

/* Where the number is as long as that, nothing is too old. */
static uint32_t short_floor(uint64_t floor)
{
	floor >>= SEQUENCE_BITS;
	return floor <= UINT32_MAX ? (uint32_t)floor : 0;
}

int flood_filter_make(struct flood_filter *flood_filter,
		      const struct flood_filter_source *sources, size_t count,
		      uint64_t salt)
{
	struct salt salts = {(uint32_t)salt | 1, (uint32_t)(salt >> 32) | 1};
	struct entry entries[FLOOD_FILTER_SOURCES];
	unsigned found[FLOOD_FILTER_SOURCES];

	if (count > FLOOD_FILTER_SOURCES)
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		entries[i] = (struct entry){hash(&sources[i].outer, salts),
					    short_floor(sources[i].floor)};
	count = unique(entries, count);
	flood_filter->length = 0;
	put_hash(flood_filter, salts);
	put_search(flood_filter, entries, count, found);
	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		arrive(flood_filter, found[i]);
	put_floor(flood_filter);
	return flood_filter->length <= BPF_MAXINSNS ? 0 : -E2BIG;
}

int flood_filter_attach(const struct flood_filter *flood_filter, int fd)
{
	const struct sock_fprog program = {
		.len = (unsigned short)flood_filter->length,
		.filter = (struct sock_filter *)flood_filter->code,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program)) < 0
		       ? -errno
		       : 0;
}

void flood_filter_detach(int fd)
{
	int unused = 0;

	setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
}
