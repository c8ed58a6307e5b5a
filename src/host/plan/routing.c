/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan/routing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * The mark's first byte shows that it is one of ours; its last one has a bit
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
 * The rule goes in front of all but that for local addresses: later ones of the
 * same priority come behind it (fib_nl_newrule()).
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

/* A rule that is in front of the others, and in its band, stays where it is. */
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
	uint32_t table;	       /* of this tunnel */
	struct rtnl_rule rule; /* that was found */
	struct rtnl_rule last; /* the last one of a tunnel of ours */
};

static int leads_by(void *data, const struct rtnl_route *route)
{
	return strcmp(route->device, data) == 0;
}

/* One that plan_routing_outer() has made. */
static bool is_exception(const struct rtnl_rule *rule)
{
	return rule->protocol == RTNL_PROTOCOL && !rule->unless && rule->mask &&
	       rule->table == RT_TABLE_MAIN;
}

/* Is the last exception of the tunnel whose rule this is, below ours? */
static bool is_below(const struct outer *outer, const struct rtnl_rule *rule)
{
	return is_tunnels(rule->table) && rule->table < outer->table &&
	       is_exception(&outer->last) &&
	       outer->last.priority + 1 == rule->priority;
}

static int outer_visit(void *data, const struct rtnl_rule *rule)
{
	struct outer *outer = data;
	char device[IFNAMSIZ];

	if (is_exception(rule))
		outer->last = *rule;
	if (is_below(outer, rule)) {
		outer->rule = outer->last;
		return 1;
	}
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
		struct outer outer = {
			.rtnl = rtnl,
			.device = device,
			.table = routing->table,
		};
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
