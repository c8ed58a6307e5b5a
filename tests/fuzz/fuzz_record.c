/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records: the first byte of the input chooses the suite and what the rest is.
 * Either a datagram, of which nothing may be opened but what this same key has
 * sealed; or a plaintext, which is sealed, changed in one bit (then it must not
 * open) and changed back (then it must).
 */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/record.h"

#define SUITES	     3
#define OVERHEAD_MAX 37

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static struct record *make_record(unsigned suite)
{
	static const gnutls_cipher_algorithm_t ciphers[SUITES] = {
		GNUTLS_CIPHER_AES_128_GCM, GNUTLS_CIPHER_AES_256_GCM,
		GNUTLS_CIPHER_CHACHA20_POLY1305};
	struct record_keys keys = {.cipher = ciphers[suite], .epoch = 1};
	struct record *record;

	for (uint8_t i = 0; i < RECORD_KEY_SIZE; i++)
		keys.seal_key[i] = keys.open_key[i] = i;
	for (uint8_t i = 0; i < RECORD_IV_SIZE; i++)
		keys.seal_iv[i] = keys.open_iv[i] = 0xa0 + i;
	check(record_new_keys(&record, &keys) == 0);
	return record;
}

static void open_all(struct record *record, const uint8_t *data, size_t size)
{
	uint8_t *datagram = malloc(size ? size : 1), *plain;
	size_t at = 0, used = 1;
	ssize_t length;

	check(datagram != NULL);
	memcpy(datagram, data, size);
	while (used > 0) {
		length = record_open(record, datagram + at, size - at, &plain,
				     &used);
		check(used <= size - at);
		if (length >= 0)
			check(plain >= datagram + at &&
			      plain + length <= datagram + at + used);
		at += used;
	}
	free(datagram);
}

static void seal_one(struct record *record, const uint8_t *data, size_t size,
		     unsigned bit)
{
	const size_t room = size + OVERHEAD_MAX;
	uint8_t *sealed = malloc(room), *copy = malloc(room), *plain;
	size_t used;
	ssize_t length;

	check(sealed && copy);
	length = record_seal(record, sealed, room, data, size);
	check(length == (ssize_t)(size + record_overhead(record)));
	memcpy(copy, sealed, length);
	bit %= 8 * length;
	copy[bit / 8] ^= 1 << bit % 8;
	check(record_open(record, copy, length, &plain, &used) < 0);
	check(record_open(record, sealed, length, &plain, &used) ==
	      (ssize_t)size);
	check(used == (size_t)length && memcmp(plain, data, size) == 0);
	free(sealed);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record *record;

	if (size < 3)
		return 0;
	record = make_record(data[0] % SUITES);
	if (data[0] & 0x80)
		open_all(record, data + 1, size - 1);
	else if (size - 3 <= DTLS_PLAIN_MAX)
		seal_one(record, data + 3, size - 3, get16(data + 1));
	record_free(record);
	return 0;
}
