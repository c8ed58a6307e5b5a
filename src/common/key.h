/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ed25519 keys as 32 raw bytes (RFC 8032) and as base64 text, and their
 * generation. Certificates made from them live in tunnel/credentials.
 */
#ifndef MINIVPN_COMMON_KEY_H
#define MINIVPN_COMMON_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define KEY_SIZE       32
#define KEY_TEXT_SIZE  45 /* 44 characters of base64 and a zero */
#define KEY_PKCS8_SIZE 48

/* Text is exactly 44 characters; -EINVAL otherwise, key then untouched. */
int key_parse(const char *text, uint8_t key[KEY_SIZE]);

void key_format(const uint8_t key[KEY_SIZE], char text[KEY_TEXT_SIZE]);

/* Are two keys the same, where NULL is none? In a time that says nothing. */
bool key_equal(const uint8_t *a, const uint8_t *b);

/* No key that a file names is all zero: where one may be, it is none. */
bool key_is_zero(const uint8_t key[KEY_SIZE]);

/* A fresh private key, or preshared key, from the system's generator; -EIO
 * where that fails. */
int key_generate(uint8_t private_key[KEY_SIZE]);

/*
 * Can it be a public key, a point of the curve? Half of what is none cannot,
 * and half of the keys of WireGuard's kind (X25519). Takes some 50
 * microseconds.
 */
bool key_is_public(const uint8_t key[KEY_SIZE]);

/*
 * Has it the form that WireGuard gives its private keys? Of those that
 * key_generate() makes none has.
 */
bool key_is_wireguard(const uint8_t private_key[KEY_SIZE]);

/* The public key that belongs to a private one; -EIO where GnuTLS fails. */
int key_public(const uint8_t private_key[KEY_SIZE],
	       uint8_t public_key[KEY_SIZE]);

/* The private key as a PKCS#8 document in DER (RFC 8410, section 7). */
void key_to_pkcs8(const uint8_t private_key[KEY_SIZE],
		  uint8_t der[KEY_PKCS8_SIZE]);

#endif
