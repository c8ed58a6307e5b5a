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
	{CHANNEL_TUN_REFUSES, BOTH, 1, 0, 0, 0},
	{CHANNEL_LOG, BOTH, 1000, 3000, 4, 12},
	{CHANNEL_STATUS_PEER, BOTH, 0, 0, 0, 0},
	{CHANNEL_STATUS_END, BOTH, 0, 0, 0, 0},
	{CHANNEL_LOADED, BOTH, 0, 0, 0, 0},
	{CHANNEL_LEASE_TAKEN, SERVERS, 100, 600, 4, 12},
	{CHANNEL_PEERS, SERVERS, 100, 600, 8, 24},
	{CHANNEL_USAGE, SERVERS, 100, 600, 8, 24},
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

void tunnel_policy_configure(struct tunnel_policy *policy,
			     const struct config *config)
{
	policy->server = config->role == CONFIG_SERVER;
	policy->clients = policy->server ? config->max_clients : 1;
	policy->patience.burst = PATIENCE_BURST;
	policy->patience.per_minute = PATIENCE_PER_MINUTE;
	for (size_t i = 0; i < RULES; i++) {
		struct log_limit *limit = &policy->types[rules[i].type];

		limit->burst =
			rules[i].burst + rules[i].burst_each * policy->clients;
		limit->per_minute = rules[i].per_minute +
				    rules[i].per_minute_each * policy->clients;
	}
}

void tunnel_policy_begin(struct tunnel_policy *policy,
			 const struct config *config)
{
	memset(policy, 0, sizeof(*policy));
	policy->reason = "";
	tunnel_policy_configure(policy, config);
}

void tunnel_policy_asked(struct tunnel_policy *policy)
{
	policy->asked++;
}

void tunnel_policy_reloading(struct tunnel_policy *policy)
{
	policy->loading++;
}

static enum tunnel_policy_verdict refuse(struct tunnel_policy *policy,
					 double now, const char *reason)
{
	policy->reason = reason;
	if (log_allowed(&policy->patience, now, NULL))
		return TUNNEL_POLICY_REFUSE;
	policy->over = true;
	return TUNNEL_POLICY_END;
}

static bool is_its_own(const struct tunnel_policy *policy, uint32_t type)
{
	for (size_t i = 0; i < RULES; i++) {
		if (rules[i].type == type)
			return rules[i].whose == BOTH ||
			       (rules[i].whose == SERVERS) == policy->server;
	}
	return false;
}

static bool is_status(uint32_t type)
{
	return type == CHANNEL_STATUS_PEER || type == CHANNEL_STATUS_END;
}

static enum tunnel_policy_verdict check_status(struct tunnel_policy *policy,
					       uint32_t type, double now)
{
	bool stale = policy->asked > 1;

	if (!policy->asked ||
	    (type == CHANNEL_STATUS_PEER && ++policy->peers > policy->clients))
		return refuse(policy, now, "a status that nobody asked for");
	if (type == CHANNEL_STATUS_END) {
		policy->asked--;
		policy->peers = 0;
	}
	return stale ? TUNNEL_POLICY_STALE : TUNNEL_POLICY_TAKE;
}

static enum tunnel_policy_verdict check_loaded(struct tunnel_policy *policy,
					       double now)
{
	if (!policy->loading)
		return refuse(policy, now, "an answer to no reload");
	policy->loading--;
	return TUNNEL_POLICY_TAKE;
}

enum tunnel_policy_verdict
tunnel_policy_check(struct tunnel_policy *policy,
		    const struct channel_message *message, double now)
{
	uint32_t type = message->type;

	if (policy->over)
		return TUNNEL_POLICY_IGNORE;
	if (!is_its_own(policy, type))
		return refuse(policy, now, "a message that is not its to send");
	if (is_status(type))
		return check_status(policy, type, now);
	if (type == CHANNEL_LOADED)
		return check_loaded(policy, now);
	/* A process that is set up has no reason to say that it can't be. */
	if (type == CHANNEL_FAILED && policy->ready) {
		policy->reason = "it gave up while it ran";
		policy->over = true;
		return TUNNEL_POLICY_END;
	}
	if (!policy->ready && type != CHANNEL_READY && type != CHANNEL_FAILED &&
	    type != CHANNEL_LOG)
		return refuse(policy, now, "a message before it was ready");
	if (!log_allowed(&policy->types[type], now, &policy->left_out))
		return type == CHANNEL_LOG
			       ? TUNNEL_POLICY_IGNORE
			       : refuse(policy, now, "too many messages");
	policy->ready |= type == CHANNEL_READY;
	return TUNNEL_POLICY_TAKE;
}

enum tunnel_policy_verdict tunnel_policy_refused(struct tunnel_policy *policy,
						 const char *reason, double now)
{
	return policy->over ? TUNNEL_POLICY_IGNORE
			    : refuse(policy, now, reason);
}
