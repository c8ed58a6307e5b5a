/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our records, as a server, and OpenSSL's DTLS 1.2 client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <string.h>

#include "tunnel/dtls/record.h"
#include "unit/dtls_end.h"

static const struct suite {
	const char *openssl, *gnutls;
} suites[] = {
	{"ECDHE-ECDSA-AES128-GCM-SHA256", "AES-128-GCM"},
	{"ECDHE-ECDSA-AES256-GCM-SHA384", "AES-256-GCM"},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", "CHACHA20-POLY1305"},
};

#define SUITES (sizeof(suites) / sizeof(suites[0]))

struct client {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in, *out;
};

static struct client make_client(const char *cipher)
{
	struct client client = {.context = SSL_CTX_new(DTLS_client_method())};

	assert_non_null(client.context);
	SSL_CTX_set_verify(client.context, SSL_VERIFY_NONE, NULL);
	assert_int_equal(SSL_CTX_set_cipher_list(client.context, cipher), 1);
	client.ssl = SSL_new(client.context);
	assert_non_null(client.ssl);
	client.in = BIO_new(BIO_s_mem());
	client.out = BIO_new(BIO_s_mem());
	/* Empty is "not yet", not the end. */
	BIO_set_mem_eof_return(client.in, -1);
	BIO_set_mem_eof_return(client.out, -1);
	SSL_set_bio(client.ssl, client.in, client.out);
	SSL_set_options(client.ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(client.ssl, 1400);
	SSL_set_connect_state(client.ssl);
	return client;
}

static void free_client(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
}

static struct dtls_end *make_server(const struct suite *suite)
{
	char priority[256] = "NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+AEAD:+SIGN-ALL:"
			     "+GROUP-ALL:+CTYPE-X509:+";

	strcat(priority, suite->gnutls);
	return dtls_end_new(true, priority);
}

static void from_client(struct client *client, struct dtls_end *server)
{
	uint8_t datagram[DTLS_END_SIZE];
	int length = BIO_read(client->out, datagram, sizeof(datagram));

	if (length > 0)
		dtls_queue_push(&server->in, datagram, length);
}

static void to_client(struct client *client, struct dtls_end *server)
{
	uint8_t datagram[DTLS_END_SIZE];
	size_t length;

	while ((length = dtls_queue_pop(&server->out, datagram,
					sizeof(datagram))) > 0)
		BIO_write(client->in, datagram, length);
}

static void shake_hands(struct client *client, struct dtls_end *server)
{
	int client_state = 0, server_state = GNUTLS_E_AGAIN;

	for (int round = 0; round < 20; round++) {
		client_state = SSL_do_handshake(client->ssl);
		from_client(client, server);
		if (server_state != 0)
			server_state = gnutls_handshake(server->session);
		to_client(client, server);
	}
	assert_int_equal(client_state, 1);
	assert_int_equal(server_state, 0);
}

static void exchange(struct client *client, struct record *record,
		     size_t length)
{
	uint8_t plain[1300], got[1300], datagram[DTLS_END_SIZE], *opened;
	ssize_t size;
	size_t used;

	memset(plain, length, sizeof(plain));
	size = record_seal(record, datagram, sizeof(datagram), plain, length);
	assert_int_equal(size, length + record_overhead(record));
	BIO_write(client->in, datagram, size);
	assert_int_equal(SSL_read(client->ssl, got, sizeof(got)), length);
	assert_memory_equal(got, plain, length);
	assert_int_equal(SSL_write(client->ssl, plain, length), length);
	size = BIO_read(client->out, datagram, sizeof(datagram));
	assert_int_equal(record_open(record, datagram, size, &opened, &used),
			 length);
	assert_int_equal(used, size);
	assert_memory_equal(opened, plain, length);
}

static void test_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct client client = make_client(suites[i].openssl);
		struct dtls_end *server = make_server(&suites[i]);
		struct record *record;

		shake_hands(&client, server);
		assert_int_equal(record_new(&record, server->session), 0);
		for (size_t length = 1; length <= 1300; length += 433)
			exchange(&client, record, length);
		record_free(record);
		free_client(&client);
		dtls_end_free(server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
