/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others do to this host's network while we are up. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host/host_private.h"

/* Rounds of putting back before we take it that somebody means it; and how
 * many a minute from then on. */
#define RESTORE_BURST	   5
#define RESTORE_PER_MINUTE 1
#define RESTORE_SECONDS	   (60. / RESTORE_PER_MINUTE)

/* A client's route to its server goes with the uplink: see host_uplink.c. */
static bool is_by_uplink(const struct host *host, const struct change *change)
{
	return host->config->role == CONFIG_CLIENT &&
	       change->kind == CHANGE_ROUTE && !change->route.table;
}

static void note_device(struct host *host)
{
	struct rtnl_link link = {0};

	rtnl_link_read(host->context.rtnl, host->config->device, &link);
	host->context.tun_index = link.index;
	monitor_device(host->monitor, link.index);
}

/* The tunnel process has a descriptor of the old device, which is no use. */
static int make_tun_again(struct host *host, const struct change *change,
			  char *reason, size_t size)
{
	int error;

	if (host->context.tun_fd >= 0)
		close(host->context.tun_fd);
	host->context.tun_fd = -1;
	error = change_apply(&host->context, change, reason, size);
	note_device(host);
	if (error >= 0)
		host_tunnel_renew(host);
	return error;
}

static int put_back(struct host *host, const struct change *change)
{
	char text[CHANGE_TEXT_SIZE], reason[HOST_REASON_SIZE];
	int error;

	if (change_print(change, text, sizeof(text)))
		return -EINVAL;
	if (change->kind == CHANGE_TUN)
		error = make_tun_again(host, change, reason, sizeof(reason));
	else
		error = change_apply(&host->context, change, reason,
				     sizeof(reason));
	if (error < 0)
		log_warning("somebody else has undone \"%.160s\", and it can't "
			    "be put back: %s",
			    text, reason);
	else
		log_warning("somebody else has undone \"%.160s\": put back",
			    text);
	return error;
}

static bool may_restore(struct host *host, struct host_restores *restores,
			unsigned what)
{
	struct log_limit *limit = &restores->limit;

	limit->burst = RESTORE_BURST;
	limit->per_minute = RESTORE_PER_MINUTE;
	if (log_allowed(limit, ev_now(host->loop), NULL)) {
		/* Full again: it is long ago. */
		if (limit->spent <= 1)
			restores->said = false;
		return true;
	}
	monitor_ask(host->monitor, what, RESTORE_SECONDS);
	if (!restores->said)
		log_warning("%s: what is ours is undone again and again, by "
			    "another program that manages this network? It is "
			    "left so, and tried again now and then",
			    host->config->name);
	restores->said = true;
	return false;
}

/* One dump for all routes: a server may have one for each of its peers. */
static bool is_missing(struct host *host, const struct change *change,
		       struct rtnl_routes **routes)
{
	struct rtnl *rtnl = host->context.rtnl;

	if (change->kind != CHANGE_ROUTE)
		return change_missing(&host->context, change) > 0;
	if (!*routes)
		*routes = rtnl_routes_new();
	return *routes && rtnl_routes_have(rtnl, *routes, &change->route) == 0;
}

static bool is_table(const struct change *change)
{
	return change->kind == CHANGE_GATEWAY ||
	       change->kind == CHANGE_KILLSWITCH;
}

/* What is in the journal is what should be there: all else we have undone. */
static void restore(struct host *host, const struct change_list *force,
		    bool tables)
{
	struct host_restores *restores =
		tables ? &host->table_restores : &host->restores;
	unsigned what = tables ? MONITOR_TABLES : MONITOR_OWN;
	struct rtnl_routes *routes = NULL;
	bool allowed = false, renewed = false;

	for (size_t i = 0; i < force->count; i++) {
		const struct change *change = &force->items[i];

		/* What systemd-resolved knows of a link goes with it. */
		if (is_table(change) != tables || is_by_uplink(host, change) ||
		    !(is_missing(host, change, &routes) ||
		      (renewed && change->kind == CHANGE_RESOLVED)))
			continue;
		if (!allowed && !may_restore(host, restores, what))
			break;
		allowed = true;
		renewed |= change->kind == CHANGE_TUN;
		/* Without the device there is nothing to put back. */
		if (put_back(host, change) < 0 && change->kind == CHANGE_TUN) {
			host_stop(host, "its device was deleted, and can't be "
					"made again");
			break;
		}
	}
	rtnl_routes_free(routes);
}

static bool is_device(const struct change *change)
{
	return change->kind == CHANGE_TUN || change->kind == CHANGE_LINK;
}

/*
 * The device first, which all the rest needs: since its MTU has changed it may
 * come last in the journal.
 */
static void restore_own(struct host *host)
{
	const struct change_list *force = journal_changes(host->journal);
	struct change_list ordered = {0};
	int err = 0;

	for (size_t i = 0; !err && i < 2 * force->count; i++) {
		const struct change *change = &force->items[i % force->count];

		if (is_device(change) == (i < force->count))
			err = change_list_add(&ordered, change);
	}
	restore(host, err ? force : &ordered, false);
	change_list_free(&ordered);
}

/* Of several the newest, which has taken the place of the others. */
static void restore_killswitch(struct host *host)
{
	struct change_list newest = {.count = 1};
	const struct change_list *list;

	if (!host->killswitch || !host->killswitch_ours)
		return;
	list = journal_changes(host->killswitch);
	if (list->count == 0)
		return;
	newest.items = &list->items[list->count - 1];
	restore(host, &newest, true);
}

static void restore_tables(struct host *host)
{
	restore(host, journal_changes(host->journal), true);
	restore_killswitch(host);
}

/* What is ours comes back as news as well: the uplink is not moved for that. */
static void look_at_routing(struct host *host, unsigned what)
{
	char reason[HOST_REASON_SIZE];

	if (what & (MONITOR_UPLINK | MONITOR_AWAKE))
		host_uplink_look(host, what & MONITOR_AWAKE);
	else if (what & MONITOR_OWN)
		host_uplink_restore(host);
	if (what & MONITOR_NETWORK && host->configured)
		host_routing_look(host, reason, sizeof(reason));
}

static void look(void *owner, unsigned what)
{
	struct host *host = owner;

	if (host->state == HOST_STOPPING)
		return;
	if (what & (MONITOR_OWN | MONITOR_SETTINGS))
		restore_own(host);
	if (what & MONITOR_TABLES)
		restore_tables(host);
	if (host->config->role == CONFIG_CLIENT)
		look_at_routing(host, what);
	if (host->config->role == CONFIG_SERVER &&
	    what & (MONITOR_TABLES | MONITOR_SETTINGS))
		host_forward_look(host);
}

int host_monitor_inside(struct host *host)
{
	return monitor_open_inside(&host->monitor, host->loop,
				   host->context.netns_fd, look, host);
}

void host_monitor_start(struct host *host)
{
	int error = 0;

	if (!host->monitor)
		error = monitor_open(&host->monitor, host->loop, look, host);

	if (error) {
		host->monitor = NULL;
		log_warning("changes of this host's network can't be watched: "
			    "%s",
			    strerror(-error));
		return;
	}
	note_device(host);
	/* It may have changed before we began to listen. */
	monitor_ask(host->monitor, MONITOR_OWN, 0.);
	if (host->config->role == CONFIG_SERVER)
		host_forward_look(host);
}
