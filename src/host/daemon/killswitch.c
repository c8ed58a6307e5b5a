/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KillSwitch = yes: a table that is there from before the first handshake until
 * `down`. It has a journal of its own, RUNDIR/NAME.killswitch, because it has
 * to outlive host: the janitor, which undoes the other journal, leaves it.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/ipc/control_socket.h"
#include "host/daemon/host_internal.h"
#include "host/process/server_store.h"

_Static_assert(NFT_KILLSWITCH_SERVERS == LOOKUP_RESULTS,
	       "every address of every server");

/* The change that is in force, the newest; NULL. */
static const struct change *in_force(const struct host *host)
{
	const struct change_list *list;

	if (!host->killswitch)
		return NULL;
	list = journal_changes(host->killswitch);
	return list->count ? &list->items[list->count - 1] : NULL;
}

static int open_journal(struct host *host, char *reason, size_t size)
{
	char path[PATH_MAX];
	int err;

	err = control_path(path, sizeof(path), host->config->name,
			   "killswitch");
	if (err)
		return err;
	err = journal_resume(path, &host->killswitch);
	host->killswitch_stays = err == 0;
	if (err == -ENOENT)
		err = journal_create(path, &host->killswitch);
	if (err)
		snprintf(reason, size, "%.300s: %s", path, strerror(-err));
	return err;
}

int host_killswitch_prepare(struct host *host, char *reason, size_t size)
{
	return host->config->kill_switch ? open_journal(host, reason, size) : 0;
}

/* For the next boot. In a namespace of our own there is no kill switch then. */
static void remember(const struct host *host)
{
	const struct host_endpoints *endpoints = &host->endpoints;
	int err = 0;

	if (!host->config->network_namespace)
		err = server_store_raised(host->config, endpoints->list,
					  endpoints->count);
	if (err)
		log_warning("%s: the servers' addresses can't be kept for the "
			    "next start: %s",
			    host->config->name, strerror(-err));
}

/* Of the namespace that the table is in, which may not be there. */
static void put_networks(struct host *host, const struct config *config,
			 struct change *change)
{
	int err = 0;

	if (change->killswitch.lan)
		err = change_context_enter(&host->context, &change->place);
	if (!err)
		err = plan_killswitch_networks(host->context.rtnl, config,
					       change);
	if (err && err != -ENOENT)
		log_warning("%s: KillSwitch: not all networks of this host's "
			    "links are let out: %s",
			    config->name,
			    err == -E2BIG ? "there are too many"
					  : strerror(-err));
}

/* One that is in force already gives way to what is different now. */
static int raise_now(struct host *host, const struct config *config,
		     char *reason, size_t size)
{
	const struct host_endpoints *endpoints = &host->endpoints;
	const struct change *old = in_force(host);
	struct inet_endpoint servers[LOOKUP_RESULTS];
	struct change change;

	for (size_t i = 0; i < endpoints->count; i++)
		servers[i] = endpoints->list[i].endpoint;
	if (config->network_namespace)
		plan_killswitch_inside(config, &host->netns, &change);
	else
		plan_client_killswitch(config, servers, endpoints->count,
				       plan_routing_mark(&host->routing.plan),
				       &change);
	put_networks(host, config, &change);
	/* One that an earlier run has left is made anew all the same. */
	if (old && host->killswitch_ours && change_equal(old, &change))
		return 0;
	if (journal_apply(host->killswitch, &host->context, &change, reason,
			  size) < 0)
		return -EIO;
	host->killswitch_ours = true;
	remember(host);
	while (journal_changes(host->killswitch)->count > 1)
		journal_forget_oldest(host->killswitch);
	return 0;
}

int host_killswitch_raise(struct host *host, char *reason, size_t size)
{
	return host->config->kill_switch
		       ? raise_now(host, host->config, reason, size)
		       : 0;
}

void host_killswitch_check(struct host *host)
{
	char reason[HOST_REASON_SIZE];
	const struct change *change = in_force(host);

	if (!change || !host->killswitch_ours || !change->killswitch.lan)
		return;
	if (raise_now(host, host->config, reason, sizeof(reason)))
		log_warning("%s: KillSwitch: the networks of this host's links "
			    "have changed, and the new ones can't be let out: "
			    "%s",
			    host->config->name, reason);
}

static int lift(struct host *host, char *reason, size_t size)
{
	if (journal_revert_all(host->killswitch, &host->context)) {
		snprintf(reason, size, "the kill switch can't be lifted");
		return -EIO;
	}
	journal_close(host->killswitch);
	host->killswitch = NULL;
	host->killswitch_ours = false;
	server_store_lifted(host->config->name);
	return 0;
}

int host_killswitch_change(struct host *host, const struct config *next,
			   char *reason, size_t size)
{
	char why[HOST_REASON_SIZE];
	int err;

	if (!next->kill_switch)
		return host->killswitch ? lift(host, reason, size) : 0;
	/* Of one that is there, what it lets out may be new. */
	if (host->killswitch)
		return host->killswitch_ours
			       ? raise_now(host, next, reason, size)
			       : 0;
	err = open_journal(host, reason, size);
	/* Before there is an address to let through, `resolved` raises it. */
	if (!err && host->endpoints.count)
		err = raise_now(host, next, reason, size);
	if (err && host->killswitch)
		lift(host, why, sizeof(why));
	return err;
}

bool host_killswitch_is_applied(const struct host *host)
{
	return in_force(host) != NULL;
}

bool host_killswitch_end(struct host *host, bool *stays)
{
	bool clean = true;

	*stays = in_force(host) && !host->killswitch_lift;
	if (!host->killswitch)
		return true;
	if (!*stays) {
		clean = journal_revert_all(host->killswitch, &host->context) ==
			0;
		if (clean)
			server_store_lifted(host->config->name);
	}
	journal_close(host->killswitch);
	host->killswitch = NULL;
	return clean;
}
