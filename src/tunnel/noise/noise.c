/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys, and datagrams that are wrapped. */
#include "tunnel/noise/noise.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/locked.h"
#include "tunnel/noise/noise_internal.h"

#define PRK_SIZE 32 /* of SHA-256 */
#define TAG_SIZE 16
#define TIME	 0 /* where they are in what is encrypted */
#define LENGTH	 4
#define DATAGRAM 6

/* What is padded at random beyond its own size, in bytes. */
#define PADDING 256

_Static_assert(NOISE_SALT_SIZE + TAG_SIZE + DATAGRAM == NOISE_WRAP_OVERHEAD,
	       "as it is documented");
_Static_assert(NOISE_SALT_SIZE == REPLAY_SET_SALT, "salts are what is kept");

static int expand(const uint8_t prk[PRK_SIZE], const char *what, bool server,
		  uint8_t *key, size_t size)
{
	const gnutls_datum_t secret = {(uint8_t *)prk, PRK_SIZE};
	char text[64];
	gnutls_datum_t info = {(uint8_t *)text, 0};

	info.size =
		(unsigned)snprintf(text, sizeof(text), "minivpn noise %s %s",
				   what, server ? "server" : "client");
	return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &secret, &info, key,
				  size) < 0
		       ? -EIO
		       : 0;
}

static int make_direction(struct noise_direction *direction,
			  const uint8_t prk[PRK_SIZE], bool server)
{
	uint8_t siv[NOISE_SIV_KEY], mask[NOISE_MASK_KEY];
	const gnutls_datum_t whole = {siv, sizeof(siv)};
	int err = expand(prk, "wrap", server, siv, sizeof(siv));

	if (!err)
		err = expand(prk, "header", server, mask, sizeof(mask));
	if (!err &&
	    gnutls_aead_cipher_init(&direction->siv, GNUTLS_CIPHER_AES_256_SIV,
				    &whole) < 0)
		err = -EIO;
	/* RFC 5297, section 2.6: K2, of the counter mode, is the second half.
	 */
	if (!err)
		err = noise_block_init(&direction->counter,
				       siv + NOISE_SIV_KEY / 2,
				       NOISE_SIV_KEY / 2);
	if (!err)
		err = noise_block_init(&direction->mask, mask, sizeof(mask));
	gnutls_memset(siv, 0, sizeof(siv));
	gnutls_memset(mask, 0, sizeof(mask));
	return err;
}

static void free_direction(struct noise_direction *direction)
{
	if (direction->siv)
		gnutls_aead_cipher_deinit(direction->siv);
	noise_block_free(&direction->counter);
	noise_block_free(&direction->mask);
}

static int make_keys(struct noise_keys *keys, const uint8_t *secret,
		     bool server)
{
	const gnutls_datum_t material = {(uint8_t *)secret, NOISE_SECRET_SIZE};
	const gnutls_datum_t none = {NULL, 0};
	uint8_t prk[PRK_SIZE];
	int err = gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &material, &none,
				      prk) < 0
			  ? -EIO
			  : 0;

	if (!err)
		err = make_direction(&keys->ours, prk, server);
	if (!err)
		err = make_direction(&keys->theirs, prk, !server);
	gnutls_memset(prk, 0, sizeof(prk));
	return err;
}

static void free_keys(struct noise_keys *keys)
{
	free_direction(&keys->ours);
	free_direction(&keys->theirs);
	gnutls_memset(keys, 0, sizeof(*keys));
}

int noise_change(struct noise *noise,
		 const uint8_t secrets[][NOISE_SECRET_SIZE], unsigned count,
		 bool server)
{
	struct noise_keys next[NOISE_SECRETS] = {0};
	int err = 0;

	if (count > NOISE_SECRETS)
		count = NOISE_SECRETS;
	for (unsigned i = 0; !err && i < count; i++)
		err = make_keys(&next[i], secrets[i], server);
	for (unsigned i = 0; i < NOISE_SECRETS; i++)
		free_keys(err ? &next[i] : &noise->keys[i]);
	if (err)
		return err;
	memcpy(noise->keys, next, sizeof(next));
	noise->count = count;
	gnutls_memset(next, 0, sizeof(next));
	return 0;
}

int noise_new(struct noise **noise, const uint8_t secrets[][NOISE_SECRET_SIZE],
	      unsigned count, bool server)
{
	struct noise *new = calloc(1, sizeof(*new));
	int err;

	if (!new)
		return -ENOMEM;
	locked_keep(new, sizeof(*new));
	err = replay_set_new(&new->seen);
	if (!err)
		err = noise_change(new, secrets, count, server);
	if (err)
		noise_free(new);
	else
		*noise = new;
	return err;
}

void noise_free(struct noise *noise)
{
	if (!noise)
		return;
	for (unsigned i = 0; i < noise->count; i++)
		free_keys(&noise->keys[i]);
	replay_set_free(noise->seen);
	free(noise);
}

int noise_choose(struct noise_choice *choice, size_t length, bool hello)
{
	size_t least = length + NOISE_WRAP_OVERHEAD, most = least + PADDING;
	uint32_t random;

	if (gnutls_rnd(GNUTLS_RND_NONCE, choice->salt, NOISE_SALT_SIZE) < 0 ||
	    gnutls_rnd(GNUTLS_RND_NONCE, &random, sizeof(random)) < 0)
		return -EIO;
	if (hello && least < NOISE_HELLO_LEAST)
		least = NOISE_HELLO_LEAST;
	if (hello && most < NOISE_HELLO_MOST)
		most = NOISE_HELLO_MOST;
	if (most > NOISE_WRAP_MOST)
		most = NOISE_WRAP_MOST;
	choice->size = least;
	if (least < most)
		choice->size += random % (most - least + 1);
	return 0;
}

ssize_t noise_wrap(struct noise *noise, const struct noise_choice *choice,
		   const uint8_t *datagram, size_t length, uint8_t *out,
		   size_t size)
{
	uint8_t plain[NOISE_WRAP_MOST] = {0};
	size_t whole = length + NOISE_WRAP_OVERHEAD, sealed;

	if (whole < choice->size)
		whole = choice->size;
	if (whole > NOISE_WRAP_MOST || whole > size)
		return -EMSGSIZE;
	put32(plain + TIME, (uint32_t)choice->now);
	put16(plain + LENGTH, (uint16_t)length);
	memcpy(plain + DATAGRAM, datagram, length);
	memcpy(out, choice->salt, NOISE_SALT_SIZE);
	sealed = size - NOISE_SALT_SIZE;
	if (gnutls_aead_cipher_encrypt(
		    noise_keys_of(noise, choice->secret)->ours.siv,
		    choice->salt, NOISE_SALT_SIZE, NULL, 0, TAG_SIZE, plain,
		    whole - NOISE_SALT_SIZE - TAG_SIZE, out + NOISE_SALT_SIZE,
		    &sealed) < 0)
		return -EIO;
	return (ssize_t)whole;
}

static bool is_now(const uint8_t *plain, int64_t now)
{
	/* It wraps in 2106; their difference does not. */
	int32_t ahead = (int32_t)(get32(plain + TIME) - (uint32_t)now);

	return ahead >= -NOISE_WINDOW && ahead <= NOISE_WINDOW;
}

/*
 * Would its time be now, if it is authentic? The counter begins with the tag
 * but for two bits (RFC 5297, section 2.5), and the time stands in its first
 * block. Nearly everything that a stranger sends is dropped by this.
 */
static bool may_be_now(struct noise_direction *from, const uint8_t *datagram,
		       int64_t now)
{
	const uint8_t *text = datagram + NOISE_SALT_SIZE + TAG_SIZE;
	uint8_t counter[NOISE_BLOCK], stream[NOISE_BLOCK];

	memcpy(counter, datagram + NOISE_SALT_SIZE, sizeof(counter));
	counter[8] &= 0x7f;
	counter[12] &= 0x7f;
	if (noise_block(&from->counter, counter, stream))
		return false;
	for (size_t i = 0; i < LENGTH; i++)
		stream[i] ^= text[i];
	return is_now(stream, now);
}

/* The length of the datagram that is in out then, or -EBADMSG. */
static ssize_t decrypt(struct noise_direction *from, const uint8_t *datagram,
		       size_t length, uint8_t *out)
{
	uint8_t plain[NOISE_WRAP_MOST];
	size_t opened = sizeof(plain), inner;

	if (gnutls_aead_cipher_decrypt(
		    from->siv, datagram, NOISE_SALT_SIZE, NULL, 0, TAG_SIZE,
		    datagram + NOISE_SALT_SIZE, length - NOISE_SALT_SIZE, plain,
		    &opened) < 0)
		return -EBADMSG;
	inner = get16(plain + LENGTH);
	if (inner > length - NOISE_WRAP_OVERHEAD)
		return -EBADMSG;
	memcpy(out, plain + DATAGRAM, inner);
	return (ssize_t)inner;
}

ssize_t noise_unwrap(struct noise *noise, int64_t now, const uint8_t *datagram,
		     size_t length, uint8_t *out, unsigned *secret)
{
	if (length < NOISE_WRAP_OVERHEAD || length > NOISE_WRAP_MOST)
		return -EBADMSG;
	if (replay_set_has(noise->seen, datagram))
		return -EALREADY;
	for (unsigned i = 0; i < noise->count; i++) {
		struct noise_direction *from = &noise->keys[i].theirs;
		ssize_t inner;

		if (!may_be_now(from, datagram, now))
			continue;
		inner = decrypt(from, datagram, length, out);
		if (inner < 0)
			continue;
		replay_set_add(noise->seen, datagram, now);
		*secret = i;
		return inner;
	}
	return -EBADMSG;
}
