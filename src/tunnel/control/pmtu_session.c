/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/control/pmtu_session.h"

#include "tunnel/dtls/precheck.h"
#include "tunnel/tunnel_internal.h"

/* Headers of IP (RFC 791, RFC 8200) and UDP around a record. */
#define OUTER_IPV4 28
#define OUTER_IPV6 (OUTER_IPV4 + PROBER_IPV6_MORE)
/* A PING with an attribute of padding that is empty. */
#define PING_SIZE 20

static void send_probe(const struct prober *prober,
		       const struct pmtu_probe *probe)
{
	struct wire_message ping = {
		.type = WIRE_PING,
		.version = WIRE_VERSION,
		.id = probe->id,
		.timestamp = tunnel_clock_us(),
	};
	uint8_t record[SCREEN_MESSAGE_MAX];
	ssize_t length;

	if (probe->size > PING_SIZE)
		ping.padding = (uint16_t)(probe->size - PING_SIZE);
	length = wire_encode(&ping, record, sizeof(record));
	/* What can't be sent has not passed: it is not answered either. */
	if (length > 0)
		session_send(prober->session, record, (size_t)length);
}

static void run(struct prober *prober)
{
	struct pmtu *pmtu = &prober->pmtu;
	struct pmtu_probe probe;
	double again;

	while (pmtu_due(pmtu, tunnel_now(), &probe))
		send_probe(prober, &probe);
	ev_timer_stop(prober->loop, &prober->timer);
	again = pmtu_again(pmtu, tunnel_now());
	if (again >= 0.) {
		ev_timer_set(&prober->timer, again, 0.);
		ev_timer_start(prober->loop, &prober->timer);
	}
	if (pmtu->state == PMTU_SETTLED && pmtu->size != prober->told) {
		prober->told = pmtu->size;
		if (prober->settled)
			prober->settled(prober->owner, pmtu->size);
	}
}

static void due(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct prober *prober = timer->data;

	(void)loop;
	(void)events;
	if (prober->session)
		run(prober);
}

void prober_init(struct prober *prober, struct ev_loop *loop, unsigned fixed,
		 void (*settled)(void *owner, unsigned size), void *owner)
{
	*prober = (struct prober){
		.loop = loop,
		.fixed = fixed,
		.settled = settled,
		.owner = owner,
	};
	ev_init(&prober->timer, due);
	prober->timer.data = prober;
}

void prober_fix(struct prober *prober, unsigned fixed)
{
	if (fixed == prober->fixed)
		return;
	prober_stop(prober);
	prober->pmtu = (struct pmtu){0};
	prober->fixed = fixed;
}

void prober_start(struct prober *prober, struct session *session,
		  unsigned ceiling, uint16_t family)
{
	size_t outer = family == AF_INET6 ? OUTER_IPV6 : OUTER_IPV4;

	prober_stop(prober);
	prober->told = 0;
	if (!ceiling)
		return;
	/* The largest record is a bound of our own. */
	if (ceiling > SCREEN_MESSAGE_MAX)
		ceiling = SCREEN_MESSAGE_MAX;
	prober->session = session;
	pmtu_start(&prober->pmtu, ceiling,
		   (unsigned)(outer + session_overhead(session)), tunnel_now());
	run(prober);
}

void prober_stop(struct prober *prober)
{
	ev_timer_stop(prober->loop, &prober->timer);
	prober->session = NULL;
	prober->pmtu.state = PMTU_IDLE;
}

void prober_answered(struct prober *prober, const struct wire_message *pong)
{
	uint64_t now = tunnel_clock_us();

	if (!prober->session || !pong->id || pong->timestamp > now)
		return;
	pmtu_answered(&prober->pmtu, pong->id,
		      (double)(now - pong->timestamp) / 1e6, tunnel_now());
	run(prober);
}

/* Not from here: packets are on their way out. */
static void run_soon(struct prober *prober)
{
	ev_feed_event(prober->loop, &prober->timer, EV_TIMER);
}

void prober_used(struct prober *prober, const struct udp_run *run)
{
	if (prober->session &&
	    pmtu_used(&prober->pmtu, (unsigned)run->segment, run->count))
		run_soon(prober);
}

void prober_hint(struct prober *prober)
{
	if (prober->session && pmtu_hint(&prober->pmtu, tunnel_now()))
		run_soon(prober);
}

static bool is_certain(const struct pmtu *pmtu)
{
	return pmtu->state == PMTU_SETTLED || pmtu->state == PMTU_DOUBTING;
}

/* It is for the connection's whole life: a search would soon be over. */
size_t prober_expected(const struct prober *prober)
{
	const struct pmtu *pmtu = &prober->pmtu;

	if (!prober->session)
		return prober->fixed;
	return is_certain(pmtu) ? pmtu->size : pmtu->ceiling;
}

void prober_limit(const struct prober *prober, struct path_target *target)
{
	target->largest = prober->pmtu.size;
	target->certain = is_certain(&prober->pmtu);
	target->expected = prober_expected(prober);
}
