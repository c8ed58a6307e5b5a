/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sealing and opening the application records of an open DTLS 1.2 session
 * (RFC 6347, section 4.1; AES-GCM: RFC 5288; ChaCha20-Poly1305: RFC 7905) with
 * the session's own keys, in place, without a call into the session.
 */
#ifndef MINIVPN_TUNNEL_DTLS_RECORD_H
#define MINIVPN_TUNNEL_DTLS_RECORD_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How many records before the newest one may still be new. */
#define RECORD_WINDOW 4096

struct record;

/*
 * How much the keys have been used, as the AEAD's limits count it. A block has
 * 16 bytes, and each record has one more.
 */
struct record_usage {
	uint64_t sealed, opened; /* blocks */
	uint64_t forged;	 /* records that failed authentication */
};

#define RECORD_KEY_SIZE 32
#define RECORD_IV_SIZE	12

/* The keys of both directions; a suite uses the first bytes of an array. */
struct record_keys {
	gnutls_cipher_algorithm_t cipher;
	uint8_t seal_key[RECORD_KEY_SIZE], open_key[RECORD_KEY_SIZE];
	uint8_t seal_iv[RECORD_IV_SIZE], open_iv[RECORD_IV_SIZE];
	uint16_t epoch;
	uint64_t sequence;	   /* of the next record to seal */
	struct record_usage usage; /* zero for fresh keys */
};

/*
 * The keys of a session whose handshake is complete, and where it is in its
 * sequence; the caller wipes them. -ENOTSUP: not DTLS 1.2, or not a suite that
 * this module knows.
 */
int record_read_keys(struct record_keys *keys, gnutls_session_t session);
/* Makes a record from these; -ENOTSUP as well. */
int record_new(struct record **record, gnutls_session_t session);
/* The same without a session. Keys are copied; the caller wipes its own. */
int record_new_keys(struct record **record, const struct record_keys *keys);
/* Wipes the keys; NULL is allowed. */
void record_free(struct record *record);

/* Bytes between the start of a sealed record and its ciphertext: 13 or 21. */
size_t record_headroom(const struct record *record);
/* Names the library that encrypts, for people. */
const char *record_library(const struct record *record);
/* Bytes that sealing adds in all: 37 (AES-GCM), 29 (ChaCha20-Poly1305). */
size_t record_overhead(const struct record *record);

/*
 * Seals plain, 2^14 bytes at most, into out: in place where plain == out +
 * record_headroom(), else the two must not overlap. The length of the record,
 * -EMSGSIZE, or -EKEYEXPIRED where the sequence or the AEAD's limit is used up.
 */
ssize_t record_seal(struct record *record, uint8_t *out, size_t size,
		    const uint8_t *plain, size_t length);

/*
 * Opens the record at the start of datagram in place. *plain points into it;
 * the return value is its length in bytes. *used is what the record took of
 * the datagram, also on error, 0 where the rest is of no use. -EPROTO: not an
 * application record of this epoch (untouched); -EBADMSG: forged or cut short;
 * -EALREADY: replayed, or older than the window; -EKEYEXPIRED: so many forged
 * ones that these keys must not be used any more.
 */
ssize_t record_open(struct record *record, uint8_t *datagram, size_t length,
		    uint8_t **plain, size_t *used);

/* Level and description (RFC 5246, section 7.2). */
#define RECORD_ALERT_SIZE 2

/*
 * The same for an alert, where GnuTLS's session is gone: it and data share the
 * sequence numbers and the window. Opening returns 0, -errno as above, or
 * -EPROTO where the record is authentic, but no alert.
 */
ssize_t record_seal_alert(struct record *record, uint8_t *out, size_t size,
			  const uint8_t alert[RECORD_ALERT_SIZE]);
int record_open_alert(struct record *record, uint8_t *datagram, size_t length,
		      uint8_t alert[RECORD_ALERT_SIZE]);

/*
 * Brings this module's and GnuTLS's own next sequence number to the higher of
 * the two. Call it before anything that may make GnuTLS send under these keys
 * (an alert; its last flight again, which it does from gnutls_record_recv()
 * where the peer repeats its Finished) and again after it, before the next
 * record_seal(): two records with one sequence number would give the AEAD's
 * key away. -EPROTO where GnuTLS has moved to another epoch.
 */
int record_sync(struct record *record, gnutls_session_t session);

/*
 * Is a new session due, as half of the AEAD's limit, in either direction, or of
 * the sequence numbers is used up?
 */
bool record_worn(const struct record *record);

/*
 * Every record with a lower sequence number than this is refused from now on,
 * as it is older than the window. 0: none is.
 */
uint64_t record_floor(const struct record *record);

/* The replay window by itself: sequence numbers of 48 bits. */
struct record_window {
	uint64_t newest; /* highest seen + 1; 0: none */
	uint64_t bits[RECORD_WINDOW / 64];
};

/* Tells whether this sequence might be new, and changes nothing. */
bool record_window_check(const struct record_window *window, uint64_t sequence);
/* Marks it as seen, once it is authentic; no more than 2^48 - 1. */
void record_window_mark(struct record_window *window, uint64_t sequence);

#endif
