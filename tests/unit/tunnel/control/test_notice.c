/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tunnel/control/notice.h"
#include "tunnel/dtls/precheck.h"

static const struct notice busy = {
	.kind = NOTICE_BUSY,
	.wait = 0x1234,
	.random = {1, 2, 3, [31] = 32},
};

static void test_as_it_was(void **state)
{
	uint8_t datagram[NOTICE_SIZE];
	struct notice read;

	(void)state;
	notice_encode(&busy, datagram);
	assert_true(notice_decode(datagram, sizeof(datagram), &read));
	assert_int_equal(read.kind, NOTICE_BUSY);
	assert_int_equal(read.wait, 0x1234);
	assert_memory_equal(read.random, busy.random, sizeof(read.random));
	assert_false(notice_decode(datagram, sizeof(datagram) - 1, &read));
}

/* A later version's longer one is read as far as it is known. */
static void test_longer(void **state)
{
	uint8_t datagram[NOTICE_SIZE + 8] = {0};
	struct notice read;

	(void)state;
	notice_encode(&busy, datagram);
	datagram[DTLS_LENGTH + 1] += 8;
	assert_true(notice_decode(datagram, sizeof(datagram), &read));
	assert_int_equal(read.wait, 0x1234);
	datagram[DTLS_HEADER] = 77;
	assert_false(notice_decode(datagram, sizeof(datagram), &read));
}

/* No record of DTLS is taken for one, nor one for a record. */
static void test_no_record(void **state)
{
	uint8_t datagram[NOTICE_SIZE];
	struct precheck_record record;
	struct notice read;

	(void)state;
	notice_encode(&busy, datagram);
	assert_false(precheck_record(datagram, sizeof(datagram), &record));
	for (unsigned type = DTLS_CHANGE_CIPHER_SPEC;
	     type <= DTLS_APPLICATION_DATA; type++) {
		datagram[DTLS_TYPE] = (uint8_t)type;
		assert_false(notice_decode(datagram, sizeof(datagram), &read));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_was),
		cmocka_unit_test(test_longer),
		cmocka_unit_test(test_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
