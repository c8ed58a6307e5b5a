/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/dtls_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <gnutls/dtls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void dtls_queue_push(struct dtls_queue *queue, const void *data, size_t length)
{
	size_t at = (queue->first + queue->count) % DTLS_END_QUEUE;

	if (queue->count == DTLS_END_QUEUE || length > DTLS_END_SIZE)
		return;
	memcpy(queue->datagrams[at], data, length);
	queue->lengths[at] = length;
	queue->count++;
}

size_t dtls_queue_pop(struct dtls_queue *queue, uint8_t *data, size_t size)
{
	size_t length;

	if (queue->count == 0)
		return 0;
	length = queue->lengths[queue->first];
	assert_true(length <= size);
	memcpy(data, queue->datagrams[queue->first], length);
	queue->first = (queue->first + 1) % DTLS_END_QUEUE;
	queue->count--;
	return length;
}

static ssize_t push(gnutls_transport_ptr_t data, const void *bytes, size_t size)
{
	struct dtls_end *end = data;

	dtls_queue_push(&end->out, bytes, size);
	return size;
}

static ssize_t pull(gnutls_transport_ptr_t data, void *bytes, size_t size)
{
	struct dtls_end *end = data;
	size_t length = dtls_queue_pop(&end->in, bytes, size);

	if (length > 0)
		return length;
	gnutls_transport_set_errno(end->session, EAGAIN);
	return -1;
}

static int pull_timeout(gnutls_transport_ptr_t data, unsigned milliseconds)
{
	const struct dtls_end *end = data;

	(void)milliseconds;
	return end->in.count > 0;
}

static void make_certificate(struct dtls_end *end)
{
	time_t now = time(NULL);

	gnutls_x509_privkey_init(&end->key);
	assert_int_equal(gnutls_x509_privkey_generate(
				 end->key, GNUTLS_PK_EDDSA_ED25519, 0, 0),
			 0);
	gnutls_x509_crt_init(&end->certificate);
	gnutls_x509_crt_set_version(end->certificate, 3);
	gnutls_x509_crt_set_serial(end->certificate, "\1", 1);
	gnutls_x509_crt_set_activation_time(end->certificate, now - 60);
	gnutls_x509_crt_set_expiration_time(end->certificate, now + 3600);
	gnutls_x509_crt_set_key(end->certificate, end->key);
	assert_int_equal(gnutls_x509_crt_sign2(end->certificate,
					       end->certificate, end->key,
					       GNUTLS_DIG_UNKNOWN, 0),
			 0);
	assert_int_equal(gnutls_certificate_set_x509_key(end->credentials,
							 &end->certificate, 1,
							 end->key),
			 0);
}

struct dtls_end *dtls_end_new(bool server, const char *priority)
{
	struct dtls_end *end = calloc(1, sizeof(*end));

	assert_non_null(end);
	gnutls_certificate_allocate_credentials(&end->credentials);
	make_certificate(end);
	assert_int_equal(gnutls_init(&end->session,
				     (server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
					     GNUTLS_DATAGRAM | GNUTLS_NONBLOCK),
			 0);
	assert_int_equal(
		gnutls_priority_set_direct(end->session, priority, NULL), 0);
	gnutls_credentials_set(end->session, GNUTLS_CRD_CERTIFICATE,
			       end->credentials);
	gnutls_transport_set_ptr(end->session, end);
	gnutls_transport_set_push_function(end->session, push);
	gnutls_transport_set_pull_function(end->session, pull);
	gnutls_transport_set_pull_timeout_function(end->session, pull_timeout);
	gnutls_dtls_set_mtu(end->session, 1400);
	return end;
}

void dtls_end_free(struct dtls_end *end)
{
	gnutls_deinit(end->session);
	gnutls_certificate_free_credentials(end->credentials);
	gnutls_x509_crt_deinit(end->certificate);
	gnutls_x509_privkey_deinit(end->key);
	free(end);
}

void dtls_end_carry(struct dtls_end *from, struct dtls_end *to)
{
	uint8_t datagram[DTLS_END_SIZE];
	size_t length;

	while ((length = dtls_queue_pop(&from->out, datagram,
					sizeof(datagram))) > 0)
		dtls_queue_push(&to->in, datagram, length);
}

void dtls_end_pair(struct dtls_end **client, struct dtls_end **server,
		   const char *priority)
{
	int client_state = GNUTLS_E_AGAIN, server_state = GNUTLS_E_AGAIN;

	*client = dtls_end_new(false, priority);
	*server = dtls_end_new(true, priority);
	for (int round = 0; round < 20; round++) {
		if (client_state != 0)
			client_state = gnutls_handshake((*client)->session);
		dtls_end_carry(*client, *server);
		if (server_state != 0)
			server_state = gnutls_handshake((*server)->session);
		dtls_end_carry(*server, *client);
	}
	assert_int_equal(client_state, 0);
	assert_int_equal(server_state, 0);
}
