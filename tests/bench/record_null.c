/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tunnel/record.h WITHOUT ANY PROTECTION: records are laid out, numbered and
 * checked for replay as record.c does, but what is in them goes in the clear
 * and under no tag. For minivpn-null alone, which the bench runs beside minivpn
 * to see what the data path could do if the AEAD cost nothing. It speaks to
 * itself only, and is never installed.
 */
#include "tunnel/dtls/record.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* As with AES-GCM, so that packets are as large as theirs. */
#define EXPLICIT_SIZE 8
#define TAG_SIZE      16
#define PLAIN_MAX     16384

#define OFFSET_POSITION 3
#define OFFSET_LENGTH	11

#define SEQUENCE_BITS 48
#define SEQUENCE_MASK ((UINT64_C(1) << SEQUENCE_BITS) - 1)

struct record {
	uint64_t position; /* epoch and sequence of the next record to seal */
	struct record_window window;
};

int record_new_keys(struct record **record, const struct record_keys *keys)
{
	struct record *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	new->position = (uint64_t)keys->epoch << SEQUENCE_BITS | keys->sequence;
	*record = new;
	return 0;
}

int record_new(struct record **record, gnutls_session_t session)
{
	struct record_keys keys = {0};
	uint64_t position;
	uint8_t bytes[8];

	if (gnutls_record_get_state(session, 0, NULL, NULL, NULL, bytes) < 0)
		return -ENOTSUP;
	memcpy(&position, bytes, sizeof(position));
	position = be64toh(position);
	keys.epoch = position >> SEQUENCE_BITS;
	keys.sequence = position & SEQUENCE_MASK;
	return record_new_keys(record, &keys);
}

void record_free(struct record *record)
{
	free(record);
}

size_t record_headroom(const struct record *record)
{
	(void)record;
	return RECORD_HEADER + EXPLICIT_SIZE;
}

size_t record_overhead(const struct record *record)
{
	return record_headroom(record) + TAG_SIZE;
}

ssize_t record_seal(struct record *record, uint8_t *out, size_t size,
		    const uint8_t *plain, size_t length)
{
	const size_t headroom = record_headroom(record);
	const size_t whole = length + record_overhead(record);
	const uint64_t position = htobe64(record->position);

	if (length > PLAIN_MAX || size < whole)
		return -EMSGSIZE;
	if (plain != out + headroom)
		memcpy(out + headroom, plain, length);
	out[0] = RECORD_TYPE_APPLICATION;
	out[1] = 0xfe;
	out[2] = 0xfd;
	memcpy(out + OFFSET_POSITION, &position, sizeof(position));
	out[OFFSET_LENGTH] = (whole - RECORD_HEADER) >> 8;
	out[OFFSET_LENGTH + 1] = (whole - RECORD_HEADER) & 0xff;
	memcpy(out + RECORD_HEADER, &position, sizeof(position));
	memset(out + headroom + length, 0, TAG_SIZE);
	record->position++;
	return whole;
}

ssize_t record_open(struct record *record, uint8_t *datagram, size_t length,
		    uint8_t **plain, size_t *used)
{
	const size_t overhead = record_overhead(record);
	uint64_t position;
	size_t whole;

	*used = 0;
	if (length < RECORD_HEADER)
		return -EBADMSG;
	whole = RECORD_HEADER + ((size_t)datagram[OFFSET_LENGTH] << 8 |
				 datagram[OFFSET_LENGTH + 1]);
	if (whole > length)
		return -EBADMSG;
	*used = whole;
	memcpy(&position, datagram + OFFSET_POSITION, sizeof(position));
	position = be64toh(position);
	if (datagram[0] != RECORD_TYPE_APPLICATION ||
	    position >> SEQUENCE_BITS != record->position >> SEQUENCE_BITS)
		return -EPROTO;
	if (whole < overhead || whole > overhead + PLAIN_MAX)
		return -EBADMSG;
	position &= SEQUENCE_MASK;
	if (!record_window_check(&record->window, position))
		return -EALREADY;
	record_window_mark(&record->window, position);
	*plain = datagram + record_headroom(record);
	return whole - overhead;
}

int record_sync(struct record *record, gnutls_session_t session)
{
	uint64_t theirs, ours = htobe64(record->position);
	uint8_t bytes[8];

	if (gnutls_record_get_state(session, 0, NULL, NULL, NULL, bytes) < 0)
		return -EPROTO;
	memcpy(&theirs, bytes, sizeof(theirs));
	theirs = be64toh(theirs);
	if (theirs >= record->position) {
		record->position = theirs;
		return 0;
	}
	memcpy(bytes, &ours, sizeof(bytes));
	return gnutls_record_set_state(session, 0, bytes) < 0 ? -EPROTO : 0;
}

bool record_worn(const struct record *record)
{
	return (record->position & SEQUENCE_MASK) > SEQUENCE_MASK / 2;
}

uint64_t record_floor(const struct record *record)
{
	(void)record;
	return 0;
}
