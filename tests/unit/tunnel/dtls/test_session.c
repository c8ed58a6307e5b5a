/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/key.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/precheck.h"
#include "tunnel/dtls/record.h"
#include "unit/certificates.h"
#include "unit/open_link.h"

#define SEEDS	60
#define GARBAGE 100000

/* Handshakes that claim, and bytes that each may cost. */
#define CLAIMANTS   20
#define CLAIMS_MOST 8192

static void expect_cipher(enum config_cipher cipher, const char *text)
{
	struct memory_link *link = open_link(cipher);

	for (unsigned i = 0; i < 2; i++) {
		assert_string_equal(session_cipher(link->ends[i].session),
				    text);
		check_data(link, i);
	}
	memory_link_free(link);
}

static void test_open(void **state)
{
	struct memory_link *link = open_link(CONFIG_CIPHER_AUTO);
	char text[KEY_TEXT_SIZE];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct identity *identity =
			session_identity(link->ends[i].session);

		assert_true(identity->by_key);
		assert_memory_equal(identity->public_key, open_link_key(!i),
				    KEY_SIZE);
		key_format(open_link_key(!i), text);
		assert_string_equal(identity->text, text);
		assert_string_equal(identity->name, "");
		assert_int_equal(session_timeout(link->ends[i].session), -1);
		assert_int_equal(session_error(link->ends[i].session), 0);
	}
	memory_link_free(link);
	expect_cipher(CONFIG_AES_GCM, "ECDHE-ECDSA AES-128-GCM");
	expect_cipher(CONFIG_CHACHA20, "ECDHE-ECDSA CHACHA20-POLY1305");
}

static void test_data(void **state)
{
	struct memory_link *link = open_link(CONFIG_AES_GCM);

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		check_data(link, i % 3 ? LINK_CLIENT : LINK_SERVER);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(link->ends[i].reused, 0);
	memory_link_free(link);
}

static void test_sizes(void **state)
{
	struct memory_link *link = open_link(CONFIG_AES_GCM);
	struct session *session = link->ends[LINK_CLIENT].session;
	size_t overhead = session_overhead(session);
	uint8_t plain[1000] = {0}, datagram[1100];

	(void)state;
	assert_int_equal(overhead, 37);
	assert_int_equal(
		session_seal(session, datagram, overhead + 999, plain, 1000),
		-EMSGSIZE);
	assert_int_equal(
		session_seal(session, datagram, overhead + 1000, plain, 1000),
		overhead + 1000);
	memory_link_deliver(link, LINK_SERVER, datagram, overhead + 1000);
	assert_int_equal(link->ends[LINK_SERVER].records, 1);
	check_data(link, LINK_CLIENT);
	memory_link_free(link);
}

/* A packet that is sealed where it lies, by any suite. */
static void test_in_place(void **state)
{
	static const enum config_cipher ciphers[] = {CONFIG_AES_GCM,
						     CONFIG_CHACHA20};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct memory_link *link = open_link(ciphers[i]);
		struct session *session = link->ends[LINK_CLIENT].session;
		struct link_end *server = &link->ends[LINK_SERVER];
		uint8_t datagram[600], *plain;
		ssize_t sealed;

		plain = datagram + session_headroom(session);
		for (size_t j = 0; j < 500; j++)
			plain[j] = (uint8_t)j;
		sealed = session_seal(session, datagram, sizeof(datagram),
				      plain, 500);
		assert_int_equal(sealed, 500 + session_overhead(session));
		memory_link_deliver(link, LINK_SERVER, datagram,
				    (size_t)sealed);
		assert_int_equal(server->last_length, 500);
		for (size_t j = 0; j < 500; j++)
			assert_int_equal(server->last[j], (uint8_t)j);
		memory_link_free(link);
	}
}

static void test_several_records(void **state)
{
	struct memory_link *link = open_link(CONFIG_AES_GCM);
	struct session *session = link->ends[LINK_CLIENT].session;
	struct link_end *server = &link->ends[LINK_SERVER];
	uint8_t datagram[LINK_SIZE];
	size_t length = 0;

	(void)state;
	for (uint8_t i = 0; i < 5; i++) {
		ssize_t sealed = session_seal(session, datagram + length,
					      sizeof(datagram) - length, &i, 1);

		assert_true(sealed > 0);
		length += (size_t)sealed;
	}
	memory_link_deliver(link, LINK_SERVER, datagram, length);
	assert_int_equal(server->records, 5);
	assert_int_equal(server->last[0], 4);
	memory_link_free(link);
}

static void test_replay(void **state)
{
	struct memory_link *link = open_link(CONFIG_AES_GCM);
	struct link_end *server = &link->ends[LINK_SERVER];
	const struct session_counters *counters =
		session_counters(server->session);
	uint8_t datagram[LINK_SIZE];
	ssize_t sealed;

	(void)state;
	sealed = session_seal(link->ends[LINK_CLIENT].session, datagram,
			      sizeof(datagram), (const uint8_t *)"once", 4);
	assert_true(sealed > 0);
	for (unsigned i = 0; i < 3; i++)
		memory_link_deliver(link, LINK_SERVER, datagram,
				    (size_t)sealed);
	assert_int_equal(server->records, 1);
	assert_int_equal(counters->replayed + counters->forged, 2);
	assert_int_equal(counters->malformed, 0);
	memory_link_free(link);
}

/* The server's first records come before its Finished. */
static void test_overtaken(void **state)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);
	struct link_end *server = &link->ends[LINK_SERVER];
	uint8_t datagram[LINK_SIZE];
	ssize_t sealed;

	(void)state;
	start_link(link, CONFIG_AES_GCM);
	while (!server->opened)
		assert_true(memory_link_step(link));
	sealed = session_seal(server->session, datagram, sizeof(datagram),
			      (const uint8_t *)"early", 5);
	assert_true(sealed > 0);
	memory_link_deliver(link, LINK_CLIENT, datagram, (size_t)sealed);
	assert_int_equal(link->ends[LINK_CLIENT].records, 0);
	memory_link_run(link);
	assert_true(session_is_open(link->ends[LINK_CLIENT].session));
	check_data(link, LINK_SERVER);
	check_data(link, LINK_CLIENT);
	memory_link_free(link);
}

/* What anybody could send, as it takes no key. */
static void test_plaintext(void **state)
{
	static const uint8_t alerts[][15] = {
		{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40},
		{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0},
		{21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40},
		{21, 0xfe, 0xfd, 0, 2, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40},
		{20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1, 0},
		{24, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0},
	};
	struct memory_link *link = open_link(CONFIG_AES_GCM);
	const struct session_counters *counters;

	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
			memory_link_deliver(link, side, alerts[i],
					    sizeof(alerts[i]));
		assert_true(session_is_open(link->ends[side].session));
		/*
		 * Those of the handshake's epoch do not count: an unknown type
		 * does, and the byte behind the shortest of them.
		 */
		counters = session_counters(link->ends[side].session);
		assert_int_equal(counters->forged, 2);
		assert_int_equal(counters->malformed, 2);
	}
	check_data(link, LINK_SERVER);
	check_data(link, LINK_CLIENT);
	memory_link_free(link);
}

/* Valid records with some bytes changed, cut, or with a tail. */
static size_t spoil(struct memory_link *link, uint8_t *datagram, size_t length)
{
	unsigned changes = 1 + memory_link_random(link) % 3;

	while (changes--) {
		size_t range = memory_link_random(link) % 2 ? 14 : length;

		datagram[memory_link_random(link) % range] ^=
			(uint8_t)(1 + memory_link_random(link) % 255);
	}
	switch (memory_link_random(link) % 4) {
	case 0:
		return memory_link_random(link) % length;
	case 1:
		return length + memory_link_random(link) % 40;
	default:
		return length;
	}
}

static void test_garbage(void **state)
{
	struct memory_link *link = open_link(CONFIG_AES_GCM);
	uint8_t sealed[2][LINK_SIZE] = {{0}}, datagram[LINK_SIZE];
	const struct session_counters *counters;
	ssize_t length = 0;

	(void)state;
	for (unsigned side = 0; side < 2; side++)
		length =
			session_seal(link->ends[!side].session, sealed[side],
				     LINK_SIZE, (const uint8_t *)"a record", 8);
	assert_true(length > 0);
	for (unsigned i = 0; i < GARBAGE; i++) {
		memcpy(datagram, sealed[i % 2], sizeof(datagram));
		memory_link_deliver(link, i % 2, datagram,
				    spoil(link, datagram, (size_t)length));
	}
	for (unsigned side = 0; side < 2; side++) {
		assert_string_equal(session_reason(link->ends[side].session),
				    "");
		assert_true(link->ends[side].records <= 1);
		counters = session_counters(link->ends[side].session);
		assert_true(counters->forged && counters->malformed);
	}
	check_data(link, LINK_SERVER);
	check_data(link, LINK_CLIENT);
	memory_link_free(link);
}

/*
 * The server's last flight is lost again and again while it sends data: the
 * client asks, the server repeats, and no sequence number comes twice.
 */
static void test_last_flight(void **state)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);
	struct link_end *server = &link->ends[LINK_SERVER];

	(void)state;
	start_link(link, CONFIG_AES_GCM);
	while (!server->opened)
		assert_true(memory_link_step(link));
	for (unsigned lost = 0; lost < 3; lost++) {
		struct link_end *client = &link->ends[LINK_CLIENT];

		link->count = 0;
		assert_int_equal(session_send(server->session,
					      (const uint8_t *)"data", 4),
				 0);
		link->count = 0;
		/* Until the server has answered the client's repetition. */
		while (!link->count || link->queue[0].to != LINK_CLIENT) {
			assert_true(session_timeout(client->session) >= 0);
			if (!session_timeout(client->session))
				session_tick(client->session);
			memory_link_step(link);
		}
	}
	memory_link_run(link);
	assert_int_equal(link->ends[LINK_CLIENT].opened, 1);
	check_data(link, LINK_SERVER);
	check_data(link, LINK_CLIENT);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(link->ends[i].reused, 0);
	memory_link_free(link);
}

static void check_losses(uint32_t seed)
{
	struct memory_link *link = memory_link_new(seed, 20, 20, 20);

	link->mtu = seed % 2 ? 1200 : 256;
	start_link(link, CONFIG_CIPHER_AUTO);
	memory_link_run(link);
	for (unsigned i = 0; i < 2; i++) {
		if (!session_is_open(link->ends[i].session))
			print_error("seed %u: %s\n", (unsigned)seed,
				    session_reason(link->ends[i].session));
		assert_int_equal(link->ends[i].opened, 1);
		assert_int_equal(link->ends[i].ended, 0);
	}
	link->loss = link->swap = link->twice = 0;
	check_data(link, LINK_SERVER);
	check_data(link, LINK_CLIENT);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(link->ends[i].reused, 0);
	memory_link_free(link);
}

static void test_losses(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= SEEDS; seed++)
		check_losses(seed * 2654435761u);
}

static void check_close(enum link_side side, const char *reason)
{
	struct memory_link *link = open_link(CONFIG_AES_GCM);
	struct session *closed = link->ends[side].session;
	struct session *other = link->ends[!side].session;
	uint8_t datagram[LINK_SIZE];

	check_data(link, side);
	session_close(closed);
	memory_link_drain(link);
	assert_int_equal(session_error(closed), -ECONNRESET);
	assert_int_equal(session_error(other), -ECONNRESET);
	assert_string_equal(session_reason(other), reason);
	assert_int_equal(link->ends[!side].ended, 1);
	assert_int_equal(link->ends[side].reused, 0);
	assert_int_equal(session_send(closed, datagram, 1), -EPIPE);
	assert_int_equal(session_send(other, datagram, 1), -EPIPE);
	session_close(closed);
	assert_int_equal(link->count, 0);
	memory_link_free(link);
}

static void test_close(void **state)
{
	(void)state;
	check_close(LINK_CLIENT, "closed by the client");
	check_close(LINK_SERVER, "closed by the server");
}

/* What GnuTLS holds for each open session, at least. */
#define LIBRARY_BYTES 6000

/*
 * A server's session by key is without GnuTLS's from a client's first record
 * on, but not before: the client may ask for the last flight again.
 */
static void test_released(void **state)
{
	struct memory_link *link = open_link(CONFIG_AES_GCM);
	size_t before;

	(void)state;
	check_data(link, LINK_SERVER);
	before = mallinfo2().uordblks;
	check_data(link, LINK_SERVER);
	assert_in_range(mallinfo2().uordblks, before, SIZE_MAX);
	check_data(link, LINK_CLIENT);
	assert_in_range(mallinfo2().uordblks, 0, before - LIBRARY_BYTES);
	for (unsigned i = 0; i < 100; i++)
		check_data(link, i % 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(link->ends[i].reused, 0);
	memory_link_free(link);
}

/* Alerts that are forged, replayed, or none: only the true one is an end. */
static void test_alerts_after_release(void **state)
{
	struct memory_link *link = open_link(CONFIG_AES_GCM);
	struct session *client = link->ends[LINK_CLIENT].session;
	struct session *server = link->ends[LINK_SERVER].session;
	const struct session_counters *counters = session_counters(server);
	struct link_datagram data, alert;
	uint8_t byte = 1;

	(void)state;
	check_data(link, LINK_CLIENT);
	session_send(client, &byte, 1);
	data = link->queue[0];
	memory_link_drain(link);
	session_close(client);
	assert_int_equal(link->count, 1);
	alert = link->queue[0];
	link->count = 0;

	/* Data that says to be an alert, and an alert with another text. */
	data.data[DTLS_TYPE] = DTLS_ALERT;
	memory_link_deliver(link, LINK_SERVER, data.data, data.length);
	assert_int_equal(counters->replayed, 1);
	alert.data[alert.length - 1] ^= 1;
	memory_link_deliver(link, LINK_SERVER, alert.data, alert.length);
	assert_int_equal(counters->forged, 1);
	/* The client's Finished again. */
	data.data[DTLS_TYPE] = DTLS_HANDSHAKE;
	memory_link_deliver(link, LINK_SERVER, data.data, data.length);
	assert_true(session_is_open(server));
	assert_int_equal(link->count, 0);

	alert.data[alert.length - 1] ^= 1;
	memory_link_deliver(link, LINK_SERVER, alert.data, alert.length);
	assert_int_equal(session_error(server), -ECONNRESET);
	assert_string_equal(session_reason(server), "closed by the client");
	memory_link_free(link);
}

/* Linked in place of record_new(). */
int __wrap_record_new(struct record **record, gnutls_session_t session);
int __real_record_new(struct record **record, gnutls_session_t session);

static bool suites_unknown;

int __wrap_record_new(struct record **record, gnutls_session_t session)
{
	return suites_unknown ? -ENOTSUP : __real_record_new(record, session);
}

/* The priorities have no such suite; if they had, it would not be used. */
static void test_unknown_suite(void **state)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);

	(void)state;
	suites_unknown = true;
	start_link(link, CONFIG_CIPHER_AUTO);
	memory_link_run(link);
	suites_unknown = false;
	for (unsigned i = 0; i < 2; i++) {
		const struct session *session = link->ends[i].session;

		assert_int_equal(link->ends[i].opened, 0);
		assert_int_equal(session_error(session), -EPROTO);
		assert_int_equal(session_overhead(session), 0);
	}
	memory_link_free(link);
}

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
	assert_non_null(strstr(session_reason(session),
			       "the client refuses our key: its file has "
			       "another ServerKey (key "));
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
	/* Its own key, for whoever has to put it into the server's file. */
	assert_non_null(strstr(session_reason(session),
			       "the server refuses our key: it is not in its "
			       "file (key "));
	assert_non_null(
		strstr(session_reason(session), credentials_own_text(client)));
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
	       precheck_plain(datagram, &record, true, true);
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
	uint8_t datagram[sizeof(hello)], *message = datagram + DTLS_HEADER;
	struct precheck_record record;

	memcpy(datagram, hello, sizeof(hello));
	message[DTLS_MESSAGE_TYPE] = type;
	put16(message + DTLS_MESSAGE_LENGTH + 1, (uint16_t)length);
	put16(message + DTLS_MESSAGE_SEQUENCE, sequence);
	assert_true(precheck_record(datagram, sizeof(datagram), &record));
	return precheck_plain(datagram, &record, sender != SERVER,
			      sender == CLIENT_BY_KEY);
}

/* In one record for each message, of which one byte comes. */
static void claim(struct session *session, uint8_t sequence)
{
	uint8_t datagram[DTLS_HELLO + 1] = {DTLS_HANDSHAKE}, *record;
	uint8_t *message = datagram + DTLS_HEADER;
	size_t length;

	put16(datagram + DTLS_VERSION, DTLS_1_2);
	put64(datagram + DTLS_POSITION, sequence);
	put16(datagram + DTLS_LENGTH, DTLS_MESSAGE_HEADER + 1);
	message[DTLS_MESSAGE_TYPE] = DTLS_CERTIFICATE;
	put16(message + DTLS_MESSAGE_LENGTH + 1, 1 << 14);
	put16(message + DTLS_MESSAGE_SEQUENCE, sequence);
	put16(message + DTLS_FRAGMENT_LENGTH + 1, 1);
	session_input(session, datagram, sizeof(datagram));
	session_next(session, &record, &length);
}

static void send_nowhere(void *owner, const uint8_t *datagram, size_t length)
{
	assert_null(owner);
	assert_true(datagram != NULL && length > 0);
}

static void test_precheck_of_claims(void **state)
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
	static const struct session_hooks hooks = {.transmit = send_nowhere};
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

/* A busy server's word is taken between the cookie and the answer alone. */
static void test_hold(void **state)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);
	struct session *client;
	uint8_t random[DTLS_RANDOM_SIZE], other[DTLS_RANDOM_SIZE];

	(void)state;
	start_link(link, CONFIG_AES_GCM);
	client = link->ends[LINK_CLIENT].session;
	memcpy(random, link->queue[0].data + DTLS_HELLO + DTLS_HELLO_RANDOM,
	       sizeof(random));
	memcpy(other, random, sizeof(random));
	other[7] ^= 1;
	assert_false(session_hold(client, random, 500));
	/* The hello, and what asks for its cookie. */
	memory_link_step(link);
	memory_link_step(link);
	assert_false(session_hold(client, other, 500));
	assert_false(session_hold(client, random, 65000));
	assert_in_range(session_timeout(client), 0, 100);
	assert_true(session_hold(client, random, 500));
	assert_in_range(session_timeout(client), 400, 500);
	memory_link_step(link);
	assert_non_null(link->ends[LINK_SERVER].session);
	assert_false(
		session_hold(link->ends[LINK_SERVER].session, random, 500));
	memory_link_step(link);
	assert_false(session_hold(client, random, 500));
	assert_in_range(session_timeout(client), 0, 100);
	memory_link_run(link);
	assert_true(session_is_open(client));
	memory_link_free(link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_several_records),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_overtaken),
		cmocka_unit_test(test_plaintext),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_last_flight),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_released),
		cmocka_unit_test(test_alerts_after_release),
		cmocka_unit_test(test_unknown_suite),
		cmocka_unit_test(test_other_server_key),
		cmocka_unit_test(test_not_authorized),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_garbage_in_handshake),
		cmocka_unit_test(test_precheck),
		cmocka_unit_test(test_precheck_of_claims),
		cmocka_unit_test(test_memory_of_claims),
		cmocka_unit_test(test_hold),
	};

	open_link_keys();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
