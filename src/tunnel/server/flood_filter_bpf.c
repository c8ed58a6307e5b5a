/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/flood_filter_bpf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/tunnel_sockets.h"
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
/* Who steers begins behind the UDP header, and has to do without options. */
#define AT_PORT4 (SKF_NET_OFF + 20)
#define AT_PORT6 (SKF_NET_OFF + 40)

/*
 * This epoch is the first that is encrypted; no session of ours has a second.
 */
#define EPOCH 1

#define DROP 0
#define PASS UINT32_MAX /* all bytes of it */

/* An entry is a source as the filter sees it. */
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

static void put(struct flood_filter_bpf *program, unsigned code, uint32_t value,
		uint8_t if_true, uint8_t if_false)
{
	if (program->length < BPF_MAXINSNS)
		program->code[program->length] = (struct sock_filter){
			.code = (uint16_t)code,
			.jt = if_true,
			.jf = if_false,
			.k = value,
		};
	program->length++;
}

static void load(struct flood_filter_bpf *program, unsigned size, uint32_t at)
{
	put(program, BPF_LD | BPF_ABS | size, at, 0, 0);
}

/* Puts a jump to a place that is not known yet, which arrive() makes known. */
static unsigned jump(struct flood_filter_bpf *program)
{
	put(program, BPF_JMP | BPF_JA, 0, 0, 0);
	return program->length - 1;
}

static void arrive(struct flood_filter_bpf *program, unsigned from)
{
	if (from < BPF_MAXINSNS)
		program->code[from].k = program->length - from - 1;
}

/* Leaves out the next statement where A is value. */
static void unless(struct flood_filter_bpf *program, uint32_t value)
{
	put(program, BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
}

static void put_words(struct flood_filter_bpf *program, uint32_t at,
		      size_t count, struct salt salt)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			put(program, BPF_MISC | BPF_TAX, 0, 0, 0);
		load(program, BPF_W, at + (uint32_t)(i * sizeof(uint32_t)));
		if (i > 0)
			put(program, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
		put(program, BPF_ALU | BPF_MUL | BPF_K, salt.word, 0, 0);
	}
}

/* A is the hash of an address, and becomes that of the port as well. */
static void put_port(struct flood_filter_bpf *program, uint32_t at,
		     struct salt salt)
{
	put(program, BPF_MISC | BPF_TAX, 0, 0, 0);
	load(program, BPF_H, at);
	put(program, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
	put(program, BPF_ALU | BPF_MUL | BPF_K, salt.whole, 0, 0);
}

/* Puts into A the hash of who has sent it. */
static void put_hash(struct flood_filter_bpf *program, struct salt salt)
{
	bool steers = program->kind == FLOOD_FILTER_BPF_STEER;
	unsigned six, hashed;

	load(program, BPF_B, (uint32_t)AT_VERSION);
	put(program, BPF_ALU | BPF_RSH | BPF_K, 4, 0, 0);
	put(program, BPF_JMP | BPF_JEQ | BPF_K, 4, 1, 0);
	six = jump(program);
	put_words(program, (uint32_t)AT_SOURCE4, 1, salt);
	put_port(program, steers ? (uint32_t)AT_PORT4 : AT_PORT, salt);
	hashed = jump(program);
	arrive(program, six);
	put_words(program, (uint32_t)AT_SOURCE6, 4, salt);
	put_port(program, steers ? (uint32_t)AT_PORT6 : AT_PORT, salt);
	arrive(program, hashed);
}

/* What a stranger's datagram comes to. */
static uint32_t refusal(const struct flood_filter_bpf *program)
{
	return program->kind == FLOOD_FILTER_BPF_STEER ? TUNNEL_SORT_ASKING
						       : DROP;
}

/* Finds A among the entries: X is its floor then; jumps to what comes next. */
static void put_search(struct flood_filter_bpf *program,
		       const struct entry *entries, size_t count,
		       unsigned *found)
{
	size_t half = count / 2;
	unsigned upper;

	if (count == 0) {
		put(program, BPF_RET | BPF_K, refusal(program), 0, 0);
	} else if (count == 1) {
		put(program, BPF_JMP | BPF_JEQ | BPF_K, entries->hash, 1, 0);
		put(program, BPF_RET | BPF_K, refusal(program), 0, 0);
		put(program, BPF_LDX | BPF_IMM, entries->floor, 0, 0);
		*found = jump(program);
	} else {
		put(program, BPF_JMP | BPF_JGE | BPF_K, entries[half].hash, 0,
		    1);
		upper = jump(program);
		put_search(program, entries, half, found);
		arrive(program, upper);
		put_search(program, entries + half, count - half, found + half);
	}
}

/*
 * X is the floor. A datagram is checked if it holds one record alone: what the
 * kernel has joined (UDP_GRO) may have others behind the first.
 */
static void put_floor(struct flood_filter_bpf *program)
{
	put(program, BPF_STX, 0, 0, 0);
	load(program, BPF_H, AT_LENGTH);
	put(program, BPF_ALU | BPF_ADD | BPF_K, UDP_HEADER + DTLS_HEADER, 0, 0);
	put(program, BPF_MISC | BPF_TAX, 0, 0, 0);
	put(program, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
	put(program, BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0);
	put(program, BPF_RET | BPF_K, PASS, 0, 0);
	load(program, BPF_H, AT_EPOCH);
	unless(program, EPOCH);
	put(program, BPF_RET | BPF_K, PASS, 0, 0);
	put(program, BPF_LDX | BPF_MEM, 0, 0, 0);
	load(program, BPF_W, AT_SEQUENCE);
	put(program, BPF_JMP | BPF_JGE | BPF_X, 0, 0, 1);
	put(program, BPF_RET | BPF_K, PASS, 0, 0);
	put(program, BPF_RET | BPF_K, DROP, 0, 0);
}

static int by_hash(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->floor < b->floor ? -1 : a->floor > b->floor;
}

/* One of those with one hash stays, the one with the lowest floor. */
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

/* A number that is longer makes nothing too old. */
static uint32_t short_floor(uint64_t floor)
{
	floor >>= SEQUENCE_BITS;
	return floor <= UINT32_MAX ? (uint32_t)floor : 0;
}

int flood_filter_bpf_make(struct flood_filter_bpf *program,
			  enum flood_filter_bpf_kind kind,
			  const struct flood_filter_bpf_source *sources,
			  size_t count, uint64_t salt)
{
	struct salt salts = {(uint32_t)salt | 1, (uint32_t)(salt >> 32) | 1};
	struct entry entries[FLOOD_FILTER_BPF_SOURCES];
	unsigned found[FLOOD_FILTER_BPF_SOURCES];

	if (count > FLOOD_FILTER_BPF_SOURCES)
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		entries[i] = (struct entry){hash(&sources[i].outer, salts),
					    short_floor(sources[i].floor)};
	count = unique(entries, count);
	program->length = 0;
	program->kind = kind;
	put_hash(program, salts);
	put_search(program, entries, count, found);
	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		arrive(program, found[i]);
	if (kind == FLOOD_FILTER_BPF_STEER)
		put(program, BPF_RET | BPF_K, TUNNEL_SORT_RECORD, 0, 0);
	else
		put_floor(program);
	return program->length <= BPF_MAXINSNS ? 0 : -E2BIG;
}

static int option_of(enum flood_filter_bpf_kind kind)
{
	return kind == FLOOD_FILTER_BPF_STEER ? SO_ATTACH_REUSEPORT_CBPF
					      : SO_ATTACH_FILTER;
}

int flood_filter_bpf_attach(const struct flood_filter_bpf *program, int fd)
{
	const struct sock_fprog attached = {
		.len = (unsigned short)program->length,
		.filter = (struct sock_filter *)program->code,
	};

	return setsockopt(fd, SOL_SOCKET, option_of(program->kind), &attached,
			  sizeof(attached)) < 0
		       ? -errno
		       : 0;
}

/* Without a program the kernel would deal datagrams out by its own hash. */
void flood_filter_bpf_detach(enum flood_filter_bpf_kind kind, int fd)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, TUNNEL_SORT_RECORD);
	const struct sock_fprog program = {1, &all};
	int unused = 0;

	if (kind == FLOOD_FILTER_BPF_STEER)
		setsockopt(fd, SOL_SOCKET, option_of(kind), &program,
			   sizeof(program));
	else
		setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused,
			   sizeof(unused));
}
