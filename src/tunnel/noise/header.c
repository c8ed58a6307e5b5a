/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Application records with a header that is short, and masked. */
#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "common/bytes.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/noise/noise_internal.h"

#define CID	 0
#define POSITION 4 /* epoch and sequence number, as DTLS has them */

/* An empty record is its tag alone. */
#define TAG_SIZE 16

_Static_assert(POSITION + 8 == NOISE_HEADER, "as it is documented");
_Static_assert(DTLS_HEADER + 8 - NOISE_HEADER == NOISE_HEADROOM,
	       "as it is documented");

int noise_block_init(struct noise_block *block, const uint8_t *key, size_t size)
{
	gnutls_cipher_algorithm_t cipher = size == 16
						   ? GNUTLS_CIPHER_AES_128_CBC
						   : GNUTLS_CIPHER_AES_256_CBC;
	const gnutls_datum_t datum = {(uint8_t *)key, (unsigned)size};
	gnutls_datum_t start = {block->last, sizeof(block->last)};

	memset(block->last, 0, sizeof(block->last));
	return gnutls_cipher_init(&block->cipher, cipher, &datum, &start) < 0
		       ? -EIO
		       : 0;
}

void noise_block_free(struct noise_block *block)
{
	if (block->cipher)
		gnutls_cipher_deinit(block->cipher);
}

/*
 * GnuTLS has no mode of single blocks. In CBC what came out last is added to
 * the next one before it is encrypted: added once more, it is gone.
 */
int noise_block(struct noise_block *block, const uint8_t in[NOISE_BLOCK],
		uint8_t out[NOISE_BLOCK])
{
	uint8_t sum[NOISE_BLOCK];

	for (size_t i = 0; i < NOISE_BLOCK; i++)
		sum[i] = in[i] ^ block->last[i];
	if (gnutls_cipher_encrypt2(block->cipher, sum, sizeof(sum), block->last,
				   sizeof(block->last)) < 0)
		return -EIO;
	memcpy(out, block->last, NOISE_BLOCK);
	return 0;
}

static bool is_record(const uint8_t *datagram, size_t length, size_t explicit)
{
	return length >= DTLS_HEADER + explicit + TAG_SIZE &&
	       datagram[DTLS_TYPE] == DTLS_APPLICATION_DATA &&
	       get16(datagram + DTLS_VERSION) == DTLS_1_2 &&
	       get16(datagram + DTLS_EPOCH) != 0 &&
	       get16(datagram + DTLS_LENGTH) == length - DTLS_HEADER &&
	       !memcmp(datagram + DTLS_POSITION, datagram + DTLS_HEADER,
		       explicit);
}

size_t noise_hide(struct noise *noise, unsigned secret, uint32_t cid,
		  size_t explicit, uint8_t **datagram, size_t length)
{
	struct noise_block *key = &noise_keys_of(noise, secret)->ours.mask;
	uint8_t header[NOISE_HEADER], mask[NOISE_BLOCK], *text;

	if (!is_record(*datagram, length, explicit))
		return 0;
	text = *datagram + DTLS_HEADER + explicit;
	if (noise_block(key, text, mask))
		return 0;
	put32(header + CID, cid);
	memcpy(header + POSITION, *datagram + DTLS_POSITION, 8);
	length -= DTLS_HEADER + explicit - NOISE_HEADER;
	*datagram = text - NOISE_HEADER;
	for (size_t i = 0; i < NOISE_HEADER; i++)
		(*datagram)[i] = header[i] ^ mask[i];
	return length;
}

bool noise_read(struct noise *noise, unsigned secret, const uint8_t *datagram,
		size_t length, struct noise_header *header)
{
	struct noise_block *key = &noise_keys_of(noise, secret)->theirs.mask;
	uint8_t mask[NOISE_BLOCK];
	uint64_t position;

	if (length < NOISE_HEADER + TAG_SIZE ||
	    noise_block(key, datagram + NOISE_HEADER, mask))
		return false;
	for (size_t i = 0; i < NOISE_HEADER; i++)
		mask[i] ^= datagram[i];
	position = get64(mask + POSITION);
	header->cid = get32(mask + CID);
	header->epoch = (uint16_t)(position >> DTLS_SEQUENCE_BITS);
	header->sequence = position & DTLS_SEQUENCE_MASK;
	return true;
}

size_t noise_restore(const struct noise_header *header, size_t explicit,
		     uint8_t **datagram, size_t length)
{
	size_t body = length - NOISE_HEADER + explicit;
	uint8_t *text = *datagram + NOISE_HEADER, *start;
	uint64_t position = (uint64_t)header->epoch << DTLS_SEQUENCE_BITS |
			    header->sequence;

	if (length < NOISE_HEADER + TAG_SIZE || body > DTLS_BODY_MAX)
		return 0;
	start = text - explicit - DTLS_HEADER;
	start[DTLS_TYPE] = DTLS_APPLICATION_DATA;
	put16(start + DTLS_VERSION, DTLS_1_2);
	put64(start + DTLS_POSITION, position);
	put16(start + DTLS_LENGTH, (uint16_t)body);
	if (explicit)
		put64(start + DTLS_HEADER, position);
	*datagram = start;
	return DTLS_HEADER + body;
}
