/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/tunnel_policy.h"

#include <string.h>

enum whose { BOTH, CLIENTS, SERVERS };

/*
 * An honest client makes an attempt every few seconds, an honest server has a
 * lease for each client that comes, all of them at once after a restart. "each"
 * is by MaxClients.
 */
static const struct {
	enum channel_type type;
	enum whose whose;
	unsigned burst, per_minute;
	unsigned burst_each, per_minute_each;
} rules[] = {
	{CHANNEL_READY, BOTH, 1, 0, 0, 0},
	{CHANNEL_FAILED, BOTH, 1, 0, 0, 0},
	{CHANNEL_LOG, BOTH, 1000, 3000, 4, 12},
	{CHANNEL_STATUS_PEER, BOTH, 0, 0, 0, 0},
	{CHANNEL_STATUS_END, BOTH, 0, 0, 0, 0},
	{CHANNEL_LOADED, BOTH, 0, 0, 0, 0},
	{CHANNEL_LEASE_TAKEN, SERVERS, 100, 600, 4, 12},
	{CHANNEL_ENDPOINT_WANTED, CLIENTS, 40, 120, 0, 0},
	{CHANNEL_ANSWERED, CLIENTS, 40, 120, 0, 0},
	{CHANNEL_CONFIG, CLIENTS, 40, 120, 0, 0},
	{CHANNEL_UP, CLIENTS, 40, 120, 0, 0},
	{CHANNEL_LOST, CLIENTS, 40, 120, 0, 0},
	{CHANNEL_MTU, CLIENTS, 100, 240, 0, 0},
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

/* This many refusals at once, or a few each second, are no mistake. */
#define PATIENCE_BURST	    100
#define PATIENCE_PER_MINUTE 120

void guard_configure(struct guard *guard, const struct config *config)
{
	guard->server = config->role == CONFIG_SERVER;
	guard->clients = guard->server ? config->max_clients : 1;
	guard->patience.burst = PATIENCE_BURST;
	guard->patience.per_minute = PATIENCE_PER_MINUTE;
	for (size_t i = 0; i < RULES; i++) {
		struct log_limit *limit = &guard->types[rules[i].type];

		limit->burst =
			rules[i].burst + rules[i].burst_each * guard->clients;
		limit->per_minute = rules[i].per_minute +
				    rules[i].per_minute_each * guard->clients;
	}
}

void guard_begin(struct guard *guard, const struct config *config)
{
	memset(guard, 0, sizeof(*guard));
	guard->reason = "";
	guard_configure(guard, config);
}

void guard_asked(struct guard *guard)
{
	guard->asked++;
}

void guard_reloading(struct guard *guard)
{
	guard->loading++;
}

static enum guard_verdict refuse(struct guard *guard, double now,
				 const char *reason)
{
	guard->reason = reason;
	if (log_allowed(&guard->patience, now, NULL))
		return GUARD_REFUSE;
	guard->over = true;
	return GUARD_END;
}

static bool is_its_own(const struct guard *guard, uint32_t type)
{
	for (size_t i = 0; i < RULES; i++) {
		if (rules[i].type == type)
			return rules[i].whose == BOTH ||
			       (rules[i].whose == SERVERS) == guard->server;
	}
	return false;
}

static bool is_status(uint32_t type)
{
	return type == CHANNEL_STATUS_PEER || type == CHANNEL_STATUS_END;
}

static bool is_answer(struct guard *guard, uint32_t type)
{
	if (type == CHANNEL_LOADED) {
		if (!guard->loading)
			return false;
		guard->loading--;
		return true;
	}
	if (!guard->asked)
		return false;
	if (type == CHANNEL_STATUS_PEER)
		return ++guard->peers <= guard->clients;
	guard->asked--;
	guard->peers = 0;
	return true;
}

enum guard_verdict guard_check(struct guard *guard,
			       const struct channel_message *message,
			       double now)
{
	uint32_t type = message->type;

	if (guard->over)
		return GUARD_IGNORE;
	if (!is_its_own(guard, type))
		return refuse(guard, now, "a message that is not its to send");
	if (is_status(type) || type == CHANNEL_LOADED)
		return is_answer(guard, type)
			       ? GUARD_TAKE
			       : refuse(guard, now,
					is_status(type)
						? "a status that nobody asked "
						  "for"
						: "an answer to no reload");
	/* Only what sets itself up may say that it can't. */
	if (type == CHANNEL_FAILED && guard->ready) {
		guard->reason = "it gave up while it ran";
		guard->over = true;
		return GUARD_END;
	}
	if (!guard->ready && type != CHANNEL_READY && type != CHANNEL_FAILED &&
	    type != CHANNEL_LOG)
		return refuse(guard, now, "a message before it was ready");
	if (!log_allowed(&guard->types[type], now, &guard->left_out))
		return type == CHANNEL_LOG
			       ? GUARD_IGNORE
			       : refuse(guard, now, "too many messages");
	guard->ready |= type == CHANNEL_READY;
	return GUARD_TAKE;
}

enum guard_verdict guard_refused(struct guard *guard, const char *reason,
				 double now)
{
	return guard->over ? GUARD_IGNORE : refuse(guard, now, reason);
}
