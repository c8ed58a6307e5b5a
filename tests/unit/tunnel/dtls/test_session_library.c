/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions without record.c: the functions below are linked in its place. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/session_cases.h"
#include "tunnel/dtls/record.h"

int record_new(struct record **record, gnutls_session_t session)
{
	(void)record;
	(void)session;
	return -ENOTSUP;
}

void record_free(struct record *record)
{
	assert_null(record);
}

size_t record_overhead(const struct record *record)
{
	(void)record;
	abort();
}

size_t record_headroom(const struct record *record)
{
	(void)record;
	abort();
}

ssize_t record_seal(struct record *record, uint8_t *out, size_t size,
		    const uint8_t *plain, size_t length)
{
	(void)record;
	(void)out;
	(void)size;
	(void)plain;
	(void)length;
	abort();
}

ssize_t record_open(struct record *record, uint8_t *datagram, size_t length,
		    uint8_t **plain, size_t *used)
{
	(void)record;
	(void)datagram;
	(void)length;
	(void)plain;
	(void)used;
	abort();
}

int record_sync(struct record *record, gnutls_session_t session)
{
	(void)record;
	(void)session;
	abort();
}

bool record_worn(const struct record *record)
{
	(void)record;
	abort();
}

uint64_t record_floor(const struct record *record)
{
	(void)record;
	abort();
}

#define CASE(name) cmocka_unit_test(session_case_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(open),
		CASE(data),
		CASE(sizes),
		CASE(in_place),
		CASE(several_records),
		CASE(replay),
		CASE(overtaken),
		CASE(plaintext),
		CASE(garbage),
		CASE(last_flight),
		CASE(losses),
		CASE(close),
	};

	session_cases_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
