/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/preshared.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

/* RFC 5705, section 4: labels that are not registered begin like this. */
#define LABEL "EXPERIMENTAL minivpn preshared key"

#define PRK_SIZE   32 /* of SHA-256 */
#define PROOF_TYPE 0x0f

struct direction {
	uint8_t key[RECORD_KEY_SIZE], iv[RECORD_IV_SIZE];
};

static int expand(const uint8_t prk[PRK_SIZE], const char *info, void *out,
		  size_t size)
{
	const gnutls_datum_t key = {(uint8_t *)prk, PRK_SIZE};
	const gnutls_datum_t about = {(uint8_t *)info, (unsigned)strlen(info)};

	return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &key, &about, out, size) <
			       0
		       ? -EIO
		       : 0;
}

static void set_keys(struct record_keys *keys, const struct direction *seal,
		     const struct direction *open)
{
	memcpy(keys->seal_key, seal->key, sizeof(seal->key));
	memcpy(keys->seal_iv, seal->iv, sizeof(seal->iv));
	memcpy(keys->open_key, open->key, sizeof(open->key));
	memcpy(keys->open_iv, open->iv, sizeof(open->iv));
}

int preshared_derive(const uint8_t key[KEY_SIZE],
		     const uint8_t exported[PRESHARED_EXPORT_SIZE], bool server,
		     struct record_keys *keys,
		     uint8_t proof[PRESHARED_PROOF_SIZE])
{
	const gnutls_datum_t salt = {(uint8_t *)key, KEY_SIZE};
	const gnutls_datum_t secret = {(uint8_t *)exported,
				       PRESHARED_EXPORT_SIZE};
	struct direction by_client, by_server;
	uint8_t prk[PRK_SIZE];
	int err =
		gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &secret, &salt, prk) < 0
			? -EIO
			: 0;

	if (!err)
		err = expand(prk, "minivpn client", &by_client,
			     sizeof(by_client));
	if (!err)
		err = expand(prk, "minivpn server", &by_server,
			     sizeof(by_server));
	proof[0] = PROOF_TYPE;
	if (!err)
		err = expand(prk, "minivpn proof", proof + 1,
			     PRESHARED_PROOF_SIZE - 1);
	if (!err)
		set_keys(keys, server ? &by_server : &by_client,
			 server ? &by_client : &by_server);
	gnutls_memset(prk, 0, sizeof(prk));
	gnutls_memset(&by_client, 0, sizeof(by_client));
	gnutls_memset(&by_server, 0, sizeof(by_server));
	return err;
}

bool preshared_is_proof(const uint8_t *text, size_t length)
{
	return length == PRESHARED_PROOF_SIZE && text[0] == PROOF_TYPE;
}

int preshared_record(struct record **record, gnutls_session_t session,
		     const uint8_t key[KEY_SIZE], bool server,
		     uint8_t proof[PRESHARED_PROOF_SIZE])
{
	uint8_t exported[PRESHARED_EXPORT_SIZE];
	struct record_keys keys;
	int err = record_read_keys(&keys, session);

	if (!err && gnutls_prf_rfc5705(session, strlen(LABEL), LABEL, 0, NULL,
				       sizeof(exported), (char *)exported) < 0)
		err = -EIO;
	if (!err)
		err = preshared_derive(key, exported, server, &keys, proof);
	if (!err)
		err = record_new_keys(record, &keys);
	gnutls_memset(exported, 0, sizeof(exported));
	gnutls_memset(&keys, 0, sizeof(keys));
	return err;
}
