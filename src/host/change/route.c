/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes, and the rules that lead to a table of ours. */
#include "host/change/change_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/reason.h"
#include "host/kernel/route_search.h"

#define ADD "ip route add "

/* Names the device of somebody else's route, for "is already routed by ...".
 */
static void explain_taken(struct change_context *context,
			  const struct rtnl_route *route, struct reason *reason)
{
	char name[INET_PREFIX_TEXT], device[IFNAMSIZ];

	inet_format_prefix(&route->destination, name, sizeof(name));
	if (route_search_find(context->rtnl, &route->destination, ROUTES_EQUAL,
			      0, device))
		reason_set(
			reason,
			"%s is already routed by %s (another VPN?): take that "
			"down first, or choose other Routes",
			name, device);
	else
		reason_set(reason,
			   "%s is already routed on this host: remove that "
			   "route, or choose other Routes",
			   name);
}

static int apply_route(struct change_context *context,
		       const struct change *change, struct reason *reason)
{
	const struct rtnl_route *route = &change->route;
	char name[INET_PREFIX_TEXT], what[INET_PREFIX_TEXT + 8];
	int err;

	err = rtnl_route_add(context->rtnl, route);
	if (err == -EEXIST && change->may_exist)
		return 1;
	if (err == -EEXIST) {
		explain_taken(context, route, reason);
	} else if (err) {
		inet_format_prefix(&route->destination, name, sizeof(name));
		snprintf(what, sizeof(what), "route %s", name);
		change_explain_rtnl(context, err, what, reason);
	}
	return err;
}

static int delete_route(struct change_context *context,
			const struct rtnl_route *route)
{
	if (context->holding && !context->routes)
		context->routes = rtnl_routes_new();
	if (!context->routes)
		return rtnl_route_del(context->rtnl, route);
	return rtnl_routes_del(context->rtnl, context->routes, route);
}

static int revert_route(struct change_context *context,
			const struct change *change, struct reason *reason)
{
	char name[INET_PREFIX_TEXT];
	int err;

	err = delete_route(context, &change->route);
	if (err == 0 || err == -ESRCH || err == -ENODEV)
		return 0;
	inet_format_prefix(&change->route.destination, name, sizeof(name));
	return change_explain_rtnl(context, err, name, reason);
}

static bool address_valid(const struct inet_address *address)
{
	return address->family == AF_UNSPEC || inet_size(address->family) > 0;
}

static bool route_valid(const struct rtnl_route *route)
{
	uint16_t family = route->destination.address.family;

	if (!change_prefix_valid(&route->destination) ||
	    !address_valid(&route->gateway) || !address_valid(&route->source))
		return false;
	if (family == AF_INET6 && route->gateway.family == AF_INET)
		return false;
	if (route->protocol != RTNL_PROTOCOL)
		return false;
	if (route->global && (family != AF_INET || route->gateway.family))
		return false;
	if (route->type == RTN_UNREACHABLE || route->type == RTN_THROW)
		return route->device[0] == '\0';
	return route->type == RTN_UNICAST && change_device_valid(route->device);
}

static int print_route(const struct change *change, struct text *text)
{
	const struct rtnl_route *route = &change->route;
	uint16_t family = route->destination.address.family;
	char name[INET_PREFIX_TEXT];

	if (!route_valid(route))
		return -EINVAL;
	text_append(
		text, "ip route add %s%s",
		route->type == RTN_UNREACHABLE ? "unreachable "
		: route->type == RTN_THROW     ? "throw "
					       : "",
		inet_format_prefix(&route->destination, name, sizeof(name)));
	if (route->gateway.family)
		text_append(text, " via %s%s",
			    route->gateway.family != family ? "inet6 " : "",
			    inet_format_address(&route->gateway, name,
						sizeof(name)));
	if (route->device[0])
		text_append(text, " dev %s", route->device);
	if (route->global)
		text_append(text, " scope global");
	if (route->table)
		text_append(text, " table %u", route->table);
	text_append(text, " proto %u", route->protocol);
	if (route->source.family)
		text_append(text, " src %s",
			    inet_format_address(&route->source, name,
						sizeof(name)));
	if (route->metric)
		text_append(text, " metric %u", route->metric);
	if (route->mtu)
		text_append(text, " mtu %u", route->mtu);
	if (route->onlink)
		text_append(text, " onlink");
	return 0;
}

static int parse_number(const char *word, uint32_t *number)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(word, &end, 10);
	if (errno || end == word || *end || value > UINT32_MAX)
		return -EINVAL;
	*number = value;
	return 0;
}

static int parse_attribute(struct rtnl_route *route, const char *key,
			   const char *value)
{
	uint32_t protocol;
	size_t length;

	if (strcmp(key, "via") == 0)
		return inet_parse_address(value, &route->gateway);
	if (strcmp(key, "src") == 0)
		return inet_parse_address(value, &route->source);
	if (strcmp(key, "table") == 0)
		return parse_number(value, &route->table);
	if (strcmp(key, "metric") == 0)
		return parse_number(value, &route->metric);
	if (strcmp(key, "mtu") == 0)
		return parse_number(value, &route->mtu);
	if (strcmp(key, "scope") == 0) {
		route->global = strcmp(value, "global") == 0;
		return route->global ? 0 : -EINVAL;
	}
	if (strcmp(key, "proto") == 0) {
		if (parse_number(value, &protocol) || protocol > UINT8_MAX)
			return -EINVAL;
		route->protocol = protocol;
		return 0;
	}
	length = strlen(value);
	if (strcmp(key, "dev") != 0 || length >= sizeof(route->device))
		return -EINVAL;
	memcpy(route->device, value, length + 1);
	return 0;
}

/* This reads the words after the destination; rest is taken apart. */
static int parse_attributes(struct rtnl_route *route, char *rest)
{
	char *key, *value;
	int err;

	while ((key = strsep(&rest, " ")) != NULL) {
		if (strcmp(key, "onlink") == 0) {
			route->onlink = true;
			continue;
		}
		value = strsep(&rest, " ");
		if (value && strcmp(value, "inet6") == 0)
			value = strsep(&rest, " ");
		if (!value)
			return -EINVAL;
		err = parse_attribute(route, key, value);
		if (err)
			return err;
	}
	return 0;
}

static int parse_route(const char *text, struct change *change)
{
	struct rtnl_route *route = &change->route;
	char copy[CHANGE_TEXT_SIZE], *rest = copy, *word;
	size_t length;

	text += strlen(ADD);
	length = strlen(text);
	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length + 1);
	route->type = RTN_UNICAST;
	word = strsep(&rest, " ");
	if (strcmp(word, "unreachable") == 0)
		route->type = RTN_UNREACHABLE;
	else if (strcmp(word, "throw") == 0)
		route->type = RTN_THROW;
	if (route->type != RTN_UNICAST)
		word = strsep(&rest, " ");
	if (!word || inet_parse_prefix(word, &route->destination))
		return -EINVAL;
	return parse_attributes(route, rest);
}

static int apply_rule(struct change_context *context,
		      const struct change *change, struct reason *reason)
{
	int err = rtnl_rule_add(context->rtnl, &change->rule);
	char what[40];

	snprintf(what, sizeof(what), "rule %u for table %u",
		 change->rule.priority, change->rule.table);
	if (err == -EEXIST)
		reason_set(reason,
			   "%s is there already: another tunnel has just taken "
			   "it: try again",
			   what);
	else if (err)
		change_explain_rtnl(context, err, what, reason);
	return err;
}

static int revert_rule(struct change_context *context,
		       const struct change *change, struct reason *reason)
{
	int err = rtnl_rule_del(context->rtnl, &change->rule);

	if (err == 0 || err == -ENOENT)
		return 0;
	return change_explain_rtnl(context, err, "rule", reason);
}

/* Ours send packets to a table of ours, and do it by their mark. */
static bool rule_valid(const struct rtnl_rule *rule)
{
	return inet_size(rule->family) > 0 && rule->mask &&
	       (rule->mark & ~rule->mask) == 0 && rule->table &&
	       rule->protocol == RTNL_PROTOCOL && !rule->conditional;
}

static int print_rule(const struct change *change, struct text *text)
{
	const struct rtnl_rule *rule = &change->rule;

	if (!rule_valid(rule))
		return -EINVAL;
	text_append(text,
		    "ip %srule add pref %u %sfwmark 0x%x/0x%x lookup %u "
		    "protocol %u",
		    rule->family == AF_INET6 ? "-6 " : "", rule->priority,
		    rule->unless ? "not " : "", rule->mark, rule->mask,
		    rule->table, rule->protocol);
	return 0;
}

static int parse_rule(const char *text, struct change *change)
{
	struct rtnl_rule *rule = &change->rule;
	unsigned protocol;
	int at = 0;

	rule->family = AF_INET;
	text += strlen("ip ");
	if (strncmp(text, "-6 ", 3) == 0) {
		rule->family = AF_INET6;
		text += 3;
	}
	if (sscanf(text, "rule add pref %10" SCNu32 " %n", &rule->priority,
		   &at) != 1)
		return -EINVAL;
	text += at;
	if (strncmp(text, "not ", 4) == 0) {
		rule->unless = true;
		text += 4;
	}
	if (sscanf(text,
		   "fwmark 0x%8" SCNx32 "/0x%8" SCNx32 " lookup %10" SCNu32
		   " protocol %3u",
		   &rule->mark, &rule->mask, &rule->table, &protocol) != 4 ||
	    protocol > UINT8_MAX)
		return -EINVAL;
	rule->protocol = protocol;
	return 0;
}

static int route_missing(struct change_context *context,
			 const struct change *change)
{
	return change_unless(rtnl_route_has(context->rtnl, &change->route));
}

static uint32_t hash_route(const struct change *change)
{
	return change_hash_prefix(&change->route.destination);
}

static int rule_missing(struct change_context *context,
			const struct change *change)
{
	return change_unless(rtnl_rule_has(context->rtnl, &change->rule));
}

static const struct change_field route_fields[] = {
	CHANGE_FIELD("destination", PREFIX, route.destination),
	CHANGE_FIELD("type", NUMBER, route.type),
	CHANGE_FIELD("gateway", ADDRESS, route.gateway),
	CHANGE_FIELD("device", WORD, route.device),
	CHANGE_FIELD("global", FLAG, route.global),
	CHANGE_FIELD("table", NUMBER, route.table),
	CHANGE_FIELD("protocol", NUMBER, route.protocol),
	CHANGE_FIELD("source", ADDRESS, route.source),
	CHANGE_FIELD("metric", NUMBER, route.metric),
	CHANGE_FIELD("mtu", NUMBER, route.mtu),
	CHANGE_FIELD("onlink", FLAG, route.onlink),
	{0},
};

const struct change_operations change_route = {
	.name = "route",
	.fields = route_fields,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.apply = apply_route,
	.revert = revert_route,
	.missing = route_missing,
	.hash = hash_route,
	.print = print_route,
	.starts = {ADD},
	.parse = parse_route,
};

static const struct change_field rule_fields[] = {
	CHANGE_FIELD("family", NUMBER, rule.family),
	CHANGE_FIELD("priority", NUMBER, rule.priority),
	CHANGE_FIELD("mark", NUMBER, rule.mark),
	CHANGE_FIELD("mask", NUMBER, rule.mask),
	CHANGE_FIELD("unless", FLAG, rule.unless),
	CHANGE_FIELD("table", NUMBER, rule.table),
	CHANGE_FIELD("protocol", NUMBER, rule.protocol),
	{0},
};

const struct change_operations change_rule = {
	.name = "rule",
	.fields = rule_fields,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.apply = apply_rule,
	.revert = revert_rule,
	.missing = rule_missing,
	.print = print_rule,
	.starts = {"ip rule add ", "ip -6 rule add "},
	.parse = parse_rule,
};
