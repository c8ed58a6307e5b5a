/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/reassembly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "tunnel/dtls/dtls.h"

/* This room in front of a message makes a record of it in place. */
#define HEADROOM (DTLS_HEADER + DTLS_MESSAGE_HEADER)
/* Bytes of a message in one record. */
#define PART_MOST (DTLS_PLAIN_MAX - DTLS_MESSAGE_HEADER)

struct reassembly_message {
	uint8_t type;
	uint16_t sequence;
	uint32_t length;
	uint32_t missing; /* bytes */
	uint8_t *there;	  /* a bit for each byte */
	uint8_t data[];	  /* HEADROOM, the message, and what there is of it */
};

struct fragment {
	uint8_t type;
	uint16_t sequence;
	uint32_t length, offset, size;
	const uint8_t *data;
};

void reassembly_init(struct reassembly *reassembly, bool server)
{
	memset(reassembly, 0, sizeof(*reassembly));
	reassembly->begun = !server;
}

void reassembly_free(struct reassembly *reassembly)
{
	for (unsigned i = 0; i < REASSEMBLY_MESSAGES; i++)
		free(reassembly->messages[i]);
	free(reassembly->taken);
	memset(reassembly, 0, sizeof(*reassembly));
}

static struct reassembly_message *message_new(const struct fragment *fragment)
{
	size_t length = HEADROOM + fragment->length;
	struct reassembly_message *message =
		calloc(1, sizeof(*message) + length + fragment->length / 8 + 1);

	if (!message)
		return NULL;
	message->type = fragment->type;
	message->sequence = fragment->sequence;
	message->length = fragment->length;
	message->missing = fragment->length;
	message->there = message->data + length;
	return message;
}

/* What there is stays as it came first. */
static void fill(struct reassembly_message *message,
		 const struct fragment *fragment)
{
	uint8_t *data = message->data + HEADROOM;

	for (uint32_t i = 0; i < fragment->size; i++) {
		uint32_t at = fragment->offset + i;
		uint8_t bit = (uint8_t)(1u << at % 8);

		if (message->there[at / 8] & bit)
			continue;
		message->there[at / 8] |= bit;
		data[at] = fragment->data[i];
		message->missing--;
	}
}

static int add_fragment(struct reassembly *reassembly,
			const struct fragment *fragment)
{
	struct reassembly_message **message;
	uint16_t ahead;

	if (!reassembly->begun) {
		reassembly->next = fragment->sequence;
		reassembly->begun = true;
	}
	/* What is behind next looks as if it were far ahead. */
	ahead = (uint16_t)(fragment->sequence - reassembly->next);
	if (ahead >= REASSEMBLY_MESSAGES)
		return 0;
	message = &reassembly->messages[ahead];
	if (!*message)
		*message = message_new(fragment);
	if (!*message)
		return -ENOMEM;
	if ((*message)->type == fragment->type &&
	    (*message)->length == fragment->length)
		fill(*message, fragment);
	return 0;
}

int reassembly_add(struct reassembly *reassembly, const uint8_t *body,
		   size_t length)
{
	int err = 0;

	while (length >= DTLS_MESSAGE_HEADER && !err) {
		struct fragment fragment = {
			.type = body[DTLS_MESSAGE_TYPE],
			.sequence = get16(body + DTLS_MESSAGE_SEQUENCE),
			.length = get24(body + DTLS_MESSAGE_LENGTH),
			.offset = get24(body + DTLS_FRAGMENT_OFFSET),
			.size = get24(body + DTLS_FRAGMENT_LENGTH),
			.data = body + DTLS_MESSAGE_HEADER,
		};

		body += DTLS_MESSAGE_HEADER;
		length -= DTLS_MESSAGE_HEADER;
		if (fragment.size > length ||
		    fragment.offset + fragment.size > fragment.length)
			return 0; /* precheck_plain() has let none through */
		err = add_fragment(reassembly, &fragment);
		body += fragment.size;
		length -= fragment.size;
	}
	return err;
}

/* The first message moves from the window into the caller's hands. */
static bool take(struct reassembly *reassembly)
{
	struct reassembly_message **messages = reassembly->messages;

	free(reassembly->taken);
	reassembly->taken = NULL;
	if (!messages[0] || messages[0]->missing)
		return false;
	reassembly->taken = messages[0];
	reassembly->offset = 0;
	memmove(messages, messages + 1,
		(REASSEMBLY_MESSAGES - 1) * sizeof(messages[0]));
	messages[REASSEMBLY_MESSAGES - 1] = NULL;
	reassembly->next++;
	return true;
}

void reassembly_number(struct reassembly *reassembly, uint8_t *record)
{
	put64(record + DTLS_POSITION, reassembly->sequence++);
}

bool reassembly_next(struct reassembly *reassembly, uint8_t **record,
		     size_t *length)
{
	struct reassembly_message *message = reassembly->taken;
	uint8_t *head, *body;
	size_t part;

	if (!message || reassembly->offset >= message->length) {
		if (!take(reassembly))
			return false;
		message = reassembly->taken;
	}
	part = message->length - reassembly->offset;
	if (part > PART_MOST)
		part = PART_MOST;
	/* The headers of a second part are written over the end of the first.
	 */
	head = message->data + reassembly->offset;
	body = head + DTLS_HEADER;
	head[DTLS_TYPE] = DTLS_HANDSHAKE;
	put16(head + DTLS_VERSION, DTLS_1_2);
	reassembly_number(reassembly, head);
	put16(head + DTLS_LENGTH, (uint16_t)(DTLS_MESSAGE_HEADER + part));
	body[DTLS_MESSAGE_TYPE] = message->type;
	put24(body + DTLS_MESSAGE_LENGTH, message->length);
	put16(body + DTLS_MESSAGE_SEQUENCE, message->sequence);
	put24(body + DTLS_FRAGMENT_OFFSET, (uint32_t)reassembly->offset);
	put24(body + DTLS_FRAGMENT_LENGTH, (uint32_t)part);
	reassembly->offset += part;
	if (!message->length) /* an empty one has one part, too */
		reassembly->offset = 1;
	*record = head;
	*length = HEADROOM + part;
	return true;
}

bool reassembly_waits(const struct reassembly *reassembly)
{
	for (unsigned i = 0; i < REASSEMBLY_MESSAGES; i++) {
		if (reassembly->messages[i])
			return true;
	}
	return false;
}
