/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/memory_link.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/reason.h"
/* Short, so that tests with losses are; long under a sanitizer's slowness. */
#define RETRANSMISSION_MS 4
#define TOTAL_MS	  8000

static const struct inet_endpoint client_address = {
	.address = {AF_INET, {192, 0, 2, 1}},
	.port = 50000,
};

uint32_t memory_link_random(struct memory_link *link)
{
	/* xorshift32 */
	link->seed ^= link->seed << 13;
	link->seed ^= link->seed >> 17;
	link->seed ^= link->seed << 5;
	return link->seed;
}

static bool chance(struct memory_link *link, unsigned percent)
{
	return percent && memory_link_random(link) % 100 < percent;
}

/* The nonce of an AEAD is made from it: it must never come twice. */
static void note_sequences(struct link_end *end, const uint8_t *data,
			   size_t length)
{
	while (length >= DTLS_HEADER) {
		size_t whole = DTLS_HEADER + (size_t)get16(data + DTLS_LENGTH);
		uint64_t sequence =
			get64(data + DTLS_POSITION) & DTLS_SEQUENCE_MASK;

		assert_true(whole <= length);
		if (get16(data + DTLS_EPOCH) == 1) {
			assert_true(sequence < LINK_SEQUENCES);
			end->reused += end->sequences[sequence];
			end->sequences[sequence] = true;
		}
		data += whole;
		length -= whole;
	}
}

static void enqueue(struct memory_link *link, enum link_side to,
		    const uint8_t *data, size_t length)
{
	struct link_datagram *datagram = &link->queue[link->count];

	assert_true(length <= LINK_SIZE);
	if (link->count == LINK_QUEUE)
		return;
	datagram->to = to;
	datagram->length = length;
	memcpy(datagram->data, data, length);
	link->count++;
}

static void transmit(void *owner, const uint8_t *data, size_t length)
{
	struct link_end *end = owner;
	struct memory_link *link = end->link;
	enum link_side to =
		end->side == LINK_CLIENT ? LINK_SERVER : LINK_CLIENT;

	if (!end->session || !session_is_open(end->session))
		assert_true(length <= link->mtu);
	note_sequences(end, data, length);
	if (chance(link, link->loss) ||
	    (link->largest && length > link->largest))
		return;
	enqueue(link, to, data, length);
	if (chance(link, link->twice))
		enqueue(link, to, data, length);
}

static int authorize(void *owner, const struct identity *identity,
		     struct reason *reason)
{
	struct link_end *end = owner;

	if (!end->link->refuse || end->side != LINK_SERVER)
		return 0;
	reason_set(reason, "%s is nobody", identity->text);
	return -EACCES;
}

static const uint8_t *preshared_key(void *owner,
				    const struct identity *identity)
{
	struct link_end *end = owner;

	(void)identity;
	return end->link->preshared[end->side];
}

static const struct session_hooks hooks = {transmit, authorize, preshared_key};

struct memory_link *memory_link_new(uint32_t seed, unsigned loss, unsigned swap,
				    unsigned twice)
{
	struct memory_link *link = calloc(1, sizeof(*link));

	assert_non_null(link);
	assert_int_equal(cookie_jar_new(&link->jar), 0);
	link->seed = seed ? seed : 1;
	link->loss = loss;
	link->swap = swap;
	link->twice = twice;
	link->mtu = 1200;
	link->total = TOTAL_MS;
	link->retransmission = RETRANSMISSION_MS;
	for (unsigned i = 0; i < 2; i++) {
		link->ends[i].link = link;
		link->ends[i].side = i;
	}
	return link;
}

void memory_link_free(struct memory_link *link)
{
	for (unsigned i = 0; i < 2; i++)
		session_free(link->ends[i].session);
	for (unsigned i = 0; i < 2; i++)
		credentials_free(link->owned[i]);
	cookie_jar_free(link->jar);
	free(link);
}

void memory_link_start(struct memory_link *link, struct credentials *client,
		       struct credentials *server)
{
	struct link_end *end = &link->ends[LINK_CLIENT];

	link->server_credentials = server;
	assert_int_equal(session_client(&end->session, client, &hooks, end,
					link->host, link->mtu),
			 0);
	session_set_timeouts(end->session, link->retransmission, link->total);
	if (link->ticket)
		session_resume(end->session, link->ticket, link->client_now);
	session_start(end->session);
}

static void collect(struct link_end *end)
{
	uint8_t *record;
	size_t length;

	for (;;) {
		switch (session_next(end->session, &record, &length)) {
		case SESSION_NONE:
			return;
		case SESSION_OPENED:
			end->opened++;
			break;
		case SESSION_RECORD:
			assert_true(length <= LINK_SIZE);
			memcpy(end->last, record, length);
			end->last_length = length;
			end->records++;
			break;
		case SESSION_ENDED:
			end->ended++;
			return;
		}
	}
}

static bool accept_hello(struct memory_link *link, const uint8_t *data,
			 size_t length)
{
	struct link_end *end = &link->ends[LINK_SERVER];
	struct cookie_result result;

	switch (cookie_check(link->jar, &client_address, data, length, 0,
			     &result)) {
	case COOKIE_ASKED:
		transmit(end, result.reply, result.reply_length);
		return false;
	case COOKIE_VALID:
		break;
	default:
		return false;
	}
	assert_int_equal(session_server(&end->session, link->server_credentials,
					&hooks, end, &result.prestate,
					link->mtu),
			 0);
	session_set_timeouts(end->session, link->retransmission, link->total);
	if (link->tickets)
		session_offer_tickets(end->session, link->tickets,
				      link->server_now);
	return true;
}

void memory_link_deliver(struct memory_link *link, enum link_side to,
			 const uint8_t *data, size_t length)
{
	struct link_end *end = &link->ends[to];
	/* On the heap to its byte, so that ASan sees a step too far. */
	uint8_t *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, data, length);
	if (end->session || accept_hello(link, copy, length)) {
		session_input(end->session, copy, length);
		collect(end);
	}
	free(copy);
}

bool memory_link_step(struct memory_link *link)
{
	struct link_datagram datagram;
	size_t next = 0;

	if (!link->count)
		return false;
	if (chance(link, link->swap))
		next = memory_link_random(link) % link->count;
	datagram = link->queue[next];
	link->count--;
	memmove(&link->queue[next], &link->queue[next + 1],
		(link->count - next) * sizeof(link->queue[0]));
	memory_link_deliver(link, datagram.to, datagram.data, datagram.length);
	return true;
}

void memory_link_drain(struct memory_link *link)
{
	while (memory_link_step(link))
		;
}

/* The shortest wait of both in milliseconds, -1: none. */
static int tick(struct memory_link *link)
{
	int shortest = -1;

	for (unsigned i = 0; i < 2; i++) {
		struct link_end *end = &link->ends[i];
		int timeout;

		if (!end->session)
			continue;
		timeout = session_timeout(end->session);
		if (!timeout) {
			session_tick(end->session);
			collect(end);
		}
		if (timeout >= 0 && (shortest < 0 || timeout < shortest))
			shortest = timeout;
	}
	return shortest;
}

void memory_link_settle(struct memory_link *link)
{
	memory_link_drain(link);
	tick(link);
	memory_link_drain(link);
}

void memory_link_run(struct memory_link *link)
{
	do {
		memory_link_drain(link);
	} while (tick(link) >= 0 || link->count);
}
