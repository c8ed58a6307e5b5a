/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/session_cases.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/certificates.h"
#include "common/key.h"

#define SEEDS	60
#define GARBAGE 100000

static uint8_t keys[2][KEY_SIZE], public_keys[2][KEY_SIZE];

void session_cases_begin(void)
{
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(key_generate(keys[i]), 0);
		assert_int_equal(key_public(keys[i], public_keys[i]), 0);
	}
}

static void start_link(struct memory_link *link, enum config_cipher cipher)
{
	struct credentials *client =
		key_credentials(CONFIG_CLIENT, keys[LINK_CLIENT],
				public_keys[LINK_SERVER], cipher);
	struct credentials *server =
		key_credentials(CONFIG_SERVER, keys[LINK_SERVER], NULL, cipher);

	link->owned[0] = client;
	link->owned[1] = server;
	memory_link_start(link, client, server);
}

struct memory_link *open_link(enum config_cipher cipher)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);

	start_link(link, cipher);
	memory_link_run(link);
	for (unsigned i = 0; i < 2; i++) {
		assert_string_equal(session_reason(link->ends[i].session), "");
		assert_true(session_is_open(link->ends[i].session));
		assert_int_equal(link->ends[i].opened, 1);
	}
	return link;
}

void check_data(struct memory_link *link, enum link_side side)
{
	struct link_end *to = &link->ends[!side];
	unsigned before = to->records;
	uint8_t plain[600];

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)memory_link_random(link);
	assert_int_equal(
		session_send(link->ends[side].session, plain, sizeof(plain)),
		0);
	memory_link_drain(link);
	assert_int_equal(to->records, before + 1);
	assert_int_equal(to->last_length, sizeof(plain));
	assert_memory_equal(to->last, plain, sizeof(plain));
}

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

void session_case_open(void **state)
{
	struct memory_link *link = open_link(CONFIG_CIPHER_AUTO);
	char text[KEY_TEXT_SIZE];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct identity *identity =
			session_identity(link->ends[i].session);

		assert_true(identity->by_key);
		assert_memory_equal(identity->public_key, public_keys[!i],
				    KEY_SIZE);
		key_format(public_keys[!i], text);
		assert_string_equal(identity->text, text);
		assert_string_equal(identity->name, "");
		assert_int_equal(session_timeout(link->ends[i].session), -1);
		assert_int_equal(session_error(link->ends[i].session), 0);
	}
	memory_link_free(link);
	expect_cipher(CONFIG_AES_GCM, "ECDHE-ECDSA AES-128-GCM");
	expect_cipher(CONFIG_CHACHA20, "ECDHE-ECDSA CHACHA20-POLY1305");
}

void session_case_data(void **state)
{
	struct memory_link *link = open_link(CONFIG_AES_GCM);

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		check_data(link, i % 3 ? LINK_CLIENT : LINK_SERVER);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(link->ends[i].reused, 0);
	memory_link_free(link);
}

void session_case_sizes(void **state)
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
void session_case_in_place(void **state)
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

void session_case_several_records(void **state)
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

void session_case_replay(void **state)
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
void session_case_overtaken(void **state)
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
void session_case_plaintext(void **state)
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

void session_case_garbage(void **state)
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
void session_case_last_flight(void **state)
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

void session_case_losses(void **state)
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

void session_case_close(void **state)
{
	(void)state;
	check_close(LINK_CLIENT, "closed by the client");
	check_close(LINK_SERVER, "closed by the server");
}
