/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/killswitch_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/control_socket.h"
#include "common/reason.h"
#include "host/change/journal.h"
#include "host/plan/plan.h"
#include "host/process/lock.h"
#include "host/process/server_store.h"
#include "host/process/systemd.h"

/*
 * Processes of an earlier run that are ending hold the lock no longer than
 * this.
 */
#define LOCK_WAIT_MS 2000

static int apply(const char *path, const struct change *change,
		 struct reason *reason)
{
	struct change_context context;
	struct journal *journal;
	int err = change_context_open(&context);

	if (err) {
		reason_set(reason, "netlink: %s", strerror(-err));
		return err;
	}
	err = journal_resume(path, &journal);
	if (err == -ENOENT)
		err = journal_create(path, &journal);
	if (err) {
		reason_set(reason, "%.300s: %s", path, strerror(-err));
	} else {
		/* Positive: it was there already. */
		err = journal_apply(journal, &context, change, reason);
		journal_close(journal);
	}
	change_context_close(&context);
	return err < 0 ? err : 0;
}

/* The tunnel's name, and where the journal of its kill switch is. */
struct place {
	const char *tunnel;
	char path[PATH_MAX];
	int lock;
};

/*
 * Returns 1 where the tunnel is up and has its own, 0 where leave() has to
 * follow, or -errno.
 */
static int enter(struct place *place, const char *tunnel, struct reason *reason)
{
	pid_t holder;
	int err;

	place->tunnel = tunnel;
	err = control_path(place->path, sizeof(place->path), tunnel,
			   "killswitch");
	if (!err)
		err = lock_take(tunnel, LOCK_WAIT_MS, &place->lock, &holder);
	if (err == -EBUSY)
		return 1;
	if (err)
		lock_explain(err, reason);
	return err;
}

static void leave(const struct place *place)
{
	lock_drop(place->tunnel, place->lock);
}

static int lift(const struct place *place, struct reason *reason)
{
	int lifted = lock_heal_killswitch(place->tunnel);

	if (lifted >= 0)
		return 0;
	reason_set(reason, "the kill switch can't be lifted: %s",
		   lock_heal_error(lifted));
	return lifted;
}

static bool is_applied(const struct place *place)
{
	return access(place->path, F_OK) == 0;
}

static bool is_booting(void)
{
	struct systemd_view view;

	return !systemd_ask(&view) && view.booting;
}

static int raise_known(const struct place *place, const struct config *config,
		       struct reason *reason)
{
	struct lookup_result known[LOOKUP_RESULTS];
	struct plan_servers servers = {0};
	size_t count = server_store_known(config, known);
	struct change change;
	int err;

	plan_servers_add(config, known, count, &servers);
	plan_client_killswitch(config, &servers, PLAN_ROUTING_ANY, &change);
	err = apply(place->path, &change, reason);
	if (!err)
		server_store_raised(config, known, count);
	return err;
}

int killswitch_raise(const struct config *config, struct reason *reason)
{
	bool wanted = config->role == CONFIG_CLIENT && config->kill_switch;
	struct place place;
	int err;

	/* Its namespace is made by whoever brings the tunnel up. */
	if (wanted && config->network_namespace)
		return 0;
	err = enter(&place, config->name, reason);
	if (err)
		return err < 0 ? err : 0;
	err = wanted ? raise_known(&place, config, reason)
		     : lift(&place, reason);
	leave(&place);
	return err;
}

int killswitch_raise_last(const char *tunnel, struct reason *reason)
{
	struct config unread = {.role = CONFIG_CLIENT};
	struct plan_servers servers = {0};
	struct nft_killswitch last;
	struct change change;
	struct place place;
	int err = server_store_last(tunnel, &last);

	if (err || !is_booting())
		return 0;
	err = enter(&place, tunnel, reason);
	if (err)
		return err < 0 ? err : 0;
	snprintf(unread.name, sizeof(unread.name), "%s", tunnel);
	memcpy(unread.device, last.device, sizeof(unread.device));
	servers.count = last.count;
	memcpy(servers.list, last.servers, sizeof(servers.list));
	memcpy(servers.last_ports, last.last_ports, sizeof(servers.last_ports));
	plan_client_killswitch(&unread, &servers, PLAN_ROUTING_ANY, &change);
	if (!is_applied(&place))
		err = apply(place.path, &change, reason);
	leave(&place);
	return err;
}

int killswitch_lift(const char *tunnel, struct reason *reason)
{
	struct systemd_view view;
	struct place place;
	int err = systemd_ask(&view);

	if (err && err != -ENOENT) {
		reason_set(
			reason,
			"systemd does not say whether this is for good (%s): "
			"the kill switch stays until minivpn down %s",
			strerror(-err), tunnel);
		return err;
	}
	if (view.restarting || view.shutting_down)
		return 0;
	err = enter(&place, tunnel, reason);
	if (err)
		return err < 0 ? err : 0;
	err = lift(&place, reason);
	leave(&place);
	return err;
}
