/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams of DTLS 1.2 in a form that nobody can tell from noise who does not
 * have the Secret, and back. It is a layer below DTLS: what comes out is what
 * went in, byte for byte. It works on memory alone, and knows no session.
 *
 * Application records, one a datagram, lose what both ends know, and their
 * header is masked as in RFC 9001, section 5.4:
 *
 *   { CID u32 | epoch u16 | sequence u48 } | ciphertext | tag 16
 *   mask = AES-128(header key, the first 16 bytes behind the header)[0..11]
 *
 * All else is wrapped, by AES-256-SIV (RFC 5297; the additional data is empty,
 * the nonce the salt), which forgives a nonce that is used twice:
 *
 *   salt 12 | tag 16 | { time u32 | length u16 | datagram | zeros }
 *
 * Each direction has keys of its own. It authenticates nobody and is no secrecy
 * for what DTLS encrypts anyway: that is DTLS's work.
 */
#ifndef MINIVPN_TUNNEL_NOISE_NOISE_H
#define MINIVPN_TUNNEL_NOISE_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NOISE_SECRET_SIZE 32
/* How many there may be, while one takes the place of another. */
#define NOISE_SECRETS 2

#define NOISE_SALT_SIZE 12
/* Bytes that wrapping adds at least. */
#define NOISE_WRAP_OVERHEAD 34
/*
 * Bytes of the largest datagram that is wrapped, which passes wherever IPv6
 * does (RFC 8200, section 5), with the headers of IPv6 and UDP.
 */
#define NOISE_WRAP_MOST 1232
/* Bytes of a first hello, wrapped: between these, at random. */
#define NOISE_HELLO_LEAST 600
#define NOISE_HELLO_MOST  1200

/* Seconds by which the clocks of both ends may differ. */
#define NOISE_WINDOW 120

/* Bytes of the largest that fits into it. */
#define NOISE_DATAGRAM_MOST (NOISE_WRAP_MOST - NOISE_WRAP_OVERHEAD)

/* Bytes of a masked header, and of all that is around a packet. */
#define NOISE_HEADER   12
#define NOISE_OVERHEAD 28
/* What noise_restore() writes to in front of a datagram, at most. */
#define NOISE_HEADROOM 9

struct noise;

/*
 * secrets: count of them, 1 or NOISE_SECRETS; they are not kept. server: our
 * side. -ENOMEM, -EIO (GnuTLS fails).
 */
int noise_new(struct noise **noise, const uint8_t secrets[][NOISE_SECRET_SIZE],
	      unsigned count, bool server);
/*
 * Other secrets take the place of those from now on; what has been seen stays
 * seen. -EIO: all is as before.
 */
int noise_change(struct noise *noise,
		 const uint8_t secrets[][NOISE_SECRET_SIZE], unsigned count,
		 bool server);
/* Wipes the keys; NULL is allowed. */
void noise_free(struct noise *noise);

/* How one datagram is wrapped. */
struct noise_choice {
	unsigned secret; /* by which of them */
	int64_t now;	 /* Unix time */
	uint8_t salt[NOISE_SALT_SIZE];
	size_t size; /* of all; what is too small is as small as it can be */
};

/*
 * Sets salt and size at random for a datagram of length bytes. hello: it is the
 * first one, which alone would be known by its size. -EIO.
 */
int noise_choose(struct noise_choice *choice, size_t length, bool hello);

/*
 * Wraps a datagram into out (size bytes), which it does not overlap. The length
 * of the whole, or -EMSGSIZE, -EIO.
 */
ssize_t noise_wrap(struct noise *noise, const struct noise_choice *choice,
		   const uint8_t *datagram, size_t length, uint8_t *out,
		   size_t size);

/*
 * Unwraps a datagram into out, which it does not overlap and which has room for
 * length bytes. Its length, and in *secret which one it came by; or -EBADMSG
 * (not made with any of them, not now, which is Unix time, or too long) and
 * -EALREADY (it has come before): none of these may be answered. Who has no
 * secret costs a block of AES for each that we have, and no memory.
 */
ssize_t noise_unwrap(struct noise *noise, int64_t now, const uint8_t *datagram,
		     size_t length, uint8_t *out, unsigned *secret);

/* What a masked header says. */
struct noise_header {
	uint32_t cid;
	uint16_t epoch;
	uint64_t sequence; /* 48 bits */
};

/*
 * Makes a record of datagram, which is one whole application record of DTLS 1.2
 * as record_seal() makes them, in place: *datagram moves to its beginning.
 * explicit: bytes of its nonce that it carries, 8 or 0. Its length; or 0, where
 * it is another datagram, which is left as it is.
 */
size_t noise_hide(struct noise *noise, unsigned secret, uint32_t cid,
		  size_t explicit, uint8_t **datagram, size_t length);

/*
 * What the header of a datagram says, if it is a record by this secret; what of
 * any other datagram it says is nonsense. False: it is too short.
 */
bool noise_read(struct noise *noise, unsigned secret, const uint8_t *datagram,
		size_t length, struct noise_header *header);

/*
 * Puts the header of DTLS back before a record, in place: *datagram moves, by
 * NOISE_HEADROOM bytes at most, and what was there is gone. Its length, or 0
 * where it is longer than records are.
 */
size_t noise_restore(const struct noise_header *header, size_t explicit,
		     uint8_t **datagram, size_t length);

#endif
