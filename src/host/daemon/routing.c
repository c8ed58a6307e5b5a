/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/routing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/reason.h"
#include "host/daemon/block.h"
#include "host/daemon/monitor.h"
#include "host/daemon/namespace.h"
#include "host/daemon/warning.h"

/* We go in front of rules that somebody adds no more often than this. */
#define MOVES_BURST	 10
#define MOVES_PER_MINUTE 30
#define MOVES_SECONDS	 (60. / MOVES_PER_MINUTE)

static int mark_sockets(struct host *host)
{
	uint32_t mark = host_mark(host);

	for (unsigned i = 0; i < host->sockets.count; i++) {
		if (host->sockets.fds[i] >= 0 &&
		    setsockopt(host->sockets.fds[i], SOL_SOCKET, SO_MARK, &mark,
			       sizeof(mark)) < 0)
			return -errno;
	}
	return 0;
}

int host_routing_prepare(struct host *host, struct reason *reason)
{
	int err = plan_routing_find(host->context.rtnl, &host->routing.plan);

	if (!err && host_mark(host))
		err = mark_sockets(host);
	if (err == -EUSERS)
		reason_set(
			reason,
			"the tables %u to %u of this host's routes are all in "
			"use: take another tunnel down first",
			PLAN_TABLE, PLAN_TABLE + PLAN_TABLES - 1);
	else if (err)
		reason_set(reason, "routing: %s", strerror(-err));
	return err;
}

void host_routing_choose(struct host *host, const struct config *config,
			 const struct settings *settings)
{
	int err = plan_routing_front(host->context.rtnl,
				     plan_takes_all(config, settings),
				     &host->routing.plan);

	if (err < 0)
		log_warning("%s: this host's rules can't be read: %s",
			    config->name, strerror(-err));
}

struct plan_client host_routing_plan(const struct host *host,
				     const struct config *config,
				     const struct settings *settings)
{
	return (struct plan_client){
		.rtnl = host_outside(host),
		.config = config,
		.settings = settings,
		.server = &host->endpoints.current,
		.routing = host->routing.plan,
	};
}

static bool is_ours(const struct host *host, const struct change *change)
{
	return change->kind == CHANGE_ROUTE &&
	       change->route.table == host->routing.plan.table;
}

static void drop_old_throws(struct host *host, const struct change_list *wanted)
{
	const struct change_list *applied = journal_changes(host->journal);
	struct reason why;

	for (size_t i = applied->count; i-- > 0;) {
		struct change change = applied->items[i];

		if (!is_ours(host, &change) || change.route.type != RTN_THROW ||
		    change_list_find(wanted, &change) >= 0)
			continue;
		if (journal_revert(host->journal, &host->context, &change,
				   &why))
			log_warning("%s", why.text);
	}
}

/* The networks of today's links stay outside. */
static void follow_links(struct host *host)
{
	struct change_list wanted = {0};
	struct reason why;
	int err = plan_client_outside(host->context.rtnl, host->config,
				      &host->settings, &host->routing.plan,
				      &wanted);

	if (err) {
		log_debug("this host's networks can't be read: %s",
			  strerror(-err));
		change_list_free(&wanted);
		return;
	}
	for (size_t i = 0; i < wanted.count; i++) {
		struct change *change = &wanted.items[i];

		change->place = host->namespace->place;
		if (!change_list_routes(journal_changes(host->journal),
					change->route.table,
					&change->route.destination) &&
		    host_ensure(host, change, &why))
			log_warning("%s: %s", host->config->name, why.text);
	}
	drop_old_throws(host, &wanted);
	change_list_free(&wanted);
}

/* A link that has come may filter by the reverse path more strictly. */
static void follow_filters(struct host *host)
{
	const struct plan_client client =
		host_routing_plan(host, host->config, &host->settings);
	struct change_list wanted = {0};
	struct reason why;

	if (host->config->network_namespace)
		return;
	if (plan_client_marking(&client, &wanted) == 0) {
		for (size_t i = 0; i < wanted.count; i++) {
			if (host_ensure(host, &wanted.items[i], &why))
				log_warning("%s: %s", host->config->name,
					    why.text);
		}
	}
	change_list_free(&wanted);
}

/* The rule has to be the tunnel's own, and not one of plan_routing_outer(). */
static bool is_rule(const struct host *host, const struct change *change)
{
	return change->kind == CHANGE_RULE &&
	       change->rule.table == host->routing.plan.table;
}

/* The new rule is added first: while both exist they do the same. */
static void move_rule(struct host *host, const struct change *old)
{
	struct change before = *old, now;
	struct reason why = {0};
	int err;

	now = plan_routing_rule(&host->routing.plan, before.rule.family);
	now.place = before.place;
	if (change_equal(&before, &now))
		return;
	err = host_ensure(host, &now, &why);
	if (!err)
		err = journal_revert(host->journal, &host->context, &before,
				     &why);
	if (err)
		log_warning("%s: %s", host->config->name, why.text);
}

static void go_in_front(struct host *host)
{
	const struct change_list *applied = journal_changes(host->journal);
	struct host_routing *routing = &host->routing;
	struct plan_routing front = routing->plan;
	struct change rules[2];
	size_t count = 0;

	if (plan_routing_front(host->context.rtnl,
			       plan_takes_all(host->config, &host->settings),
			       &front) <= 0)
		return;
	routing->moves.burst = MOVES_BURST;
	routing->moves.per_minute = MOVES_PER_MINUTE;
	if (!log_allowed(&routing->moves, ev_now(host->loop), NULL)) {
		host_monitor_ask(host, MONITOR_UPLINK, MOVES_SECONDS);
		return;
	}
	routing->plan = front;
	for (size_t i = 0; i < applied->count && count < 2; i++) {
		if (is_rule(host, &applied->items[i]))
			rules[count++] = applied->items[i];
	}
	for (size_t i = 0; i < count; i++)
		move_rule(host, &rules[i]);
	log_notice("%s: another program has added a rule in front of ours: "
		   "ours go first again",
		   host->config->name);
}

static bool is_outer(const struct change *change)
{
	return change->kind == CHANGE_RULE &&
	       change->rule.table == RT_TABLE_MAIN;
}

static void drop_old_outer(struct host *host, const struct change_list *wanted)
{
	const struct change_list *applied = journal_changes(host->journal);
	struct reason why;

	for (size_t i = applied->count; i-- > 0;) {
		struct change change = applied->items[i];

		if (is_outer(&change) &&
		    change_list_find(wanted, &change) < 0 &&
		    journal_revert(host->journal, &host->context, &change,
				   &why))
			log_warning("%s", why.text);
	}
}

/* Another VPN below the tunnel comes and goes. */
static void follow_outer(struct host *host)
{
	const struct change_list *applied = journal_changes(host->journal);
	struct change_list wanted = {0};
	struct reason why;
	struct rtnl_route route;
	int err = 0;

	if (host->config->network_namespace ||
	    rtnl_route_get(host->context.rtnl, &host->endpoints.current.address,
			   host_mark(host), &route))
		return;
	for (size_t i = 0; !err && i < applied->count; i++) {
		if (is_rule(host, &applied->items[i]))
			err = change_list_add(&wanted, &applied->items[i]);
	}
	if (!err)
		err = plan_routing_outer(host->context.rtnl,
					 &host->routing.plan, route.device,
					 &wanted);
	for (size_t i = 0; !err && i < wanted.count; i++) {
		if (is_outer(&wanted.items[i]) &&
		    host_ensure(host, &wanted.items[i], &why))
			log_warning("%s: %s", host->config->name, why.text);
	}
	if (!err)
		drop_old_outer(host, &wanted);
	change_list_free(&wanted);
}

/*
 * Somebody in a network, who is not in a part of it that stays outside. False:
 * nobody is known.
 */
static bool find_sample(const struct host *host,
			const struct inet_prefix *network,
			struct inet_address *sample)
{
	/*
	 * Where everything goes in, these are asked about: on the internet, and
	 * never this host.
	 */
	static const struct inet_address somebody[] = {
		{AF_INET, {64, 0, 0, 1}},
		{AF_INET, {198, 51, 100, 1}},
		{AF_INET6, {0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
		{AF_INET6, {0xa0, [15] = 1}},
	};
	const struct change_list *applied = journal_changes(host->journal);
	size_t size = inet_size(network->address.family);

	*sample = network->address;
	if (network->length < 8 * size)
		sample->bytes[size - 1] |= 1;
	for (size_t i = 0; network->length <= 1 && i < 4; i++) {
		if (inet_prefix_contains(network, &somebody[i])) {
			*sample = somebody[i];
			break;
		}
	}
	for (size_t i = 0; i < applied->count; i++) {
		const struct rtnl_route *route = &applied->items[i].route;

		if (is_ours(host, &applied->items[i]) &&
		    route->type == RTN_THROW &&
		    inet_prefix_contains(&route->destination, sample))
			return false;
	}
	return true;
}

struct culprit {
	const struct plan_routing *routing;
	uint32_t table;
	struct rtnl_rule rule; /* family none: not found */
};

static int culprit_visit(void *data, const struct rtnl_rule *rule)
{
	struct culprit *culprit = data;

	if (rule->table != culprit->table)
		return 0;
	culprit->rule = *rule;
	return 1;
}

static void explain(const struct host *host, const struct inet_address *sample,
		    const struct rtnl_route *route, struct reason *reason)
{
	struct culprit culprit = {.table = route->table};
	char name[INET_ADDRESS_TEXT], rule[64] = "";
	char prefix[INET_PREFIX_TEXT] = "a route";
	struct rtnl_route entry;

	inet_format_address(sample, name, sizeof(name));
	if (rtnl_route_match(host->context.rtnl, sample, 0, &entry) == 0)
		inet_format_prefix(&entry.destination, prefix, sizeof(prefix));
	if (rtnl_rule_each(host->context.rtnl, sample->family, culprit_visit,
			   &culprit) == 1)
		snprintf(rule, sizeof(rule),
			 ", to which a rule of priority %u leads",
			 culprit.rule.priority);
	reason_set(
		reason,
		"traffic leaves beside the tunnel: %s goes by %s (%s in table "
		"%u%s), not by %s: remove that rule or route, or say Exclude",
		name, route->device, prefix, route->table, rule,
		host->config->device);
}

/* Somebody in that network gets packets by another device. */
static bool leaks(const struct host *host, const struct change *change,
		  struct reason *reason)
{
	struct inet_address sample;
	struct rtnl_route route;

	if (!is_ours(host, change) || change->route.type == RTN_THROW ||
	    !find_sample(host, &change->route.destination, &sample) ||
	    rtnl_route_get(host->context.rtnl, &sample, 0, &route) ||
	    route.type != RTN_UNICAST || !route.device[0] ||
	    strcmp(route.device, host->config->device) == 0 ||
	    /* One that is up beside this one, whose rules go in front. */
	    plan_routing_is_other(&host->routing.plan, route.table))
		return false;
	explain(host, &sample, &route, reason);
	return true;
}

static int check(struct host *host, struct reason *reason)
{
	const struct change_list *applied = journal_changes(host->journal);

	for (size_t i = 0; i < applied->count; i++) {
		if (leaks(host, &applied->items[i], reason))
			return -ENETUNREACH;
	}
	return 0;
}

int host_routing_check(struct host *host, struct reason *reason)
{
	int err;

	follow_links(host);
	follow_filters(host);
	go_in_front(host);
	follow_outer(host);
	/* Without it the routes alone have to do; the check tells. */
	err = host_block_set(host);
	if (err)
		log_debug("%s: no second line behind the routes: %s",
			  host->config->name, strerror(-err));
	err = check(host, reason);
	host_warn(host, HOST_WARNING_ROUTES, err ? reason->text : NULL);
	return err;
}
