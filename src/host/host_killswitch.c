/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KillSwitch = yes: a table that is there from before the first handshake until
 * `down`. It has a journal of its own, RUNDIR/NAME.killswitch, because it has
 * to outlive host: the janitor, which undoes the other journal, leaves it.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/control.h"
#include "host/host_private.h"

_Static_assert(NFT_KILLSWITCH_SERVERS == RESOLVE_RESULTS,
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

static int raise_now(struct host *host, char *reason, size_t size)
{
	const struct host_endpoints *endpoints = &host->endpoints;
	const struct change *old = in_force(host);
	struct inet_endpoint servers[RESOLVE_RESULTS];
	struct change change;

	for (size_t i = 0; i < endpoints->count; i++)
		servers[i] = endpoints->list[i].endpoint;
	if (host->config->network_namespace)
		plan_killswitch_inside(host->config, &host->netns, &change);
	else
		plan_client_killswitch(host->config, servers, endpoints->count,
				       &change);
	/* One that an earlier run has left is made anew all the same. */
	if (old && host->killswitch_ours && change_equal(old, &change))
		return 0;
	if (journal_apply(host->killswitch, &host->context, &change, reason,
			  size) < 0)
		return -EIO;
	host->killswitch_ours = true;
	return 0;
}

int host_killswitch_raise(struct host *host, char *reason, size_t size)
{
	return host->config->kill_switch ? raise_now(host, reason, size) : 0;
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
	return 0;
}

int host_killswitch_change(struct host *host, const struct config *next,
			   char *reason, size_t size)
{
	char why[HOST_REASON_SIZE];
	int err;

	if (next->kill_switch == (host->killswitch != NULL))
		return 0;
	if (!next->kill_switch)
		return lift(host, reason, size);
	err = open_journal(host, reason, size);
	/* Before there is an address to let through, `resolved` raises it. */
	if (!err && host->endpoints.count)
		err = raise_now(host, reason, size);
	if (err && host->killswitch)
		lift(host, why, sizeof(why));
	return err;
}

/* Which Server line has that port; the first where none has. */
static unsigned server_of(const struct config *config, uint16_t port)
{
	for (size_t i = 0; i < config->server_count; i++)
		if (config->servers[i].port == port)
			return (unsigned)i;
	return 0;
}

size_t host_killswitch_known(const struct host *host,
			     struct resolve_result *results)
{
	const struct change *change = in_force(host);
	const struct nft_killswitch *killswitch;

	if (!change || change->kind != CHANGE_KILLSWITCH)
		return 0;
	killswitch = &change->killswitch;
	for (unsigned i = 0; i < killswitch->count; i++)
		results[i] = (struct resolve_result){
			.host = server_of(host->config,
					  killswitch->servers[i].port),
			.endpoint = killswitch->servers[i],
		};
	return killswitch->count;
}

bool host_killswitch_end(struct host *host)
{
	bool failed = host->status != 0;
	bool clean = true;

	if (!host->killswitch)
		return true;
	/* Whoever wanted it has not said that packets may leave again. */
	if (failed && in_force(host) &&
	    (host->started > 0. || host->killswitch_stays))
		log_warning("%s: the kill switch stays: nothing leaves this "
			    "host until minivpn down %s",
			    host->config->name, host->config->name);
	else
		clean = journal_revert_all(host->killswitch, &host->context) ==
			0;
	journal_close(host->killswitch);
	host->killswitch = NULL;
	return clean;
}
