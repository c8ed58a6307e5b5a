/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A key that both ends have besides: what it protects from, and what happens
 * where they do not have the same.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/dtls/preshared.h"
#include "unit/certificates.h"
#include "unit/open_link.h"

#define LABEL "EXPERIMENTAL minivpn preshared key"
#define SEEDS 40

static const uint8_t our_key[KEY_SIZE] = {1, 2, 3}, other_key[KEY_SIZE] = {4};

/* What GnuTLS has of each end's newest session. */
static gnutls_session_t libraries[2];

int __real_gnutls_init(gnutls_session_t *session, unsigned flags);
int __wrap_gnutls_init(gnutls_session_t *session, unsigned flags);

int __wrap_gnutls_init(gnutls_session_t *session, unsigned flags)
{
	int code = __real_gnutls_init(session, flags);

	libraries[flags & GNUTLS_SERVER ? LINK_SERVER : LINK_CLIENT] = *session;
	return code;
}

/* As Python's hmac has them, by RFC 5869. */
static void test_vector(void **state)
{
	static const uint8_t client_key[] = {
		0xca, 0x1f, 0x21, 0x38, 0x76, 0x6f, 0x26, 0xaa,
		0x35, 0x42, 0x95, 0xc8, 0x13, 0x46, 0x47, 0x07,
		0x8b, 0x11, 0xa3, 0x18, 0x86, 0x65, 0x14, 0x54,
		0x33, 0x5f, 0xd1, 0x71, 0xa9, 0xe8, 0x48, 0x4b};
	static const uint8_t server_iv[] = {0x92, 0x4d, 0xac, 0x61, 0x70, 0xe3,
					    0xdd, 0x85, 0x6a, 0x1e, 0xbc, 0x77};
	static const uint8_t expected[] = {0x0f, 0xbe, 0xff, 0x5d, 0x2a, 0xa4,
					   0x52, 0xe2, 0xb8, 0x5b, 0x50, 0xe8,
					   0x19, 0x21, 0xff, 0xdf, 0x61};
	struct record_keys server = {0}, client = {0};
	uint8_t key[KEY_SIZE], exported[PRESHARED_EXPORT_SIZE];
	uint8_t proof[PRESHARED_PROOF_SIZE];

	(void)state;
	for (uint8_t i = 0; i < 32; i++) {
		key[i] = i;
		exported[i] = 100 + i;
	}
	assert_int_equal(preshared_derive(key, exported, true, &server, proof),
			 0);
	assert_memory_equal(proof, expected, sizeof(expected));
	assert_memory_equal(server.open_key, client_key, sizeof(client_key));
	assert_memory_equal(server.seal_iv, server_iv, sizeof(server_iv));
	assert_int_equal(preshared_derive(key, exported, false, &client, proof),
			 0);
	assert_memory_equal(proof, expected, sizeof(expected));
	assert_memory_equal(client.seal_key, server.open_key, RECORD_KEY_SIZE);
	assert_memory_equal(client.seal_iv, server.open_iv, RECORD_IV_SIZE);
	assert_memory_equal(client.open_key, server.seal_key, RECORD_KEY_SIZE);
	assert_memory_equal(client.open_iv, server.seal_iv, RECORD_IV_SIZE);
}

static struct memory_link *shake_hands(uint32_t seed, unsigned loss,
				       const uint8_t *client,
				       const uint8_t *server)
{
	struct memory_link *link = memory_link_new(seed, loss, loss, loss);

	link->preshared[LINK_CLIENT] = client;
	link->preshared[LINK_SERVER] = server;
	start_link(link, CONFIG_CIPHER_AUTO);
	while (!link->ends[LINK_CLIENT].opened &&
	       !link->ends[LINK_CLIENT].ended)
		memory_link_settle(link);
	return link;
}

/* The client sends until it has an answer, as it does in its role. */
static void converse(struct memory_link *link)
{
	struct link_end *client = &link->ends[LINK_CLIENT];
	struct link_end *server = &link->ends[LINK_SERVER];
	unsigned tries = 0;

	while (!client->records && !client->ended && tries++ < 100) {
		unsigned before = server->records;

		session_send(client->session, (const uint8_t *)"\1hello", 6);
		memory_link_settle(link);
		if (server->records > before)
			session_send(server->session, (const uint8_t *)"\2here",
				     5);
		memory_link_settle(link);
	}
}

/* It is open, and an end closes it. */
static void expect_open(struct memory_link *link, enum link_side end)
{
	struct link_end *server = &link->ends[LINK_SERVER];

	assert_false(server->opened);
	assert_true(session_is_proving(server->session));
	converse(link);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(link->ends[i].opened, 1);
		assert_int_equal(link->ends[i].ended, 0);
		assert_int_equal(link->ends[i].reused, 0);
	}
	link->loss = link->swap = link->twice = 0;
	check_data(link, LINK_CLIENT);
	check_data(link, LINK_SERVER);
	session_close(link->ends[end].session);
	memory_link_drain(link);
	assert_int_equal(session_error(link->ends[!end].session), -ECONNRESET);
}

static void test_same(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct memory_link *link =
			shake_hands(seed, seed == 1 ? 0 : 20, our_key, our_key);

		expect_open(link, seed % 2);
		memory_link_free(link);
	}
}

static void expect_refused(const uint8_t *client, const uint8_t *server,
			   const char *at_client, const char *at_server)
{
	struct memory_link *link = shake_hands(1, 0, client, server);
	struct link_end *ends = link->ends;

	converse(link);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(ends[i].records, 0);
	assert_int_equal(ends[LINK_SERVER].opened, server ? 0 : 1);
	assert_int_equal(session_error(ends[LINK_SERVER].session), -EACCES);
	assert_int_equal(session_error(ends[LINK_CLIENT].session), -EPERM);
	assert_string_equal(session_reason(ends[LINK_CLIENT].session),
			    at_client);
	assert_non_null(
		strstr(session_reason(ends[LINK_SERVER].session), at_server));
	memory_link_free(link);
}

static void test_not_the_same(void **state)
{
	(void)state;
	expect_refused(NULL, our_key,
		       "the server refuses us: it has a PresharedKey for this "
		       "client, and this file has none",
		       "it has no PresharedKey, and the file has one for it");
	expect_refused(our_key, NULL,
		       "the server refuses us: it has another PresharedKey for "
		       "this client, or none",
		       "it has a PresharedKey, and the file has none for it");
	expect_refused(other_key, our_key,
		       "the server refuses us: it has another PresharedKey for "
		       "this client, or none",
		       "its PresharedKey is another one than the file's");
}

/* The file's key of now counts, not that of the handshake. */
static void test_changed_meanwhile(void **state)
{
	struct memory_link *link = shake_hands(1, 0, our_key, our_key);

	(void)state;
	link->preshared[LINK_SERVER] = other_key;
	converse(link);
	assert_int_equal(link->ends[LINK_SERVER].opened, 0);
	assert_int_equal(session_error(link->ends[LINK_SERVER].session),
			 -EACCES);
	memory_link_free(link);
}

/* One that shakes hands and shows nothing has its time, and no more. */
static void test_no_proof(void **state)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);
	struct link_end *server = &link->ends[LINK_SERVER];

	(void)state;
	link->total = 200;
	link->preshared[LINK_CLIENT] = link->preshared[LINK_SERVER] = our_key;
	start_link(link, CONFIG_CIPHER_AUTO);
	memory_link_run(link);
	assert_int_equal(server->opened, 0);
	assert_int_equal(session_error(server->session), -ETIMEDOUT);
	memory_link_free(link);
}

static void test_resumed(void **state)
{
	struct memory_link *links[2];
	struct ticket_jar *tickets;
	struct ticket *ticket = NULL;

	(void)state;
	assert_int_equal(ticket_jar_new(&tickets, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct memory_link *link = memory_link_new(1, 0, 0, 0);

		links[i] = link;
		link->tickets = tickets;
		link->ticket = ticket;
		link->preshared[LINK_CLIENT] = our_key;
		link->preshared[LINK_SERVER] = our_key;
		start_link(link, CONFIG_CIPHER_AUTO);
		memory_link_drain(link);
		assert_int_equal(
			session_resumed(link->ends[LINK_CLIENT].session), i);
		if (!i)
			ticket = session_ticket(link->ends[LINK_CLIENT].session,
						0);
		assert_non_null(ticket);
		expect_open(link, LINK_CLIENT);
	}
	ticket_free(ticket);
	for (unsigned i = 0; i < 2; i++)
		memory_link_free(links[i]);
	ticket_jar_free(tickets);
}

/* Opens what the client seals with keys that the server might have. */
static ssize_t open_with(struct memory_link *link, struct record_keys *keys)
{
	uint8_t datagram[LINK_SIZE], *plain;
	struct record *record;
	ssize_t sealed, opened;
	size_t used;

	sealed = session_seal(link->ends[LINK_CLIENT].session, datagram,
			      sizeof(datagram), (const uint8_t *)"data", 4);
	assert_true(sealed > 0);
	assert_int_equal(record_new_keys(&record, keys), 0);
	opened = record_open(record, datagram, (size_t)sealed, &plain, &used);
	record_free(record);
	return opened;
}

/*
 * Who has the handshake's secrets, all of them, opens the records of a session
 * without a preshared key, and none of one with it.
 */
static void test_broken_key_exchange(void **state)
{
	uint8_t exported[2][PRESHARED_EXPORT_SIZE];
	uint8_t proof[PRESHARED_PROOF_SIZE];
	struct record_keys keys;
	struct memory_link *link = shake_hands(1, 0, NULL, NULL);

	(void)state;
	assert_int_equal(record_read_keys(&keys, libraries[LINK_SERVER]), 0);
	converse(link);
	assert_int_equal(open_with(link, &keys), 4);
	memory_link_free(link);

	link = shake_hands(1, 0, our_key, our_key);
	assert_int_equal(record_read_keys(&keys, libraries[LINK_SERVER]), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(gnutls_prf_rfc5705(libraries[i], strlen(LABEL),
						    LABEL, 0, NULL,
						    PRESHARED_EXPORT_SIZE,
						    (char *)exported[i]),
				 0);
	assert_memory_equal(exported[0], exported[1], PRESHARED_EXPORT_SIZE);
	converse(link);
	assert_int_equal(open_with(link, &keys), -EBADMSG);
	preshared_derive(other_key, exported[0], true, &keys, proof);
	assert_int_equal(open_with(link, &keys), -EBADMSG);
	preshared_derive(our_key, exported[0], true, &keys, proof);
	assert_int_equal(open_with(link, &keys), 4);
	memory_link_free(link);
}

static int make_keys(void **state)
{
	(void)state;
	open_link_keys();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_not_the_same),
		cmocka_unit_test(test_changed_meanwhile),
		cmocka_unit_test(test_no_proof),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_broken_key_exchange),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
