/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/lease_proof.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "common/bytes.h"

#define TIME_SIZE 8
#define MAC_SIZE  (MESSAGE_PROOF_SIZE - TIME_SIZE)
#define HASH_SIZE 32

/* Clocks of siblings differ by a little. */
#define AHEAD_SECONDS 60

/* What is sealed; all of it has a fixed size. */
struct sealed {
	char peer[SETTINGS_NAME_SIZE];
	uint8_t families[2];
	uint8_t addresses[2][16];
	uint8_t time[TIME_SIZE];
};

int lease_proof_key(const uint8_t ticket_key[KEY_SIZE], uint8_t key[KEY_SIZE])
{
	static const char label[] = "minivpn lease";

	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, ticket_key, KEY_SIZE, label,
				strlen(label), key) < 0
		       ? -EIO
		       : 0;
}

static int seal(const uint8_t key[KEY_SIZE], const struct lease *lease,
		const uint8_t time[TIME_SIZE], uint8_t mac[HASH_SIZE])
{
	const struct inet_address *addresses[] = {&lease->address4,
						  &lease->address6};
	struct sealed sealed = {0};

	memcpy(sealed.peer, lease->peer,
	       strnlen(lease->peer, sizeof(sealed.peer)));
	memcpy(sealed.time, time, TIME_SIZE);
	for (int i = 0; i < 2; i++) {
		sealed.families[i] = addresses[i]->family != AF_UNSPEC;
		memcpy(sealed.addresses[i], addresses[i]->bytes,
		       inet_size(addresses[i]->family));
	}
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, KEY_SIZE, &sealed,
				sizeof(sealed), mac) < 0
		       ? -EIO
		       : 0;
}

int lease_proof_make(const uint8_t key[KEY_SIZE], const struct lease *lease,
		     int64_t now, uint8_t proof[MESSAGE_PROOF_SIZE])
{
	uint8_t mac[HASH_SIZE];
	int err;

	put64(proof, (uint64_t)now);
	err = seal(key, lease, proof, mac);
	if (!err)
		memcpy(proof + TIME_SIZE, mac, MAC_SIZE);
	return err;
}

bool lease_proof_check(const uint8_t key[KEY_SIZE], const struct lease *lease,
		       int64_t now, const uint8_t proof[MESSAGE_PROOF_SIZE])
{
	uint64_t made = get64(proof), time = (uint64_t)now;
	uint8_t mac[HASH_SIZE];

	if (made > time + AHEAD_SECONDS ||
	    (made < time && time - made >= LEASE_KEPT) ||
	    seal(key, lease, proof, mac))
		return false;
	return gnutls_memcmp(mac, proof + TIME_SIZE, MAC_SIZE) == 0;
}
