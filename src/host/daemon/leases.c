/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/leases.h"

#include <string.h>
#include <time.h>

#include "host/daemon/lifecycle.h"
#include "host/daemon/tunnel.h"

/* The file is written at once, but not for each lease of a flood. */
#define WRITES_BURST	  4
#define WRITES_PER_MINUTE 120
#define WRITE_SECONDS	  0.5

/* No session lasts longer: who has not come again since is connected no more.
 */
#define CONNECTED_SECONDS 7200

bool host_leases_send(struct host *host, bool first)
{
	struct host_leases *leases = host->leases;
	const struct lease_entry *entry = first ? NULL : leases->sent;
	int64_t now = time(NULL);

	leases->sending = true;
	while ((entry = lease_store_next(leases->store, entry)) != NULL) {
		struct channel_message message = {.type = CHANNEL_LEASE};

		if (host_tunnel_is_full(host))
			return false;
		memcpy(message.lease.peer, entry->peer,
		       sizeof(message.lease.peer));
		message.lease.address4 = entry->address4;
		message.lease.address6 = entry->address6;
		message.lease.used = entry->used;
		if (now - entry->used < CONNECTED_SECONDS) {
			message.lease.outer = entry->outer;
			message.lease.local = entry->local;
			message.lease.socket = entry->socket;
		}
		host_tunnel_send(host, &message);
		leases->sent = entry;
	}
	leases->sending = false;
	return true;
}

static void save(struct host *host)
{
	int err = lease_store_save(host->leases->store);

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

/* The address is in the pool, or the file gives it to this peer. */
static bool is_ours(const struct inet_address *address,
		    const struct inet_prefix *pool,
		    const struct inet_address *fixed)
{
	return address->family == AF_UNSPEC ||
	       inet_prefix_contains(pool, address) ||
	       (fixed && inet_address_equal(fixed, address));
}

/* Returns why the file does not allow this lease, or NULL where it does. */
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
		.outer = message->lease.outer,
		.local = message->lease.local,
		.socket = message->lease.socket,
	};
	const char *why;
	int64_t now = time(NULL);

	memcpy(entry.peer, message->lease.peer, sizeof(entry.peer));
	/* What is sent is found by what was sent last, which has to stay. */
	if (host->leases->sending) {
		host_tunnel_refused(host, "a lease before it has begun");
		return;
	}
	why = objection(host->config, &entry);
	if (why) {
		host_tunnel_refused(host, why);
		return;
	}
	/* The oldest lease is dropped first: none may be from the future. */
	if (entry.used > now || entry.used < 0)
		entry.used = now;
	if (lease_store_put(host->leases->store, &entry)) {
		log_warning("the lease of %s can't be kept", entry.peer);
		return;
	}
	if (ev_is_active(&host->leases->write))
		return;
	if (log_allowed(&host->leases->writes, ev_now(host->loop), NULL))
		save(host);
	else
		ev_timer_start(host->loop, &host->leases->write);
}

int host_leases_open(struct host *host)
{
	double left = host_start_left(host);
	int err;

	host->leases->writes.burst = WRITES_BURST;
	host->leases->writes.per_minute = WRITES_PER_MINUTE;
	ev_timer_init(&host->leases->write, write_now, WRITE_SECONDS, 0.);
	host->leases->write.data = host;
	err = lease_store_open(&host->leases->store, host->config->name);
	/* A long file is not the tunnel process's silence. */
	host_start_prolong(host, left);
	return err;
}

void host_leases_close(struct host *host)
{
	if (!host->leases->store)
		return;
	ev_timer_stop(host->loop, &host->leases->write);
	save(host);
	lease_store_close(host->leases->store);
	host->leases->store = NULL;
}
