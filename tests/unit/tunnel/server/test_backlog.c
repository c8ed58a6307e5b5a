/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rate.h"
#include "tunnel/server/backlog.h"

#define SIZE 4096
static const struct siphash_key key = {1, 2};

#define ROUNDS 20000

/* A datagram from 192.0.NETWORK.HOST, of length bytes that say which it is. */
static struct udp_datagram make(uint8_t network, uint8_t host, size_t length)
{
	static uint8_t data[SIZE];
	struct udp_datagram datagram = {
		.peer = {.address = {AF_INET, {192, 0, network, host}},
			 .port = host},
		.local = {AF_INET, {203, 0, 113, 5}},
		.data = data,
		.length = length,
	};

	memset(data, network ^ host, length);
	return datagram;
}

static bool put(struct backlog *backlog, uint8_t host, size_t length)
{
	struct udp_datagram datagram = make(2, host, length);

	return backlog_put(backlog, host, &datagram, NULL);
}

static void expect(struct backlog *backlog, uint8_t host, size_t length)
{
	struct udp_datagram wanted = make(2, host, length), datagram;
	unsigned socket;

	assert_true(backlog_take(backlog, &socket, &datagram));
	assert_int_equal(socket, host);
	assert_int_equal(datagram.length, length);
	assert_memory_equal(datagram.data, wanted.data, length);
	assert_true(inet_endpoint_equal(&datagram.peer, &wanted.peer));
	assert_true(inet_address_equal(&datagram.local, &wanted.local));
}

/* In order, through every place where the ring may end. */
static void test_order(void **state)
{
	size_t lengths[256] = {0};
	uint8_t first = 0, next = 0;
	unsigned refused = 0;
	struct backlog *backlog;

	(void)state;
	srand(1);
	assert_int_equal(backlog_new(&backlog, SIZE, &key), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (rand() % 2) {
			lengths[next] = (size_t)rand() % 900;
			if (put(backlog, next, lengths[next]))
				next++;
			else
				refused++;
		} else if (first != next) {
			expect(backlog, first, lengths[first]);
			first++;
		}
		assert_int_equal(backlog_empty(backlog), first == next);
	}
	assert_in_range(refused, 100, ROUNDS / 2);
	backlog_free(backlog);
	backlog_free(NULL);
}

static void test_full(void **state)
{
	struct backlog *backlog;
	uint8_t count = 0;

	(void)state;
	assert_int_equal(backlog_new(&backlog, SIZE, &key), 0);
	assert_false(put(backlog, 0, SIZE)); /* it has a head as well */
	assert_true(backlog_empty(backlog));
	while (put(backlog, count, 100))
		count++;
	assert_in_range(count, SIZE / 200, SIZE / 100);
	expect(backlog, 0, 100);
	assert_true(put(backlog, count, 100));
	assert_false(put(backlog, 99, 100));
	for (uint8_t i = 1; i <= count; i++)
		expect(backlog, i, 100);
	assert_true(backlog_empty(backlog));
	assert_true(put(backlog, 7, SIZE - 200));
	backlog_free(backlog);
}

/* One network gets half of it, the other one still gets in. */
static void test_share(void **state)
{
	struct inet_prefix networks[] = {
		{{AF_INET, {192, 0, 2, 0}}, 24},
		{{AF_INET, {192, 0, 3, 0}}, 24},
	};
	unsigned counts[2] = {0}, again = 0, socket;
	struct udp_datagram datagram;
	struct backlog *backlog;

	(void)state;
	assert_int_equal(backlog_new(&backlog, SIZE, &key), 0);
	for (uint8_t network = 0; network < 2; network++) {
		for (uint8_t host = 0; host < 100; host++) {
			datagram = make(2 + network, host, 100);
			counts[network] += backlog_put(backlog, 0, &datagram,
						       &networks[network]);
		}
	}
	assert_true(counts[0] >= 5);
	assert_true(counts[1] >= counts[0] - 1 && counts[1] <= counts[0]);
	/* And each has it again once that is taken. */
	while (backlog_take(backlog, &socket, &datagram))
		;
	for (uint8_t host = 0; host < 100; host++) {
		datagram = make(2, host, 100);
		again += backlog_put(backlog, 0, &datagram, &networks[0]);
	}
	assert_int_equal(again, counts[0]);
	backlog_free(backlog);
}

static unsigned allowed(struct rate *rate, double from, double until)
{
	unsigned count = 0;

	for (unsigned i = 0; i < 1000; i++)
		count += rate_allows(rate, from + (until - from) * i / 1000.);
	return count;
}

static void test_rate(void **state)
{
	struct rate rate = {.burst = 10., .per_second = 2.};

	(void)state;
	assert_int_equal(allowed(&rate, 1000., 1000.), 10);
	assert_int_equal(allowed(&rate, 1000.4, 1000.4), 0);
	assert_int_equal(allowed(&rate, 1000.5, 1000.5), 1);
	assert_in_range(allowed(&rate, 1000.5, 1010.5), 19, 20);
	/* After a long pause no more than a burst, also when time stands. */
	assert_int_equal(allowed(&rate, 9000., 9000.), 10);
	assert_int_equal(allowed(&rate, 8000., 8000.), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
