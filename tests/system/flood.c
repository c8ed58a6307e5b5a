/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile datagrams, as fast as one core can send them, for test_flood.py:
 *
 *   flood KIND SERVER:PORT FILE SECONDS COUNT [SOURCE:PORT]
 *   flood echo SERVER:PORT FILE SECONDS COUNT SOURCE:0 ADDRESSES SOCKETS RATE
 *
 * FILE holds datagrams of a real client, each behind two bytes of length, the
 * first a ClientHello without a cookie. Ends after COUNT datagrams (0: never),
 * SECONDS or a SIGTERM, and says how many it has sent, in how many seconds.
 * Needs CAP_NET_RAW but for half-open and echo; IPv4 only. echo sends RATE
 * hellos a second, each a new one with a true cookie, by SOCKETS sockets that
 * are bound to ADDRESSES addresses from SOURCE on, evenly, and says as well how
 * many of them the server has signed an answer to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/bytes.h"
#include "tunnel/dtls/dtls.h"

#define BATCH 64
/* What the path carries (the search for its MTU), and a cookie. */
#define DATAGRAM_MAX  (1472 + 16)
#define DATAGRAMS_MAX 512
#define HEADERS	      (sizeof(struct iphdr) + sizeof(struct udphdr))
/* In a record that a ClientHello begins, whose session ID is empty. */
#define OFFSET_MESSAGE	(DTLS_HEADER + DTLS_MESSAGE_LENGTH)
#define OFFSET_SEQUENCE (DTLS_HEADER + DTLS_MESSAGE_SEQUENCE)
#define OFFSET_FRAGMENT (DTLS_HEADER + DTLS_FRAGMENT_LENGTH)
#define OFFSET_RANDOM	(DTLS_HELLO + DTLS_HELLO_RANDOM)
#define OFFSET_COOKIE	(DTLS_HELLO + DTLS_HELLO_SESSION_ID + 1)
#define COOKIE_SIZE	16
/* A HelloVerifyRequest has a version, and the cookie's length before it. */
#define OFFSET_ASKED (DTLS_HEADER + DTLS_MESSAGE_HEADER + 2 + 1)
#define SERVER_HELLO 2

struct datagram {
	size_t length;
	uint8_t data[DATAGRAM_MAX];
};

struct flood {
	struct sockaddr_in server, source;
	struct datagram *known; /* what FILE holds */
	size_t known_count;
	uint64_t seed, sent, answered;
	double until;
	uint64_t most;
};

struct kind {
	const char *name;
	/* Makes one datagram; NULL for half-open. */
	void (*make)(struct flood *flood, struct datagram *datagram);
	bool spoof; /* from random addresses; else from SOURCE */
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* xorshift64 */
static uint32_t random32(struct flood *flood)
{
	flood->seed ^= flood->seed << 13;
	flood->seed ^= flood->seed >> 7;
	flood->seed ^= flood->seed << 17;
	return (uint32_t)(flood->seed >> 32);
}

static void randomize(struct flood *flood, uint8_t *to, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = (uint8_t)random32(flood);
}

/* Makes it longer by as many bytes in all three lengths that it has. */
static void lengthen(struct datagram *hello, size_t by)
{
	static const size_t offsets[] = {DTLS_LENGTH, OFFSET_MESSAGE + 1,
					 OFFSET_FRAGMENT + 1};

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		uint8_t *at = hello->data + offsets[i];

		put16(at, (uint16_t)(get16(at) + by));
	}
	hello->length += by;
}

static void make_hello(struct flood *flood, struct datagram *datagram)
{
	*datagram = flood->known[0];
	randomize(flood, datagram->data + OFFSET_RANDOM, 32);
}

static void add_cookie(struct datagram *hello,
		       const uint8_t cookie[COOKIE_SIZE])
{
	uint8_t *at = hello->data + OFFSET_COOKIE;

	memmove(at + 1 + COOKIE_SIZE, at + 1,
		hello->length - OFFSET_COOKIE - 1);
	*at = COOKIE_SIZE;
	memcpy(at + 1, cookie, COOKIE_SIZE);
	lengthen(hello, COOKIE_SIZE);
}

/* With a cookie that the server has not made. */
static void make_forged(struct flood *flood, struct datagram *datagram)
{
	uint8_t cookie[COOKIE_SIZE];

	make_hello(flood, datagram);
	randomize(flood, cookie, sizeof(cookie));
	add_cookie(datagram, cookie);
}

/* With the one that the server has asked for: the second hello of a client. */
static void add_true_cookie(struct datagram *hello,
			    const uint8_t cookie[COOKIE_SIZE])
{
	add_cookie(hello, cookie);
	hello->data[10]++;		    /* the record's sequence number */
	hello->data[OFFSET_SEQUENCE + 1]++; /* the message's */
}

static void make_garbage(struct flood *flood, struct datagram *datagram)
{
	datagram->length = random32(flood) % 200;
	randomize(flood, datagram->data, datagram->length);
}

static void make_replay(struct flood *flood, struct datagram *datagram)
{
	*datagram = flood->known[random32(flood) % flood->known_count];
}

static void make_truncated(struct flood *flood, struct datagram *datagram)
{
	make_replay(flood, datagram);
	datagram->length = random32(flood) % datagram->length;
}

/* Well-formed, of an epoch that is encrypted, and of nobody's session. */
static void make_record(struct flood *flood, struct datagram *datagram)
{
	static const uint8_t head[] = {
		DTLS_APPLICATION_DATA,
		DTLS_1_2 >> 8,
		DTLS_1_2 & 0xff,
		0,
		1,
		0,
		0,
	};

	datagram->length = DTLS_HEADER + 100;
	memcpy(datagram->data, head, sizeof(head));
	randomize(flood, datagram->data + sizeof(head), 4 + 2 + 100);
	put16(datagram->data + DTLS_LENGTH, 100);
}

/* Of the live session as far as can be seen, so that its tag is checked. */
static void make_unauthentic(struct flood *flood, struct datagram *datagram)
{
	make_record(flood, datagram);
	memset(datagram->data + DTLS_SEQUENCE, 0, 4);
	datagram->data[DTLS_SEQUENCE + 4] = 0xff;
}

/* The same with an alert, which the data path has no use for. */
static void make_alert(struct flood *flood, struct datagram *datagram)
{
	make_unauthentic(flood, datagram);
	datagram->data[DTLS_TYPE] = DTLS_ALERT;
}

static const struct kind kinds[] = {
	{"hello", make_hello, true},
	{"forged-cookie", make_forged, true},
	{"garbage", make_garbage, true},
	{"truncated", make_truncated, true},
	{"record", make_record, true},
	{"replay", make_replay, false},
	{"unauthentic", make_unauthentic, false},
	{"alert", make_alert, false},
	{"half-open", NULL, false},
	{"echo", NULL, false},
};

static bool goes_on(const struct flood *flood)
{
	return !stopped && (!flood->most || flood->sent < flood->most) &&
	       now() < flood->until;
}

/* The range for benchmarks (RFC 2544), which nobody has a route to. */
static uint32_t random_address(struct flood *flood)
{
	return htonl(0xc6120000 | (random32(flood) & 0x1ffff));
}

static void write_headers(struct flood *flood, const struct kind *kind,
			  uint8_t *packet, size_t length)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.tot_len = htons((uint16_t)(HEADERS + length)),
		.saddr = flood->source.sin_addr.s_addr,
		.daddr = flood->server.sin_addr.s_addr,
	};
	struct udphdr udp = {
		.source = flood->source.sin_port,
		.dest = flood->server.sin_port,
		.len = htons((uint16_t)(sizeof(udp) + length)),
	};

	if (kind->spoof) {
		ip.saddr = random_address(flood);
		udp.source = htons((uint16_t)(random32(flood) | 1024));
	}
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), &udp, sizeof(udp));
}

static void send_spoofed(struct flood *flood, const struct kind *kind)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	static uint8_t packets[BATCH][HEADERS + DATAGRAM_MAX];
	struct mmsghdr messages[BATCH] = {0};
	struct iovec vectors[BATCH];
	struct datagram datagram;

	if (fd < 0)
		fail("raw socket");
	while (goes_on(flood)) {
		int sent;

		for (size_t i = 0; i < BATCH; i++) {
			kind->make(flood, &datagram);
			write_headers(flood, kind, packets[i], datagram.length);
			memcpy(packets[i] + HEADERS, datagram.data,
			       datagram.length);
			vectors[i].iov_base = packets[i];
			vectors[i].iov_len = HEADERS + datagram.length;
			messages[i].msg_hdr.msg_iov = &vectors[i];
			messages[i].msg_hdr.msg_iovlen = 1;
			messages[i].msg_hdr.msg_name = &flood->server;
			messages[i].msg_hdr.msg_namelen = sizeof(flood->server);
		}
		sent = sendmmsg(fd, messages, BATCH, 0);
		if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
			fail("sendmmsg");
		if (sent > 0)
			flood->sent += (uint64_t)sent;
	}
	close(fd);
}

/* Echoes a cookie, and says no more; the socket is left to the next one. */
static void leave_half_open(struct flood *flood)
{
	struct sockaddr_in any = {.sin_family = AF_INET,
				  .sin_addr = flood->source.sin_addr};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	struct datagram hello;
	uint8_t answer[DATAGRAM_MAX];
	ssize_t got;

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
	    connect(fd, (struct sockaddr *)&flood->server,
		    sizeof(flood->server)))
		fail("socket");
	make_hello(flood, &hello);
	if (send(fd, hello.data, hello.length, 0) < 0 ||
	    poll(&wait, 1, 20) != 1)
		goto cleanup;
	got = recv(fd, answer, sizeof(answer), 0);
	if (got == OFFSET_ASKED + COOKIE_SIZE) {
		add_true_cookie(&hello, answer + OFFSET_ASKED);
		send(fd, hello.data, hello.length, 0);
		flood->sent++;
	}
cleanup:
	close(fd);
}

/* One address and port, and the cookie that the server has made for it. */
struct echo {
	int fd;
	bool has_cookie;
	uint8_t cookie[COOKIE_SIZE];
	uint8_t random[32]; /* of the server's last hello */
};

static void open_echo(const struct flood *flood, struct echo *echo,
		      uint32_t address)
{
	struct sockaddr_in from = flood->source;

	from.sin_addr.s_addr = htonl(ntohl(from.sin_addr.s_addr) + address);
	echo->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (echo->fd < 0 ||
	    bind(echo->fd, (struct sockaddr *)&from, sizeof(from)) ||
	    connect(echo->fd, (const struct sockaddr *)&flood->server,
		    sizeof(flood->server)))
		fail("socket");
}

/* A cookie, where the server's key has changed; or a first flight. */
static void take_answers(struct flood *flood, struct echo *echo)
{
	uint8_t answer[DATAGRAM_MAX] = {0};
	ssize_t got;

	while ((got = recv(echo->fd, answer, sizeof(answer), 0)) >= 0) {
		if (got == OFFSET_ASKED + COOKIE_SIZE) {
			memcpy(echo->cookie, answer + OFFSET_ASKED,
			       COOKIE_SIZE);
			echo->has_cookie = true;
		} else if (answer[DTLS_HEADER] == SERVER_HELLO &&
			   memcmp(echo->random, answer + OFFSET_RANDOM,
				  sizeof(echo->random)) != 0) {
			memcpy(echo->random, answer + OFFSET_RANDOM,
			       sizeof(echo->random));
			flood->answered++;
		}
	}
}

static void send_hello(struct flood *flood, struct echo *echo)
{
	struct datagram hello;

	take_answers(flood, echo);
	make_hello(flood, &hello);
	if (echo->has_cookie)
		add_true_cookie(&hello, echo->cookie);
	if (send(echo->fd, hello.data, hello.length, 0) >= 0)
		flood->sent += echo->has_cookie;
}

static void send_echoes(struct flood *flood, char **arguments)
{
	uint32_t addresses = (uint32_t)atoi(arguments[0]);
	size_t count = (size_t)atoi(arguments[1]), next = 0;
	double rate = atof(arguments[2]), start = now(), due = 0.;
	struct rlimit limit;
	uint32_t step;
	struct echo *echoes = calloc(count, sizeof(*echoes));

	if (!echoes || !addresses || !count)
		fail("usage");
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	step = addresses > count ? addresses / (uint32_t)count : 1;
	for (size_t i = 0; i < count; i++)
		open_echo(flood, &echoes[i], (uint32_t)i * step % addresses);
	while (goes_on(flood)) {
		for (; due < (now() - start) * rate; due++) {
			send_hello(flood, &echoes[next]);
			next = (next + 1) % count;
		}
		poll(NULL, 0, 1);
	}
	/* What has come since the last hello of each. */
	for (size_t i = 0; i < count; i++) {
		take_answers(flood, &echoes[i]);
		close(echoes[i].fd);
	}
	free(echoes);
}

static void read_file(struct flood *flood, const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t length[2];

	flood->known = calloc(DATAGRAMS_MAX, sizeof(*flood->known));
	if (!file || !flood->known)
		fail(path);
	while (flood->known_count < DATAGRAMS_MAX &&
	       fread(length, 1, 2, file) == 2) {
		struct datagram *next = &flood->known[flood->known_count];

		next->length = get16(length);
		if (next->length > DATAGRAM_MAX - COOKIE_SIZE ||
		    fread(next->data, 1, next->length, file) != next->length)
			fail(path);
		flood->known_count++;
	}
	fclose(file);
	if (!flood->known_count || flood->known[0].length <= OFFSET_COOKIE)
		fail("no ClientHello");
}

static struct sockaddr_in read_endpoint(char *text)
{
	struct sockaddr_in endpoint = {.sin_family = AF_INET};
	char *colon = strchr(text, ':');

	if (!colon)
		fail(text);
	*colon = '\0';
	endpoint.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, text, &endpoint.sin_addr) != 1)
		fail(text);
	return endpoint;
}

int main(int argc, char **argv)
{
	struct flood flood = {.seed = 88172645463325252u};
	const struct kind *kind = NULL;
	double start = now();

	for (size_t i = 0; argc > 5 && i < sizeof(kinds) / sizeof(kinds[0]);
	     i++) {
		if (!strcmp(argv[1], kinds[i].name))
			kind = &kinds[i];
	}
	if (!kind)
		fail("usage");
	flood.server = read_endpoint(argv[2]);
	read_file(&flood, argv[3]);
	flood.until = start + atof(argv[4]);
	flood.most = strtoull(argv[5], NULL, 10);
	if (argc > 6)
		flood.source = read_endpoint(argv[6]);
	signal(SIGTERM, stop);
	if (kind->make)
		send_spoofed(&flood, kind);
	else if (argc > 9)
		send_echoes(&flood, argv + 7);
	while (!kind->make && goes_on(&flood))
		leave_half_open(&flood);
	free(flood.known);
	printf("%llu %.3f", (unsigned long long)flood.sent, now() - start);
	if (!strcmp(kind->name, "echo"))
		printf(" %llu", (unsigned long long)flood.answered);
	printf("\n");
	return 0;
}
