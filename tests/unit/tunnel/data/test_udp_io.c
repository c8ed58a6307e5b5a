/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two ends on the loopback device of a namespace, and the kernel between. */
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "tunnel/data/udp_io.h"
#include "unit/netns.h"

#define PATIENCE_MS 5000
#define SEGMENT	    1200

struct end {
	struct udp_io io;
	struct inet_endpoint endpoint;
};

struct pair {
	struct end from, to;
	struct udp_batch *batch;
	uint8_t out[UDP_IO_SIZE], in[UDP_IO_SIZE * 2];
	size_t received;
	unsigned messages, datagrams, tos[UDP_IO_BATCH];
	struct inet_endpoint peer;
	struct inet_address local;
};

/* What the kernel would say of a device that does not compute checksums. */
static int refusal;
static unsigned refused, notices;

int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count,
		    int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count,
		    int flags);

static bool is_cut(struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
	     c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT)
			return true;
	}
	return false;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	unsigned good = 0;

	while (refusal && good < count && !is_cut(&messages[good].msg_hdr))
		good++;
	if (!refusal || good)
		return __real_sendmmsg(fd, messages, refusal ? good : count,
				       flags);
	refused++;
	errno = refusal;
	return -1;
}

static void count_notices(void *data, enum log_level level, const char *line)
{
	(void)data;
	(void)level;
	if (strstr(line, "does not cut datagrams"))
		notices++;
}

static void open_end(struct end *end, const char *where, bool offload)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd, on = 1, off = 0;

	assert_int_equal(inet_parse_endpoint(where, &end->endpoint), 0);
	fd = socket(end->endpoint.address.family, SOCK_DGRAM | SOCK_NONBLOCK,
		    0);
	assert_true(fd >= 0);
	if (end->endpoint.address.family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	}
	length = inet_endpoint_to_sockaddr(&end->endpoint, &address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(udp_io_init(&end->io, fd, offload), 0);
}

static struct pair *open_pair(const char *from, const char *to, bool cuts,
			      bool joins)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	assert_int_equal(netns_enter(), 0);
	assert_int_equal(netns_run("ip link set lo up"), 0);
	open_end(&pair->from, from, cuts);
	open_end(&pair->to, to, joins);
	assert_int_equal(udp_batch_new(&pair->batch), 0);
	for (size_t i = 0; i < sizeof(pair->out); i++)
		pair->out[i] = (uint8_t)(i * 7 + i / 251);
	refusal = 0;
	refused = notices = 0;
	log_set_sink(count_notices, NULL);
	return pair;
}

static void close_pair(struct pair *pair)
{
	log_set_sink(NULL, NULL);
	close(pair->from.io.fd);
	close(pair->to.io.fd);
	udp_batch_free(pair->batch);
	free(pair);
}

static struct udp_run make_run(const struct pair *pair, size_t length)
{
	return (struct udp_run){
		.peer = pair->to.endpoint,
		.data = (uint8_t *)pair->out,
		.length = length,
		.segment = SEGMENT,
		.count = (unsigned)((length + SEGMENT - 1) / SEGMENT),
	};
}

static void take(struct pair *pair, struct udp_message *message)
{
	struct udp_datagram datagram;

	if (pair->messages < UDP_IO_BATCH)
		pair->tos[pair->messages] = message->tos;
	pair->messages++;
	pair->peer = message->peer;
	pair->local = message->local;
	do {
		udp_message_next(message, &datagram);
		assert_int_equal(datagram.tos, message->tos);
		assert_true(pair->received + datagram.length <=
			    sizeof(pair->in));
		memcpy(pair->in + pair->received, datagram.data,
		       datagram.length);
		pair->received += datagram.length;
		pair->datagrams++;
	} while (message->length);
}

/* This receives until so many datagrams have come in all. */
static void receive(struct pair *pair, unsigned datagrams)
{
	struct pollfd poller = {.fd = pair->to.io.fd, .events = POLLIN};

	while (pair->datagrams < datagrams) {
		struct udp_message message;
		int count;

		assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
		count = udp_io_receive(&pair->to.io, pair->batch);
		assert_true(count > 0);
		for (int i = 0; i < count; i++) {
			assert_true(udp_batch_message(pair->batch, (unsigned)i,
						      &message));
			take(pair, &message);
		}
	}
	assert_int_equal(pair->datagrams, datagrams);
	assert_int_equal(udp_io_receive(&pair->to.io, pair->batch), -EAGAIN);
}

static void assert_same(const struct pair *pair, size_t length)
{
	assert_int_equal(pair->received, length);
	assert_memory_equal(pair->in, pair->out, length);
}

/* The most that one call takes, and a short tail: one message comes out. */
static void test_run_stays_whole(void **state)
{
	struct pair *pair =
		open_pair("127.0.0.1:1000", "127.0.0.1:1001", true, true);
	struct udp_run run = make_run(pair, 54 * SEGMENT + 1);

	(void)state;
	assert_true(pair->from.io.segments);
	udp_io_send_runs(&pair->from.io, &run, 1);
	assert_int_equal(run.sent, 55);
	assert_int_equal(run.error, 0);
	receive(pair, 55);
	assert_int_equal(pair->messages, 1);
	assert_same(pair, run.length);
	close_pair(pair);
}

/* Whoever does not cut, or join, gets along with whoever does. */
static void test_every_pairing(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct pair *pair =
			open_pair("[::1]:1000", "[::1]:1001", i & 1, i & 2);
		struct udp_run run = make_run(pair, 40 * SEGMENT + 700);

		udp_io_send_runs(&pair->from.io, &run, 1);
		assert_int_equal(run.sent, 41);
		receive(pair, 41);
		if (!(i & 2))
			assert_int_equal(pair->messages, 41);
		assert_same(pair, run.length);
		assert_int_equal(notices, 0);
		close_pair(pair);
	}
}

static void check_addresses(const char *from, const char *to,
			    const char *source, const char *target)
{
	struct pair *pair = open_pair(from, to, true, true);
	struct udp_run run = make_run(pair, 3 * SEGMENT);
	struct inet_endpoint wanted = {.port = pair->from.endpoint.port};
	struct inet_address asked;

	assert_int_equal(inet_parse_address(source, &wanted.address), 0);
	assert_int_equal(inet_parse_address(target, &asked), 0);
	run.local = wanted.address;
	run.peer.address = asked;
	udp_io_send_runs(&pair->from.io, &run, 1);
	assert_int_equal(run.error, 0);
	receive(pair, 3);
	assert_true(inet_endpoint_equal(&pair->peer, &wanted));
	assert_true(inet_address_equal(&pair->local, &asked));
	pair->received = pair->datagrams = 0;
	assert_int_equal(udp_io_send(&pair->from.io, &run.peer, &run.local,
				     pair->out, 10),
			 0);
	receive(pair, 1);
	assert_true(inet_endpoint_equal(&pair->peer, &wanted));
	assert_same(pair, 10);
	close_pair(pair);
}

/* From the address that is wanted, with or without a run's own option. */
static void test_addresses(void **state)
{
	(void)state;
	check_addresses("0.0.0.0:1000", "0.0.0.0:1001", "127.0.0.7",
			"127.0.0.9");
	check_addresses("[::]:1000", "[::]:1001", "::1", "::1");
	check_addresses("[::]:1000", "[::]:1001", "127.0.0.7", "127.0.0.9");
	check_addresses("[::]:1000", "0.0.0.0:1001", "127.0.0.7", "127.0.0.9");
}

static void check_tos(const char *from, const char *to, const char *target,
		      bool cuts)
{
	static const uint8_t values[] = {0, 2, 3, 0xb8, 0xff, 0};
	const unsigned count = sizeof(values);
	struct pair *pair = open_pair(from, to, cuts, true);
	struct udp_run runs[sizeof(values)];

	for (unsigned i = 0; i < count; i++) {
		runs[i] = make_run(pair, 3 * SEGMENT + 10);
		assert_int_equal(
			inet_parse_address(target, &runs[i].peer.address), 0);
		runs[i].local = runs[i].peer.address;
		runs[i].tos = values[i];
	}
	udp_io_send_runs(&pair->from.io, runs, count);
	receive(pair, 4 * count);
	assert_int_equal(pair->messages, cuts ? count : 4 * count);
	for (unsigned i = 0; i < pair->messages; i++)
		assert_int_equal(pair->tos[i], values[cuts ? i : i / 4]);
	/* By itself a datagram has none. */
	pair->datagrams = pair->messages = 0;
	assert_int_equal(
		udp_io_send(&pair->from.io, &runs[0].peer, NULL, pair->out, 10),
		0);
	receive(pair, 1);
	assert_int_equal(pair->tos[0], 0);
	close_pair(pair);
}

/* Each run has its own, cut by the kernel or not, in whatever family. */
static void test_tos(void **state)
{
	(void)state;
	for (int cuts = 0; cuts < 2; cuts++) {
		check_tos("127.0.0.1:1000", "127.0.0.1:1001", "127.0.0.1",
			  cuts);
		check_tos("[::1]:1000", "[::1]:1001", "::1", cuts);
		check_tos("[::]:1000", "[::]:1001", "::1", cuts);
		check_tos("[::]:1000", "[::]:1001", "127.0.0.1", cuts);
		check_tos("[::]:1000", "0.0.0.0:1001", "127.0.0.1", cuts);
	}
}

static void check_tos_connected(const char *from, const char *to)
{
	struct pair *pair = open_pair(from, to, true, true);
	struct udp_run run = make_run(pair, 3 * SEGMENT);

	run.peer = (struct inet_endpoint){0};
	run.tos = 2;
	assert_int_equal(udp_io_connect(&pair->from.io, &pair->to.endpoint), 0);
	udp_io_send_runs(&pair->from.io, &run, 1);
	assert_int_equal(run.error, 0);
	receive(pair, 3);
	assert_int_equal(pair->tos[0], 2);
	close_pair(pair);
}

static void test_tos_connected(void **state)
{
	(void)state;
	check_tos_connected("127.0.0.1:1000", "127.0.0.1:1001");
	check_tos_connected("[::1]:1000", "[::1]:1001");
}

/* After EIO it is never tried again; all arrives, and one line says so. */
static void test_device_that_can_not(void **state)
{
	struct pair *pair =
		open_pair("127.0.0.1:1000", "127.0.0.1:1001", true, true);
	struct udp_run runs[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		runs[i] = make_run(pair, 10 * SEGMENT);
		runs[i].data += (size_t)i * 10 * SEGMENT;
	}
	refusal = EIO;
	udp_io_send_runs(&pair->from.io, runs, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(runs[i].sent, 10);
		assert_int_equal(runs[i].error, 0);
	}
	receive(pair, 30);
	assert_same(pair, 30 * SEGMENT);
	assert_int_equal(refused, 1);
	assert_int_equal(notices, 1);
	assert_false(pair->from.io.segments);
	close_pair(pair);
}

/* A path that is too narrow for the datagrams: they go as fragments. */
static void test_larger_than_the_path(void **state)
{
	struct pair *pair =
		open_pair("127.0.0.1:1000", "127.0.0.1:1001", true, true);
	struct udp_run run;

	(void)state;
	assert_int_equal(netns_run("ip link set lo mtu 1000"), 0);
	for (unsigned i = 1; i < 3; i++) {
		run = make_run(pair, 20 * SEGMENT + 5);
		udp_io_send_runs(&pair->from.io, &run, 1);
		assert_int_equal(run.sent, 21);
		assert_int_equal(run.error, 0);
		receive(pair, 21);
		assert_same(pair, run.length);
		assert_int_equal(notices, 1);
		/* Others are not on this path. */
		assert_true(pair->from.io.segments);
		pair->received = pair->datagrams = 0;
	}
	close_pair(pair);
}

/* One call for many: who can't be reached holds nobody else up. */
static void test_many_runs(void **state)
{
	struct pair *pair =
		open_pair("127.0.0.1:1000", "127.0.0.1:1001", true, true);
	struct udp_run runs[UDP_IO_BATCH];
	unsigned most = UDP_IO_BATCH;

	(void)state;
	for (unsigned i = 0; i < most; i++) {
		runs[i] = make_run(pair, i % 3 ? 100 : SEGMENT + 50);
		if (i % 8 == 1)
			inet_parse_endpoint("192.0.2.1:9", &runs[i].peer);
	}
	udp_io_send_runs(&pair->from.io, runs, most);
	for (unsigned i = 0; i < most; i++) {
		assert_int_equal(runs[i].error, i % 8 == 1 ? -ENETUNREACH : 0);
		assert_int_equal(runs[i].sent, i % 8 == 1 ? 0 : runs[i].count);
	}
	receive(pair, 64 - 8 + 22 - 3);
	close_pair(pair);
}

static void test_empty_datagrams(void **state)
{
	struct pair *pair =
		open_pair("127.0.0.1:1000", "127.0.0.1:1001", true, true);

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(udp_io_send(&pair->from.io, &pair->to.endpoint,
					     NULL, pair->out, 0),
				 0);
	receive(pair, 2);
	assert_int_equal(pair->received, 0);
	close_pair(pair);
}

/* What an ICMP error says comes to whoever reads, or sends, next. */
static void test_connected(void **state)
{
	struct pair *pair =
		open_pair("127.0.0.1:1000", "127.0.0.1:1001", true, true);
	struct inet_endpoint nobody = pair->to.endpoint;
	struct udp_run run = make_run(pair, 4 * SEGMENT);

	(void)state;
	run.peer = (struct inet_endpoint){0};
	assert_int_equal(udp_io_connect(&pair->from.io, &pair->to.endpoint), 0);
	udp_io_send_runs(&pair->from.io, &run, 1);
	assert_int_equal(run.error, 0);
	receive(pair, 4);
	assert_same(pair, run.length);
	nobody.port = 999;
	assert_int_equal(udp_io_connect(&pair->from.io, &nobody), 0);
	udp_io_send_runs(&pair->from.io, &run, 1);
	assert_int_equal(udp_io_receive(&pair->from.io, pair->batch),
			 -ECONNREFUSED);
	assert_int_equal(udp_io_receive(&pair->from.io, pair->batch), -EAGAIN);
	close_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_stays_whole),
		cmocka_unit_test(test_every_pairing),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_tos),
		cmocka_unit_test(test_tos_connected),
		cmocka_unit_test(test_device_that_can_not),
		cmocka_unit_test(test_larger_than_the_path),
		cmocka_unit_test(test_many_runs),
		cmocka_unit_test(test_empty_datagrams),
		cmocka_unit_test(test_connected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
