/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share: keys, and AES a block at a time. */
#ifndef MINIVPN_TUNNEL_NOISE_NOISE_INTERNAL_H
#define MINIVPN_TUNNEL_NOISE_NOISE_INTERNAL_H

#include <gnutls/gnutls.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/noise/noise.h"
#include "tunnel/noise/replay_set.h"

#define NOISE_BLOCK    16
#define NOISE_SIV_KEY  64 /* of AES-256-SIV */
#define NOISE_MASK_KEY 16

/* AES under one key. */
struct noise_block {
	gnutls_cipher_hd_t cipher;
	uint8_t last[NOISE_BLOCK]; /* what it has encrypted to */
};

struct noise_direction {
	gnutls_aead_cipher_hd_t siv;
	struct noise_block counter, mask;
};

struct noise_keys {
	struct noise_direction ours, theirs;
};

struct noise {
	struct noise_keys keys[NOISE_SECRETS];
	unsigned count;
	struct replay_set *seen;
};

/* A secret that is gone by now is the first one. */
static inline struct noise_keys *noise_keys_of(struct noise *noise,
					       unsigned secret)
{
	return &noise->keys[secret < noise->count ? secret : 0];
}

/* size: 16 or 32 bytes. -EIO. */
int noise_block_init(struct noise_block *block, const uint8_t *key,
		     size_t size);
void noise_block_free(struct noise_block *block);
/* Encrypts one block. -EIO. */
int noise_block(struct noise_block *block, const uint8_t in[NOISE_BLOCK],
		uint8_t out[NOISE_BLOCK]);

#endif
