/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server's leases, as the tunnel process gives them out, on disk. */
#include <string.h>
#include <time.h>

#include "host/daemon/host_internal.h"

/* The file is written at once, but for a flood of leases. */
#define WRITES_BURST	  4
#define WRITES_PER_MINUTE 120
#define WRITE_SECONDS	  0.5

void host_leases_send(struct host *host)
{
	const struct lease_entry *entry = NULL;

	while ((entry = lease_store_next(host->leases, entry)) != NULL) {
		struct channel_message message = {.type = CHANNEL_LEASE};

		memcpy(message.lease.peer, entry->peer,
		       sizeof(message.lease.peer));
		message.lease.address4 = entry->address4;
		message.lease.address6 = entry->address6;
		message.lease.used = entry->used;
		host_send(host, &message);
	}
}

static void save(struct host *host)
{
	int err = lease_store_save(host->leases);

	if (err)
		log_warning("the leases can't be kept on disk: %s",
			    strerror(-err));
}

static void write_now(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	save(timer->data);
}

/* In the pool, or given to this peer by the file. */
static bool is_ours(const struct inet_address *address,
		    const struct inet_prefix *pool,
		    const struct inet_address *fixed)
{
	return address->family == AF_UNSPEC ||
	       inet_prefix_contains(pool, address) ||
	       (fixed && inet_address_equal(fixed, address));
}

/* NULL, or why this lease is nothing that the file allows. */
static const char *objection(const struct config *config,
			     const struct lease_entry *entry)
{
	const struct config_peer *peer =
		config_peer_by_name(config, entry->peer);

	if (!config_name_valid(entry->peer))
		return "a lease for what is not a name";
	if (!peer && config->identity == CONFIG_KEYS)
		return "a lease for one who is no peer";
	if (!is_ours(&entry->address4, &config->address4,
		     peer ? &peer->address4 : NULL) ||
	    !is_ours(&entry->address6, &config->address6,
		     peer ? &peer->address6 : NULL))
		return "a lease of an address that is not in the pool";
	return NULL;
}

void host_leases_taken(struct host *host, const struct channel_message *message)
{
	struct lease_entry entry = {
		.address4 = message->lease.address4,
		.address6 = message->lease.address6,
		.used = message->lease.used,
	};
	const char *why;
	int64_t now = time(NULL);

	memcpy(entry.peer, message->lease.peer, sizeof(entry.peer));
	why = objection(host->config, &entry);
	if (why) {
		host_tunnel_refused(host, why);
		return;
	}
	/* The oldest goes first: none may be newer than new. */
	if (entry.used > now || entry.used < 0)
		entry.used = now;
	if (lease_store_put(host->leases, &entry)) {
		log_warning("the lease of %s can't be kept", entry.peer);
		return;
	}
	if (ev_is_active(&host->write_leases))
		return;
	if (log_allowed(&host->writes, ev_now(host->loop), NULL))
		save(host);
	else
		ev_timer_start(host->loop, &host->write_leases);
}

void host_leases_init(struct host *host)
{
	host->writes.burst = WRITES_BURST;
	host->writes.per_minute = WRITES_PER_MINUTE;
	ev_timer_init(&host->write_leases, write_now, WRITE_SECONDS, 0.);
	host->write_leases.data = host;
}

void host_leases_free(struct host *host)
{
	ev_timer_stop(host->loop, &host->write_leases);
	if (host->leases)
		save(host);
	lease_store_close(host->leases);
	host->leases = NULL;
}
