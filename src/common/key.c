/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/key.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/random.h>

/* GnuTLS takes less of the stack than this to make a public key. */
#define STACK_SIZE 16384

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/";

/*
 * RFC 8410, section 7, has version 0, id-Ed25519 (1.3.101.112), and the seed as
 * an octet string within an octet string.
 */
static const uint8_t pkcs8_head[KEY_PKCS8_SIZE - KEY_SIZE] = {
	0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
	0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
};

/* The value of a character of the alphabet, or -1. */
static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int key_parse(const char *text, uint8_t key[KEY_SIZE])
{
	/*
	 * 43 digits are 258 bits, of which the last two must be zero: see
	 * below.
	 */
	uint8_t bytes[KEY_SIZE + 1] = {0};
	char again[KEY_TEXT_SIZE];
	unsigned i, bits = 0;
	int error = -EINVAL;

	if (strlen(text) != KEY_TEXT_SIZE - 1 || text[KEY_TEXT_SIZE - 2] != '=')
		return -EINVAL;
	for (i = 0; i < KEY_TEXT_SIZE - 2; i++, bits += 6) {
		int value = digit(text[i]);
		unsigned shifted;

		if (value < 0)
			goto cleanup;
		shifted = (unsigned)value << (10 - bits % 8);
		bytes[bits / 8] |= (uint8_t)(shifted >> 8);
		bytes[bits / 8 + 1] |= (uint8_t)shifted;
	}
	/* One key has one text (RFC 4648, section 3.5). */
	key_format(bytes, again);
	if (!strcmp(text, again)) {
		memcpy(key, bytes, KEY_SIZE);
		error = 0;
	}
	explicit_bzero(again, sizeof(again));
cleanup:
	explicit_bzero(bytes, sizeof(bytes));
	return error;
}

void key_format(const uint8_t key[KEY_SIZE], char text[KEY_TEXT_SIZE])
{
	unsigned i, bits = 0;

	for (i = 0; i < KEY_TEXT_SIZE - 2; i++, bits += 6) {
		unsigned byte = bits / 8;
		unsigned two = (unsigned)key[byte] << 8;

		if (byte + 1 < KEY_SIZE)
			two |= key[byte + 1];
		text[i] = alphabet[two >> (10 - bits % 8) & 63];
	}
	text[KEY_TEXT_SIZE - 2] = '=';
	text[KEY_TEXT_SIZE - 1] = '\0';
}

bool key_is_zero(const uint8_t key[KEY_SIZE])
{
	static const uint8_t zero[KEY_SIZE];

	return !memcmp(key, zero, sizeof(zero));
}

int key_generate(uint8_t private_key[KEY_SIZE])
{
	do {
		/*
		 * getrandom(2) is neither short nor interrupted for up to 256
		 * bytes.
		 */
		if (getrandom(private_key, KEY_SIZE, 0) != KEY_SIZE)
			return -EIO;
	} while (key_is_wireguard(private_key));
	return 0;
}

/* RFC 7748, section 5 calls it clamped. */
bool key_is_wireguard(const uint8_t private_key[KEY_SIZE])
{
	return !(private_key[0] & 7) &&
	       (private_key[KEY_SIZE - 1] & 0xc0) == 0x40;
}

/* Nettle leaves the block that it has hashed, which is the private key. */
static void __attribute__((noinline)) wipe_stack(void)
{
	uint8_t below[STACK_SIZE];

	explicit_bzero(below, sizeof(below));
}

int key_public(const uint8_t private_key[KEY_SIZE],
	       uint8_t public_key[KEY_SIZE])
{
	uint8_t der[KEY_PKCS8_SIZE];
	gnutls_datum_t data = {.data = der, .size = sizeof(der)};
	gnutls_datum_t x = {0}, y = {0}, k = {0};
	gnutls_x509_privkey_t key;
	int error = -EIO;

	if (gnutls_x509_privkey_init(&key) < 0)
		return -EIO;
	key_to_pkcs8(private_key, der);
	if (gnutls_x509_privkey_import_pkcs8(key, &data, GNUTLS_X509_FMT_DER,
					     NULL, GNUTLS_PKCS_PLAIN) < 0)
		goto cleanup;
	if (gnutls_x509_privkey_export_ecc_raw(key, NULL, &x, &y, &k) < 0)
		goto cleanup;
	if (x.size == KEY_SIZE) {
		memcpy(public_key, x.data, KEY_SIZE);
		error = 0;
	}
	if (k.data)
		explicit_bzero(k.data, k.size);
	gnutls_free(x.data);
	gnutls_free(y.data);
	gnutls_free(k.data);
cleanup:
	explicit_bzero(der, sizeof(der));
	gnutls_x509_privkey_deinit(key);
	wipe_stack();
	return error;
}

void key_to_pkcs8(const uint8_t private_key[KEY_SIZE],
		  uint8_t der[KEY_PKCS8_SIZE])
{
	memcpy(der, pkcs8_head, sizeof(pkcs8_head));
	memcpy(der + sizeof(pkcs8_head), private_key, KEY_SIZE);
}

bool key_equal(const uint8_t *a, const uint8_t *b)
{
	if (!a || !b)
		return a == b;
	return !gnutls_memcmp(a, b, KEY_SIZE);
}
