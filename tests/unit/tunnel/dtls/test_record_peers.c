/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our records and GnuTLS's own record layer: either understands the other's,
 * and both count the same sequence numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <gnutls/dtls.h>
#include <string.h>

#include "common/bytes.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/record.h"
#include "unit/dtls_end.h"

#define CIPHERS(cipher)                                                        \
	"NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+AEAD:+SIGN-ALL:+GROUP-ALL:"          \
	"+CTYPE-X509:+" cipher

static const char *const priorities[] = {
	CIPHERS("AES-128-GCM"),
	CIPHERS("AES-256-GCM"),
	CIPHERS("CHACHA20-POLY1305"),
};

#define PRIORITIES (sizeof(priorities) / sizeof(priorities[0]))

/* An open association, and the client's records by our module. */
struct pair {
	struct dtls_end *client, *server;
	struct record *record;
};

static struct pair make_pair(const char *priority)
{
	struct pair pair;

	dtls_end_pair(&pair.client, &pair.server, priority);
	assert_int_equal(record_new(&pair.record, pair.client->session), 0);
	return pair;
}

static void free_pair(struct pair *pair)
{
	record_free(pair->record);
	dtls_end_free(pair->client);
	dtls_end_free(pair->server);
}

static void fill(uint8_t *plain, size_t length, unsigned seed)
{
	for (size_t i = 0; i < length; i++)
		plain[i] = i * 31 + seed;
}

/* We send to GnuTLS; the record's sequence number goes into sequence. */
static void assert_sends(struct pair *pair, size_t length, uint64_t *sequence)
{
	uint8_t plain[1400], sealed[DTLS_END_SIZE], got[1400], position[8];
	ssize_t size;

	fill(plain, length, length);
	size = record_seal(pair->record, sealed, sizeof(sealed), plain, length);
	assert_int_equal(size, length + record_overhead(pair->record));
	dtls_queue_push(&pair->server->in, sealed, size);
	assert_int_equal(gnutls_record_recv_seq(pair->server->session, got,
						sizeof(got), position),
			 length);
	assert_memory_equal(got, plain, length);
	*sequence = get64(position) & DTLS_SEQUENCE_MASK;
}

/* GnuTLS sends to us. */
static void assert_receives(struct pair *pair, size_t length)
{
	uint8_t plain[1400], sealed[DTLS_END_SIZE], *got;
	size_t size, used;

	fill(plain, length, length + 1);
	assert_int_equal(
		gnutls_record_send(pair->server->session, plain, length),
		length);
	size = dtls_queue_pop(&pair->server->out, sealed, sizeof(sealed));
	assert_int_equal(record_open(pair->record, sealed, size, &got, &used),
			 length);
	assert_int_equal(used, size);
	assert_memory_equal(got, plain, length);
}

static void test_both_ways(void **state)
{
	static const size_t lengths[] = {1, 15, 16, 17, 100, 1300, 1363};
	uint64_t sequence, last = 0;

	(void)state;
	for (size_t i = 0; i < PRIORITIES; i++) {
		struct pair pair = make_pair(priorities[i]);

		for (size_t j = 0; j < sizeof(lengths) / sizeof(size_t); j++) {
			assert_sends(&pair, lengths[j], &sequence);
			if (j > 0)
				assert_int_equal(sequence, last + 1);
			last = sequence;
			assert_receives(&pair, lengths[j]);
		}
		free_pair(&pair);
	}
}

static void test_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < PRIORITIES; i++) {
		struct pair pair = make_pair(priorities[i]);
		uint8_t sealed[64], got[16];
		uint64_t sequence;
		ssize_t size = record_seal(pair.record, sealed, sizeof(sealed),
					   got, 0);

		/* GnuTLS says nothing of an empty record, and goes on. */
		assert_int_equal(size, record_overhead(pair.record));
		dtls_queue_push(&pair.server->in, sealed, size);
		assert_int_equal(gnutls_record_recv(pair.server->session, got,
						    sizeof(got)),
				 GNUTLS_E_AGAIN);
		assert_sends(&pair, 10, &sequence);
		free_pair(&pair);
	}
}

/* Other records than data are left to GnuTLS as they are. */
static void test_close_notify(void **state)
{
	struct pair pair = make_pair(priorities[0]);
	uint8_t datagram[DTLS_END_SIZE], *plain, byte;
	size_t size, used;

	(void)state;
	assert_int_equal(gnutls_bye(pair.server->session, GNUTLS_SHUT_WR), 0);
	size = dtls_queue_pop(&pair.server->out, datagram, sizeof(datagram));
	assert_int_equal(
		record_open(pair.record, datagram, size, &plain, &used),
		-EPROTO);
	assert_int_equal(used, size);
	dtls_queue_push(&pair.client->in, datagram, size);
	assert_int_equal(gnutls_record_recv(pair.client->session, &byte, 1), 0);
	free_pair(&pair);
}

/* We send, GnuTLS does, and we again: each number comes once, and in order. */
static void test_sync(void **state)
{
	(void)state;
	for (size_t i = 0; i < PRIORITIES; i++) {
		struct pair pair = make_pair(priorities[i]);
		uint64_t first, sequence;
		uint8_t got[16];

		assert_sends(&pair, 10, &first);
		assert_sends(&pair, 10, &sequence);
		assert_int_equal(record_sync(pair.record, pair.client->session),
				 0);
		assert_int_equal(
			gnutls_record_send(pair.client->session, "ab", 2), 2);
		dtls_end_carry(pair.client, pair.server);
		assert_int_equal(gnutls_record_recv(pair.server->session, got,
						    sizeof(got)),
				 2);
		assert_int_equal(record_sync(pair.record, pair.client->session),
				 0);
		assert_int_equal(record_sync(pair.record, pair.client->session),
				 0);
		assert_sends(&pair, 10, &sequence);
		assert_int_equal(sequence, first + 3);
		record_sync(pair.record, pair.client->session);
		gnutls_bye(pair.client->session, GNUTLS_SHUT_WR);
		dtls_end_carry(pair.client, pair.server);
		assert_int_equal(gnutls_record_recv(pair.server->session, got,
						    sizeof(got)),
				 0);
		free_pair(&pair);
	}
}

/* The position of the last record of epoch 1 in what an end sends next. */
static uint64_t last_sent(struct dtls_end *from, struct dtls_end *to)
{
	uint8_t datagram[DTLS_END_SIZE];
	uint64_t position = 0;
	size_t length;

	while ((length = dtls_queue_pop(&from->out, datagram,
					sizeof(datagram))) > 0) {
		for (size_t at = 0; at + DTLS_HEADER <= length;) {
			if (get16(datagram + at + DTLS_EPOCH) == 1)
				position = get64(datagram + at + DTLS_POSITION);
			at += DTLS_HEADER + get16(datagram + at + DTLS_LENGTH);
		}
		dtls_queue_push(&to->in, datagram, length);
	}
	return position;
}

/*
 * The client repeats its Finished because the server's was lost; the server's
 * GnuTLS answers with its last flight again, under a number of its own. Without
 * record_sync() that would be one which our records have used.
 */
static void test_flight_again(void **state)
{
	struct dtls_end *client = dtls_end_new(false, priorities[0]);
	struct dtls_end *server = dtls_end_new(true, priorities[0]);
	uint8_t sealed[64], byte = 0;
	uint64_t repeated, before;
	struct record *record;

	(void)state;
	gnutls_dtls_set_timeouts(client->session, 1, 60000);
	gnutls_dtls_set_timeouts(server->session, 1, 60000);
	do {
		dtls_end_carry(server, client);
		gnutls_handshake(client->session);
		dtls_end_carry(client, server);
	} while (gnutls_handshake(server->session) != 0);
	server->out.count = 0;
	assert_int_equal(record_new(&record, server->session), 0);
	for (int i = 0; i < 3; i++)
		record_seal(record, sealed, sizeof(sealed), &byte, 0);
	before = get64(sealed + DTLS_POSITION);
	do {
		assert_int_equal(gnutls_handshake(client->session),
				 GNUTLS_E_AGAIN);
		dtls_end_carry(client, server);
		assert_int_equal(record_sync(record, server->session), 0);
		while (server->in.count > 0)
			assert_int_equal(
				gnutls_record_recv(server->session, &byte, 1),
				GNUTLS_E_AGAIN);
		assert_int_equal(record_sync(record, server->session), 0);
		repeated = last_sent(server, client);
	} while (repeated == 0);
	assert_true(repeated > before);
	record_seal(record, sealed, sizeof(sealed), &byte, 0);
	assert_true(get64(sealed + DTLS_POSITION) > repeated);
	assert_int_equal(gnutls_handshake(client->session), 0);
	record_free(record);
	dtls_end_free(client);
	dtls_end_free(server);
}

static void test_other_sessions(void **state)
{
	struct dtls_end *end = dtls_end_new(false, priorities[0]), *server;
	struct record *record;

	(void)state;
	/* The session is not open. */
	assert_int_equal(record_new(&record, end->session), -ENOTSUP);
	dtls_end_free(end);
	dtls_end_pair(&end, &server, CIPHERS("AES-128-CCM"));
	assert_int_equal(record_new(&record, end->session), -ENOTSUP);
	dtls_end_free(end);
	dtls_end_free(server);
	dtls_end_pair(&end, &server, CIPHERS("AES-128-CBC:+SHA1"));
	assert_int_equal(record_new(&record, end->session), -ENOTSUP);
	dtls_end_free(end);
	dtls_end_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_close_notify),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_flight_again),
		cmocka_unit_test(test_other_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
