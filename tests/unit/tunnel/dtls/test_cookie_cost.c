/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hello costs before its sender has shown that its address is its own:
 * no memory, of ours or of GnuTLS, and as good as no time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/bytes.h"
#include "tunnel/dtls/cookie.h"
#include "tunnel/server/backlog.h"

#define ROUNDS 20000

static const struct siphash_key key = {1, 2};
static unsigned long allocations;

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define COUNTS 0
#endif
#endif

#ifndef COUNTS
#define COUNTS 1

/* glibc's own, which the names below then stand for in all libraries. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}
#endif

/* A hello without a cookie, or with one that is made up. */
static size_t make_hello(uint8_t *hello, uint8_t cookie)
{
	uint8_t *message = hello + DTLS_HEADER;
	size_t length = 200;

	memset(hello, 0, length);
	hello[DTLS_TYPE] = DTLS_HANDSHAKE;
	put16(hello + DTLS_VERSION, DTLS_1_2);
	put16(hello + DTLS_LENGTH, length - DTLS_HEADER);
	message[DTLS_MESSAGE_TYPE] = DTLS_CLIENT_HELLO;
	put16(message + DTLS_MESSAGE_LENGTH + 1, length - DTLS_HELLO);
	put16(message + DTLS_FRAGMENT_LENGTH + 1, length - DTLS_HELLO);
	/* The session ID is empty. */
	hello[DTLS_HELLO + DTLS_HELLO_SESSION_ID + 1] = cookie;
	return length;
}

static void check_cost(uint8_t cookie)
{
	struct inet_endpoint from = {.address = {AF_INET, {192, 0, 2, 1}}};
	struct timespec start, end;
	struct cookie_result result;
	struct udp_datagram datagram;
	struct backlog *backlog;
	struct cookie_jar *jar;
	unsigned long before;
	uint8_t hello[256];
	unsigned socket;
	size_t length = make_hello(hello, cookie);

	assert_int_equal(cookie_jar_new(&jar), 0);
	assert_int_equal(backlog_new(&backlog, 1024, &key), 0);
	/* With the first one come the keys, and what GnuTLS makes them with. */
	assert_int_equal(cookie_check(jar, &from, hello, length, 0., &result),
			 COOKIE_ASKED);
	before = allocations;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (unsigned i = 0; i < ROUNDS; i++) {
		from.port = (uint16_t)i;
		datagram = (struct udp_datagram){
			.peer = from, .data = hello, .length = length};
		if (cookie_in(hello, length) !=
			    (cookie ? COOKIE_VALID : COOKIE_ASKED) ||
		    !backlog_put(backlog, 0, &datagram, NULL) ||
		    !backlog_take(backlog, &socket, &datagram) ||
		    cookie_check(jar, &datagram.peer, datagram.data,
				 datagram.length, i / 100.,
				 &result) != COOKIE_ASKED ||
		    result.reply_length > length)
			fail();
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	print_message("# a hello with %u bytes of cookie: %.2f us\n", cookie,
		      ((double)(end.tv_sec - start.tv_sec) * 1e9 +
		       (double)(end.tv_nsec - start.tv_nsec)) /
			      ROUNDS / 1e3);
	if (COUNTS)
		assert_int_equal(allocations, before);
	backlog_free(backlog);
	cookie_jar_free(jar);
}

static void test_without_cookie(void **state)
{
	(void)state;
	check_cost(0);
}

static void test_forged_cookie(void **state)
{
	(void)state;
	check_cost(16);
}

/* Else the rest would show nothing. */
static void test_counter(void **state)
{
	unsigned long before = allocations;
	struct cookie_jar *jar;

	(void)state;
	assert_int_equal(cookie_jar_new(&jar), 0);
	cookie_jar_free(jar);
	assert_int_equal(allocations > before, COUNTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counter),
		cmocka_unit_test(test_without_cookie),
		cmocka_unit_test(test_forged_cookie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
