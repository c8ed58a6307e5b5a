/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/certificates.h"
#include "common/key.h"
#include "unit/session_cases.h"
#include "tunnel/dtls/precheck.h"

/* Handshakes that claim, and bytes that each may cost. */
#define CLAIMANTS   20
#define CLAIMS_MOST 8192

static struct credentials *fresh_client(const uint8_t server_key[KEY_SIZE])
{
	uint8_t key[KEY_SIZE];

	assert_int_equal(key_generate(key), 0);
	return key_credentials(CONFIG_CLIENT, key, server_key,
			       CONFIG_CIPHER_AUTO);
}

/* A server with a fresh key, which is put into public_key. */
static struct credentials *fresh_server(uint8_t public_key[KEY_SIZE])
{
	uint8_t key[KEY_SIZE];

	assert_int_equal(key_generate(key), 0);
	assert_int_equal(key_public(key, public_key), 0);
	return key_credentials(CONFIG_SERVER, key, NULL, CONFIG_CIPHER_AUTO);
}

static void test_other_server_key(void **state)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);
	uint8_t public_key[KEY_SIZE], wrong[KEY_SIZE] = {9};
	struct credentials *server = fresh_server(public_key);
	struct credentials *client = fresh_client(wrong);
	struct session *session;

	(void)state;
	memory_link_start(link, client, server);
	memory_link_run(link);
	session = link->ends[LINK_CLIENT].session;
	assert_int_equal(session_error(session), -EACCES);
	assert_non_null(
		strstr(session_reason(session), "not the file's ServerKey"));
	session = link->ends[LINK_SERVER].session;
	assert_int_equal(session_error(session), -EPERM);
	assert_string_equal(session_reason(session),
			    "the client refuses our key: its file has another "
			    "ServerKey");
	memory_link_free(link);
	credentials_free(client);
	credentials_free(server);
}

static void test_not_authorized(void **state)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);
	uint8_t public_key[KEY_SIZE];
	struct credentials *server = fresh_server(public_key);
	struct credentials *client = fresh_client(public_key);
	struct session *session;

	(void)state;
	link->refuse = true;
	memory_link_start(link, client, server);
	memory_link_run(link);
	session = link->ends[LINK_SERVER].session;
	assert_int_equal(session_error(session), -EACCES);
	assert_non_null(strstr(session_reason(session), "is nobody"));
	session = link->ends[LINK_CLIENT].session;
	assert_int_equal(session_error(session), -EPERM);
	assert_string_equal(session_reason(session),
			    "the server refuses our key: it is not in its "
			    "file");
	memory_link_free(link);
	credentials_free(client);
	credentials_free(server);
}

/* Nobody answers: the hello is repeated, then given up. */
static void test_silence(void **state)
{
	struct memory_link *link = memory_link_new(1, 100, 0, 0);
	uint8_t public_key[KEY_SIZE];
	struct credentials *server = fresh_server(public_key);
	struct credentials *client = fresh_client(public_key);
	struct session *session;

	(void)state;
	link->total = 100;
	memory_link_start(link, client, server);
	session = link->ends[LINK_CLIENT].session;
	assert_in_range(session_timeout(session), 0, 100);
	memory_link_run(link);
	assert_int_equal(session_error(session), -ETIMEDOUT);
	assert_string_equal(session_reason(session),
			    "the server does not answer");
	assert_int_equal(session_timeout(session), -1);
	memory_link_free(link);
	credentials_free(client);
	credentials_free(server);
}

/* A half-made handshake, after each of its datagrams: closed, then freed. */
static void test_cut_off(void **state)
{
	uint8_t public_key[KEY_SIZE];
	struct credentials *server = fresh_server(public_key);
	struct credentials *client = fresh_client(public_key);
	bool open = false;

	(void)state;
	for (unsigned steps = 0; !open; steps++) {
		struct memory_link *link = memory_link_new(1, 0, 0, 0);
		struct session *session;
		uint8_t byte = 0;

		memory_link_start(link, client, server);
		session = link->ends[LINK_CLIENT].session;
		for (unsigned i = 0; i < steps; i++)
			memory_link_step(link);
		open = session_is_open(session);
		if (!open) {
			assert_int_equal(session_send(session, &byte, 1),
					 -EPIPE);
			assert_string_equal(session_cipher(session), "");
			session_close(session);
			assert_int_equal(session_error(session), -ECONNRESET);
			memory_link_drain(link);
			if (link->ends[LINK_SERVER].session)
				assert_string_equal(
					session_reason(link->ends[LINK_SERVER]
							       .session),
					"closed by the client");
		}
		memory_link_free(link);
	}
	credentials_free(client);
	credentials_free(server);
}

/* Spoiled datagrams in a handshake may end it, and nothing else. */
static void test_garbage_in_handshake(void **state)
{
	uint8_t public_key[KEY_SIZE];
	struct credentials *server = fresh_server(public_key);
	struct credentials *client = fresh_client(public_key);

	(void)state;
	for (uint32_t seed = 1; seed <= 300; seed++) {
		struct memory_link *link = memory_link_new(seed, 0, 0, 0);

		link->mtu = seed % 2 ? 1200 : 256;
		memory_link_start(link, client, server);
		while (link->count) {
			struct link_datagram *next = &link->queue[0];

			if (memory_link_random(link) % 4 == 0)
				next->data[memory_link_random(link) %
					   next->length] ^=
					(uint8_t)memory_link_random(link);
			if (memory_link_random(link) % 16 == 0)
				next->length =
					memory_link_random(link) % next->length;
			memory_link_step(link);
		}
		memory_link_free(link);
	}
	credentials_free(client);
	credentials_free(server);
}

static const uint8_t hello[] = {
	22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 16, /* record */
	1,  0,	  0,	4, 0, 0, 0, 0, 0, 0, 0, 4, 1,  2, 3, 4,
};

static bool plain(size_t at, uint8_t value)
{
	uint8_t datagram[sizeof(hello)];
	struct precheck_record record;

	memcpy(datagram, hello, sizeof(hello));
	datagram[at] = value;
	return precheck_record(datagram, sizeof(datagram), &record) &&
	       precheck_plain(datagram, &record, false, true);
}

static void test_precheck(void **state)
{
	struct precheck_record record;

	(void)state;
	assert_true(plain(0, 22));
	assert_false(plain(0, 19));
	assert_false(plain(0, 24));
	assert_false(plain(0, 23)); /* data in the clear */
	assert_false(plain(1, 3));
	assert_false(plain(12, 17)); /* beyond the datagram */
	assert_false(plain(12, 15)); /* a message cut short */
	assert_false(plain(12, 0));
	/* A 16 MiB message, which would be a 16 MiB buffer. */
	assert_false(plain(14, 255));
	assert_true(plain(16, 200));
	assert_false(plain(17, 200)); /* message_seq */
	assert_false(plain(21, 1));   /* fragment beyond the message */
	assert_false(plain(24, 5));
	for (size_t i = 0; i < sizeof(hello); i++)
		assert_false(precheck_record(hello, i, &record));
}

enum sender { SERVER, CLIENT, CLIENT_BY_KEY };

/* The length that a message claims to have, of which one byte is there. */
static bool claims(enum sender sender, uint8_t type, uint8_t sequence,
		   unsigned length)
{
	uint8_t datagram[sizeof(hello)];
	struct precheck_record record;

	memcpy(datagram, hello, sizeof(hello));
	datagram[13] = type;
	datagram[15] = (uint8_t)(length >> 8);
	datagram[16] = (uint8_t)length;
	datagram[18] = sequence;
	assert_true(precheck_record(datagram, sizeof(datagram), &record));
	return precheck_plain(datagram, &record, sender != SERVER,
			      sender == CLIENT_BY_KEY);
}

/* In one record for each message, of which one byte comes. */
static void claim(struct session *session, uint8_t sequence)
{
	uint8_t datagram[26] = {22, 0xfe, 0xfd}, *record;
	size_t length;

	datagram[10] = sequence;
	datagram[12] = 13;
	datagram[13] = 11;
	datagram[15] = 0x40;
	datagram[18] = sequence;
	datagram[24] = 1;
	session_input(session, datagram, sizeof(datagram));
	session_next(session, &record, &length);
}

static void send_nowhere(void *owner, const uint8_t *datagram, size_t length)
{
	assert_null(owner);
	assert_true(datagram != NULL && length > 0);
}

static void test_screen_of_claims(void **state)
{
	(void)state;
	assert_true(claims(SERVER, 11, 9, 16384));
	assert_true(claims(SERVER, 13, 3, 16384));
	assert_false(claims(SERVER, 13, 3, 16385));
	assert_true(claims(CLIENT, 11, 2, 16384));
	assert_false(claims(CLIENT, 11, 3, 16384));
	assert_false(claims(CLIENT, 16, 2, 16384));
	assert_true(claims(CLIENT, 16, 3, 2048));
	assert_false(claims(CLIENT_BY_KEY, 11, 2, 2049));
	assert_true(claims(CLIENT_BY_KEY, 11, 2, 2048));
}

/*
 * Whoever has echoed a cookie starts as many messages as it likes, each with
 * the length that it likes.
 */
static void test_memory_of_claims(void **state)
{
	gnutls_dtls_prestate_st prestate = {.record_seq = 1, .hsk_read_seq = 1};
	static const struct session_hooks hooks = {send_nowhere, NULL};
	struct session *sessions[CLAIMANTS];
	uint8_t public_key[KEY_SIZE];
	struct credentials *server = fresh_server(public_key);
	size_t before, after;

	(void)state;
	for (unsigned i = 0; i < CLAIMANTS; i++)
		assert_int_equal(session_server(&sessions[i], server, &hooks,
						NULL, &prestate, 1200),
				 0);
	before = mallinfo2().uordblks;
	for (unsigned i = 0; i < CLAIMANTS; i++)
		for (uint8_t sequence = 2; sequence < 32; sequence++)
			claim(sessions[i], sequence);
	after = mallinfo2().uordblks;
	assert_in_range(after, 0, before + CLAIMANTS * CLAIMS_MOST);
	for (unsigned i = 0; i < CLAIMANTS; i++)
		session_free(sessions[i]);
	credentials_free(server);
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
		cmocka_unit_test(test_other_server_key),
		cmocka_unit_test(test_not_authorized),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_garbage_in_handshake),
		cmocka_unit_test(test_precheck),
		cmocka_unit_test(test_screen_of_claims),
		cmocka_unit_test(test_memory_of_claims),
	};

	session_cases_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
