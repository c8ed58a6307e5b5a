/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/precheck.h"

/* TLSCiphertext.length (RFC 5246, section 6.2.3). */
#define BODY_MAX (16384 + 2048)

#define MESSAGE_CLIENT_HELLO 1
#define MESSAGE_CERTIFICATE  11

/* Of a client: a signature by RSA with 8192 bits has 1024. */
#define CLIENT_MESSAGE_MAX 2048
/* A client's Certificate follows its two hellos (RFC 6347, section 4.2.4). */
#define CLIENT_CERTIFICATE_SEQUENCE 2

/* Flights have fewer messages than that; we never renegotiate. */
#define MESSAGE_SEQUENCE_MAX 32

/* client_version and random, an empty session_id and cookie. */
#define HELLO_MIN (2 + 32 + 1 + 1)

struct message {
	uint8_t type;
	uint16_t sequence;
	uint32_t length, offset, fragment;
};

static uint16_t get_u16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

static uint32_t get_u24(const uint8_t *from)
{
	return (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
}

bool precheck_record(const uint8_t *datagram, size_t length,
		     struct precheck_record *record)
{
	size_t body;

	if (length < PRECHECK_HEADER)
		return false;
	/* The first hello may say DTLS 1.0 (RFC 6347, section 4.1). */
	if (datagram[1] != 0xfe || (datagram[2] != 0xfd && datagram[2] != 0xff))
		return false;
	if (datagram[0] < PRECHECK_TYPE_CHANGE_CIPHER_SPEC ||
	    datagram[0] > PRECHECK_TYPE_APPLICATION)
		return false;
	body = get_u16(datagram + 11);
	if (!body || body > BODY_MAX || body > length - PRECHECK_HEADER)
		return false;
	record->type = datagram[0];
	record->epoch = get_u16(datagram + 3);
	record->length = PRECHECK_HEADER + body;
	return true;
}

/* The message, or fragment of one, at the start of body; of any length. */
static bool read_message(const uint8_t *body, size_t length,
			 struct message *message)
{
	if (length < PRECHECK_MESSAGE_HEADER)
		return false;
	message->type = body[0];
	message->length = get_u24(body + 1);
	message->sequence = get_u16(body + 4);
	message->offset = get_u24(body + 6);
	message->fragment = get_u24(body + 9);
	if (message->sequence > MESSAGE_SEQUENCE_MAX)
		return false;
	/* No sum of two 24-bit numbers overflows. */
	return message->offset + message->fragment <= message->length &&
	       message->fragment <= length - PRECHECK_MESSAGE_HEADER &&
	       (message->fragment || !message->length);
}

static bool precheck_message(const uint8_t *body, size_t length,
			     struct message *message)
{
	return read_message(body, length, message) &&
	       message->length <= PRECHECK_MESSAGE_MAX;
}

/* by_key: clients are known by keys, and their certificates are short. */
static bool is_too_long(const struct message *message, bool by_key)
{
	if (message->length <= CLIENT_MESSAGE_MAX)
		return false;
	return by_key || message->type != MESSAGE_CERTIFICATE ||
	       message->sequence > CLIENT_CERTIFICATE_SEQUENCE;
}

static bool precheck_messages(const uint8_t *body, size_t length,
			      bool from_client, bool by_key)
{
	struct message message;

	while (length) {
		size_t whole;

		if (!precheck_message(body, length, &message) ||
		    (from_client && is_too_long(&message, by_key)))
			return false;
		whole = PRECHECK_MESSAGE_HEADER + message.fragment;
		body += whole;
		length -= whole;
	}
	return true;
}

bool precheck_plain(const uint8_t *datagram,
		    const struct precheck_record *record, bool from_client,
		    bool by_key)
{
	const uint8_t *body = datagram + PRECHECK_HEADER;
	size_t length = record->length - PRECHECK_HEADER;

	switch (record->type) {
	case PRECHECK_TYPE_CHANGE_CIPHER_SPEC:
		return length == 1 && body[0] == 1;
	case PRECHECK_TYPE_ALERT:
		return length == 2;
	case PRECHECK_TYPE_HANDSHAKE:
		return precheck_messages(body, length, from_client, by_key);
	default:
		return false;
	}
}

size_t precheck_excess(const uint8_t *datagram,
		       const struct precheck_record *record, bool from_client,
		       bool by_key, size_t *most)
{
	const uint8_t *body = datagram + PRECHECK_HEADER;
	size_t length = record->length - PRECHECK_HEADER;
	struct message message;

	*most = from_client && by_key ? CLIENT_MESSAGE_MAX
				      : PRECHECK_MESSAGE_MAX;
	if (record->type != PRECHECK_TYPE_HANDSHAKE)
		return 0;
	while (read_message(body, length, &message)) {
		if (message.type == MESSAGE_CERTIFICATE &&
		    message.length > *most &&
		    (!from_client ||
		     message.sequence <= CLIENT_CERTIFICATE_SEQUENCE))
			return message.length;
		body += PRECHECK_MESSAGE_HEADER + message.fragment;
		length -= PRECHECK_MESSAGE_HEADER + message.fragment;
	}
	return 0;
}

size_t precheck_client_hello(const uint8_t *datagram, size_t length)
{
	struct precheck_record record;
	struct message message;

	if (!precheck_record(datagram, length, &record) || record.epoch ||
	    record.type != PRECHECK_TYPE_HANDSHAKE)
		return 0;
	if (!precheck_message(datagram + PRECHECK_HEADER,
			      record.length - PRECHECK_HEADER, &message))
		return 0;
	if (message.type != MESSAGE_CLIENT_HELLO ||
	    message.fragment != message.length || message.length < HELLO_MIN)
		return 0;
	return record.length;
}
