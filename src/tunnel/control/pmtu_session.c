/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/control/pmtu_session.h"

#include "common/clock.h"
#include "tunnel/dtls/precheck.h"

/*
 * Headers of IP (RFC 791, RFC 8200) and UDP around a record have these sizes.
 */
#define OUTER_IPV4 28
#define OUTER_IPV6 (OUTER_IPV4 + PMTU_SESSION_IPV6_MORE)
/* A PING with an attribute of padding that is empty. */
#define PING_SIZE 20

static void send_probe(const struct pmtu_session *pmtu_session,
		       const struct pmtu_probe *probe)
{
	struct message ping = {
		.type = MESSAGE_PING,
		.version = MESSAGE_VERSION,
		.id = probe->id,
		.timestamp = clock_now_us(),
	};
	uint8_t record[PRECHECK_MESSAGE_MAX];
	ssize_t length;

	if (probe->size > PING_SIZE)
		ping.padding = (uint16_t)(probe->size - PING_SIZE);
	length = message_encode(&ping, record, sizeof(record));
	/* What can't be sent has not passed: it is not answered either. */
	if (length > 0)
		session_send(pmtu_session->session, record, (size_t)length);
}

static void run(struct pmtu_session *pmtu_session)
{
	struct pmtu *pmtu = &pmtu_session->pmtu;
	struct pmtu_probe probe;
	double again;

	while (pmtu_due(pmtu, clock_now(), &probe))
		send_probe(pmtu_session, &probe);
	ev_timer_stop(pmtu_session->loop, &pmtu_session->timer);
	again = pmtu_again(pmtu, clock_now());
	if (again >= 0.) {
		ev_timer_set(&pmtu_session->timer, again, 0.);
		ev_timer_start(pmtu_session->loop, &pmtu_session->timer);
	}
	if (pmtu->state == PMTU_SETTLED &&
	    pmtu->size != pmtu_session->reported) {
		pmtu_session->reported = pmtu->size;
		if (pmtu_session->settled)
			pmtu_session->settled(pmtu_session->owner, pmtu->size);
	}
}

static void due(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct pmtu_session *pmtu_session = timer->data;

	(void)loop;
	(void)events;
	if (pmtu_session->session)
		run(pmtu_session);
}

void pmtu_session_init(struct pmtu_session *pmtu_session, struct ev_loop *loop,
		       unsigned fixed,
		       void (*settled)(void *owner, unsigned size), void *owner)
{
	*pmtu_session = (struct pmtu_session){
		.loop = loop,
		.fixed = fixed,
		.settled = settled,
		.owner = owner,
	};
	ev_init(&pmtu_session->timer, due);
	pmtu_session->timer.data = pmtu_session;
}

void pmtu_session_fix(struct pmtu_session *pmtu_session, unsigned fixed)
{
	if (fixed == pmtu_session->fixed)
		return;
	pmtu_session_stop(pmtu_session);
	pmtu_session->pmtu = (struct pmtu){0};
	pmtu_session->fixed = fixed;
}

void pmtu_session_start(struct pmtu_session *pmtu_session,
			struct session *session, size_t overhead,
			unsigned ceiling, uint16_t family)
{
	size_t outer = family == AF_INET6 ? OUTER_IPV6 : OUTER_IPV4;

	pmtu_session_stop(pmtu_session);
	pmtu_session->reported = 0;
	if (!ceiling)
		return;
	/* The largest record is a bound of our own. */
	if (ceiling > PRECHECK_MESSAGE_MAX)
		ceiling = PRECHECK_MESSAGE_MAX;
	pmtu_session->session = session;
	pmtu_start(&pmtu_session->pmtu, ceiling, (unsigned)(outer + overhead),
		   clock_now());
	run(pmtu_session);
}

void pmtu_session_stop(struct pmtu_session *pmtu_session)
{
	ev_timer_stop(pmtu_session->loop, &pmtu_session->timer);
	pmtu_session->session = NULL;
	pmtu_session->pmtu.state = PMTU_IDLE;
}

void pmtu_session_answered(struct pmtu_session *pmtu_session,
			   const struct message *pong)
{
	uint64_t now = clock_now_us();

	if (!pmtu_session->session || !pong->id || pong->timestamp > now)
		return;
	pmtu_answered(&pmtu_session->pmtu, pong->id,
		      (double)(now - pong->timestamp) / 1e6, clock_now());
	run(pmtu_session);
}

/* No probe may be sent from here, as packets are about to be. */
static void run_soon(struct pmtu_session *pmtu_session)
{
	ev_feed_event(pmtu_session->loop, &pmtu_session->timer, EV_TIMER);
}

void pmtu_session_used(struct pmtu_session *pmtu_session,
		       const struct udp_run *run)
{
	if (pmtu_session->session &&
	    pmtu_used(&pmtu_session->pmtu, (unsigned)run->segment, run->count))
		run_soon(pmtu_session);
}

void pmtu_session_hint(struct pmtu_session *pmtu_session)
{
	if (pmtu_session->session &&
	    pmtu_hint(&pmtu_session->pmtu, clock_now()))
		run_soon(pmtu_session);
}

static bool is_certain(const struct pmtu *pmtu)
{
	return pmtu->state == PMTU_SETTLED || pmtu->state == PMTU_DOUBTING;
}

/* It is for the connection's whole life: a search would soon be over. */
size_t pmtu_session_expected(const struct pmtu_session *pmtu_session)
{
	const struct pmtu *pmtu = &pmtu_session->pmtu;

	if (!pmtu_session->session)
		return pmtu_session->fixed;
	return is_certain(pmtu) ? pmtu->size : pmtu->ceiling;
}

void pmtu_session_limit(const struct pmtu_session *pmtu_session,
			struct path_target *target)
{
	target->largest = pmtu_session->pmtu.size;
	target->certain = is_certain(&pmtu_session->pmtu);
	target->expected = pmtu_session_expected(pmtu_session);
}
