/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A GnuTLS session whose datagrams go into and come out of memory, for tests
 * that need an open DTLS association and nothing of ours around it.
 */
#ifndef MINIVPN_TESTS_DTLS_END_H
#define MINIVPN_TESTS_DTLS_END_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DTLS_END_QUEUE 64
#define DTLS_END_SIZE  2048

/* These datagrams are under way; what does not fit is lost. */
struct dtls_queue {
	uint8_t datagrams[DTLS_END_QUEUE][DTLS_END_SIZE];
	size_t lengths[DTLS_END_QUEUE];
	size_t first, count;
};

struct dtls_end {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t certificate;
	struct dtls_queue in, out;
};

void dtls_queue_push(struct dtls_queue *queue, const void *data, size_t length);
/* The length, 0 where there is none. */
size_t dtls_queue_pop(struct dtls_queue *queue, uint8_t *data, size_t size);

/*
 * This makes a key and a self-signed certificate of its own; it asserts
 * success.
 */
struct dtls_end *dtls_end_new(bool server, const char *priority);
void dtls_end_free(struct dtls_end *end);

/* All that is under way from one to the other. */
void dtls_end_carry(struct dtls_end *from, struct dtls_end *to);

/* Two ends that have shaken hands. */
void dtls_end_pair(struct dtls_end **client, struct dtls_end **server,
		   const char *priority);

#endif
