/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a handshake may come in the clear, from whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/precheck.h"

#define FINISHED 20

/* A record of epoch 0 with one empty message of this type. */
static bool passes(uint8_t type, bool from_client)
{
	uint8_t datagram[DTLS_HEADER + DTLS_MESSAGE_HEADER] = {
		[DTLS_TYPE] = DTLS_HANDSHAKE,
		[DTLS_VERSION] = DTLS_1_2 >> 8,
		[DTLS_VERSION + 1] = DTLS_1_2 & 0xff,
		[DTLS_LENGTH + 1] = DTLS_MESSAGE_HEADER,
		[DTLS_HEADER + DTLS_MESSAGE_TYPE] = type,
	};
	struct precheck_record record;

	assert_true(precheck_record(datagram, sizeof(datagram), &record));
	return precheck_plain(datagram, &record, from_client, false);
}

static void test_types(void **state)
{
	static const uint8_t client[] = {DTLS_CLIENT_HELLO, DTLS_CERTIFICATE,
					 DTLS_CERTIFICATE_VERIFY,
					 DTLS_CLIENT_KEY_EXCHANGE};
	static const uint8_t server[] = {
		DTLS_SERVER_HELLO,	  DTLS_HELLO_VERIFY_REQUEST,
		DTLS_NEW_SESSION_TICKET,  DTLS_CERTIFICATE,
		DTLS_SERVER_KEY_EXCHANGE, DTLS_CERTIFICATE_REQUEST,
		DTLS_SERVER_HELLO_DONE};

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		assert_int_equal(passes((uint8_t)type, true),
				 !!memchr(client, (int)type, sizeof(client)));
		assert_int_equal(passes((uint8_t)type, false),
				 !!memchr(server, (int)type, sizeof(server)));
	}
	assert_false(passes(FINISHED, true));
	assert_false(passes(FINISHED, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
