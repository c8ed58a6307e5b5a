/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "tunnel/dtls/aead.h"
#include "tunnel/dtls/dtls.h"

#define AAD_SIZE      13
#define POSITION_SIZE 8

/* The sequence must not wrap (RFC 6347, 4.1); GnuTLS needs some for alerts. */
#define SEQUENCE_LIMIT (DTLS_SEQUENCE_MASK - (1 << 20))
#define SEQUENCE_WORN  (DTLS_SEQUENCE_MASK / 2)

/*
 * AES-GCM's confidentiality: with s blocks of plaintext in q records under one
 * key, an attacker tells them from noise with an advantage of at most
 * (s + q + 1)^2 / 2^129 (draft-irtf-cfrg-aead-limits, section 5.1.1). RFC 9147,
 * section 4.5.3 derives its 2^24.5 records of 2^14 bytes from that with an
 * advantage of 2^-60; RFC 9001, appendix B.1.1 takes 2^-57, which is s + q =
 * 2^36. We count s + q itself, as a tunnel's records are short: at 1400 bytes
 * (88 + 1 blocks) 2^36 is 7.7e8 records or one tebibyte, 28 minutes of 5
 * Gbit/s. New keys are asked for at half of it (2^-59). RFC 5288 has no limit
 * of its own, and RFC 9325, section 4.4 refers to these.
 *
 * Integrity, both AEADs: 2^36 failures (RFC 9147, section 4.5.3).
 */
#define GCM_BLOCKS_LIMIT (UINT64_C(1) << 36)
#define GCM_BLOCKS_WORN	 (GCM_BLOCKS_LIMIT / 2)
#define FORGED_LIMIT	 (UINT64_C(1) << 36)
#define FORGED_WORN	 (FORGED_LIMIT / 2)

/*
 * explicit_size is how many bytes of the nonce each record carries (RFC 5288,
 * section 3); without any the nonce is made from the position alone (RFC 7905,
 * section 2).
 */
struct suite {
	gnutls_cipher_algorithm_t cipher;
	size_t key_size, iv_size, explicit_size;
	uint64_t blocks_limit, blocks_worn;
};

static const struct suite suites[] = {
	{GNUTLS_CIPHER_AES_128_GCM, 16, 4, 8, GCM_BLOCKS_LIMIT,
	 GCM_BLOCKS_WORN},
	{GNUTLS_CIPHER_AES_256_GCM, 32, 4, 8, GCM_BLOCKS_LIMIT,
	 GCM_BLOCKS_WORN},
	{GNUTLS_CIPHER_CHACHA20_POLY1305, 32, 12, 0, UINT64_MAX, UINT64_MAX},
};

struct record {
	const struct suite *suite;
	struct aead *sealer, *opener;
	uint8_t seal_iv[RECORD_IV_SIZE], open_iv[RECORD_IV_SIZE];
	uint16_t epoch;
	uint64_t sequence; /* of the next record to seal */
	struct record_usage usage;
	struct record_window window;
};

static const struct suite *find_suite(gnutls_cipher_algorithm_t cipher)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].cipher == cipher)
			return &suites[i];
	return NULL;
}

/*
 * The replay window (RFC 6347, section 4.1.2.6) is a ring of bits in which
 * sequence number n has bit n modulo the window's size, so that nothing is
 * ever shifted.
 */
#define WORD_BITS 64

static uint64_t bit_of(uint64_t sequence)
{
	return UINT64_C(1) << sequence % WORD_BITS;
}

static size_t word_of(uint64_t sequence)
{
	return sequence % RECORD_WINDOW / WORD_BITS;
}

bool record_window_check(const struct record_window *window, uint64_t sequence)
{
	if (sequence >= window->newest)
		return true;
	if (window->newest - sequence > RECORD_WINDOW)
		return false;
	return !(window->bits[word_of(sequence)] & bit_of(sequence));
}

/* Forgets what the ring held where numbers from..to-1 have their bits. */
static void clear(struct record_window *window, uint64_t from, uint64_t to)
{
	if (to - from >= RECORD_WINDOW) {
		memset(window->bits, 0, sizeof(window->bits));
		return;
	}
	while (from < to) {
		if (from % WORD_BITS == 0 && to - from >= WORD_BITS) {
			window->bits[word_of(from)] = 0;
			from += WORD_BITS;
		} else {
			window->bits[word_of(from)] &= ~bit_of(from);
			from++;
		}
	}
}

void record_window_mark(struct record_window *window, uint64_t sequence)
{
	if (sequence >= window->newest) {
		clear(window, window->newest, sequence + 1);
		window->newest = sequence + 1;
	} else if (window->newest - sequence > RECORD_WINDOW) {
		return;
	}
	window->bits[word_of(sequence)] |= bit_of(sequence);
}

int record_new_keys(struct record **record, const struct record_keys *keys)
{
	const struct suite *suite = find_suite(keys->cipher);
	struct record *new;

	if (!suite)
		return -ENOTSUP;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->suite = suite;
	new->epoch = keys->epoch;
	new->sequence = keys->sequence;
	new->usage = keys->usage;
	memcpy(new->seal_iv, keys->seal_iv, suite->iv_size);
	memcpy(new->open_iv, keys->open_iv, suite->iv_size);
	if (aead_new(&new->sealer, suite->cipher, keys->seal_key) ||
	    aead_new(&new->opener, suite->cipher, keys->open_key)) {
		record_free(new);
		return -ENOMEM;
	}
	*record = new;
	return 0;
}

/* Copies the keys of one direction, which stay GnuTLS's. */
static int read_state(gnutls_session_t session, bool opening,
		      const struct suite *suite, struct record_keys *keys)
{
	uint8_t *key = opening ? keys->open_key : keys->seal_key;
	uint8_t *iv = opening ? keys->open_iv : keys->seal_iv;
	gnutls_datum_t iv_datum, key_datum;
	uint8_t position[POSITION_SIZE];

	if (gnutls_record_get_state(session, opening, NULL, &iv_datum,
				    &key_datum, position) < 0)
		return -ENOTSUP;
	if (key_datum.size != suite->key_size ||
	    iv_datum.size != suite->iv_size)
		return -ENOTSUP;
	memcpy(key, key_datum.data, key_datum.size);
	memcpy(iv, iv_datum.data, iv_datum.size);
	if (opening)
		return 0;
	keys->epoch = get64(position) >> DTLS_SEQUENCE_BITS;
	keys->sequence = get64(position) & DTLS_SEQUENCE_MASK;
	return 0;
}

int record_read_keys(struct record_keys *keys, gnutls_session_t session)
{
	const struct suite *suite = find_suite(gnutls_cipher_get(session));
	int err;

	*keys = (struct record_keys){.cipher = gnutls_cipher_get(session)};
	if (!suite || gnutls_protocol_get_version(session) != GNUTLS_DTLS1_2)
		return -ENOTSUP;
	err = read_state(session, false, suite, keys);
	if (!err)
		err = read_state(session, true, suite, keys);
	return err;
}

int record_new(struct record **record, gnutls_session_t session)
{
	struct record_keys keys;
	int err = record_read_keys(&keys, session);

	if (!err)
		err = record_new_keys(record, &keys);
	gnutls_memset(&keys, 0, sizeof(keys));
	return err;
}

void record_free(struct record *record)
{
	if (!record)
		return;
	aead_free(record->sealer);
	aead_free(record->opener);
	gnutls_memset(record, 0, sizeof(*record));
	free(record);
}

size_t record_headroom(const struct record *record)
{
	return DTLS_HEADER + record->suite->explicit_size;
}

const char *record_library(const struct record *record)
{
	return aead_name(record->sealer);
}

size_t record_overhead(const struct record *record)
{
	return record_headroom(record) + AEAD_TAG_SIZE;
}

/* Epoch and sequence number of the next record to seal. */
static uint64_t next_position(const struct record *record)
{
	return (uint64_t)record->epoch << DTLS_SEQUENCE_BITS | record->sequence;
}

/* The explicit part, where the suite has one, stands behind the header. */
static void make_nonce(const struct suite *suite, const uint8_t *iv,
		       const uint8_t *header, uint8_t nonce[RECORD_IV_SIZE])
{
	memcpy(nonce, iv, suite->iv_size);
	if (suite->explicit_size) {
		memcpy(nonce + suite->iv_size, header + DTLS_HEADER,
		       suite->explicit_size);
		return;
	}
	for (size_t i = 0; i < POSITION_SIZE; i++)
		nonce[RECORD_IV_SIZE - POSITION_SIZE + i] ^=
			header[DTLS_POSITION + i];
}

/*
 * The additional data is that of RFC 5246, section 6.2.3.3, with the position
 * of RFC 6347, section 4.1.2.1.
 */
static void make_aad(const uint8_t *header, size_t plain_length,
		     uint8_t aad[AAD_SIZE])
{
	memcpy(aad, header + DTLS_POSITION, POSITION_SIZE);
	memcpy(aad + POSITION_SIZE, header, DTLS_POSITION);
	put16(aad + POSITION_SIZE + DTLS_POSITION, plain_length);
}

static void put_header(const struct record *record, uint8_t type, uint8_t *out,
		       size_t length)
{
	out[DTLS_TYPE] = type;
	put16(out + DTLS_VERSION, DTLS_1_2);
	put64(out + DTLS_POSITION, next_position(record));
	put16(out + DTLS_LENGTH, length - DTLS_HEADER);
	if (record->suite->explicit_size)
		put64(out + DTLS_HEADER, next_position(record));
}

static uint64_t blocks(size_t length)
{
	return (length + 15) / 16 + 1;
}

static ssize_t seal(struct record *record, uint8_t type, uint8_t *out,
		    size_t size, const uint8_t *plain, size_t length)
{
	const size_t overhead = record_overhead(record);
	uint8_t nonce[RECORD_IV_SIZE], aad[AAD_SIZE];
	const struct aead_data data = {aad, sizeof(aad)};
	int err;

	if (length > DTLS_PLAIN_MAX || size < length + overhead)
		return -EMSGSIZE;
	if (record->sequence >= SEQUENCE_LIMIT ||
	    record->usage.sealed >= record->suite->blocks_limit)
		return -EKEYEXPIRED;
	put_header(record, type, out, length + overhead);
	make_nonce(record->suite, record->seal_iv, out, nonce);
	make_aad(out, length, aad);
	/*
	 * It is counted first, so that no nonce is used again if sealing fails.
	 */
	record->sequence++;
	record->usage.sealed += blocks(length);
	err = aead_seal(record->sealer, nonce, &data, plain, length,
			out + record_headroom(record));
	return err ? err : (ssize_t)(length + overhead);
}

ssize_t record_seal(struct record *record, uint8_t *out, size_t size,
		    const uint8_t *plain, size_t length)
{
	return seal(record, DTLS_APPLICATION_DATA, out, size, plain, length);
}

ssize_t record_seal_alert(struct record *record, uint8_t *out, size_t size,
			  const uint8_t alert[RECORD_ALERT_SIZE])
{
	return seal(record, DTLS_ALERT, out, size, alert, RECORD_ALERT_SIZE);
}

static ssize_t decrypt(struct record *record, uint8_t *header, size_t length)
{
	const size_t plain_length = length - AEAD_TAG_SIZE;
	uint8_t nonce[RECORD_IV_SIZE], aad[AAD_SIZE];
	const struct aead_data data = {aad, sizeof(aad)};

	if (record->usage.forged >= FORGED_LIMIT)
		return -EKEYEXPIRED;
	make_nonce(record->suite, record->open_iv, header, nonce);
	make_aad(header, plain_length, aad);
	if (aead_open(record->opener, nonce, &data,
		      header + record_headroom(record), plain_length)) {
		record->usage.forged++;
		return -EBADMSG;
	}
	record->usage.opened += blocks(plain_length);
	return plain_length;
}

static ssize_t open_record(struct record *record, uint8_t type,
			   uint8_t *datagram, size_t length, uint8_t **plain,
			   size_t *used)
{
	const size_t overhead = record_overhead(record);
	uint64_t position, sequence;
	size_t whole;
	ssize_t opened;

	*used = 0;
	if (length < DTLS_HEADER)
		return -EBADMSG;
	whole = DTLS_HEADER + (size_t)get16(datagram + DTLS_LENGTH);
	if (whole > length)
		return -EBADMSG;
	*used = whole;
	position = get64(datagram + DTLS_POSITION);
	if (datagram[DTLS_TYPE] != type ||
	    get16(datagram + DTLS_VERSION) != DTLS_1_2 ||
	    position >> DTLS_SEQUENCE_BITS != record->epoch)
		return -EPROTO;
	if (whole < overhead || whole > overhead + DTLS_PLAIN_MAX)
		return -EBADMSG;
	sequence = position & DTLS_SEQUENCE_MASK;
	if (!record_window_check(&record->window, sequence))
		return -EALREADY;
	opened = decrypt(record, datagram, whole - record_headroom(record));
	if (opened < 0)
		return opened;
	record_window_mark(&record->window, sequence);
	*plain = datagram + record_headroom(record);
	return opened;
}

ssize_t record_open(struct record *record, uint8_t *datagram, size_t length,
		    uint8_t **plain, size_t *used)
{
	return open_record(record, DTLS_APPLICATION_DATA, datagram, length,
			   plain, used);
}

int record_open_alert(struct record *record, uint8_t *datagram, size_t length,
		      uint8_t alert[RECORD_ALERT_SIZE])
{
	uint8_t *plain;
	size_t used;
	ssize_t got = open_record(record, DTLS_ALERT, datagram, length, &plain,
				  &used);

	if (got < 0)
		return (int)got;
	if (got != RECORD_ALERT_SIZE)
		return -EPROTO;
	memcpy(alert, plain, RECORD_ALERT_SIZE);
	return 0;
}

int record_sync(struct record *record, gnutls_session_t session)
{
	uint64_t theirs, ours = next_position(record);
	uint8_t position[POSITION_SIZE];

	if (gnutls_record_get_state(session, 0, NULL, NULL, NULL, position) < 0)
		return -EPROTO;
	theirs = get64(position);
	if (theirs >> DTLS_SEQUENCE_BITS != record->epoch)
		return -EPROTO;
	if (theirs >= ours) {
		record->sequence = theirs & DTLS_SEQUENCE_MASK;
		return 0;
	}
	put64(position, ours);
	return gnutls_record_set_state(session, 0, position) < 0 ? -EPROTO : 0;
}

bool record_worn(const struct record *record)
{
	const struct record_usage *usage = &record->usage;

	/*
	 * Blocks that were opened count too, as only a client can begin a new
	 * session and most of the traffic is the server's.
	 */
	return record->sequence >= SEQUENCE_WORN ||
	       usage->sealed >= record->suite->blocks_worn ||
	       usage->opened >= record->suite->blocks_worn ||
	       usage->forged >= FORGED_WORN;
}

uint64_t record_floor(const struct record *record)
{
	uint64_t newest = record->window.newest;

	return newest > RECORD_WINDOW ? newest - RECORD_WINDOW : 0;
}
