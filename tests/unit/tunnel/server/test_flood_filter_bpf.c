/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By the kernel's own judgement: datagrams over loopback, from real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/tunnel_sockets.h"
#include "tunnel/server/flood_filter_bpf.h"

#define BODY	16
#define RECORD	(13 + BODY)
#define FLOOR	UINT64_C(0x0123456700)
#define SALT	UINT64_C(0x9e3779b97f4a7c15)
#define SENDERS 4

struct lab {
	int server, senders[SENDERS];
	struct sockaddr_in6 address;
	struct flood_filter_bpf_source sources[FLOOD_FILTER_BPF_SOURCES + 1];
};

static int bind_to(const struct sockaddr_in6 *address, struct sockaddr_in6 *got)
{
	socklen_t length = sizeof(*got);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), off = 0;

	assert_true(fd >= 0);
	assert_int_equal(
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)),
		0);
	assert_int_equal(
		bind(fd, (const struct sockaddr *)address, sizeof(*address)),
		0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)got, &length), 0);
	return fd;
}

/* Everybody on loopback, of IPv4 or IPv6, with ports of their own. */
static void set_up(struct lab *lab, const char *text)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6}, got;

	memset(lab, 0, sizeof(*lab));
	assert_int_equal(inet_pton(AF_INET6, text, &any.sin6_addr), 1);
	lab->server = bind_to(&any, &lab->address);
	for (int i = 0; i < SENDERS; i++) {
		lab->senders[i] = bind_to(&any, &got);
		assert_int_equal(
			inet_endpoint_from_sockaddr((struct sockaddr *)&got,
						    &lab->sources[i].outer),
			0);
	}
}

static void tear_down(struct lab *lab)
{
	close(lab->server);
	for (int i = 0; i < SENDERS; i++)
		close(lab->senders[i]);
}

static void attach(struct lab *lab, size_t count)
{
	static struct flood_filter_bpf program;

	assert_int_equal(flood_filter_bpf_make(&program, FLOOD_FILTER_BPF_DROP,
					       lab->sources, count, SALT),
			 0);
	assert_int_equal(flood_filter_bpf_attach(&program, lab->server), 0);
}

static void make_record(uint8_t *record, uint16_t epoch, uint64_t sequence)
{
	uint8_t header[13] = {23, 0xfe, 0xfd, (uint8_t)(epoch >> 8),
			      (uint8_t)epoch};

	for (int i = 0; i < 6; i++)
		header[5 + i] = (uint8_t)(sequence >> (40 - 8 * i));
	header[12] = BODY;
	memset(record, 0x55, RECORD);
	memcpy(record, header, sizeof(header));
}

/* Returns whether it comes through; what is on loopback is there at once. */
static bool passes(struct lab *lab, int sender, const uint8_t *data,
		   size_t length)
{
	uint8_t got[256];
	ssize_t size;

	assert_int_equal(sendto(lab->senders[sender], data, length, 0,
				(struct sockaddr *)&lab->address,
				sizeof(lab->address)),
			 length);
	size = recv(lab->server, got, sizeof(got), MSG_DONTWAIT);
	if (size < 0)
		return false;
	assert_int_equal(size, length); /* whole */
	assert_memory_equal(got, data, length);
	return true;
}

static bool record_passes(struct lab *lab, int sender, uint16_t epoch,
			  uint64_t sequence)
{
	uint8_t record[RECORD];

	make_record(record, epoch, sequence);
	return passes(lab, sender, record, sizeof(record));
}

static void check_strangers(const char *address)
{
	struct lab lab;

	set_up(&lab, address);
	assert_true(record_passes(&lab, 3, 1, 7));
	for (size_t known = 0; known < SENDERS; known++) {
		attach(&lab, known);
		for (size_t i = 0; i < SENDERS; i++)
			assert_int_equal(record_passes(&lab, (int)i, 1, 7),
					 i < known);
	}
	flood_filter_bpf_detach(FLOOD_FILTER_BPF_DROP, lab.server);
	assert_true(record_passes(&lab, 3, 1, 7));
	tear_down(&lab);
}

/* Sockets that share a port, in the order of enum tunnel_sort. */
static void share(const char *text, int fds[TUNNEL_SORTS],
		  struct sockaddr_in6 *address)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	int on = 1, off = 0;

	assert_int_equal(inet_pton(AF_INET6, text, &any.sin6_addr), 1);
	for (int i = 0; i < TUNNEL_SORTS; i++) {
		socklen_t length = sizeof(*address);

		fds[i] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_true(fds[i] >= 0);
		setsockopt(fds[i], IPPROTO_IPV6, IPV6_V6ONLY, &off,
			   sizeof(off));
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
		assert_int_equal(bind(fds[i],
				      (struct sockaddr *)(i ? address : &any),
				      sizeof(any)),
				 0);
		assert_int_equal(getsockname(fds[i], (struct sockaddr *)address,
					     &length),
				 0);
	}
}

/* Which of the sockets gets what a sender sends, of bytes that say nothing. */
static int gets(const struct lab *lab, int sender, const int fds[TUNNEL_SORTS],
		const struct sockaddr_in6 *address)
{
	static const uint8_t noise[40] = {0xa5, 23, 0xfe, 0xfd};
	uint8_t got[64];

	assert_int_equal(sendto(lab->senders[sender], noise, sizeof(noise), 0,
				(const struct sockaddr *)address,
				sizeof(*address)),
			 sizeof(noise));
	for (int i = 0; i < TUNNEL_SORTS; i++) {
		if (recv(fds[i], got, sizeof(got), MSG_DONTWAIT) ==
		    (ssize_t)sizeof(noise))
			return i;
	}
	return -1;
}

static void check_steering(const char *text)
{
	static struct flood_filter_bpf program;
	struct sockaddr_in6 address;
	int fds[TUNNEL_SORTS];
	struct lab lab;

	set_up(&lab, text);
	share(text, fds, &address);
	for (size_t known = 0; known <= SENDERS; known++) {
		assert_int_equal(
			flood_filter_bpf_make(&program, FLOOD_FILTER_BPF_STEER,
					      lab.sources, known, SALT),
			0);
		assert_int_equal(flood_filter_bpf_attach(&program, fds[0]), 0);
		for (size_t i = 0; i < SENDERS; i++)
			assert_int_equal(gets(&lab, (int)i, fds, &address),
					 i < known ? TUNNEL_SORT_RECORD
						   : TUNNEL_SORT_ASKING);
	}
	flood_filter_bpf_detach(FLOOD_FILTER_BPF_STEER, fds[0]);
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(gets(&lab, i, fds, &address),
				 TUNNEL_SORT_RECORD);
	for (int i = 0; i < TUNNEL_SORTS; i++)
		close(fds[i]);
	tear_down(&lab);
}

/* By who has sent it alone, as with Secret nothing else can be seen. */
static void test_steering(void **state)
{
	(void)state;
	check_steering("::ffff:127.0.0.1");
	check_steering("::1");
}

static void test_strangers(void **state)
{
	(void)state;
	check_strangers("::ffff:127.0.0.1");
}

static void test_strangers_of_ipv6(void **state)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 one = {.sin6_family = AF_INET6,
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int err;

	(void)state;
	assert_true(fd >= 0);
	err = bind(fd, (struct sockaddr *)&one, sizeof(one)) < 0 ? errno : 0;
	close(fd);
	if (err == EADDRNOTAVAIL)
		skip(); /* there is no IPv6 here */
	assert_int_equal(err, 0);
	check_strangers("::1");
}

/* 256 numbers are as one: none is dropped that is not below the floor. */
static void test_replays(void **state)
{
	struct lab lab;

	(void)state;
	set_up(&lab, "::ffff:127.0.0.1");
	lab.sources[1].floor = FLOOR + 0x42;
	lab.sources[2].floor = UINT64_C(1) << 41;
	attach(&lab, SENDERS);
	assert_false(record_passes(&lab, 1, 1, 0));
	assert_false(record_passes(&lab, 1, 1, FLOOR - 1));
	assert_true(record_passes(&lab, 1, 1, FLOOR));
	assert_true(record_passes(&lab, 1, 1, FLOOR + 0x41));
	assert_true(record_passes(&lab, 1, 1, FLOOR << 1));
	/* Another epoch's, and those of whom nothing is too old. */
	assert_true(record_passes(&lab, 1, 2, 0));
	assert_true(record_passes(&lab, 0, 1, 0));
	assert_true(record_passes(&lab, 2, 1, 0));
	tear_down(&lab);
}

/* Two records at once, as a datagram or joined by the kernel. */
static void test_more_than_a_record(void **state)
{
	uint8_t two[2 * RECORD];
	struct lab lab;

	(void)state;
	set_up(&lab, "::ffff:127.0.0.1");
	lab.sources[0].floor = FLOOR;
	attach(&lab, 1);
	make_record(two, 1, 0);
	make_record(two + RECORD, 1, FLOOR);
	assert_false(passes(&lab, 0, two, RECORD));
	assert_true(passes(&lab, 0, two, sizeof(two)));
	assert_false(passes(&lab, 1, two, sizeof(two)));
	/* Too short for a record: not even a header is read beyond its end. */
	assert_false(passes(&lab, 0, two, 5));
	tear_down(&lab);
}

/* The older session's floor must not hold back the newer one's records. */
static void test_twice_the_same(void **state)
{
	struct lab lab;

	(void)state;
	set_up(&lab, "::ffff:127.0.0.1");
	lab.sources[1] = lab.sources[0];
	lab.sources[0].floor = FLOOR;
	attach(&lab, 2);
	assert_true(record_passes(&lab, 0, 1, 0));
	tear_down(&lab);
}

/* As many as there may be: each is found, and the kernel takes the program. */
static void test_many(void **state)
{
	static struct flood_filter_bpf program;
	struct lab lab;

	(void)state;
	set_up(&lab, "::ffff:127.0.0.1");
	for (size_t i = SENDERS; i <= FLOOD_FILTER_BPF_SOURCES; i++) {
		lab.sources[i] = lab.sources[i % 2];
		lab.sources[i].outer.address.bytes[1] = (uint8_t)i;
		lab.sources[i].outer.address.bytes[2] = (uint8_t)(i >> 8);
		lab.sources[i].floor = i;
	}
	lab.sources[3] =
		lab.sources[FLOOD_FILTER_BPF_SOURCES]; /* a stranger is left */
	assert_int_equal(flood_filter_bpf_make(
				 &program, FLOOD_FILTER_BPF_DROP, lab.sources,
				 FLOOD_FILTER_BPF_SOURCES + 1, SALT),
			 -E2BIG);
	attach(&lab, FLOOD_FILTER_BPF_SOURCES);
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(record_passes(&lab, i, 1, 7), i < 3);
	tear_down(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_steering),
		cmocka_unit_test(test_strangers_of_ipv6),
		cmocka_unit_test(test_replays),
		cmocka_unit_test(test_more_than_a_record),
		cmocka_unit_test(test_twice_the_same),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
