/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tunnel/server/admission.h"

/* Handshakes a second that the server of these tests can begin. */
#define CAPACITY 1000
#define NOW	 5000.

static struct admission_hello hello_from(const char *text, uint16_t port)
{
	static uint8_t data[] = "a hello";
	struct admission_hello hello = {
		.datagram = {.data = data, .length = sizeof(data)}};

	assert_int_equal(inet_parse_address(text, &hello.datagram.peer.address),
			 0);
	hello.datagram.peer.port = port;
	return hello;
}

/* The same as a number: 10.0.0.0 and so many. */
static struct admission_hello hello_of(uint32_t number, uint16_t port)
{
	struct admission_hello hello = hello_from("10.0.0.0", port);
	uint8_t *bytes = hello.datagram.peer.address.bytes;

	bytes[1] = (uint8_t)(number >> 16);
	bytes[2] = (uint8_t)(number >> 8);
	bytes[3] = (uint8_t)number;
	return hello;
}

static enum admission_verdict put(struct admission *admission, const char *text,
				  uint16_t port, double now)
{
	struct admission_hello hello = hello_from(text, port);
	struct admission_hello lost;

	return admission_put(admission, &hello, now, &lost);
}

/* Whether the next one is from there. */
static bool next_is(struct admission *admission, const char *text, double now)
{
	struct admission_hello wanted = hello_from(text, 0);
	const struct admission_hello *next = admission_take(admission, now);

	return next && inet_address_equal(&next->datagram.peer.address,
					  &wanted.datagram.peer.address);
}

static void test_as_it_came(void **state)
{
	struct admission_hello hello = hello_from("192.0.2.1", 7);
	struct admission *admission;
	const struct admission_hello *next;
	struct admission_hello lost;

	(void)state;
	assert_int_equal(admission_new(&admission), 0);
	assert_false(admission_waits(admission));
	assert_null(admission_take(admission, NOW));
	hello.socket = 3;
	hello.cookie.random[5] = 9;
	assert_int_equal(admission_put(admission, &hello, NOW, &lost),
			 ADMISSION_TAKEN);
	assert_true(admission_waits(admission));
	next = admission_take(admission, NOW);
	assert_non_null(next);
	assert_int_equal(next->socket, 3);
	assert_int_equal(next->cookie.random[5], 9);
	assert_true(inet_endpoint_equal(&next->datagram.peer,
					&hello.datagram.peer));
	assert_ptr_not_equal(next->datagram.data, hello.datagram.data);
	assert_string_equal((const char *)next->datagram.data, "a hello");
	assert_false(admission_waits(admission));
	/* It is no use to a client that has sent it again meanwhile. */
	assert_int_equal(admission_put(admission, &hello, NOW, &lost),
			 ADMISSION_TAKEN);
	assert_null(admission_take(admission, NOW + 2.));
	assert_false(admission_waits(admission));
	hello.datagram.length = ADMISSION_HELLO_SIZE + 1;
	assert_int_equal(admission_put(admission, &hello, NOW, &lost),
			 ADMISSION_HELD);
	admission_free(admission);
	admission_free(NULL);
}

static struct admission_hello hello_with(uint16_t port, uint8_t random)
{
	struct admission_hello hello = hello_from("192.0.2.1", port);

	hello.cookie.random[0] = random;
	return hello;
}

/* One that is repeated waits no longer for that; another takes its place. */
static void test_repeated(void **state)
{
	struct admission_hello first = hello_with(1, 1),
			       other = hello_with(2, 1),
			       anew = hello_with(1, 2), lost;
	struct admission *admission;

	(void)state;
	assert_int_equal(admission_new(&admission), 0);
	admission_put(admission, &first, NOW, &lost);
	admission_put(admission, &other, NOW, &lost);
	assert_int_equal(admission_put(admission, &first, NOW, &lost),
			 ADMISSION_TAKEN);
	assert_int_equal(admission_waits(admission), 2);
	assert_int_equal(admission_take(admission, NOW)->datagram.peer.port, 1);
	admission_put(admission, &first, NOW, &lost);
	admission_put(admission, &anew, NOW, &lost);
	assert_int_equal(admission_waits(admission), 2);
	assert_int_equal(admission_take(admission, NOW)->datagram.peer.port, 2);
	assert_int_equal(admission_take(admission, NOW)->cookie.random[0], 2);
	admission_free(admission);
}

/* Who has lost his is named, to be told: the last of those that wait. */
static void test_lost(void **state)
{
	struct admission_hello hello, lost;
	struct admission *admission;
	uint16_t port = 0;

	(void)state;
	assert_int_equal(admission_new(&admission), 0);
	do {
		hello = hello_with(++port, 1);
	} while (admission_put(admission, &hello, NOW, &lost) ==
		 ADMISSION_TAKEN);
	assert_int_equal(lost.datagram.peer.port, port);
	/* One was begun from there, so that somebody else goes first. */
	assert_non_null(admission_take(admission, NOW));
	assert_int_equal(admission_put(admission, &hello, NOW, &lost),
			 ADMISSION_TAKEN);
	assert_int_equal(put(admission, "198.51.100.1", 9, NOW),
			 ADMISSION_FULL);
	hello = hello_from("203.0.113.1", 9);
	assert_int_equal(admission_put(admission, &hello, NOW, &lost),
			 ADMISSION_FULL);
	assert_int_equal(lost.datagram.peer.address.bytes[0], 192);
	assert_int_equal(lost.cookie.random[0], 1);
	admission_free(admission);
}

/* The newest hello of an endpoint is the one that counts. */
static void test_one_of_an_endpoint(void **state)
{
	struct admission *admission;

	(void)state;
	assert_int_equal(admission_new(&admission), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(put(admission, "192.0.2.1", 7, NOW),
				 ADMISSION_TAKEN);
	assert_true(next_is(admission, "192.0.2.1", NOW));
	assert_null(admission_take(admission, NOW));
	admission_free(admission);
}

/*
 * How many are begun of a flood of hellos a second, for some seconds, where
 * each is of the next one of so many addresses; latest: how many of its own
 * hellos somebody from elsewhere needed, who comes once a second.
 */
static unsigned flood(uint32_t first, uint32_t addresses, unsigned rate,
		      unsigned seconds, unsigned *latest)
{
	struct admission *admission;
	unsigned begun = 0, waited = 0;
	uint32_t number = 0;

	*latest = 0;
	assert_int_equal(admission_new(&admission), 0);
	for (unsigned tick = 0; tick < seconds * CAPACITY; tick++) {
		double now = NOW + tick / (double)CAPACITY;
		const struct admission_hello *next;
		struct admission_hello lost;

		for (unsigned i = 0; i < rate / CAPACITY; i++, number++) {
			struct admission_hello hello =
				hello_of(first + number % addresses,
					 (uint16_t)(number >> 8));

			admission_put(admission, &hello, now, &lost);
		}
		if (tick % CAPACITY == CAPACITY / 2) {
			assert_true(waited == 0);
			put(admission, "192.0.2.1", (uint16_t)tick, now);
			waited = 1;
		}
		next = admission_take(admission, now);
		if (next && next->datagram.peer.address.bytes[0] == 192) {
			if (waited > *latest)
				*latest = waited;
			waited = 0;
			admission_return(admission, &next->source);
		} else if (next) {
			begun++;
		}
		waited += waited != 0;
	}
	admission_free(admission);
	return begun;
}

static void test_rate_of_an_address(void **state)
{
	unsigned latest;

	(void)state;
	assert_in_range(flood(0, 1, 2000, 10, &latest),
			ADMISSION_ADDRESS_BURST + 9 * ADMISSION_ADDRESS_RATE,
			ADMISSION_ADDRESS_BURST + 10 * ADMISSION_ADDRESS_RATE);
	assert_in_range(latest, 1, 2);
}

static void test_rate_of_a_network(void **state)
{
	unsigned latest;

	(void)state;
	assert_in_range(flood(0, 256, 4000, 10, &latest),
			ADMISSION_NETWORK_BURST + 9 * ADMISSION_NETWORK_RATE,
			ADMISSION_NETWORK_BURST + 10 * ADMISSION_NETWORK_RATE);
	assert_in_range(latest, 1, 2);
}

/* More than can be begun: then a newcomer goes before them all. */
static void test_many_networks(void **state)
{
	unsigned latest;

	(void)state;
	assert_int_equal(flood(0, 1 << 16, 10000, 10, &latest),
			 10 * CAPACITY - 10);
	assert_in_range(latest, 1, 2);
	flood(0, 1 << 24, 10000, 10, &latest);
	assert_in_range(latest, 1, 2);
}

/* Who shares a network with a flood has what its own address has not spent. */
static void test_neighbour(void **state)
{
	struct admission *admission;
	unsigned later = 0;

	(void)state;
	assert_int_equal(admission_new(&admission), 0);
	for (unsigned i = 0; i < 10 * CAPACITY; i++) {
		double now = NOW + i / (double)CAPACITY;
		struct admission_hello hello = hello_of(i % 100, (uint16_t)i);
		struct admission_hello lost;

		admission_put(admission, &hello, now, &lost);
		if (i == 5 * CAPACITY)
			put(admission, "10.0.0.200", 1, now);
		if (i < 5 * CAPACITY) {
			admission_take(admission, now);
			continue;
		}
		if (next_is(admission, "10.0.0.200", now))
			break;
		later++;
	}
	/* Until the network's next token. */
	assert_in_range(later, 0, CAPACITY / ADMISSION_NETWORK_RATE);
	admission_free(admission);
}

/* Those that end with a peer cost nothing: a thousand from one address. */
static void test_completed(void **state)
{
	struct admission *admission;

	(void)state;
	assert_int_equal(admission_new(&admission), 0);
	for (uint16_t i = 0; i < 1000; i++) {
		const struct admission_hello *next;

		assert_int_equal(put(admission, "192.0.2.1", i, NOW),
				 ADMISSION_TAKEN);
		next = admission_take(admission, NOW);
		assert_non_null(next);
		admission_return(admission, &next->source);
	}
	admission_free(admission);
}

/* A customer with a /64 is one, and so is one with a /48. */
static void test_ipv6(void **state)
{
	static const char *const texts[] = {"2001:db8:1:2::1",
					    "2001:db8:1:3::1", "2001:db8:2::1"};
	struct inet_address address;
	struct inet_prefix wanted;
	struct inet_prefix network;

	(void)state;
	inet_parse_address(texts[0], &address);
	network = admission_network(&address, ADMISSION_ADDRESS);
	inet_parse_prefix("2001:db8:1:2::/64", &wanted);
	assert_true(inet_prefix_equal(&network, &wanted));
	inet_parse_prefix("2001:db8:1::/48", &wanted);
	for (unsigned i = 0; i < 3; i++) {
		inet_parse_address(texts[i], &address);
		network = admission_network(&address, ADMISSION_NETWORK);
		assert_int_equal(inet_prefix_equal(&network, &wanted), i < 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_came),
		cmocka_unit_test(test_one_of_an_endpoint),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_rate_of_an_address),
		cmocka_unit_test(test_rate_of_a_network),
		cmocka_unit_test(test_many_networks),
		cmocka_unit_test(test_neighbour),
		cmocka_unit_test(test_completed),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
