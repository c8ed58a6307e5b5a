/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/usage.h"

#include <string.h>
#include <time.h>

#include "host/daemon/tunnel.h"

/* The file is written as a whole, at most so often, and at the end. */
#define WRITE_SECONDS 60.

static void save(struct host *host)
{
	int err = usage_store_save(host->usage->store);

	if (err)
		log_warning("what clients have sent and got can't be kept on "
			    "disk: %s",
			    strerror(-err));
}

static void write_now(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	save(timer->data);
}

/* False: the file does not know such a peer. */
static bool put(struct host *host, const char *name, uint32_t heard_ms,
		const struct traffic_bytes *bytes, bool over)
{
	struct host_usage *usage = host->usage;
	int64_t seen = time(NULL) - heard_ms / 1000;

	if (!config_name_valid(name) ||
	    (host->config->identity == CONFIG_KEYS &&
	     !config_peer_by_name(host->config, name)))
		return false;
	if (usage_store_put(usage->store, name, seen > 0 ? seen : 0, bytes,
			    over))
		log_warning("what %s has sent and got can't be kept", name);
	else if (!ev_is_active(&usage->write))
		ev_timer_start(host->loop, &usage->write);
	return true;
}

/*
 * One who is no peer may have been one until the last reload: its session ends
 * after that, so that this is no mistake.
 */
void host_usage_take(struct host *host, const struct channel_message *message)
{
	if (!host->usage->store)
		return;
	for (uint32_t i = 0; i < message->usage.count; i++) {
		const struct channel_usage *peer = &message->usage.list[i];

		put(host, peer->name, peer->heard_ms, &peer->untold, true);
	}
}

void host_usage_note(struct host *host, const struct channel_peer *peer)
{
	if (host->usage->store)
		put(host, peer->name, peer->heard_ms, &peer->untold, false);
}

void host_usage_end(struct host *host)
{
	if (host->usage->store)
		usage_store_end_all(host->usage->store);
}

int host_usage_open(struct host *host)
{
	ev_timer_init(&host->usage->write, write_now, WRITE_SECONDS, 0.);
	host->usage->write.data = host;
	return usage_store_open(&host->usage->store, host->config->name);
}

void host_usage_close(struct host *host)
{
	if (!host->usage->store)
		return;
	ev_timer_stop(host->loop, &host->usage->write);
	save(host);
	usage_store_close(host->usage->store);
	host->usage->store = NULL;
}
