/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tun device's MTU follows what the tunnel process finds out. */
#include "common/rate.h"
#include "host/daemon/host_internal.h"
#include "host/kernel/udp_socket.h"

/* Changes at once, and a second: each is written to the journal. */
#define CHANGES_BURST 20.
#define CHANGES_RATE  0.2

void host_mtu_sockets(struct host *host)
{
	for (unsigned i = 0; i < host->udp_count; i++)
		udp_socket_probe_mtu(host->udp_fds[i], !host->config->mtu);
}

static const struct change *link_in_force(const struct host *host)
{
	const struct change_list *force = journal_changes(host->journal);

	for (size_t i = force->count; i-- > 0;) {
		if (force->items[i].kind == CHANGE_LINK)
			return &force->items[i];
	}
	return NULL;
}

unsigned host_mtu_planned(const struct host *host)
{
	const struct change *link = link_in_force(host);

	return host->config->mtu || !link ? 0 : link->link.mtu;
}

void host_mtu_limit(struct host *host, const struct config *config,
		    struct change_list *list)
{
	host->mtu_next = 0;
	for (size_t i = 0; !config->mtu && i < list->count; i++) {
		struct change *change = &list->items[i];

		if (change->kind != CHANGE_LINK)
			continue;
		host->mtu_next = change->link.mtu;
		/* Most likely it is the same path again. */
		if (host->mtu_found && host->mtu_found < host->mtu_planned &&
		    host->mtu_found < change->link.mtu)
			change->link.mtu = host->mtu_found;
	}
}

/* The new entry first: the journal is never without one. */
static int set_mtu(struct host *host, const struct change *old, unsigned mtu)
{
	char reason[HOST_REASON_SIZE] = "";
	struct change before = *old, now = *old;
	int err;

	now.link.mtu = mtu;
	err = host_ensure(host, &now, reason, sizeof(reason));
	if (!err)
		err = journal_revert(host->journal, &host->context, &before,
				     reason, sizeof(reason));
	if (err)
		log_warning("%s: the MTU of %s can't be set: %s",
			    host->config->name, host->config->device, reason);
	return err;
}

static void set_now(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct host *host = timer->data;

	(void)loop;
	(void)events;
	host_mtu_found(host, host->mtu_wanted);
}

/* The last of many is the one that counts. */
static void set_later(struct host *host, unsigned mtu)
{
	host->mtu_wanted = mtu;
	if (ev_is_active(&host->mtu_later))
		return;
	log_notice("%s: the path's MTU changes too often: it is set later",
		   host->config->name);
	ev_timer_init(&host->mtu_later, set_now, 2. / CHANGES_RATE, 0.);
	host->mtu_later.data = host;
	ev_timer_start(host->loop, &host->mtu_later);
}

void host_mtu_free(struct host *host)
{
	ev_timer_stop(host->loop, &host->mtu_later);
}

static bool may_change(struct host *host)
{
	host->mtu_changes.burst = CHANGES_BURST;
	host->mtu_changes.per_second = CHANGES_RATE;
	return !ev_is_active(&host->mtu_later) &&
	       rate_allows(&host->mtu_changes, ev_time());
}

void host_mtu_found(struct host *host, unsigned mtu)
{
	const struct change *link = link_in_force(host);
	unsigned least = plan_mtu_least(&host->settings.address6);

	if (host->config->mtu || !host->configured || !link ||
	    host->state == HOST_STOPPING)
		return;
	if (mtu > host->mtu_planned)
		mtu = host->mtu_planned;
	if (mtu < least)
		mtu = least;
	host->mtu_wanted = mtu;
	if (mtu == link->link.mtu)
		return;
	if (!may_change(host)) {
		set_later(host, mtu);
		return;
	}
	if (set_mtu(host, link, mtu))
		return;
	host->mtu_found = mtu;
	log_notice("%s: the path carries packets of %u bytes inside the "
		   "tunnel: that is the MTU of %s now",
		   host->config->name, mtu, host->config->device);
}
