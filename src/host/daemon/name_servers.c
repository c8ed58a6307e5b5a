/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/name_servers.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/reason.h"
#include "host/daemon/warning.h"
#include "host/plan/plan.h"

/*
 * Somebody else's rewrite is answered at once where ours had stayed for this
 * long, as every new network may come with one. A program that rewrites
 * sooner than that may do so because of us: the first times are answered at
 * once all the same (of one new network there may be several), then after
 * pauses that grow. It is never left to them for good.
 */
#define SOON_SECONDS  2.
#define SOON_AT_ONCE  5
#define PAUSE_LONGEST 30.
/* A fight is over when ours has stayed for this long. */
#define SETTLED_SECONDS 10.
/* Single rewrites have a line each up to this; more of them are one warning. */
#define LINES_BURST	 5
#define LINES_PER_MINUTE 2

/* The change of this kind that is applied, by value. */
static bool find_change(const struct host *host, enum change_kind kind,
			struct change *change)
{
	const struct change_list *applied = journal_changes(host->journal);

	for (size_t i = 0; i < applied->count; i++) {
		if (applied->items[i].kind != kind)
			continue;
		*change = applied->items[i];
		return true;
	}
	return false;
}

/* One warning about names is enough: it has the first of these texts. */
static void warn(struct host *host)
{
	const struct host_name_servers *names = host->name_servers;
	const char *text = names->file.trouble[0]   ? names->file.trouble
			   : names->link.trouble[0] ? names->link.trouble
			   : names->outside[0]	    ? names->outside
						    : NULL;

	host_warn(host, HOST_WARNING_NAMES, text);
}

static void start_timer(struct host_name_keeper *keeper, double seconds)
{
	ev_timer_stop(keeper->host->loop, &keeper->timer);
	ev_timer_set(&keeper->timer, seconds, 0.);
	ev_timer_start(keeper->host->loop, &keeper->timer);
}

static double pause_of(unsigned soon)
{
	double pause = 1.;

	if (soon < SOON_AT_ONCE)
		return 0.;
	for (; soon > SOON_AT_ONCE && pause < PAUSE_LONGEST; soon--)
		pause *= 2.;
	return pause < PAUSE_LONGEST ? pause : PAUSE_LONGEST;
}

/* Seconds until a rewrite that was seen now is answered. */
static double next_pause(struct host_name_keeper *keeper)
{
	bool soon = keeper->asserted > 0. &&
		    clock_now() - keeper->asserted < SOON_SECONDS;

	keeper->soon = soon ? keeper->soon + 1 : 0;
	return pause_of(keeper->soon);
}

/* The present content becomes the original, which is put back at the end. */
static int put_back(struct host_name_keeper *keeper, struct reason *reason)
{
	struct host *host = keeper->host;
	struct change change;
	int err = 0;

	if (!find_change(host, keeper->kind, &change))
		return 0;
	/* It stays in the journal, which can revert from every state. */
	if (keeper->kind == CHANGE_RESOLV_CONF)
		err = change_revert(&host->context, &change, reason);
	if (err >= 0)
		err = change_apply(&host->context, &change, reason);
	keeper->asserted = clock_now();
	return err;
}

static void wait_for_turn(struct host_name_keeper *keeper, double pause)
{
	keeper->waiting = true;
	start_timer(keeper, pause);
}

static void try_again(struct host_name_keeper *keeper)
{
	struct reason reason = {0};

	keeper->waiting = false;
	if (put_back(keeper, &reason) >= 0) {
		start_timer(keeper, SETTLED_SECONDS);
		return;
	}
	snprintf(keeper->trouble, sizeof(keeper->trouble),
		 "names are asked of other servers than the tunnel's, which "
		 "can't be set again: %.400s",
		 reason.text);
	keeper->soon =
		keeper->soon < SOON_AT_ONCE ? SOON_AT_ONCE : keeper->soon + 1;
	wait_for_turn(keeper, pause_of(keeper->soon));
	warn(keeper->host);
}

static void explain_fight(struct host_name_keeper *keeper)
{
	if (keeper->kind == CHANGE_RESOLV_CONF)
		snprintf(keeper->trouble, sizeof(keeper->trouble),
			 "another program rewrites %s again and again, so that "
			 "names are asked of its servers in between, not of "
			 "the tunnel's: keep it from that, or write DNS = none",
			 keeper->host->context.resolv_conf);
	else
		snprintf(keeper->trouble, sizeof(keeper->trouble),
			 "another program sets the name servers of %s again "
			 "and again, so that names are asked of these in "
			 "between, not of the tunnel's: keep it from that, or "
			 "write DNS = none",
			 keeper->host->config->device);
	warn(keeper->host);
}

/* Somebody else's is applied: true where it is to be answered at once. */
static bool is_turn(struct host_name_keeper *keeper)
{
	double pause;

	if (keeper->waiting)
		return false;
	pause = next_pause(keeper);
	if (pause == 0.)
		return true;
	wait_for_turn(keeper, pause);
	explain_fight(keeper);
	return false;
}

static int keeper_is_applied(const struct host_name_keeper *keeper)
{
	const struct host *host = keeper->host;
	struct change change;

	/* There is nothing to keep any more. */
	if (!find_change(host, keeper->kind, &change))
		return 1;
	return keeper->kind == CHANGE_RESOLV_CONF
		       ? resolv_conf_is_applied(host->context.resolv_conf,
						&change.resolv_conf)
		       : systemd_resolved_is_applied(&change.systemd_resolved);
}

/* The pause is over; or ours has stayed, and the fight is over. */
static void expired(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct host_name_keeper *keeper = timer->data;
	int applied;

	(void)loop;
	(void)events;
	applied = keeper_is_applied(keeper);
	/* A systemd-resolved that is gone is told once it is there again. */
	if (applied == 0 ||
	    (applied < 0 && keeper->kind == CHANGE_RESOLV_CONF)) {
		try_again(keeper);
		return;
	}
	keeper->waiting = false;
	keeper->soon = 0;
	keeper->trouble[0] = '\0';
	warn(keeper->host);
}

static void check_outside(struct host *host);

static void file_changed(void *owner)
{
	struct host *host = owner;
	struct host_name_keeper *keeper = &host->name_servers->file;
	const char *path = host->context.resolv_conf;

	if (keeper_is_applied(keeper) != 1 && is_turn(keeper)) {
		if (log_allowed(&keeper->lines, clock_now(), NULL))
			log_warning("%s: somebody else has changed %s: it has "
				    "the tunnel's name servers again; theirs "
				    "comes back at the end",
				    host->config->name, path);
		else
			explain_fight(keeper);
		try_again(keeper);
	}
	check_outside(host);
}

static void systemd_resolved_has_changed(void *owner, bool restarted)
{
	struct host *host = owner;
	struct host_name_keeper *keeper = &host->name_servers->link;
	int applied = keeper_is_applied(keeper);

	/* A new one may not know the device yet: then it needs to be told. */
	if (applied != 0 && !(restarted && applied == -ENODEV))
		return;
	/* A restart is nobody who wants it otherwise. */
	if (!restarted && !is_turn(keeper))
		return;
	if (log_allowed(&keeper->lines, clock_now(), NULL))
		log_warning("%s: %s: %s has the tunnel's name servers again",
			    host->config->name,
			    restarted ? "systemd-resolved was restarted"
				      : "somebody else has set the name "
					"servers",
			    host->config->device);
	else
		explain_fight(keeper);
	try_again(keeper);
}

static void watch_file(struct host *host)
{
	int error = resolv_conf_watch_start(
		&host->name_servers->watch, host->loop,
		host->context.resolv_conf, file_changed, host);

	if (error)
		log_warning("%s can't be watched: %s",
			    host->context.resolv_conf, strerror(-error));
}

static void watch_systemd_resolved(struct host *host)
{
	int error = systemd_resolved_watch_start(
		&host->name_servers->systemd_resolved_watch, host->loop,
		systemd_resolved_has_changed, host);

	if (error)
		log_warning("systemd-resolved can't be watched: %s",
			    strerror(-error));
}

static void keeper_init(struct host_name_keeper *keeper, struct host *host,
			enum change_kind kind)
{
	keeper->host = host;
	keeper->kind = kind;
	keeper->lines.burst = LINES_BURST;
	keeper->lines.per_minute = LINES_PER_MINUTE;
	ev_init(&keeper->timer, expired);
	keeper->timer.data = keeper;
}

/*
 * The tunnel has name servers, or should carry all that this host sends, names
 * included. Out of a namespace of its own nothing else leads.
 */
static bool concerns_names(const struct host *host, bool ours)
{
	return ours || (!host->config->network_namespace &&
			plan_takes_all(host->config, &host->settings));
}

void host_name_servers_watch(struct host *host)
{
	struct host_name_servers *names = host->name_servers;
	struct change change;
	bool systemd_resolved =
		find_change(host, CHANGE_SYSTEMD_RESOLVED, &change);
	bool file = find_change(host, CHANGE_RESOLV_CONF, &change);

	if (!concerns_names(host, file || systemd_resolved)) {
		host_name_servers_stop(host);
		host_warn(host, HOST_WARNING_NAMES, NULL);
		return;
	}
	if (!names->active) {
		names->active = true;
		keeper_init(&names->file, host, CHANGE_RESOLV_CONF);
		keeper_init(&names->link, host, CHANGE_SYSTEMD_RESOLVED);
	}
	if (!host->name_servers->watch)
		watch_file(host);
	if (systemd_resolved && !host->name_servers->systemd_resolved_watch)
		watch_systemd_resolved(host);
	/* Somebody may have been faster than the watch. */
	file_changed(host);
}

void host_name_servers_stop(struct host *host)
{
	struct host_name_servers *names = host->name_servers;

	if (!names->active)
		return;
	resolv_conf_watch_stop(host->name_servers->watch);
	systemd_resolved_watch_stop(host->name_servers->systemd_resolved_watch);
	ev_timer_stop(host->loop, &host->name_servers->file.timer);
	ev_timer_stop(host->loop, &host->name_servers->link.timer);
	*names = (struct host_name_servers){0};
}

/* Where the file leads to resolved's own address, its list of the others. */
static const char *original_file(const struct host *host)
{
	const char *path = host->context.resolv_conf;

	return systemd_resolved_mode(path) == SYSTEMD_RESOLVED_STUB
		       ? SYSTEMD_RESOLVED_UPLINK_FILE
		       : path;
}

static int original_servers(const struct host *host,
			    struct inet_address *servers, size_t size)
{
	return resolv_conf_original_servers(original_file(host),
					    host->config->name, servers, size);
}

/* Names of those inside alone are asked of these: that list has them too. */
static bool is_of_tunnel(const struct host *host,
			 const struct inet_address *server)
{
	struct change change;

	if (!find_change(host, CHANGE_SYSTEMD_RESOLVED, &change))
		return false;
	for (unsigned i = 0; i < change.systemd_resolved.dns_count; i++)
		if (inet_address_equal(server, &change.systemd_resolved.dns[i]))
			return true;
	return false;
}

size_t host_name_servers_outside(struct host *host,
				 struct lookup_server *servers, size_t size)
{
	struct inet_address list[LOOKUP_SERVERS + SETTINGS_DNS];
	struct rtnl_route route;
	size_t count = 0;
	int found;

	/* Those of this host are as they were. */
	if (host->config->network_namespace)
		return 0;
	found = original_servers(host, list, sizeof(list) / sizeof(*list));
	for (int i = 0; i < found && count < size; i++) {
		struct lookup_server *server = &servers[count];

		if (is_of_tunnel(host, &list[i]) ||
		    rtnl_route_get(host->context.rtnl, &list[i],
				   host_mark(host), &route) ||
		    (route.type != RTN_LOCAL && !route.device[0]))
			continue;
		*server = (struct lookup_server){
			.address = list[i],
			.mark = host_mark(host),
		};
		count++;
	}
	return count;
}

/* Unmarked packets to it leave by another device than the tunnel's. */
static bool leaves_outside(const struct host *host,
			   const struct inet_address *server,
			   struct rtnl_route *route)
{
	return rtnl_route_get(host->context.rtnl, server, 0, route) == 0 &&
	       route->type == RTN_UNICAST && route->device[0] &&
	       strcmp(route->device, host->config->device) != 0;
}

/* Describes a server that is asked outside; false: none is. */
static bool find_outside(const struct host *host, char *text, size_t size)
{
	struct inet_address list[LOOKUP_SERVERS];
	int found = original_servers(host, list, LOOKUP_SERVERS);
	char name[INET_ADDRESS_TEXT];
	struct rtnl_route route;

	for (int i = 0; i < found; i++) {
		if (!leaves_outside(host, &list[i], &route))
			continue;
		snprintf(text, size, "%s, by %s",
			 inet_format_address(&list[i], name, sizeof(name)),
			 route.device);
		return true;
	}
	return resolv_conf_find_scoped(original_file(host), text, size) == 1;
}

/* The servers that this host has without the tunnel are asked meanwhile. */
static bool asks_theirs(const struct host *host)
{
	struct change change;

	if (find_change(host, CHANGE_RESOLV_CONF, &change))
		return false;
	/* It asks ours alone; but the file may not lead to it any more. */
	return !find_change(host, CHANGE_SYSTEMD_RESOLVED, &change) ||
	       systemd_resolved_mode(host->context.resolv_conf) ==
		       SYSTEMD_RESOLVED_NONE;
}

/* Warns where everything goes through the tunnel, and names do not. */
static void check_outside(struct host *host)
{
	const struct config *config = host->config;
	struct host_name_servers *names = host->name_servers;
	bool cut = config->kill_switch && !config->kill_switch_lan &&
		   !config->kill_switch_exclude;
	char server[128];

	names->outside[0] = '\0';
	if (!config->network_namespace && asks_theirs(host) &&
	    plan_takes_all(config, &host->settings) &&
	    find_outside(host, server, sizeof(server)))
		snprintf(names->outside, sizeof(names->outside),
			 "names are asked of %s, outside the tunnel, where %s: "
			 "write DNS = ADDRESS into this file or the server's",
			 server,
			 cut ? "the kill switch lets nothing pass"
			     : "they can be seen");
	warn(host);
}
