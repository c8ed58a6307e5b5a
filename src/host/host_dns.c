/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/host_dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/host_private.h"
#include "host/resolver_watch.h"

/*
 * Who rewrites the file again so soon after us does it because of us: with
 * such a program we do not fight. A new network only comes now and then.
 */
#define FIGHT_SECONDS 60.

struct host_dns {
	struct resolver_watch *file;
	struct resolved_watch *resolved;
	double asserted; /* seconds, monotonic, of the last time; 0: never */
	bool given_up;	 /* somebody else wants it more than we do */
};

/* The change of this kind that is in force, by value. */
static bool find_change(const struct host *host, enum change_kind kind,
			struct change *change)
{
	const struct change_list *force = journal_changes(host->journal);

	for (size_t i = 0; i < force->count; i++) {
		if (force->items[i].kind != kind)
			continue;
		*change = force->items[i];
		return true;
	}
	return false;
}

static bool may_assert_again(struct host_dns *dns)
{
	struct timespec clock;
	double now;

	clock_gettime(CLOCK_BOOTTIME, &clock);
	now = (double)clock.tv_sec + (double)clock.tv_nsec / 1e9;
	if (dns->asserted > 0. && now - dns->asserted < FIGHT_SECONDS)
		dns->given_up = true;
	else
		dns->asserted = now;
	return !dns->given_up;
}

/* What is there now becomes the original, to be put back at the end. */
static void replace_again(struct host *host, const struct change *change)
{
	char reason[HOST_REASON_SIZE] = "";

	if (journal_revert(host->journal, &host->context, change, reason,
			   sizeof(reason)) < 0 ||
	    journal_apply(host->journal, &host->context, change, reason,
			  sizeof(reason)) < 0) {
		host->dns->given_up = true;
		log_error("name servers outside the tunnel may be asked now: "
			  "%s",
			  reason);
	}
}

static void file_changed(void *owner)
{
	struct host *host = owner;
	const char *path = host->context.resolv_conf;
	struct change change;

	if (host->dns->given_up ||
	    !find_change(host, CHANGE_RESOLVER, &change) ||
	    resolver_in_force(path, &change.resolver) != 0)
		return;
	if (may_assert_again(host->dns)) {
		log_warning("%s: somebody else has changed %s: it has the "
			    "tunnel's name servers again; theirs comes back at "
			    "the end",
			    host->config->name, path);
		replace_again(host, &change);
	} else {
		log_error("%s: somebody else rewrites %s each time: it stays "
			  "theirs now, and their name servers are asked; keep "
			  "that program from it, or write DNS = none",
			  host->config->name, path);
	}
}

static void resolved_has_changed(void *owner, bool restarted)
{
	struct host *host = owner;
	char reason[HOST_REASON_SIZE] = "";
	struct change change;
	int in_force;

	if (host->dns->given_up || !find_change(host, CHANGE_RESOLVED, &change))
		return;
	in_force = resolved_in_force(&change.resolved);
	/* A new one may not know the device yet: then it needs to be told. */
	if (in_force != 0 && !(restarted && in_force == -ENODEV))
		return;
	if (!restarted && !may_assert_again(host->dns)) {
		log_error("%s: somebody else sets the name servers of %s each "
			  "time: they stay theirs now",
			  host->config->name, host->config->device);
		return;
	}
	log_warning("%s: %s: %s has the tunnel's name servers again",
		    host->config->name,
		    restarted ? "systemd-resolved was restarted"
			      : "somebody else has set the name servers",
		    host->config->device);
	if (change_apply(&host->context, &change, reason, sizeof(reason)))
		log_error("%s: %s", host->config->name, reason);
}

static void watch_file(struct host *host)
{
	int error = resolver_watch_start(&host->dns->file, host->loop,
					 host->context.resolv_conf,
					 file_changed, host);

	if (error)
		log_warning("%s can't be watched: %s",
			    host->context.resolv_conf, strerror(-error));
	/* Somebody may have been faster than the watch. */
	file_changed(host);
}

static void watch_resolved(struct host *host)
{
	int error = resolved_watch_start(&host->dns->resolved, host->loop,
					 resolved_has_changed, host);

	if (error)
		log_warning("systemd-resolved can't be watched: %s",
			    strerror(-error));
}

void host_dns_watch(struct host *host)
{
	struct change change;
	bool file = find_change(host, CHANGE_RESOLVER, &change);
	bool resolved = find_change(host, CHANGE_RESOLVED, &change);

	if (!file && !resolved) {
		host_dns_stop(host);
		return;
	}
	if (!host->dns)
		host->dns = calloc(1, sizeof(*host->dns));
	if (!host->dns)
		return;
	if (file && !host->dns->file)
		watch_file(host);
	if (resolved && !host->dns->resolved)
		watch_resolved(host);
}

void host_dns_stop(struct host *host)
{
	if (!host->dns)
		return;
	resolver_watch_stop(host->dns->file);
	resolved_watch_stop(host->dns->resolved);
	free(host->dns);
	host->dns = NULL;
}

/* Where the file leads to resolved's own address, its list of the others. */
static int original_servers(const struct host *host,
			    struct inet_address *servers, size_t size)
{
	const char *path = host->context.resolv_conf;

	if (resolved_mode(path) == RESOLVED_STUB)
		path = RESOLVED_UPLINK_FILE;
	return resolver_original_servers(path, host->config->name, servers,
					 size);
}

/* Only for those inside: that list has them too. */
static bool is_of_tunnel(const struct host *host,
			 const struct inet_address *server)
{
	struct change change;

	if (!find_change(host, CHANGE_RESOLVED, &change))
		return false;
	for (unsigned i = 0; i < change.resolved.dns_count; i++)
		if (inet_address_equal(server, &change.resolved.dns[i]))
			return true;
	return false;
}

size_t host_dns_outside(struct host *host, struct resolve_server *servers,
			size_t size)
{
	struct inet_address list[RESOLVE_SERVERS + SETTINGS_DNS];
	struct rtnl_route way;
	size_t count = 0;
	int found;

	/* Those of this host are as they were. */
	if (host->config->network_namespace)
		return 0;
	found = original_servers(host, list, sizeof(list) / sizeof(*list));
	for (int i = 0; i < found && count < size; i++) {
		struct resolve_server *server = &servers[count];

		if (is_of_tunnel(host, &list[i]) ||
		    rtnl_route_get(host->context.rtnl, &list[i],
				   plan_routing_mark(&host->routing.plan),
				   &way) ||
		    (way.type != RTN_LOCAL && !way.device[0]))
			continue;
		*server = (struct resolve_server){.address = list[i]};
		if (way.type != RTN_LOCAL)
			memcpy(server->device, way.device,
			       sizeof(server->device));
		count++;
	}
	return count;
}
