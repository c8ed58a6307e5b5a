/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/control/pmtu.h"

#include "tunnel/control/run_probe.h"

#include <string.h>

#include "common/jitter.h"

/* Outer sizes: what every IPv6 path carries (RFC 8200, section 5), and what
 * every host takes (RFC 791). */
#define BASE  1280
#define LEAST 576
/* A size that is not answered so often, but the small probe is, has failed. */
#define TRIES 3
/* How long an answer is waited for. */
#define WAIT_LEAST 0.08
#define WAIT_MOST  1.
/* Twice as long after each try while nothing at all is answered, up to this. */
#define WAIT_SILENT 5.
/* The search ends where less than this could be gained. */
#define GRAIN 8
/* Sizes in a round that narrows the range down. */
#define SPLIT 4
/*
 * While large packets are sent the size is confirmed so often, and that is one
 * packet more in a hundred at most.
 */
#define CONFIRM_PAUSE	  0.2
#define CONFIRM_PAUSE_FEW 1.
#define CONFIRM_FEW	  100
/* After a hint; who floods us with them makes us send no more than this. */
#define HINT_PAUSE 0.1
/* PMTU_RAISE_TIMER, RFC 8899, section 5.1.1 */
#define RAISE_PAUSE 600.
/* They are longer by up to this part. */
#define SPREAD 0.25

/* Ethernet, PPPoE, tunnels over either, and jumbo frames: outer sizes. */
static const uint16_t common[] = {1400, 1420, 1480, 1492, 1500, 9000};

#define COMMON (sizeof(common) / sizeof(common[0]))

static double wait_time(const struct pmtu *pmtu)
{
	double wait = 2. * (double)pmtu->rtt + 0.05;

	if (wait < WAIT_LEAST)
		wait = WAIT_LEAST;
	if (wait > WAIT_MOST)
		wait = WAIT_MOST;
	for (unsigned i = 0; !pmtu->alive && i < pmtu->tries; i++)
		wait = 2. * wait > WAIT_SILENT ? WAIT_SILENT : 2. * wait;
	return wait * (double)pmtu->spread;
}

static void spread(struct pmtu *pmtu)
{
	pmtu->spread = (float)jitter(1., 0., SPREAD);
}

static void add_size(struct pmtu *pmtu, unsigned size)
{
	if (pmtu->count < PMTU_SIZES)
		pmtu->sizes[pmtu->count++] = (uint16_t)size;
}

/* Sizes are added in rising order behind the small one. */
static void begin_round(struct pmtu *pmtu, enum pmtu_state state, double now)
{
	/* Answers to the round before must not be taken for this one's. */
	pmtu->id = (uint16_t)(pmtu->id + PMTU_SIZES);
	if (pmtu->id > RUN_PROBE_ID - PMTU_SIZES || pmtu->id == 0)
		pmtu->id = 1;
	pmtu->state = state;
	pmtu->count = 0;
	pmtu->next = 0;
	pmtu->tries = 0;
	pmtu->alive = false;
	pmtu->sent = now;
	pmtu->proven = 0;
	spread(pmtu);
	add_size(pmtu, 0);
	/* In each round: the path may shrink while it is searched. */
	add_size(pmtu, pmtu->size);
}

/* Between what is used and what has not passed: the usual ones first. */
static void begin_ladder(struct pmtu *pmtu, double now)
{
	begin_round(pmtu, PMTU_SEARCHING, now);
	if (pmtu->base > pmtu->size && pmtu->base < pmtu->failed)
		add_size(pmtu, pmtu->base);
	for (size_t i = 0; i < COMMON; i++) {
		unsigned size = common[i] > pmtu->overhead
					? common[i] - pmtu->overhead
					: 0;

		if (size > pmtu->base && size > pmtu->size &&
		    size < pmtu->failed && size < pmtu->ceiling)
			add_size(pmtu, size);
	}
	if (pmtu->ceiling > pmtu->base && pmtu->ceiling > pmtu->size &&
	    pmtu->ceiling < pmtu->failed) {
		if (pmtu->count == PMTU_SIZES)
			pmtu->count--;
		add_size(pmtu, pmtu->ceiling);
	}
}

static void begin_split(struct pmtu *pmtu, double now)
{
	unsigned range = pmtu->failed - pmtu->size;

	begin_round(pmtu, PMTU_SEARCHING, now);
	for (unsigned i = 1; i <= SPLIT; i++)
		add_size(pmtu, pmtu->size + range * i / (SPLIT + 1));
}

static void settle(struct pmtu *pmtu, double now)
{
	pmtu->state = PMTU_SETTLED;
	pmtu->count = 0;
	pmtu->confirmed = now;
	pmtu->searched = now;
}

static bool is_open(const struct pmtu *pmtu, unsigned index)
{
	/* Not needed where the first try is answered. */
	if (index == 0)
		return !pmtu->alive && pmtu->tries > 0;
	return pmtu->sizes[index] > pmtu->proven;
}

/* What was used does not pass any more: back to what every path carries. */
static void collapse(struct pmtu *pmtu, double now)
{
	pmtu->failed = pmtu->size;
	if (pmtu->size > pmtu->base) {
		pmtu->size = pmtu->base;
		begin_ladder(pmtu, now);
	} else {
		pmtu->size = pmtu->least;
		begin_split(pmtu, now);
	}
}

/* All that can still be learnt is known. */
static void end_round(struct pmtu *pmtu, double now)
{
	for (unsigned i = pmtu->count; i-- > 1;) {
		if (is_open(pmtu, i))
			pmtu->failed = pmtu->sizes[i];
	}
	if (!pmtu->proven && pmtu->size > pmtu->least)
		collapse(pmtu, now);
	else if (pmtu->failed > pmtu->size + GRAIN)
		begin_split(pmtu, now);
	else
		settle(pmtu, now);
}

void pmtu_start(struct pmtu *pmtu, unsigned ceiling, unsigned overhead,
		double now)
{
	const uint16_t id = pmtu->id;

	memset(pmtu, 0, sizeof(*pmtu));
	pmtu->id = id;
	pmtu->overhead = (uint16_t)overhead;
	pmtu->least = (uint16_t)(LEAST - overhead);
	pmtu->ceiling = (uint16_t)ceiling;
	if (pmtu->ceiling < pmtu->least)
		pmtu->ceiling = pmtu->least;
	pmtu->base = (uint16_t)(BASE - overhead);
	if (pmtu->base > pmtu->ceiling)
		pmtu->base = pmtu->ceiling;
	pmtu->size = pmtu->base;
	pmtu->failed = (uint16_t)(pmtu->ceiling + 1);
	begin_ladder(pmtu, now);
}

static bool may_doubt(const struct pmtu *pmtu)
{
	return pmtu->state == PMTU_SETTLED && pmtu->size > pmtu->least;
}

static double confirm_at(const struct pmtu *pmtu)
{
	double pause =
		pmtu->large < CONFIRM_FEW ? CONFIRM_PAUSE_FEW : CONFIRM_PAUSE;

	return pmtu->confirmed + pause * (double)pmtu->spread;
}

/*
 * Also when nothing more is sent meanwhile: TCP that is in a black hole sends
 * less and less, and each pause of its own is twice as long as the last.
 */
static void doubt(struct pmtu *pmtu, double now)
{
	pmtu->large = 0;
	begin_round(pmtu, PMTU_DOUBTING, now);
}

static double raise_at(const struct pmtu *pmtu)
{
	return pmtu->searched + RAISE_PAUSE * (double)pmtu->spread;
}

/* Does the path carry more than it did? */
static void probe_again(struct pmtu *pmtu, double now)
{
	if (pmtu->state != PMTU_SETTLED || pmtu->size >= pmtu->ceiling ||
	    now < raise_at(pmtu))
		return;
	pmtu->failed = (uint16_t)(pmtu->ceiling + 1);
	begin_ladder(pmtu, now);
}

static bool in_round(const struct pmtu *pmtu)
{
	return pmtu->state == PMTU_SEARCHING || pmtu->state == PMTU_DOUBTING;
}

static bool next_probe(struct pmtu *pmtu, struct pmtu_probe *probe)
{
	while (pmtu->next < pmtu->count) {
		unsigned index = pmtu->next++;

		if (!is_open(pmtu, index))
			continue;
		probe->size = pmtu->sizes[index];
		probe->id = (uint16_t)(pmtu->id + index);
		return true;
	}
	return false;
}

bool pmtu_due(struct pmtu *pmtu, double now, struct pmtu_probe *probe)
{
	if (pmtu->large && may_doubt(pmtu) && now >= confirm_at(pmtu))
		doubt(pmtu, now);
	else
		probe_again(pmtu, now);
	while (in_round(pmtu)) {
		if (next_probe(pmtu, probe))
			return true;
		if (now < pmtu->sent + wait_time(pmtu))
			return false;
		pmtu->next = 0;
		pmtu->sent = now;
		spread(pmtu);
		if (pmtu->tries < UINT8_MAX)
			pmtu->tries++;
		/* A path that is silent says nothing about its size. */
		if (pmtu->tries < TRIES || !pmtu->alive)
			continue;
		if (pmtu->state == PMTU_DOUBTING)
			collapse(pmtu, now);
		else
			end_round(pmtu, now);
	}
	return false;
}

double pmtu_again(const struct pmtu *pmtu, double now)
{
	double left = -1.;

	if (in_round(pmtu))
		left = pmtu->next < pmtu->count
			       ? 0.
			       : pmtu->sent + wait_time(pmtu) - now;
	else if (pmtu->large && may_doubt(pmtu))
		left = confirm_at(pmtu) - now;
	else if (pmtu->state == PMTU_SETTLED && pmtu->size < pmtu->ceiling)
		left = raise_at(pmtu) - now;
	else
		return left;
	return left > 0. ? left : 0.;
}

void pmtu_answered(struct pmtu *pmtu, uint16_t id, double rtt, double now)
{
	unsigned index = (uint16_t)(id - pmtu->id), size;

	if (!in_round(pmtu) || id == 0 || index >= pmtu->count)
		return;
	pmtu->rtt = (float)rtt;
	/* A large one shows that as well. What was lost before does not count.
	 */
	if (!pmtu->alive && pmtu->tries > 1)
		pmtu->tries = 1;
	pmtu->alive = true;
	size = pmtu->sizes[index];
	if (index == 0)
		return;
	if (pmtu->state == PMTU_DOUBTING) {
		pmtu->proven = pmtu->size;
		pmtu->state = PMTU_SETTLED;
		pmtu->confirmed = now;
		return;
	}
	if (size > pmtu->proven)
		pmtu->proven = (uint16_t)size;
	if (pmtu->proven > pmtu->size)
		pmtu->size = pmtu->proven;
	if (!is_open(pmtu, pmtu->count - 1u))
		end_round(pmtu, now);
}

bool pmtu_used(struct pmtu *pmtu, unsigned bytes, unsigned count)
{
	unsigned before = pmtu->large;

	if (before >= CONFIRM_FEW || bytes <= pmtu->least)
		return false;
	/* Also in a round: its probes say nothing of what is sent after them.
	 */
	pmtu->large =
		(uint16_t)(count < CONFIRM_FEW ? before + count : CONFIRM_FEW);
	return may_doubt(pmtu) && (before == 0 || pmtu->large >= CONFIRM_FEW);
}

bool pmtu_hint(struct pmtu *pmtu, double now)
{
	if (!may_doubt(pmtu) || now < pmtu->confirmed + HINT_PAUSE)
		return false;
	doubt(pmtu, now);
	return true;
}
