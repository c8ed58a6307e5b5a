/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A filter knows the sessions of the moment in which it was made, so it is gone
 * as soon as there is another, and after LIFT_SECONDS in any case: then it is
 * seen again whether there is anything to be held back. Addresses that have
 * begun a handshake may pass; of one that has a session as well, what is too
 * old for that is still held back, as a replay can begin a handshake (but not
 * end it).
 */
#include "tunnel/server/flood_filter.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "tunnel/server/flood_filter_bpf.h"

/* A flood is as many records refused within so many seconds. */
#define FLOOD	      256
#define FLOOD_SECONDS 0.02
#define LIFT_SECONDS  1.
/* Seconds between two filters, as the making of one takes time too. */
#define PAUSE_SECONDS 0.02

/* A socket has no filter where handshakes come to it as well. */
static bool is_filtered(const struct tunnel *tunnel, unsigned socket)
{
	return socket % TUNNEL_SORTS == TUNNEL_SORT_RECORD &&
	       tunnel->udp[socket].io.fd >= 0 &&
	       tunnel->udp[socket + TUNNEL_SORT_HANDSHAKE].io.fd >= 0;
}

/* With Secret the kernel can't see what it is that comes. */
static enum flood_filter_bpf_kind kind_of(const struct tunnel *tunnel)
{
	return tunnel->noise ? FLOOD_FILTER_BPF_STEER : FLOOD_FILTER_BPF_DROP;
}

void flood_filter_lift(struct flood_filter *filter)
{
	struct tunnel *tunnel = filter->tunnel;

	if (!filter->is_attached)
		return;
	filter->is_attached = false;
	ev_timer_stop(tunnel->loop, &filter->lift);
	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		if (is_filtered(tunnel, i))
			flood_filter_bpf_detach(kind_of(tunnel),
						tunnel->udp[i].io.fd);
	}
}

void flood_filter_pending(struct flood_filter *filter,
			  const struct inet_endpoint *outer)
{
	if (!peer_table_connected(filter->table, outer))
		flood_filter_lift(filter);
}

static void lift(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	flood_filter_lift(timer->data);
}

/* A new session that is all but there begins its numbers again. */
static uint64_t floor_of(struct peer_table *table,
			 const struct association *connected)
{
	const struct association *next =
		peer_table_pending(table, &connected->outer);

	return next && session_is_proving(next->session)
		       ? 0
		       : session_floor(connected->session);
}

static int make(const struct flood_filter *filter,
		struct flood_filter_bpf *program)
{
	struct peer_table *table = filter->table;
	struct flood_filter_bpf_source sources[FLOOD_FILTER_BPF_SOURCES];
	struct association *one;
	uint64_t salt;
	size_t count = 0;

	if (HASH_COUNT(table->connected) + HASH_COUNT(table->pending) >
	    FLOOD_FILTER_BPF_SOURCES)
		return -E2BIG;
	for (one = table->connected; one; one = one->hh.next)
		sources[count++] = (struct flood_filter_bpf_source){
			one->outer, floor_of(table, one)};
	for (one = table->pending; one; one = one->hh.next) {
		if (!peer_table_connected(table, &one->outer))
			sources[count++] =
				(struct flood_filter_bpf_source){one->outer, 0};
	}
	if (gnutls_rnd(GNUTLS_RND_NONCE, &salt, sizeof(salt)))
		return -EIO;
	return flood_filter_bpf_make(program, kind_of(filter->tunnel), sources,
				     count, salt);
}

static int attach(struct flood_filter *filter)
{
	struct tunnel *tunnel = filter->tunnel;
	struct flood_filter_bpf program;
	int err = make(filter, &program);

	for (unsigned i = 0; !err && i < tunnel->udp_count; i++) {
		if (is_filtered(tunnel, i))
			err = flood_filter_bpf_attach(&program,
						      tunnel->udp[i].io.fd);
	}
	return err;
}

static void hold_back(struct flood_filter *filter)
{
	int err;

	/* The kernel may not have room for two. */
	flood_filter_lift(filter);
	filter->is_attached = true;
	err = attach(filter);
	filter->made = filter->tunnel->now;
	ev_timer_set(&filter->lift, LIFT_SECONDS, 0.);
	ev_timer_start(filter->tunnel->loop, &filter->lift);
	if (err && err != -E2BIG && log_budget_refused(filter->log, NULL))
		log_notice("a flood of records can't be held back: %s",
			   strerror(-err));
}

void flood_filter_refused(struct flood_filter *filter)
{
	double now = filter->tunnel->now;

	if (filter->refused++ == 0)
		filter->since = now;
	if (filter->refused < FLOOD)
		return;
	filter->refused = 0;
	if (now - filter->since <= FLOOD_SECONDS &&
	    now - filter->made >= PAUSE_SECONDS)
		hold_back(filter);
}

void flood_filter_init(struct flood_filter *filter, struct tunnel *tunnel,
		       struct peer_table *table, struct log_budget *log)
{
	*filter = (struct flood_filter){
		.tunnel = tunnel,
		.table = table,
		.log = log,
	};
	ev_init(&filter->lift, lift);
	filter->lift.data = filter;
}
