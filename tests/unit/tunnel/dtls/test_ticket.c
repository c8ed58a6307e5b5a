/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/key.h"
#include "unit/certificates.h"
#include "unit/fake_time.h"
#include "unit/open_link.h"

#define NOW    1000.
#define SEEDS  40
#define SERVER GNUTLS_KP_TLS_WWW_SERVER

/* Both ends' credentials, and what they keep of their first session. */
struct pair {
	struct credentials *client, *server;
	struct ticket_jar *jar;
	struct ticket *ticket;
	uint8_t key[KEY_SIZE], public_key[KEY_SIZE];
	uint8_t sealed[LINK_SIZE]; /* its first record */
};

static struct memory_link *join(struct pair *pair, uint32_t seed, unsigned loss)
{
	struct memory_link *link = memory_link_new(seed, loss, loss, loss);

	link->tickets = pair->jar;
	link->ticket = pair->ticket;
	link->server_now = link->client_now = NOW;
	link->host = "vpn.example.org";
	return link;
}

static void run(struct memory_link *link, struct pair *pair)
{
	memory_link_start(link, pair->client, pair->server);
	memory_link_run(link);
}

static void expect_open(struct memory_link *link, bool resumed)
{
	for (unsigned i = 0; i < 2; i++) {
		struct session *session = link->ends[i].session;

		assert_string_equal(session_reason(session), "");
		assert_true(session_is_open(session));
		assert_int_equal(session_resumed(session), resumed);
		assert_int_equal(link->ends[i].opened, 1);
	}
	link->loss = link->swap = link->twice = 0;
	check_data(link, LINK_CLIENT);
	check_data(link, LINK_SERVER);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(link->ends[i].reused, 0);
}

static void first_session(struct pair *pair)
{
	struct memory_link *link = join(pair, 1, 0);

	run(link, pair);
	assert_true(session_seal(link->ends[LINK_CLIENT].session, pair->sealed,
				 LINK_SIZE, (const uint8_t *)"same", 4) > 0);
	expect_open(link, false);
	pair->ticket = session_ticket(link->ends[LINK_CLIENT].session, NOW);
	assert_non_null(pair->ticket);
	assert_null(session_ticket(link->ends[LINK_SERVER].session, NOW));
	memory_link_free(link);
}

static void by_key(struct pair *pair)
{
	uint8_t server_key[KEY_SIZE], server_public[KEY_SIZE];

	memset(pair, 0, sizeof(*pair));
	assert_int_equal(key_generate(pair->key), 0);
	assert_int_equal(key_public(pair->key, pair->public_key), 0);
	assert_int_equal(key_generate(server_key), 0);
	assert_int_equal(key_public(server_key, server_public), 0);
	pair->client = key_credentials(CONFIG_CLIENT, pair->key, server_public,
				       CONFIG_AES_GCM);
	pair->server = key_credentials(CONFIG_SERVER, server_key, NULL,
				       CONFIG_AES_GCM);
	assert_int_equal(ticket_jar_new(&pair->jar, NULL), 0);
	first_session(pair);
}

static void end_pair(struct pair *pair)
{
	ticket_free(pair->ticket);
	ticket_jar_free(pair->jar);
	credentials_free(pair->client);
	credentials_free(pair->server);
}

/* Who it is is known, the keys are others, and it can be done again. */
static void test_resumed(void **state)
{
	uint8_t sealed[LINK_SIZE];
	struct pair pair;

	(void)state;
	by_key(&pair);
	for (unsigned again = 0; again < 3; again++) {
		struct memory_link *link = join(&pair, 1, 0);
		struct session *client, *server;

		run(link, &pair);
		client = link->ends[LINK_CLIENT].session;
		server = link->ends[LINK_SERVER].session;
		assert_memory_equal(session_identity(server)->public_key,
				    pair.public_key, KEY_SIZE);
		assert_true(session_identity(client)->by_key);
		assert_true(session_seal(client, sealed, LINK_SIZE,
					 (const uint8_t *)"same", 4) > 0);
		/* Unless something was sent twice, even the nonce is. */
		if (!memcmp(sealed, pair.sealed, 13))
			assert_memory_not_equal(sealed + 21, pair.sealed + 21,
						20);
		assert_null(session_ticket(client, NOW));
		expect_open(link, true);
		memory_link_free(link);
	}
	end_pair(&pair);
}

static void expect_age(struct pair *pair, time_t later, double least,
		       double most)
{
	struct memory_link *link = join(pair, 1, 0);
	double age;

	ahead = later;
	run(link, pair);
	expect_open(link, true);
	age = session_age(link->ends[LINK_SERVER].session);
	assert_true(age >= least && age <= most);
	ahead = 0;
	memory_link_free(link);
}

/* Whoever resumes again and again, the full handshake is as long ago. */
static void test_age(void **state)
{
	struct memory_link *link;
	struct pair pair;

	(void)state;
	by_key(&pair);
	expect_age(&pair, 0, 0., 60.);
	expect_age(&pair, 1800, 1800., 1860.);
	expect_age(&pair, 3500, 3500., 3560.);
	ticket_free(pair.ticket);
	pair.ticket = NULL;
	link = join(&pair, 1, 0);
	run(link, &pair);
	expect_open(link, false);
	assert_true(session_age(link->ends[LINK_SERVER].session) <= 0.);
	memory_link_free(link);
	end_pair(&pair);
}

static void test_losses(void **state)
{
	struct pair pair;

	(void)state;
	by_key(&pair);
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct memory_link *link = join(&pair, seed * 2654435761u, 20);

		run(link, &pair);
		expect_open(link, true);
		memory_link_free(link);
	}
	end_pair(&pair);
}

static void expect_refused(struct memory_link *link, const char *reason)
{
	struct session *server = link->ends[LINK_SERVER].session;
	struct session *client = link->ends[LINK_CLIENT].session;

	assert_int_equal(session_error(server), -EACCES);
	assert_non_null(strstr(session_reason(server), reason));
	assert_int_equal(link->ends[LINK_SERVER].opened, 0);
	assert_int_equal(session_error(client), -EPERM);
	memory_link_free(link);
}

/* Removed since: the ticket is no way in. */
static void test_removed(void **state)
{
	struct memory_link *link;
	struct pair pair;

	(void)state;
	by_key(&pair);
	link = join(&pair, 1, 0);
	link->refuse = true;
	run(link, &pair);
	memory_link_drain(link);
	expect_refused(link, "is nobody");
	end_pair(&pair);
}

/* Another server's key is in the file now, but the old one resumes. */
static void test_other_server_key(void **state)
{
	uint8_t wrong[KEY_SIZE] = {9};
	struct memory_link *link;
	struct pair pair;

	(void)state;
	by_key(&pair);
	credentials_free(pair.client);
	pair.client =
		key_credentials(CONFIG_CLIENT, pair.key, wrong, CONFIG_AES_GCM);
	link = join(&pair, 1, 0);
	run(link, &pair);
	assert_int_equal(session_error(link->ends[LINK_CLIENT].session),
			 -EACCES);
	assert_int_equal(link->ends[LINK_CLIENT].opened, 0);
	memory_link_free(link);
	end_pair(&pair);
}

static void expect_full(struct pair *pair, struct ticket_jar *jar,
			double server_now, double client_now)
{
	struct memory_link *link = join(pair, 1, 0);

	link->tickets = jar;
	link->server_now = server_now;
	link->client_now = client_now;
	run(link, pair);
	expect_open(link, false);
	memory_link_free(link);
}

/* Too old, or of a key that is gone: a full handshake. */
static void test_full_instead(void **state)
{
	struct ticket_jar *restarted;
	struct pair pair;

	(void)state;
	by_key(&pair);
	assert_int_equal(ticket_jar_new(&restarted, NULL), 0);
	expect_full(&pair, restarted, NOW, NOW);
	expect_full(&pair, NULL, NOW, NOW);
	expect_full(&pair, pair.jar, NOW, NOW + TICKET_LIFETIME);
	expect_full(&pair, pair.jar, NOW + TICKET_LIFETIME, NOW);
	/* And it has been wiped. */
	expect_full(&pair, pair.jar, NOW, NOW);
	ticket_jar_free(restarted);
	end_pair(&pair);
}

static void expect_resumed(struct pair *pair, struct ticket_jar *jar)
{
	struct memory_link *link = join(pair, 1, 0);

	link->tickets = jar;
	run(link, pair);
	expect_open(link, true);
	memory_link_free(link);
}

static bool is_wiped(const struct ticket_key *key)
{
	static const struct ticket_key none;

	return !memcmp(key, &none, sizeof(none));
}

/* A process that is killed leaves its key, one that ends does not. */
static void test_next_process(void **state)
{
	struct ticket_key *shared = ticket_key_share();
	struct ticket_jar *killed, *next;
	struct pair pair;

	(void)state;
	assert_non_null(shared);
	assert_int_equal(ticket_jar_new(&killed, shared), 0);
	by_key(&pair);
	ticket_free(pair.ticket);
	ticket_jar_free(pair.jar);
	pair.jar = killed;
	pair.ticket = NULL;
	first_session(&pair);
	assert_int_equal(ticket_jar_new(&next, shared), 0);
	expect_resumed(&pair, next);
	/* Nor does one count that is too old, or from the future, or a part. */
	shared->made = NOW + 1.;
	expect_full(&pair, next, NOW, NOW);
	shared->made = NOW - TICKET_LIFETIME;
	ticket_jar_expire(next, NOW);
	assert_true(is_wiped(shared));
	expect_full(&pair, next, NOW, NOW);
	shared->size = 1;
	ticket_jar_expire(next, NOW);
	assert_true(is_wiped(shared));
	expect_full(&pair, next, NOW, NOW);
	ticket_jar_free(next);
	assert_true(is_wiped(shared));
	end_pair(&pair);
	ticket_key_unmap(shared);
}

/* Seconds of fake time until so long after the key's hours have begun. */
static time_t until_step(time_t after)
{
	time_t now;

	ahead = 0;
	now = time(NULL);
	return (now / TICKET_STEP + 1) * TICKET_STEP + after - now;
}

static struct ticket_jar *sibling(uint8_t first)
{
	uint8_t root[KEY_SIZE] = {first};
	struct ticket_jar *jar;

	assert_int_equal(ticket_jar_new(&jar, NULL), 0);
	assert_int_equal(ticket_jar_derive(jar, root), 0);
	return jar;
}

/* Another server of the same TicketKey, which may have started any time. */
static void test_sibling(void **state)
{
	struct ticket_jar *other, *stranger;
	struct pair pair;

	(void)state;
	ahead = until_step(60);
	by_key(&pair);
	ticket_jar_free(pair.jar);
	ticket_free(pair.ticket);
	pair.ticket = NULL;
	pair.jar = sibling(1);
	first_session(&pair);
	ahead += 3000;
	other = sibling(1);
	expect_resumed(&pair, other);
	expect_resumed(&pair, pair.jar);
	stranger = sibling(2);
	expect_full(&pair, stranger, NOW, NOW);
	ticket_jar_free(stranger);
	/* A random one again, as without the key. */
	assert_int_equal(ticket_jar_derive(other, NULL), 0);
	expect_full(&pair, other, NOW, NOW);
	ticket_jar_free(other);
	ahead = 0;
	end_pair(&pair);
}

/* What the key of now follows from does not lead back. */
static void test_siblings_forget(void **state)
{
	struct ticket_jar *other;
	struct pair pair;

	(void)state;
	ahead = until_step(-60);
	by_key(&pair);
	ticket_jar_free(pair.jar);
	ticket_free(pair.ticket);
	pair.ticket = NULL;
	pair.jar = sibling(1);
	first_session(&pair);
	expect_resumed(&pair, pair.jar);
	ahead = until_step(60);
	ticket_jar_expire(pair.jar, NOW);
	expect_full(&pair, pair.jar, NOW, NOW);
	other = sibling(1);
	expect_full(&pair, other, NOW, NOW);
	ticket_jar_free(other);
	ahead = 0;
	end_pair(&pair);
}

static void x509(struct pair *pair, const char *crl)
{
	credentials_free(pair->server);
	pair->server = x509_credentials(CONFIG_SERVER, "server", "ca", crl);
}

/* Revoked since the ticket was given. */
static void test_revoked(void **state)
{
	struct authority authority;
	struct memory_link *link;
	struct pair pair = {0};

	(void)state;
	certificates_begin();
	authority_new(&authority, "ca");
	authority_issue(&authority,
			&(struct leaf){.name = "alice", .serial = 7});
	authority_issue(&authority, &(struct leaf){.name = "server",
						   .serial = 8,
						   .dns = "vpn.example.org",
						   .purpose = SERVER});
	authority_revoke(&authority, "none", 0);
	authority_revoke(&authority, "alice-revoked", 7);
	pair.client = x509_credentials(CONFIG_CLIENT, "alice", "ca", NULL);
	x509(&pair, "none");
	assert_int_equal(ticket_jar_new(&pair.jar, NULL), 0);
	first_session(&pair);
	link = join(&pair, 1, 0);
	run(link, &pair);
	assert_string_equal(
		session_identity(link->ends[LINK_SERVER].session)->name,
		"alice");
	expect_open(link, true);
	memory_link_free(link);
	x509(&pair, "alice-revoked");
	link = join(&pair, 1, 0);
	run(link, &pair);
	memory_link_drain(link);
	expect_refused(link, "revoked");
	end_pair(&pair);
	authority_free(&authority);
	certificates_end();
}

/* What would make a hello of more than one datagram is not kept. */
static void test_too_long(void **state)
{
	struct authority authority;
	struct memory_link *link;
	struct pair pair = {0};

	(void)state;
	certificates_begin();
	authority_new(&authority, "ca");
	authority_issue(&authority, &(struct leaf){.name = "alice",
						   .algorithm = GNUTLS_PK_RSA});
	authority_issue(&authority, &(struct leaf){.name = "server",
						   .dns = "vpn.example.org",
						   .purpose = SERVER});
	pair.client = x509_credentials(CONFIG_CLIENT, "alice", "ca", NULL);
	x509(&pair, NULL);
	assert_int_equal(ticket_jar_new(&pair.jar, NULL), 0);
	link = join(&pair, 1, 0);
	run(link, &pair);
	expect_open(link, false);
	assert_null(session_ticket(link->ends[LINK_CLIENT].session, NOW));
	memory_link_free(link);
	end_pair(&pair);
	authority_free(&authority);
	certificates_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_next_process),
		cmocka_unit_test(test_sibling),
		cmocka_unit_test(test_siblings_forget),
		cmocka_unit_test(test_other_server_key),
		cmocka_unit_test(test_full_instead),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
