/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "far_end.h"

#include <endian.h>
#include <errno.h>
#include <gnutls/dtls.h>

#include "common/bytes.h"
#include "input.h"
#include "tunnel/dtls/dtls.h"

#define MTU	1200
#define LONG_MS 3600000 /* no retransmission comes before that */

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data,
		    size_t length)
{
	struct far_end *end = pointer;

	end->transmit(end->owner, data, length);
	return (ssize_t)length;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
	struct far_end *end = pointer;
	size_t length = end->offered_length;

	if (!length) {
		gnutls_transport_set_errno(end->tls, EAGAIN);
		return -1;
	}
	end->offered_length = 0;
	if (length > size)
		length = size;
	memcpy(data, end->offered, length);
	return (ssize_t)length;
}

static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
	const struct far_end *end = pointer;

	(void)milliseconds;
	return end->offered_length != 0;
}

void far_end_begin(struct far_end *end, bool server,
		   const struct credentials *credentials,
		   far_end_transmit transmit, void *owner)
{
	unsigned flags = server ? GNUTLS_SERVER : GNUTLS_CLIENT;

	*end = (struct far_end){.transmit = transmit, .owner = owner};
	check(gnutls_init(&end->tls, flags | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK |
					     GNUTLS_NO_TICKETS |
					     GNUTLS_FORCE_CLIENT_CERT) == 0);
	gnutls_transport_set_ptr(end->tls, end);
	gnutls_transport_set_push_function(end->tls, push);
	gnutls_transport_set_pull_function(end->tls, pull);
	gnutls_transport_set_pull_timeout_function(end->tls, pull_timeout);
	gnutls_dtls_set_mtu(end->tls, MTU);
	gnutls_dtls_set_timeouts(end->tls, LONG_MS, LONG_MS);
	check(credentials_attach(credentials, end->tls) == 0);
}

void far_end_clear(struct far_end *end)
{
	if (end->sealer)
		gnutls_aead_cipher_deinit(end->sealer);
	if (end->tls)
		gnutls_deinit(end->tls);
	*end = (struct far_end){0};
}

static void take_keys(struct far_end *end)
{
	gnutls_datum_t iv, key;
	uint8_t position[8];

	check(gnutls_cipher_get(end->tls) == GNUTLS_CIPHER_AES_128_GCM);
	check(gnutls_record_get_state(end->tls, 0, NULL, &iv, &key, position) ==
	      0);
	check(iv.size == sizeof(end->iv));
	memcpy(end->iv, iv.data, iv.size);
	end->position = get64(position);
	check(gnutls_aead_cipher_init(&end->sealer, GNUTLS_CIPHER_AES_128_GCM,
				      &key) == 0);
	end->open = true;
}

void far_end_input(struct far_end *end, const uint8_t *datagram, size_t length)
{
	int code;

	if (end->open || !end->tls)
		return;
	end->offered = datagram;
	end->offered_length = length;
	do {
		code = gnutls_handshake(end->tls);
	} while (code < 0 && !gnutls_error_is_fatal(code) &&
		 end->offered_length);
	end->offered_length = 0;
	if (!code)
		take_keys(end);
}

size_t far_end_seal(struct far_end *end, uint8_t type, const uint8_t *plain,
		    size_t length, uint8_t *out)
{
	size_t sealed = length + 16, body = 8 + sealed;
	uint8_t nonce[12], aad[13];

	out[DTLS_TYPE] = type;
	put16(out + DTLS_VERSION, DTLS_1_2);
	put64(out + DTLS_POSITION, end->position);
	put16(out + DTLS_LENGTH, (uint16_t)body);
	put64(out + DTLS_HEADER, end->position);
	memcpy(nonce, end->iv, 4);
	put64(nonce + 4, end->position);
	put64(aad, end->position++);
	memcpy(aad + 8, out, 3);
	put16(aad + 11, (uint16_t)length);
	check(gnutls_aead_cipher_encrypt(end->sealer, nonce, sizeof(nonce), aad,
					 sizeof(aad), 16, plain, length,
					 out + 21, &sealed) == 0);
	return DTLS_HEADER + body;
}
