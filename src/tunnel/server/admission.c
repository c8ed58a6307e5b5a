/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/admission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * So many hellos wait at most, and so many seconds: by then a client has sent
 * it again.
 */
#define SLOTS	 128
#define PATIENCE 1.

/* Seconds after which it does not matter any more who has come before. */
#define MEMORY 60.

static const struct {
	uint8_t length4, length6; /* of the prefix */
	double burst, per_second;
	bool is_limit;
} levels[ADMISSION_LEVELS] = {
	[ADMISSION_ADDRESS] = {32, 64, ADMISSION_ADDRESS_BURST,
			       ADMISSION_ADDRESS_RATE, true},
	[ADMISSION_NETWORK] = {24, 48, ADMISSION_NETWORK_BURST,
			       ADMISSION_NETWORK_RATE, true},
	/*
	 * Others live in a region who have nothing to do with it, so that as a
	 * limit it would be a weapon.
	 */
	[ADMISSION_REGION] = {16, 32, 4 * ADMISSION_NETWORK_BURST,
			      4 * ADMISSION_NETWORK_RATE, false},
};

/*
 * When all is paid back, or was, of the three levels; the latest first, as they
 * are compared: a fresh address is no help in a network that owes much, nor a
 * fresh network in a region that does.
 */
struct rank {
	double full_at[ADMISSION_LEVELS];
};

struct slot {
	struct admission_hello hello;
	struct rank rank; /* when one was charged last, or this one came */
	double since;
	uint8_t data[ADMISSION_HELLO_SIZE];
};

struct admission {
	struct rate_table *tables[ADMISSION_LEVELS];
	struct slot *waiting[SLOTS]; /* the first count, in order of arrival */
	unsigned count;
	struct slot slots[SLOTS];
};

int admission_new(struct admission **admission)
{
	struct admission *new = calloc(1, sizeof(*new));
	int err = 0;

	if (!new)
		return -ENOMEM;
	for (unsigned i = 0; i < SLOTS; i++)
		new->waiting[i] = &new->slots[i];
	for (unsigned i = 0; !err && i < ADMISSION_LEVELS; i++)
		err = rate_table_new(&new->tables[i], levels[i].burst,
				     levels[i].per_second);
	if (err) {
		admission_free(new);
		return err;
	}
	*admission = new;
	return 0;
}

void admission_free(struct admission *admission)
{
	if (!admission)
		return;
	for (unsigned i = 0; i < ADMISSION_LEVELS; i++)
		rate_table_free(admission->tables[i]);
	free(admission);
}

struct inet_prefix admission_network(const struct inet_address *address,
				     enum admission_level level)
{
	struct inet_prefix prefix = {
		.address = *address,
		.length = address->family == AF_INET ? levels[level].length4
						     : levels[level].length6,
	};

	return inet_prefix_network(&prefix);
}

static struct admission_source find_source(const struct admission *admission,
					   const struct inet_address *address)
{
	struct admission_source source = {0};

	for (unsigned i = 0; i < ADMISSION_LEVELS; i++) {
		struct inet_prefix network = admission_network(address, i);

		source.places[i] =
			rate_table_find(admission->tables[i], &network.address,
					sizeof(network.address));
	}
	return source;
}

static bool allows(const struct admission *admission,
		   const struct admission_source *source,
		   enum admission_level level, double now)
{
	return !levels[level].is_limit ||
	       rate_table_allows(admission->tables[level],
				 source->places[level], now);
}

static bool allows_all(const struct admission *admission,
		       const struct admission_source *source, double now)
{
	for (unsigned i = 0; i < ADMISSION_LEVELS; i++) {
		if (!allows(admission, source, i, now))
			return false;
	}
	return true;
}

static struct rank rank_of(const struct admission *admission,
			   const struct admission_source *source, double now)
{
	struct rank rank;

	for (unsigned i = 0; i < ADMISSION_LEVELS; i++) {
		double full_at = rate_table_full_at(admission->tables[i],
						    source->places[i]);
		unsigned at = i;

		if (full_at < now - MEMORY)
			full_at = now - MEMORY;
		for (; at > 0 && rank.full_at[at - 1] < full_at; at--)
			rank.full_at[at] = rank.full_at[at - 1];
		rank.full_at[at] = full_at;
	}
	return rank;
}

/* Is it the turn of a before that of b? */
static bool is_before(const struct rank *a, const struct rank *b)
{
	for (unsigned i = 0; i < ADMISSION_LEVELS; i++) {
		if (a->full_at[i] != b->full_at[i])
			return a->full_at[i] < b->full_at[i];
	}
	return false;
}

/* The slot stays in memory as the last free one. */
static struct slot *remove_at(struct admission *admission, unsigned index)
{
	struct slot *slot = admission->waiting[index];

	admission->count--;
	memmove(&admission->waiting[index], &admission->waiting[index + 1],
		(admission->count - index) * sizeof(admission->waiting[0]));
	admission->waiting[admission->count] = slot;
	return slot;
}

static void forget_old(struct admission *admission, double now)
{
	while (admission->count &&
	       now - admission->waiting[0]->since > PATIENCE)
		remove_at(admission, 0);
}

/*
 * Returns whether the same hello waits already; its turn is no later for that.
 */
static bool replace(struct admission *admission,
		    const struct admission_hello *hello)
{
	for (unsigned i = 0; i < admission->count; i++) {
		const struct admission_hello *other =
			&admission->waiting[i]->hello;

		if (!inet_endpoint_equal(&other->datagram.peer,
					 &hello->datagram.peer))
			continue;
		if (!memcmp(other->cookie.random, hello->cookie.random,
			    sizeof(hello->cookie.random)))
			return true;
		remove_at(admission, i);
		break;
	}
	return false;
}

/* The one whose turn comes last; of equals, the one that came last. */
static unsigned find_last(const struct admission *admission)
{
	unsigned last = 0;

	for (unsigned i = 1; i < admission->count; i++) {
		if (!is_before(&admission->waiting[i]->rank,
			       &admission->waiting[last]->rank))
			last = i;
	}
	return last;
}

static void append(struct admission *admission,
		   const struct admission_hello *hello,
		   const struct admission_source *source, double now)
{
	struct slot *slot = admission->waiting[admission->count++];

	slot->hello = *hello;
	slot->hello.source = *source;
	slot->rank = rank_of(admission, source, now);
	slot->hello.datagram.data = slot->data;
	memcpy(slot->data, hello->datagram.data, hello->datagram.length);
	slot->since = now;
}

enum admission_verdict admission_put(struct admission *admission,
				     const struct admission_hello *hello,
				     double now, struct admission_hello *lost)
{
	struct admission_source source;
	struct rank its;
	unsigned last;

	*lost = *hello;
	source = find_source(admission, &hello->datagram.peer.address);
	/* A hello whose network has reached its rate waits for that. */
	if (hello->datagram.length > ADMISSION_HELLO_SIZE ||
	    !allows(admission, &source, ADMISSION_ADDRESS, now))
		return ADMISSION_HELD;
	forget_old(admission, now);
	if (replace(admission, hello))
		return ADMISSION_TAKEN;
	if (admission->count < SLOTS) {
		append(admission, hello, &source, now);
		return ADMISSION_TAKEN;
	}
	its = rank_of(admission, &source, now);
	last = find_last(admission);
	if (is_before(&its, &admission->waiting[last]->rank)) {
		*lost = remove_at(admission, last)->hello;
		append(admission, hello, &source, now);
	}
	return ADMISSION_FULL;
}

static void charge(struct admission *admission, struct admission_source *source,
		   double now)
{
	source->charged = now;
	for (unsigned i = 0; i < ADMISSION_LEVELS; i++) {
		source->before[i] = rate_table_full_at(admission->tables[i],
						       source->places[i]);
		rate_table_take(admission->tables[i], source->places[i], now);
	}
	for (unsigned i = 0; i < admission->count; i++) {
		struct slot *slot = admission->waiting[i];

		slot->rank = rank_of(admission, &slot->hello.source, now);
	}
}

struct admission_hello *admission_take(struct admission *admission, double now)
{
	struct admission_hello *next;
	unsigned first = SLOTS;

	forget_old(admission, now);
	for (unsigned i = 0; i < admission->count; i++) {
		const struct slot *slot = admission->waiting[i];

		if ((first < SLOTS &&
		     !is_before(&slot->rank,
				&admission->waiting[first]->rank)) ||
		    !allows_all(admission, &slot->hello.source, now))
			continue;
		first = i;
	}
	if (first == SLOTS)
		return NULL;
	next = &remove_at(admission, first)->hello;
	charge(admission, &next->source, now);
	return next;
}

unsigned admission_waits(const struct admission *admission)
{
	return admission->count;
}

void admission_return(struct admission *admission,
		      const struct admission_source *source)
{
	for (unsigned i = 0; i < ADMISSION_LEVELS; i++)
		rate_table_return(admission->tables[i], source->places[i],
				  source->before[i], source->charged);
}
