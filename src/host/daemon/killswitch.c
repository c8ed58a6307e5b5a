/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/killswitch.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/ipc/control_socket.h"
#include "common/reason.h"
#include "host/daemon/namespace.h"
#include "host/process/server_store.h"

_Static_assert(NFT_KILLSWITCH_SERVERS == LOOKUP_RESULTS,
	       "every address of every server");

/* The change that is applied, the newest; NULL. */
static const struct change *applied_change(const struct host *host)
{
	const struct change_list *list;

	if (!host->killswitch->journal)
		return NULL;
	list = journal_changes(host->killswitch->journal);
	return list->count ? &list->items[list->count - 1] : NULL;
}

static int open_journal(struct host *host, struct reason *reason)
{
	char path[PATH_MAX];
	int err;

	err = control_path(path, sizeof(path), host->config->name,
			   "killswitch");
	if (err)
		return err;
	err = journal_resume(path, &host->killswitch->journal);
	host->killswitch->found = err == 0;
	if (err == -ENOENT)
		err = journal_create(path, &host->killswitch->journal);
	if (err)
		reason_set(reason, "%.300s: %s", path, strerror(-err));
	return err;
}

int host_killswitch_prepare(struct host *host, struct reason *reason)
{
	return host->config->kill_switch ? open_journal(host, reason) : 0;
}

/* The next boot needs them; it has no namespace to raise the switch in. */
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

/* The links are those of the table's namespace, which may not exist yet. */
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

/* One that is applied already is replaced where it differs. */
static int raise_now(struct host *host, const struct config *config,
		     struct reason *reason)
{
	const struct host_endpoints *endpoints = &host->endpoints;
	const struct change *old = applied_change(host);
	struct plan_servers servers = {0};
	struct change change;

	plan_servers_add(config, endpoints->list, endpoints->count, &servers);
	if (config->network_namespace)
		plan_killswitch_inside(config, &host->namespace->place,
				       &change);
	else
		plan_client_killswitch(config, &servers, host_mark(host),
				       &change);
	put_networks(host, config, &change);
	/* One that an earlier run has left is made anew all the same. */
	if (old && host->killswitch->ours && change_equal(old, &change))
		return 0;
	if (journal_apply(host->killswitch->journal, &host->context, &change,
			  reason) < 0)
		return -EIO;
	host->killswitch->ours = true;
	remember(host);
	while (journal_changes(host->killswitch->journal)->count > 1)
		journal_forget_oldest(host->killswitch->journal);
	return 0;
}

int host_killswitch_raise(struct host *host, struct reason *reason)
{
	return host->config->kill_switch ? raise_now(host, host->config, reason)
					 : 0;
}

void host_killswitch_check(struct host *host)
{
	struct reason reason;
	const struct change *change = applied_change(host);

	if (!change || !host->killswitch->ours || !change->killswitch.lan)
		return;
	if (raise_now(host, host->config, &reason))
		log_warning("%s: KillSwitch: the networks of this host's links "
			    "have changed, and the new ones can't be let out: "
			    "%s",
			    host->config->name, reason.text);
}

static int lift(struct host *host, struct reason *reason)
{
	if (journal_revert_all(host->killswitch->journal, &host->context)) {
		reason_set(reason, "the kill switch can't be lifted");
		return -EIO;
	}
	journal_close(host->killswitch->journal);
	host->killswitch->journal = NULL;
	host->killswitch->ours = false;
	server_store_lifted(host->config->name);
	return 0;
}

int host_killswitch_change(struct host *host, const struct config *next,
			   struct reason *reason)
{
	struct reason why;
	int err;

	if (!next->kill_switch)
		return host->killswitch->journal ? lift(host, reason) : 0;
	/* What a kill switch that is there lets out may be new. */
	if (host->killswitch->journal)
		return host->killswitch->ours ? raise_now(host, next, reason)
					      : 0;
	err = open_journal(host, reason);
	/* Before there is an address to let through, `resolved` raises it. */
	if (!err && host->endpoints.count)
		err = raise_now(host, next, reason);
	if (err && host->killswitch->journal)
		lift(host, &why);
	return err;
}

bool host_killswitch_is_applied(const struct host *host)
{
	return applied_change(host) != NULL;
}

bool host_killswitch_is_ours(const struct host *host)
{
	return host->killswitch->ours;
}

bool host_killswitch_is_found(const struct host *host)
{
	return host->killswitch->found;
}

const struct change_list *host_killswitch_changes(const struct host *host)
{
	return host->killswitch->journal
		       ? journal_changes(host->killswitch->journal)
		       : NULL;
}

bool host_killswitch_end(struct host *host, bool lift_it, bool *stays)
{
	bool clean = true;

	*stays = applied_change(host) && !lift_it;
	if (!host->killswitch->journal)
		return true;
	if (!*stays) {
		clean = journal_revert_all(host->killswitch->journal,
					   &host->context) == 0;
		if (clean)
			server_store_lifted(host->config->name);
	}
	journal_close(host->killswitch->journal);
	host->killswitch->journal = NULL;
	return clean;
}
