/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "tunnel/dtls/cookie.h"

/* A ClientHello as short as may be, with room for a cookie. */
#define HELLO_PLAIN  (DTLS_HELLO + DTLS_HELLO_SESSION_ID + 1 + 1 + 4 + 2)
#define COOKIE_SIZE  16
#define HELLO_COOKIE (HELLO_PLAIN + COOKIE_SIZE)
/* A HelloVerifyRequest has a version, and the cookie's length before it. */
#define REPLY_COOKIE (DTLS_HEADER + DTLS_MESSAGE_HEADER + 2 + 1)

static const struct inet_endpoint somewhere = {
	.address = {AF_INET, {192, 0, 2, 1}},
	.port = 1234,
};

/* cookie: NULL for none. The record's sequence number is 7. */
static size_t make_hello(uint8_t *hello, const uint8_t *cookie)
{
	static const uint8_t rest[] = {0, 2, 0xc0, 0x2b, 1, 0};
	size_t length = cookie ? HELLO_COOKIE : HELLO_PLAIN;
	uint8_t *message = hello + DTLS_HEADER, *at = hello + DTLS_HELLO;

	memset(hello, 0, length);
	hello[DTLS_TYPE] = DTLS_HANDSHAKE;
	put16(hello + DTLS_VERSION, DTLS_1_0);
	put64(hello + DTLS_POSITION, 7);
	put16(hello + DTLS_LENGTH, length - DTLS_HEADER);
	message[DTLS_MESSAGE_TYPE] = DTLS_CLIENT_HELLO;
	put24(message + DTLS_MESSAGE_LENGTH, (uint32_t)(length - DTLS_HELLO));
	put16(message + DTLS_MESSAGE_SEQUENCE, cookie ? 1 : 0);
	put24(message + DTLS_FRAGMENT_LENGTH, (uint32_t)(length - DTLS_HELLO));
	put16(at, DTLS_1_2);
	memset(at + DTLS_HELLO_RANDOM, 0xab, DTLS_RANDOM_SIZE);
	at += DTLS_HELLO_SESSION_ID + 1;
	*at++ = cookie ? COOKIE_SIZE : 0;
	if (cookie) {
		memcpy(at, cookie, COOKIE_SIZE);
		at += COOKIE_SIZE;
	}
	memcpy(at, rest, sizeof(rest));
	return length;
}

static enum cookie_verdict check(struct cookie_jar *jar,
				 const struct inet_endpoint *from,
				 const uint8_t *hello, size_t length,
				 double now, struct cookie_result *result)
{
	/* On the heap to its byte, so that ASan sees a step too far. */
	uint8_t *copy = malloc(length ? length : 1);
	enum cookie_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, hello, length);
	verdict = cookie_check(jar, from, copy, length, now, result);
	free(copy);
	return verdict;
}

static void ask(struct cookie_jar *jar, double now, uint8_t *cookie)
{
	struct cookie_result result;
	uint8_t hello[HELLO_COOKIE];
	size_t length = make_hello(hello, NULL);

	assert_int_equal(check(jar, &somewhere, hello, length, now, &result),
			 COOKIE_ASKED);
	assert_int_equal(result.reply_length, REPLY_COOKIE + COOKIE_SIZE);
	memcpy(cookie, result.reply + REPLY_COOKIE, COOKIE_SIZE);
}

static enum cookie_verdict echo(struct cookie_jar *jar, double now,
				const struct inet_endpoint *from,
				const uint8_t *cookie)
{
	struct cookie_result result;
	uint8_t hello[HELLO_COOKIE];
	size_t length = make_hello(hello, cookie);

	return check(jar, from, hello, length, now, &result);
}

static int set_up(void **state)
{
	return cookie_jar_new((struct cookie_jar **)state);
}

static int tear_down(void **state)
{
	cookie_jar_free(*state);
	return 0;
}

static void test_exchange(void **state)
{
	struct cookie_jar *jar = *state;
	uint8_t hello[HELLO_COOKIE], cookie[COOKIE_SIZE];
	struct cookie_result result;
	size_t length = make_hello(hello, NULL);

	assert_int_equal(check(jar, &somewhere, hello, length, 100, &result),
			 COOKIE_ASKED);
	/* No more goes out than came in, under the hello's own number. */
	assert_true(result.reply_length <= length);
	assert_int_equal(result.reply[DTLS_TYPE], DTLS_HANDSHAKE);
	assert_int_equal(get64(result.reply + DTLS_POSITION), 7);
	assert_int_equal(result.reply[DTLS_HEADER], DTLS_HELLO_VERIFY_REQUEST);
	memcpy(cookie, result.reply + REPLY_COOKIE, COOKIE_SIZE);

	length = make_hello(hello, cookie);
	assert_int_equal(check(jar, &somewhere, hello, length, 101, &result),
			 COOKIE_VALID);
	assert_int_equal(result.random[0], 0xab);
	assert_int_equal(result.random[DTLS_RANDOM_SIZE - 1], 0xab);
	assert_int_equal(result.prestate.record_seq, 7);
	assert_int_equal(result.prestate.hsk_read_seq, 1);
}

static void test_other_address(void **state)
{
	struct inet_endpoint moved = somewhere;
	uint8_t cookie[COOKIE_SIZE];

	ask(*state, 0, cookie);
	assert_int_equal(echo(*state, 0, &somewhere, cookie), COOKIE_VALID);
	moved.port++;
	assert_int_equal(echo(*state, 0, &moved, cookie), COOKIE_ASKED);
	moved = somewhere;
	moved.address.bytes[3]++;
	assert_int_equal(echo(*state, 0, &moved, cookie), COOKIE_ASKED);
	moved = somewhere;
	moved.address.family = AF_INET6;
	assert_int_equal(echo(*state, 0, &moved, cookie), COOKIE_ASKED);
	cookie[COOKIE_SIZE - 1] ^= 1;
	assert_int_equal(echo(*state, 0, &somewhere, cookie), COOKIE_ASKED);
}

static void test_rotation(void **state)
{
	uint8_t cookie[COOKIE_SIZE];

	ask(*state, 1000, cookie);
	assert_int_equal(
		echo(*state, 1000 + COOKIE_ROTATION, &somewhere, cookie),
		COOKIE_VALID);
	assert_int_equal(
		echo(*state, 1000 + 2 * COOKIE_ROTATION, &somewhere, cookie),
		COOKIE_ASKED);
}

/* After a long silence the last key is as old as the one before it. */
static void test_rotation_idle(void **state)
{
	uint8_t cookie[COOKIE_SIZE];

	ask(*state, 1000, cookie);
	assert_int_equal(
		echo(*state, 1000 + 2 * COOKIE_ROTATION, &somewhere, cookie),
		COOKIE_ASKED);
}

static void test_other_jar(void **state)
{
	struct cookie_jar *other;
	uint8_t cookie[COOKIE_SIZE];

	ask(*state, 0, cookie);
	assert_int_equal(cookie_jar_new(&other), 0);
	assert_int_equal(echo(other, 0, &somewhere, cookie), COOKIE_ASKED);
	cookie_jar_free(other);
}

static void expect_not_hello(struct cookie_jar *jar, size_t at, uint8_t value)
{
	struct cookie_result result;
	uint8_t hello[HELLO_COOKIE];
	size_t length = make_hello(hello, NULL);

	hello[at] = value;
	assert_int_equal(check(jar, &somewhere, hello, length, 0, &result),
			 COOKIE_NOT_HELLO);
}

static void test_not_hello(void **state)
{
	expect_not_hello(*state, 0, 23);	   /* type */
	expect_not_hello(*state, 1, 3);		   /* version */
	expect_not_hello(*state, 4, 1);		   /* epoch */
	expect_not_hello(*state, 12, HELLO_PLAIN); /* record's length */
	expect_not_hello(*state, 13, 2);	   /* ServerHello */
	expect_not_hello(*state, 16, HELLO_PLAIN); /* message's length */
	expect_not_hello(*state, 21, 1);	   /* fragment offset */
	expect_not_hello(*state, 24, 20);	   /* fragment length */
}

static void test_truncated(void **state)
{
	uint8_t hello[HELLO_COOKIE], cookie[COOKIE_SIZE];
	struct cookie_result result;
	size_t length;

	ask(*state, 0, cookie);
	length = make_hello(hello, cookie);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(
			check(*state, &somewhere, hello, i, 0, &result),
			COOKIE_NOT_HELLO);
	/* Lengths inside that point beyond its end. */
	hello[DTLS_HELLO + DTLS_HELLO_SESSION_ID] = 255;
	assert_int_not_equal(
		check(*state, &somewhere, hello, length, 0, &result),
		COOKIE_VALID);
	make_hello(hello, cookie);
	hello[25 + 35] = 255;
	assert_int_not_equal(
		check(*state, &somewhere, hello, length, 0, &result),
		COOKIE_VALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_exchange, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_other_address, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_rotation, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_rotation_idle, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_other_jar, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_not_hello, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_truncated, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
