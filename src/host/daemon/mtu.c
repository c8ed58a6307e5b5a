/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/mtu.h"

#include "common/reason.h"
#include "host/kernel/udp_socket.h"
#include "host/plan/plan.h"

/* Changes at once, and a second: each costs a write to the journal. */
#define CHANGES_BURST 20.
#define CHANGES_RATE  0.2

void host_mtu_sockets(struct host *host)
{
	for (unsigned i = 0; i < host->sockets.count; i++)
		udp_socket_probe_mtu(host->sockets.fds[i], !host->config->mtu);
}

static const struct change *applied_link(const struct host *host)
{
	const struct change_list *applied = journal_changes(host->journal);

	for (size_t i = applied->count; i-- > 0;) {
		if (applied->items[i].kind == CHANGE_LINK)
			return &applied->items[i];
	}
	return NULL;
}

unsigned host_mtu_current(const struct host *host)
{
	const struct change *link;

	if (host->config->role == CONFIG_CLIENT)
		return host->mtu->planned;
	link = applied_link(host);
	return host->config->mtu || !link ? 0 : link->link.mtu;
}

void host_mtu_take(struct host *host)
{
	host->mtu->planned = host->mtu->next;
}

void host_mtu_limit(struct host *host, const struct config *config,
		    struct change_list *list)
{
	host->mtu->next = 0;
	for (size_t i = 0; !config->mtu && i < list->count; i++) {
		struct change *change = &list->items[i];

		if (change->kind != CHANGE_LINK)
			continue;
		host->mtu->next = change->link.mtu;
		/* The path is most likely the same as before. */
		if (host->mtu->found && host->mtu->found < host->mtu->planned &&
		    host->mtu->found < change->link.mtu)
			change->link.mtu = host->mtu->found;
	}
}

/* The new entry is made first: the journal is never without one. */
static int set_mtu(struct host *host, const struct change *old, unsigned mtu)
{
	struct reason reason = {0};
	struct change before = *old, now = *old;
	int err;

	now.link.mtu = mtu;
	err = host_ensure(host, &now, &reason);
	if (!err)
		err = journal_revert(host->journal, &host->context, &before,
				     &reason);
	if (err)
		log_warning("%s: the MTU of %s can't be set: %s",
			    host->config->name, host->config->device,
			    reason.text);
	return err;
}

static void set_now(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct host *host = timer->data;

	(void)loop;
	(void)events;
	host_mtu_found(host, host->mtu->wanted);
}

/* The last of many changes is the one that counts. */
static void set_later(struct host *host, unsigned mtu)
{
	host->mtu->wanted = mtu;
	if (ev_is_active(&host->mtu->later))
		return;
	log_notice("%s: the path's MTU changes too often: it is set later",
		   host->config->name);
	ev_timer_init(&host->mtu->later, set_now, 2. / CHANGES_RATE, 0.);
	host->mtu->later.data = host;
	ev_timer_start(host->loop, &host->mtu->later);
}

void host_mtu_free(struct host *host)
{
	ev_timer_stop(host->loop, &host->mtu->later);
}

static bool may_change(struct host *host)
{
	host->mtu->changes.burst = CHANGES_BURST;
	host->mtu->changes.per_second = CHANGES_RATE;
	return !ev_is_active(&host->mtu->later) &&
	       rate_allows(&host->mtu->changes, ev_time());
}

void host_mtu_found(struct host *host, unsigned mtu)
{
	const struct change *link = applied_link(host);
	unsigned least = plan_mtu_least(&host->settings.address6);

	if (host->config->mtu || !host->configured || !link ||
	    host->state == HOST_STOPPING)
		return;
	if (mtu > host->mtu->planned)
		mtu = host->mtu->planned;
	if (mtu < least)
		mtu = least;
	host->mtu->wanted = mtu;
	if (mtu == link->link.mtu)
		return;
	if (!may_change(host)) {
		set_later(host, mtu);
		return;
	}
	if (set_mtu(host, link, mtu))
		return;
	host->mtu->found = mtu;
	log_notice("%s: the path carries packets of %u bytes inside the "
		   "tunnel: that is the MTU of %s now",
		   host->config->name, mtu, host->config->device);
}
