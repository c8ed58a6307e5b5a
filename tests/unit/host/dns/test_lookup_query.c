/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/dns/lookup_query.h"

#define A    1
#define AAAA 28

/* The answer to vpn.example, A, 0x1234: an alias, then two addresses. */
#define HEAD	 "\x12\x34\x81\x80\0\1\0\3\0\0\0\0"
#define QUESTION "\3vpn\7example\0\0\1\0\1"
#define ALIAS	 "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1a\xc0\x10"
#define FIRST	 "\xc0\x29\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\5"
#define SECOND	 "\xc0\x29\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\6"
static const char answer[] = HEAD QUESTION ALIAS FIRST SECOND;
#define LENGTH	   (sizeof(answer) - 1)
#define BARE	   (sizeof(HEAD QUESTION) - 1)
#define WITH_FIRST (LENGTH - (sizeof(SECOND) - 1))

static int decode(const void *datagram, size_t length, const char *name,
		  unsigned type)
{
	struct inet_address addresses[4];

	return lookup_query_decode(datagram, length, name, type, 0x1234,
				   addresses, 4);
}

static void test_encode(void **state)
{
	static const char expected[] =
		"\x12\x34\1\0\0\1\0\0\0\0\0\0\3vpn\7example\0\0\x1c\0\1";
	char datagram[512], name[300];
	int length = lookup_query_encode("vpn.example", AAAA, 0x1234, false,
					 datagram, sizeof(datagram));

	(void)state;
	assert_int_equal(length, sizeof(expected) - 1);
	assert_memory_equal(datagram, expected, sizeof(expected) - 1);
	assert_int_equal(lookup_query_encode("vpn.example.", AAAA, 0x1234,
					     false, datagram, sizeof(datagram)),
			 length);
	assert_int_equal(lookup_query_encode("vpn.example", A, 1, false,
					     datagram, (size_t)length - 1),
			 -EINVAL);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(lookup_query_encode(name, A, 1, false, datagram,
					     sizeof(datagram)),
			 -EINVAL);
}

/* With an answer of 1232 bytes, which needs not be cut off. */
static void test_large(void **state)
{
	static const char expected[] =
		"\x12\x34\1\0\0\1\0\0\0\0\0\1\3vpn\7example\0\0\1\0\1"
		"\0\0\x29\4\xd0\0\0\0\0\0\0";
	char datagram[sizeof(expected) - 1];

	(void)state;
	assert_int_equal(lookup_query_encode("vpn.example", A, 0x1234, true,
					     datagram, sizeof(datagram)),
			 sizeof(datagram));
	assert_memory_equal(datagram, expected, sizeof(datagram));
	assert_int_equal(lookup_query_encode("vpn.example", A, 0x1234, true,
					     datagram, sizeof(datagram) - 1),
			 -EINVAL);
}

/* It was too long all the same: not "there is no such name". */
static void test_truncated(void **state)
{
	char copy[LENGTH];

	(void)state;
	memcpy(copy, answer, LENGTH);
	copy[2] |= 2;
	assert_int_equal(decode(copy, LENGTH, "vpn.example", A), 2);
	copy[7] = 0;
	assert_int_equal(decode(copy, BARE, "vpn.example", A), -EAGAIN);
}

static void test_decode(void **state)
{
	struct inet_address addresses[4];
	char text[INET_ADDRESS_TEXT];

	(void)state;
	assert_int_equal(lookup_query_decode(answer, LENGTH, "vpn.example", A,
					     0x1234, addresses, 4),
			 2);
	assert_string_equal(
		inet_format_address(&addresses[0], text, sizeof(text)),
		"203.0.113.5");
	assert_string_equal(
		inet_format_address(&addresses[1], text, sizeof(text)),
		"203.0.113.6");
	assert_int_equal(lookup_query_decode(answer, LENGTH, "VPN.example.", A,
					     0x1234, addresses, 1),
			 1);
}

static void test_other_answers(void **state)
{
	char copy[LENGTH];

	(void)state;
	assert_int_equal(decode(answer, LENGTH, "vpn.example", AAAA), -EBADMSG);
	assert_int_equal(decode(answer, LENGTH, "vpn.exampl", A), -EBADMSG);
	assert_int_equal(decode(answer, LENGTH, "", A), -EBADMSG);
	memcpy(copy, answer, LENGTH);
	copy[1] ^= 1; /* to another question */
	assert_int_equal(decode(copy, LENGTH, "vpn.example", A), -EBADMSG);
	memcpy(copy, answer, LENGTH);
	copy[2] &= 0x7f; /* a question itself */
	assert_int_equal(decode(copy, LENGTH, "vpn.example", A), -EBADMSG);
	memcpy(copy, answer, LENGTH);
	copy[3] = (char)0x83; /* no such name */
	assert_int_equal(decode(copy, LENGTH, "vpn.example", A), 0);
	copy[3] = (char)0x82; /* the server fails */
	assert_int_equal(decode(copy, LENGTH, "vpn.example", A), -EAGAIN);
}

/* In memory of exactly that size, so that a sanitizer sees what is beyond. */
static int decode_cut(size_t length)
{
	char *cut = malloc(length ? length : 1);
	int result;

	assert_non_null(cut);
	memcpy(cut, answer, length);
	result = decode(cut, length, "vpn.example", A);
	free(cut);
	return result;
}

static void test_cut(void **state)
{
	(void)state;
	for (size_t length = 0; length < LENGTH; length++)
		assert_int_equal(decode_cut(length), length < BARE ? -EBADMSG
						     : length < WITH_FIRST ? 0
									   : 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_other_answers),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
