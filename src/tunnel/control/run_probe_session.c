/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/control/run_probe_session.h"

#include "common/clock.h"

/* A PING with an attribute of padding that is empty. */
#define PING_SIZE 20
/*
 * Inner bytes of a PING: what the run was of, but no more than there is room
 * for, nor less than makes four of them larger than any MTU in use but jumbo
 * frames.
 */
#define SIZE_LEAST 500
#define SIZE_MOST  1500
/* Of a sealed one. */
#define SEALED_MOST (SIZE_MOST + 64)

/* Two of each PING: one for the run, one to go alone. */
#define SEALED (2 * RUN_PROBE_PINGS)

/* Seals the PINGs of a round, of one length each: that, or 0. */
static size_t seal(const struct run_probe_session *run_probe_session,
		   const struct path_target *target, uint16_t id,
		   uint8_t *sealed)
{
	struct message ping = {
		.type = MESSAGE_PING,
		.version = MESSAGE_VERSION,
		.timestamp = clock_now_us(),
		.padding = (uint16_t)(run_probe_session->size - PING_SIZE),
	};
	uint8_t record[SIZE_MOST];
	ssize_t all = 0;

	for (unsigned i = 0; i < SEALED; i++) {
		ssize_t length;

		ping.id = (uint16_t)(id + i);
		length = message_encode(&ping, record, sizeof(record));
		if (length < 0)
			return 0;
		length = path_seal(target, sealed + all, SEALED_MOST, record,
				   (size_t)length);
		if (length < 0)
			return 0;
		all += length;
	}
	return (size_t)all / SEALED;
}

static void send_round(const struct run_probe_session *run_probe_session,
		       uint16_t id)
{
	uint8_t room[PATH_HEADROOM + SEALED * SEALED_MOST];
	uint8_t *sealed = room + PATH_HEADROOM;
	/* The run, and those that go alone. */
	struct udp_run runs[1 + RUN_PROBE_PINGS];
	struct path_target target = {0};
	size_t size;

	/* What can't be sent is not answered either, whole or single. */
	if (!run_probe_session->hooks->target(run_probe_session->owner,
					      &target))
		return;
	size = seal(run_probe_session, &target, id, sealed);
	if (!size)
		return;
	for (unsigned i = 0; i <= RUN_PROBE_PINGS; i++) {
		unsigned count = i ? 1 : RUN_PROBE_PINGS;
		unsigned first = i ? RUN_PROBE_PINGS + i - 1 : 0;

		runs[i] = (struct udp_run){
			.peer = target.peer,
			.local = target.local,
			.data = sealed + first * size,
			.length = count * size,
			.segment = size,
			.count = count,
		};
	}
	udp_io_send_runs(target.io, runs, 1 + RUN_PROBE_PINGS);
}

static void run(struct run_probe_session *run_probe_session)
{
	struct run_probe *probe = &run_probe_session->probe;
	double again, trip = run_probe_session->round_trip;
	bool lost = probe->lost;
	uint16_t id;

	if (run_probe_due(probe, clock_now(), trip, &id))
		send_round(run_probe_session, id);
	ev_timer_stop(run_probe_session->loop, &run_probe_session->timer);
	again = run_probe_again(probe, clock_now(), trip);
	if (again >= 0.) {
		ev_timer_set(&run_probe_session->timer, again, 0.);
		ev_timer_start(run_probe_session->loop,
			       &run_probe_session->timer);
	}
	if (probe->lost != lost)
		run_probe_session->hooks->changed(run_probe_session->owner,
						  probe->lost);
}

static void due(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	run(timer->data);
}

void run_probe_session_init(struct run_probe_session *run_probe_session,
			    struct ev_loop *loop,
			    const struct run_probe_hooks *hooks, void *owner)
{
	*run_probe_session = (struct run_probe_session){
		.loop = loop,
		.hooks = hooks,
		.owner = owner,
	};
	ev_init(&run_probe_session->timer, due);
	run_probe_session->timer.data = run_probe_session;
}

void run_probe_session_restart(struct run_probe_session *run_probe_session)
{
	run_probe_session_stop(run_probe_session);
	run_probe_restart(&run_probe_session->probe);
}

void run_probe_session_stop(struct run_probe_session *run_probe_session)
{
	ev_timer_stop(run_probe_session->loop, &run_probe_session->timer);
	run_probe_session->probe.asking = false;
}

void run_probe_session_used(struct run_probe_session *run_probe_session,
			    const struct udp_run *run)
{
	struct path_target target = {0};
	size_t size, overhead;

	if (run->count < 2 || !run->sent ||
	    !run_probe_used(&run_probe_session->probe, clock_now()))
		return;
	if (!run_probe_session->hooks->target(run_probe_session->owner,
					      &target) ||
	    !target.io->segments) {
		run_probe_session->probe.asking = false;
		return;
	}
	overhead = path_overhead(&target);
	size = run->segment > overhead ? run->segment - overhead : 0;
	if (size < SIZE_LEAST)
		size = SIZE_LEAST;
	run_probe_session->size = size < SIZE_MOST ? size : SIZE_MOST;
	/* Not from here, as runs are being sent. */
	ev_feed_event(run_probe_session->loop, &run_probe_session->timer,
		      EV_TIMER);
}

void run_probe_session_answered(struct run_probe_session *run_probe_session,
				const struct message *pong, uint32_t rtt_us)
{
	run_probe_session->round_trip = rtt_us / 1e6;
	if (pong->id < RUN_PROBE_ID || !run_probe_session->probe.asking)
		return;
	run_probe_answered(&run_probe_session->probe, pong->id);
	run(run_probe_session);
}

bool run_probe_session_apart(const struct run_probe_session *run_probe_session)
{
	return run_probe_apart(&run_probe_session->probe);
}

bool run_probe_session_lost(const struct run_probe_session *run_probe_session)
{
	return run_probe_session->probe.lost;
}
