/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan/routing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The mark's first byte says that it is one of ours; its last one has a bit
 * for each tunnel that the packet does not go through. What others use of a
 * mark, mostly in between, may change on the way.
 */
#define MARK_OURS  0x4d000000u
#define MARK_MASK  0xff000000u
#define MARK_LEVEL 0xffu

/*
 * Where nobody has a rule but the kernel, for a tunnel that takes everything;
 * those for some networks are BAND in front of it. Of one kind the newer ones
 * are in front of the older.
 */
#define PRIORITY 77
#define BAND	 10

static const uint16_t families[] = {AF_INET, AF_INET6};

#define FAMILIES (sizeof(families) / sizeof(families[0]))

struct survey {
	uint32_t table;	 /* in question */
	bool used;	 /* by a rule */
	uint32_t lowest; /* priority of rules that are not ours; UINT32_MAX */
	uint32_t local;	 /* of the rule for local addresses; 0 but for some */
	uint32_t tunnels[PLAN_TABLES]; /* of our other tunnels' rules */
	size_t count;
};

static bool is_tunnels(uint32_t table)
{
	return table >= PLAN_TABLE && table < PLAN_TABLE + PLAN_TABLES;
}

static int survey_visit(void *data, const struct rtnl_rule *rule)
{
	struct survey *survey = data;

	if (rule->table == survey->table)
		survey->used = true;
	else if (rule->table == RT_TABLE_LOCAL)
		survey->local = rule->priority;
	else if (rule->protocol != RTNL_PROTOCOL)
		survey->lowest = rule->priority < survey->lowest
					 ? rule->priority
					 : survey->lowest;
	else if (is_tunnels(rule->table) && survey->count < PLAN_TABLES)
		survey->tunnels[survey->count++] = rule->priority;
	return 0;
}

static int survey_rules(struct rtnl *rtnl, uint16_t family, uint32_t table,
			struct survey *survey)
{
	int err;

	*survey = (struct survey){.table = table, .lowest = UINT32_MAX};
	err = rtnl_rule_each(rtnl, family, survey_visit, survey);
	/* A kernel without IPv6 has no rules of it. */
	return err == -EAFNOSUPPORT || err == -EOPNOTSUPP ? 0 : err;
}

/* One of the priorities from which a tunnel of that kind has its own. */
static uint32_t first_of(const struct survey *survey, bool all)
{
	uint32_t top = PRIORITY;

	if (survey->lowest <= PRIORITY)
		top = survey->lowest ? survey->lowest - 1 : 0;
	if (!all)
		top = top > BAND ? top - BAND : 0;
	return top;
}

/*
 * In front of all but the rule for local addresses: behind it come later ones
 * of the same priority (fib_nl_newrule()).
 */
static uint32_t choose(const struct survey *survey, bool all)
{
	uint32_t first = first_of(survey, all), priority = first;

	for (size_t i = 0; i < survey->count; i++) {
		uint32_t other = survey->tunnels[i];

		if (other <= priority && first - other < BAND)
			priority = other ? other - 1 : 0;
	}
	return priority > survey->local ? priority : survey->local;
}

static int is_free(struct rtnl *rtnl, uint32_t table)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		struct survey survey;
		int used = survey_rules(rtnl, families[i], table, &survey);

		if (!used && !survey.used)
			used = rtnl_table_used(rtnl, families[i], table);
		if (used < 0)
			return used;
		if (used || survey.used)
			return 0;
	}
	return 1;
}

int plan_routing_find(struct rtnl *rtnl, struct plan_routing *routing)
{
	for (uint32_t i = 0; i < PLAN_TABLES; i++) {
		int free = is_free(rtnl, PLAN_TABLE + i);

		if (free < 0)
			return free;
		if (!free)
			continue;
		*routing = (struct plan_routing){
			.table = PLAN_TABLE + i,
			.priority = {PLAN_NO_PRIORITY, PLAN_NO_PRIORITY},
		};
		return 0;
	}
	return -EUSERS;
}

/* In front of the others, and in its band: then it stays where it is. */
static bool is_well_placed(const struct survey *survey, bool all,
			   uint32_t priority)
{
	uint32_t first = first_of(survey, all);

	return priority != PLAN_NO_PRIORITY && priority >= survey->local &&
	       priority < survey->lowest && priority <= first &&
	       first - priority < BAND;
}

int plan_routing_front(struct rtnl *rtnl, bool all,
		       struct plan_routing *routing)
{
	int changed = 0;

	for (size_t i = 0; i < FAMILIES; i++) {
		uint32_t *priority = &routing->priority[i], better;
		struct survey survey;
		int err = survey_rules(rtnl, families[i], routing->table,
				       &survey);

		if (err)
			return err;
		if (is_well_placed(&survey, all, *priority))
			continue;
		better = choose(&survey, all);
		changed |= better != *priority;
		*priority = better;
	}
	return changed;
}

static uint32_t level_bit(const struct plan_routing *routing)
{
	return 1u << (routing->table - PLAN_TABLE);
}

uint32_t plan_routing_mark(const struct plan_routing *routing)
{
	return MARK_OURS | (MARK_LEVEL & ~(level_bit(routing) - 1));
}

struct change plan_routing_rule(const struct plan_routing *routing,
				uint16_t family)
{
	return (struct change){
		.kind = CHANGE_RULE,
		.rule =
			{
				.family = family,
				.priority =
					routing->priority[family == AF_INET6],
				.unless = true,
				.mark = MARK_OURS | level_bit(routing),
				.mask = MARK_MASK | level_bit(routing),
				.table = routing->table,
				.protocol = RTNL_PROTOCOL,
			},
	};
}

bool plan_routing_is_other(const struct plan_routing *routing, uint32_t table)
{
	return table != routing->table && is_tunnels(table);
}

struct outer {
	struct rtnl *rtnl;
	const char *device;
	struct rtnl_rule rule; /* that was found */
};

static int leads_by(void *data, const struct rtnl_route *route)
{
	return strcmp(route->device, data) == 0;
}

static int outer_visit(void *data, const struct rtnl_rule *rule)
{
	struct outer *outer = data;
	char device[IFNAMSIZ];

	if (!rule->unless || !rule->mask || rule->conditional || !rule->table ||
	    rule->table == RT_TABLE_MAIN || rule->protocol == RTNL_PROTOCOL)
		return 0;
	outer->rule = *rule;
	snprintf(device, sizeof(device), "%s", outer->device);
	return rtnl_table_each(outer->rtnl, rule->family, rule->table, leads_by,
			       device);
}

static const struct change *find_rule(const struct change_list *list,
				      const struct change *rule)
{
	int found = change_list_find(list, rule);

	return found < 0 ? NULL : &list->items[found];
}

int plan_routing_outer(struct rtnl *rtnl, const struct plan_routing *routing,
		       const char *device, struct change_list *list)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		struct change rule = plan_routing_rule(routing, families[i]);
		struct outer outer = {.rtnl = rtnl, .device = device};
		int found;

		if (!rule.rule.priority || !find_rule(list, &rule))
			continue;
		found = rtnl_rule_each(rtnl, families[i], outer_visit, &outer);
		if (found < 0)
			return found;
		if (!found)
			continue;
		rule.rule.priority--;
		rule.rule.unless = false;
		rule.rule.mark = outer.rule.mark;
		rule.rule.mask = outer.rule.mask;
		rule.rule.table = RT_TABLE_MAIN;
		found = change_list_add(list, &rule);
		if (found)
			return found;
	}
	return 0;
}

struct reading {
	struct plan_links *links;
	unsigned tun;
};

static int link_visit(void *data, unsigned index,
		      const struct inet_prefix *prefix)
{
	struct reading *reading = data;
	struct plan_links *links = reading->links;
	struct plan_link *items;

	if (index == reading->tun || inet_address_is_loopback(&prefix->address))
		return 0;
	if (links->count == links->capacity) {
		links->capacity = links->capacity ? 2 * links->capacity : 16;
		items = reallocarray(links->items, links->capacity,
				     sizeof(*items));
		if (!items)
			return -ENOMEM;
		links->items = items;
	}
	links->items[links->count++] = (struct plan_link){
		.network = inet_prefix_network(prefix),
		.index = index,
	};
	return 0;
}

/*
 * Does the kernel send to a neighbour in it by that link, without the tunnel?
 * Where the link is down, another one's gateway would get that.
 */
static bool is_on_link(struct rtnl *rtnl, const struct plan_link *link)
{
	struct inet_address sample = link->network.address;
	size_t size = inet_size(sample.family);
	struct rtnl_route route;
	unsigned index;

	for (uint8_t i = 1; i < 4; i++) {
		if (link->network.length < 8 * size - 1)
			sample.bytes[size - 1] |= i;
		if (rtnl_route_match(rtnl, &sample, PLAN_ROUTING_ANY, &route))
			return false;
		/* Our own address in there. */
		if (route.type == RTN_LOCAL || route.type == RTN_BROADCAST)
			continue;
		return route.type == RTN_UNICAST && !route.gateway.family &&
		       rtnl_link_get(rtnl, route.device, &index, NULL) == 0 &&
		       index == link->index;
	}
	return true;
}

int plan_links_read(struct rtnl *rtnl, const char *device,
		    struct plan_links *links)
{
	struct reading reading = {.links = links};
	int err;

	*links = (struct plan_links){0};
	if (!rtnl)
		return 0;
	/* Where it is not there yet, no address is on it. */
	err = rtnl_link_get(rtnl, device, &reading.tun, NULL);
	if (err && err != -ENODEV)
		return err;
	/* One that changes meanwhile is notified soon (-EINTR). */
	err = rtnl_address_each(rtnl, link_visit, &reading);
	if (err && err != -EINTR)
		return err;
	for (size_t i = 0; i < links->count; i++)
		links->items[i].reached = is_on_link(rtnl, &links->items[i]);
	return 0;
}

void plan_links_free(struct plan_links *links)
{
	free(links->items);
	*links = (struct plan_links){0};
}

const struct plan_link *plan_links_find(const struct plan_links *links,
					const struct inet_prefix *prefix,
					bool covering)
{
	for (size_t i = 0; i < links->count; i++) {
		const struct inet_prefix *network = &links->items[i].network;

		if (covering ? inet_prefix_covers(network, prefix)
			     : inet_prefix_covers(prefix, network))
			return &links->items[i];
	}
	return NULL;
}

/*
 * A network that is public is nobody's to claim by an address on a link:
 * whoever runs the network there could take any (CVE-2023-36672).
 */
static bool is_claimed(const struct config *config,
		       const struct inet_prefix *network)
{
	return config->exclude_lan || inet_prefix_is_private(network);
}

bool plan_links_keep(const struct plan_links *links,
		     const struct config *config,
		     const struct inet_prefix *prefix)
{
	for (size_t i = 0; i < links->count; i++) {
		const struct inet_prefix *network = &links->items[i].network;

		if (is_claimed(config, network) &&
		    inet_prefix_covers(network, prefix))
			return true;
	}
	return false;
}

/*
 * Is it a part of what stays outside already, which is not much? All throws are
 * one after the other at the end of the list.
 */
static bool is_covered(const struct change_list *list,
		       const struct inet_prefix *network)
{
	for (size_t i = list->count; i-- > 0;) {
		const struct change *change = &list->items[i];

		if (change->kind != CHANGE_ROUTE ||
		    change->route.type != RTN_THROW)
			break;
		if (inet_prefix_covers(&change->route.destination, network))
			return true;
	}
	return false;
}

static int add_throw(const struct plan_routing *routing,
		     const struct inet_prefix *network,
		     struct change_list *list)
{
	struct change change = {
		.kind = CHANGE_ROUTE,
		.route =
			{
				.destination = *network,
				.table = routing->table,
				.type = RTN_THROW,
				.protocol = RTNL_PROTOCOL,
			},
	};

	if (change_list_routes(list, routing->table, network) ||
	    is_covered(list, network))
		return 0;
	return change_list_add(list, &change);
}

/*
 * What stays on a link whatever is routed: multicast and limited broadcast
 * (printers are found by these), link-local addresses (RFC 4291, 2.5.6).
 */
static const struct inet_prefix on_link[] = {
	{{AF_INET, {224}}, 4},
	{{AF_INET, {255, 255, 255, 255}}, 32},
	{{AF_INET6, {0xfe, 0x80}}, 10},
	{{AF_INET6, {0xff}}, 8},
};

static bool is_part(const struct plan_wanted *wanted,
		    const struct inet_prefix *network)
{
	for (size_t i = 0; i < wanted->count; i++) {
		if (inet_prefix_covers(&wanted->routes[i], network) &&
		    !inet_prefix_equal(&wanted->routes[i], network))
			return true;
	}
	return false;
}

static bool stays(const struct config *config, const struct plan_wanted *wanted,
		  const struct inet_prefix *network)
{
	return is_claimed(config, network) &&
	       (wanted->all || is_part(wanted, network));
}

int plan_outside(const struct config *config, const struct plan_wanted *wanted,
		 const struct plan_links *links,
		 const struct plan_routing *routing, struct change_list *list)
{
	size_t fixed = wanted->all ? sizeof(on_link) / sizeof(on_link[0]) : 0;
	int err = 0;

	for (size_t i = 0; !err && i < fixed; i++)
		err = add_throw(routing, &on_link[i], list);
	for (size_t i = 0; !err && i < config->exclude_count; i++)
		err = add_throw(routing, &config->exclude[i], list);
	for (size_t i = 0; !err && i < links->count; i++) {
		const struct inet_prefix *network = &links->items[i].network;

		if (links->items[i].reached && stays(config, wanted, network))
			err = add_throw(routing, network, list);
	}
	return err;
}
