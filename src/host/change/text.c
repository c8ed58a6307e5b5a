/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes as text: what an expert would type. There is one text for each
 * change, and parsing ends by printing again: what is not word for word our
 * own text is refused, so the parsers below need not be strict themselves.
 */
#include "host/change/namespace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The widths in the formats for sscanf() below. */
_Static_assert(IFNAMSIZ == 16, "%15s");
_Static_assert(INET_PREFIX_TEXT == 50, "%49s");
_Static_assert(SYSCTL_KEY_SIZE == 96, "%95s");
_Static_assert(SYSCTL_VALUE_SIZE == 32, "%31s");

#define MOUNT	 "mount --bind --make-shared " NETNS_DIRECTORY " " NETNS_DIRECTORY
#define LOOPBACK "ip link set dev lo up"

struct text {
	char *buffer;
	size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void
append(struct text *text, const char *format, ...)
{
	size_t room = 0;
	va_list arguments;
	int length;

	if (text->length < text->size)
		room = text->size - text->length;
	va_start(arguments, format);
	length = vsnprintf(room ? text->buffer + text->length : NULL, room,
			   format, arguments);
	va_end(arguments);
	text->length += length > 0 ? (size_t)length : 0;
}

/* As dev_valid_name() in the kernel, so that a name is one word. */
static bool device_valid(const char *device)
{
	size_t length = strnlen(device, IFNAMSIZ);

	return length > 0 && length < IFNAMSIZ && strcmp(device, ".") != 0 &&
	       strcmp(device, "..") != 0 &&
	       strcspn(device, "/: \t\n\v\f\r") == length;
}

static bool word_valid(const char *word, size_t size)
{
	size_t length = strnlen(word, size);

	return length > 0 && length < size &&
	       strcspn(word, "= \t\n\v\f\r") == length;
}

static bool prefix_valid(const struct inet_prefix *prefix)
{
	size_t size = inet_size(prefix->address.family);

	return size > 0 && prefix->length <= 8 * size;
}

static bool address_valid(const struct inet_address *address)
{
	return address->family == AF_UNSPEC || inet_size(address->family) > 0;
}

static bool route_valid(const struct rtnl_route *route)
{
	uint16_t family = route->destination.address.family;

	if (!prefix_valid(&route->destination) ||
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
	return route->type == RTN_UNICAST && device_valid(route->device);
}

static int print_link(const struct change *change, struct text *text)
{
	if (!device_valid(change->link.device))
		return -EINVAL;
	if (change->kind == CHANGE_TUN) {
		append(text, "ip tuntap add dev %s mode tun",
		       change->link.device);
		return 0;
	}
	append(text, "ip link set dev %s addrgenmode none",
	       change->link.device);
	if (change->link.queue)
		append(text, " txqueuelen %u", change->link.queue);
	if (change->link.mtu)
		append(text, " mtu %u", change->link.mtu);
	append(text, " up");
	return 0;
}

static int print_address(const struct change *change, struct text *text)
{
	char prefix[INET_PREFIX_TEXT];

	if (!device_valid(change->address.device) ||
	    !prefix_valid(&change->address.prefix))
		return -EINVAL;
	append(text, "ip address add %s dev %s",
	       inet_format_prefix(&change->address.prefix, prefix,
				  sizeof(prefix)),
	       change->address.device);
	return 0;
}

static int print_route(const struct change *change, struct text *text)
{
	const struct rtnl_route *route = &change->route;
	uint16_t family = route->destination.address.family;
	char name[INET_PREFIX_TEXT];

	if (!route_valid(route))
		return -EINVAL;
	append(text, "ip route add %s%s",
	       route->type == RTN_UNREACHABLE ? "unreachable "
	       : route->type == RTN_THROW     ? "throw "
					      : "",
	       inet_format_prefix(&route->destination, name, sizeof(name)));
	if (route->gateway.family)
		append(text, " via %s%s",
		       route->gateway.family != family ? "inet6 " : "",
		       inet_format_address(&route->gateway, name,
					   sizeof(name)));
	if (route->device[0])
		append(text, " dev %s", route->device);
	if (route->global)
		append(text, " scope global");
	if (route->table)
		append(text, " table %u", route->table);
	append(text, " proto %u", route->protocol);
	if (route->source.family)
		append(text, " src %s",
		       inet_format_address(&route->source, name, sizeof(name)));
	if (route->metric)
		append(text, " metric %u", route->metric);
	if (route->mtu)
		append(text, " mtu %u", route->mtu);
	if (route->onlink)
		append(text, " onlink");
	return 0;
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
	append(text,
	       "ip %srule add pref %u %sfwmark 0x%x/0x%x lookup %u "
	       "protocol %u",
	       rule->family == AF_INET6 ? "-6 " : "", rule->priority,
	       rule->unless ? "not " : "", rule->mark, rule->mask, rule->table,
	       rule->protocol);
	return 0;
}

static int print_sysctl(const struct change *change, struct text *text)
{
	const char *key = change->sysctl.key;

	/* Nothing but the network's settings is ours to touch. */
	if (!word_valid(key, SYSCTL_KEY_SIZE) || strncmp(key, "net.", 4) != 0 ||
	    !word_valid(change->sysctl.value, SYSCTL_VALUE_SIZE) ||
	    !word_valid(change->sysctl.before, SYSCTL_VALUE_SIZE))
		return -EINVAL;
	append(text, "sysctl -w %s=%s # was %s", key, change->sysctl.value,
	       change->sysctl.before);
	return 0;
}

/* nft_*_print() have the table; the command around it is ours. */
static int print_table(const struct change *change, struct text *text)
{
	char table[CHANGE_TEXT_SIZE];
	int error;

	if (change->kind == CHANGE_GATEWAY)
		error = nft_gateway_print(&change->gateway, table,
					  sizeof(table));
	else if (change->kind == CHANGE_FILTER)
		error = nft_filter_print(&change->filter, table, sizeof(table));
	else if (change->kind == CHANGE_MARKS)
		error = nft_marks_print(&change->marks, table, sizeof(table));
	else
		error = nft_killswitch_print(&change->killswitch, table,
					     sizeof(table));
	if (error)
		return error;
	if (strchr(table, '\''))
		return -EINVAL;
	append(text, "nft '%s'", table);
	return 0;
}

static int print_netns(const struct change *change, struct text *text)
{
	switch (change->kind) {
	case CHANGE_DIRECTORY:
		if (!change_directory_valid(change->directory))
			return -EINVAL;
		append(text, "mkdir %s", change->directory);
		return 0;
	case CHANGE_NETNS_MOUNT:
		append(text, MOUNT);
		return 0;
	case CHANGE_NETNS:
		if (!change->place.name[0] || netns_is_path(change->place.name))
			return -EINVAL;
		append(text, "ip netns add %s", change->place.name);
		return 0;
	default:
		/* Never that of our own namespace. */
		if (!change->place.name[0])
			return -EINVAL;
		append(text, LOOPBACK);
		return 0;
	}
}

static int print(const struct change *change, struct text *text)
{
	switch (change->kind) {
	case CHANGE_TUN:
	case CHANGE_LINK:
		return print_link(change, text);
	case CHANGE_ADDRESS:
		return print_address(change, text);
	case CHANGE_ROUTE:
		return print_route(change, text);
	case CHANGE_RULE:
		return print_rule(change, text);
	case CHANGE_SYSCTL:
		return print_sysctl(change, text);
	case CHANGE_GATEWAY:
	case CHANGE_KILLSWITCH:
	case CHANGE_MARKS:
	case CHANGE_FILTER:
		return print_table(change, text);
	case CHANGE_RESOLV_CONF:
		return resolv_conf_print(&change->resolv_conf, text->buffer,
					 text->size);
	case CHANGE_SYSTEMD_RESOLVED:
		return systemd_resolved_print(&change->systemd_resolved,
					      text->buffer, text->size);
	case CHANGE_DIRECTORY:
	case CHANGE_NETNS_MOUNT:
	case CHANGE_NETNS:
	case CHANGE_LOOPBACK:
		return print_netns(change, text);
	}
	return -EINVAL;
}

int change_print(const struct change *change, char *buffer, size_t size)
{
	struct text text = {.buffer = buffer, .size = size};
	int error;

	if (size == 0)
		return -ENOSPC;
	buffer[0] = '\0';
	error = print(change, &text);
	if (error)
		return error;
	if (text.length >= size)
		return -ENOSPC;
	error = change_place_put(change, buffer, size);
	if (error)
		return error;
	/* A line of the journal is one change, whatever is in a name. */
	return strchr(buffer, '\n') ? -EINVAL : 0;
}

static int parse_tun(const char *text, struct change *change)
{
	change->kind = CHANGE_TUN;
	return sscanf(text, "ip tuntap add dev %15s", change->link.device);
}

static int parse_link(const char *text, struct change *change)
{
	change->kind = CHANGE_LINK;
	if (sscanf(text,
		   "ip link set dev %15s addrgenmode none txqueuelen %9u "
		   "mtu %9u",
		   change->link.device, &change->link.queue,
		   &change->link.mtu) > 1)
		return 0;
	return sscanf(text, "ip link set dev %15s addrgenmode none mtu %9u",
		      change->link.device, &change->link.mtu);
}

static int parse_address(const char *text, struct change *change)
{
	char prefix[INET_PREFIX_TEXT];

	change->kind = CHANGE_ADDRESS;
	if (sscanf(text, "ip address add %49s dev %15s", prefix,
		   change->address.device) != 2)
		return -EINVAL;
	return inet_parse_prefix(prefix, &change->address.prefix);
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

/* The words after the destination; rest is taken apart. */
static int parse_attributes(struct rtnl_route *route, char *rest)
{
	char *key, *value;
	int error;

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
		error = parse_attribute(route, key, value);
		if (error)
			return error;
	}
	return 0;
}

static int parse_route(const char *text, struct change *change)
{
	struct rtnl_route *route = &change->route;
	char copy[CHANGE_TEXT_SIZE], *rest = copy, *word;
	size_t length;

	change->kind = CHANGE_ROUTE;
	text += strlen("ip route add ");
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

static int parse_rule(const char *text, struct change *change)
{
	struct rtnl_rule *rule = &change->rule;
	unsigned protocol;
	int at = 0;

	change->kind = CHANGE_RULE;
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

static int parse_sysctl(const char *text, struct change *change)
{
	change->kind = CHANGE_SYSCTL;
	if (sscanf(text, "sysctl -w %95[^=]=%31s # was %31s",
		   change->sysctl.key, change->sysctl.value,
		   change->sysctl.before) != 3)
		return -EINVAL;
	return 0;
}

static int parse_table(const char *text, struct change *change)
{
	char table[CHANGE_TEXT_SIZE];
	size_t length;

	text += strlen("nft '");
	length = strcspn(text, "'");
	if (length >= sizeof(table))
		return -EINVAL;
	memcpy(table, text, length);
	table[length] = '\0';
	/* Each takes nothing but its own text. */
	change->kind = CHANGE_GATEWAY;
	if (nft_gateway_parse(table, &change->gateway) == 0)
		return 0;
	change->kind = CHANGE_FILTER;
	if (nft_filter_parse(table, &change->filter) == 0)
		return 0;
	change->kind = CHANGE_MARKS;
	if (nft_marks_parse(table, &change->marks) == 0)
		return 0;
	change->kind = CHANGE_KILLSWITCH;
	return nft_killswitch_parse(table, &change->killswitch);
}

static int parse_resolver(const char *text, struct change *change)
{
	change->kind = CHANGE_RESOLV_CONF;
	return resolv_conf_parse(text, &change->resolv_conf);
}

static int parse_resolved(const char *text, struct change *change)
{
	change->kind = CHANGE_SYSTEMD_RESOLVED;
	return systemd_resolved_parse(text, &change->systemd_resolved);
}

static int parse_directory(const char *text, struct change *change)
{
	change->kind = CHANGE_DIRECTORY;
	_Static_assert(NETNS_PATH_SIZE == 192, "%191s");
	return sscanf(text, "mkdir %191s", change->directory);
}

static int parse_mount(const char *text, struct change *change)
{
	(void)text;
	change->kind = CHANGE_NETNS_MOUNT;
	return 0;
}

/* Its name is its place. */
static int parse_netns(const char *text, struct change *change)
{
	(void)text;
	change->kind = CHANGE_NETNS;
	return 0;
}

static int parse_loopback(const char *text, struct change *change)
{
	(void)text;
	change->kind = CHANGE_LOOPBACK;
	return 0;
}

int change_parse(const char *text, struct change *change)
{
	static const struct {
		const char *start;
		int (*parse)(const char *text, struct change *change);
	} forms[] = {
		{"ip tuntap add ", parse_tun},
		{LOOPBACK, parse_loopback},
		{"ip netns add ", parse_netns},
		{"ip link set ", parse_link},
		{"ip address add ", parse_address},
		{"ip route add ", parse_route},
		{"ip rule add ", parse_rule},
		{"ip -6 rule add ", parse_rule},
		{"sysctl -w ", parse_sysctl},
		{"nft '", parse_table},
		{"printf ", parse_resolver},
		{"ln ", parse_resolver},
		{"resolvectl ", parse_resolved},
		{"mkdir ", parse_directory},
		{MOUNT, parse_mount},
	};
	struct change parsed = {0};
	char again[CHANGE_TEXT_SIZE], plain[CHANGE_TEXT_SIZE];

	if (change_place_take(text, &parsed.place, plain))
		return -EINVAL;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *start = forms[i].start;

		if (strncmp(plain, start, strlen(start)) != 0)
			continue;
		if (forms[i].parse(plain, &parsed) < 0 ||
		    change_print(&parsed, again, sizeof(again)) ||
		    strcmp(text, again) != 0)
			return -EINVAL;
		*change = parsed;
		return 0;
	}
	return -EINVAL;
}
