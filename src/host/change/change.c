/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/change/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "host/change/namespace.h"
#include "host/kernel/route_search.h"
#include "host/kernel/tun.h"

#define AS_ROOT                                                                \
	"not permitted: run it as root (sudo minivpn up ...), "                \
	"CAP_NET_ADMIN is needed"

static int explain_rtnl(struct change_context *context, int error,
			const char *what, char *reason, size_t size)
{
	const char *kernel = rtnl_reason(context->rtnl);

	if (error == -EPERM)
		snprintf(reason, size, "%s: %s", what, AS_ROOT);
	else if (kernel[0])
		snprintf(reason, size, "%s: %s (%s)", what, strerror(-error),
			 kernel);
	else
		snprintf(reason, size, "%s: %s", what, strerror(-error));
	return error;
}

static int apply_tun(struct change_context *context,
		     const struct change *change, char *reason, size_t size)
{
	const char *device = change->link.device;
	int error;

	if (context->tun_fd >= 0) {
		snprintf(reason, size, "%s: a tun device is open already",
			 device);
		return -EALREADY;
	}
	error = change->place.name[0] ? change_tun_inside(context, device)
				      : tun_create(device, &context->tun_fd);
	switch (error) {
	case 0:
		return 0;
	case -EBUSY:
	case -EEXIST:
		snprintf(reason, size,
			 "%s is in use: choose another name with Device = in "
			 "the file",
			 device);
		break;
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		snprintf(reason, size,
			 "%s: there is no /dev/net/tun: load the module "
			 "(modprobe tun), or give the container that device",
			 device);
		break;
	case -EPERM:
	case -EACCES:
		snprintf(reason, size, "%s: %s", device, AS_ROOT);
		break;
	default:
		snprintf(reason, size, "%s: can't make the tun device: %s",
			 device, strerror(-error));
	}
	context->tun_fd = -1;
	return error;
}

static int apply_link(struct change_context *context,
		      const struct change *change, char *reason, size_t size)
{
	const char *device = change->link.device;
	int error;

	error = rtnl_link_no_autoconf(context->rtnl, device);
	if (!error && change->link.queue)
		error = rtnl_link_queue(context->rtnl, device,
					change->link.queue);
	if (!error)
		error = rtnl_link_set(context->rtnl, device, change->link.mtu,
				      true);
	if (error)
		explain_rtnl(context, error, device, reason, size);
	return error;
}

static int apply_address(struct change_context *context,
			 const struct change *change, char *reason, size_t size)
{
	const char *device = change->address.device;
	const struct inet_prefix *prefix = &change->address.prefix;
	char name[INET_PREFIX_TEXT];
	int error;

	inet_format_prefix(prefix, name, sizeof(name));
	error = rtnl_address_add(context->rtnl, device, prefix);
	if (error == -EEXIST)
		snprintf(reason, size, "%s has the address %s already", device,
			 name);
	else if (prefix->address.family == AF_INET6 &&
		 (error == -EACCES || error == -EOPNOTSUPP))
		snprintf(reason, size,
			 "%s: IPv6 is switched off on %s: set "
			 "net.ipv6.conf.all.disable_ipv6=0, or take the "
			 "IPv6 addresses out of the server's file",
			 name, device);
	else if (error)
		explain_rtnl(context, error, name, reason, size);
	return error;
}

/* The way a route leaves, in words, for "is already routed by ...". */
static void explain_taken(struct change_context *context,
			  const struct rtnl_route *route, char *reason,
			  size_t size)
{
	struct rtnl_route other;
	char name[INET_PREFIX_TEXT];

	inet_format_prefix(&route->destination, name, sizeof(name));
	if (route_search_find(context->rtnl, &route->destination, ROUTES_EQUAL,
			      "", &other) == 1)
		snprintf(reason, size,
			 "%s is already routed by %s (another VPN?): take that "
			 "down first, or choose other Routes",
			 name, other.device);
	else
		snprintf(reason, size,
			 "%s is already routed on this host: remove that "
			 "route, or choose other Routes",
			 name);
}

static int apply_route(struct change_context *context,
		       const struct change *change, char *reason, size_t size)
{
	const struct rtnl_route *route = &change->route;
	char name[INET_PREFIX_TEXT], what[INET_PREFIX_TEXT + 8];
	int error;

	error = rtnl_route_add(context->rtnl, route);
	if (error == -EEXIST && change->may_exist)
		return 1;
	if (error == -EEXIST) {
		explain_taken(context, route, reason, size);
	} else if (error) {
		inet_format_prefix(&route->destination, name, sizeof(name));
		snprintf(what, sizeof(what), "route %s", name);
		explain_rtnl(context, error, what, reason, size);
	}
	return error;
}

static int apply_rule(struct change_context *context,
		      const struct change *change, char *reason, size_t size)
{
	int error = rtnl_rule_add(context->rtnl, &change->rule);
	char what[40];

	snprintf(what, sizeof(what), "rule %u for table %u",
		 change->rule.priority, change->rule.table);
	if (error == -EEXIST)
		snprintf(reason, size,
			 "%s is there already: another tunnel has just taken "
			 "it: try again",
			 what);
	else if (error)
		explain_rtnl(context, error, what, reason, size);
	return error;
}

static int apply_sysctl(const struct change *change, char *reason, size_t size)
{
	const char *key = change->sysctl.key, *value = change->sysctl.value;
	char now[SYSCTL_VALUE_SIZE];
	int error;

	if (strcmp(value, change->sysctl.before) == 0)
		return 0;
	error = sysctl_read(key, now, sizeof(now));
	if (!error && strcmp(now, value) == 0)
		return 1;
	/* before is what the way back writes: it must not be out of date. */
	if (!error && strcmp(now, change->sysctl.before) != 0) {
		snprintf(reason, size,
			 "%s: somebody else has just set it to %s: try again",
			 key, now);
		return -EAGAIN;
	}
	if (!error)
		error = sysctl_write(key, value);
	if (error == -EROFS)
		snprintf(reason, size,
			 "%s: /proc/sys is mounted read-only here: set %s=%s "
			 "outside",
			 key, key, value);
	else if (error == -EPERM || error == -EACCES)
		snprintf(reason, size, "%s: %s", key, AS_ROOT);
	else if (error == -ENOENT)
		snprintf(reason, size, "%s: this kernel has no such setting",
			 key);
	else if (error)
		snprintf(reason, size, "%s: %s", key, strerror(-error));
	return error;
}

static int explain_nft(const struct change_context *context, int error,
		       const char *table, char *reason, size_t size)
{
	const char *step = context->nft ? nft_reason(context->nft) : "";

	switch (error) {
	case -EPERM:
	case -EACCES:
		snprintf(reason, size, "table %s: %s", table, AS_ROOT);
		break;
	case -EEXIST:
		snprintf(reason, size,
			 "there is an nft table %s already: if no other "
			 "minivpn uses it, remove it (nft list tables; nft "
			 "delete table FAMILY %s)",
			 table, table);
		break;
	case -EPROTONOSUPPORT:
	case -EAFNOSUPPORT:
	case -EOPNOTSUPP:
	case -ENOENT:
		snprintf(reason, size,
			 "table %s: the kernel has no nf_tables, or not all "
			 "of it (modprobe nf_tables nft_chain_nat nft_masq)"
			 "%s%s",
			 table, step[0] ? ": " : "", step);
		break;
	default:
		snprintf(reason, size, "table %s: %s%s%s", table, step,
			 step[0] ? ": " : "", strerror(-error));
	}
	return error;
}

static int open_nft(struct change_context *context)
{
	int error;

	if (context->nft)
		return 0;
	/* In another namespace it was tried on the way in. */
	if (context->place.name[0])
		return -EPROTONOSUPPORT;
	error = nft_open(&context->nft);

	if (error)
		context->nft = NULL;
	return error;
}

static const char *table_name(const struct change *change)
{
	if (change->kind == CHANGE_GATEWAY)
		return change->gateway.table;
	if (change->kind == CHANGE_FILTER)
		return change->filter.table;
	return change->kind == CHANGE_MARKS ? change->marks.table
					    : change->killswitch.table;
}

static int add_table(struct nft *nft, const struct change *change)
{
	if (change->kind == CHANGE_GATEWAY)
		return nft_gateway_add(nft, &change->gateway);
	if (change->kind == CHANGE_FILTER)
		return nft_filter_add(nft, &change->filter);
	return change->kind == CHANGE_MARKS
		       ? nft_marks_add(nft, &change->marks)
		       : nft_killswitch_add(nft, &change->killswitch);
}

static int del_table(struct nft *nft, const struct change *change)
{
	if (change->kind == CHANGE_GATEWAY)
		return nft_gateway_del(nft, &change->gateway);
	if (change->kind == CHANGE_FILTER)
		return nft_filter_del(nft, &change->filter);
	return change->kind == CHANGE_MARKS
		       ? nft_marks_del(nft, &change->marks)
		       : nft_killswitch_del(nft, &change->killswitch);
}

static int apply_table(struct change_context *context,
		       const struct change *change, char *reason, size_t size)
{
	int error = open_nft(context);

	if (!error)
		error = add_table(context->nft, change);
	if (error)
		explain_nft(context, error, table_name(change), reason, size);
	return error;
}

static bool kernel_lacks(int error)
{
	return error == -EPROTONOSUPPORT || error == -EAFNOSUPPORT ||
	       error == -EOPNOTSUPP || error == -ENOENT || error == -EINVAL;
}

/* What a tunnel can do without, as most of it works on kernels that lack it. */
static int apply_marks(struct change_context *context,
		       const struct change *change, char *reason, size_t size)
{
	int error = apply_table(context, change, reason, size);

	if (!kernel_lacks(error))
		return error;
	log_warning("table %s is left out, so that answers to who comes from "
		    "outside go into the tunnel, and rp_filter may drop what "
		    "comes to the tunnel: the kernel has not all of it "
		    "(modprobe nf_tables nf_conntrack nft_ct nft_fib_inet "
		    "nft_socket)%s%s",
		    change->marks.table, context->nft ? ": " : "",
		    context->nft ? nft_reason(context->nft) : "");
	return 1;
}

/*
 * A client works without it. A server does not: it forwards, and who forwards
 * for everybody is no server.
 */
static int apply_filter(struct change_context *context,
			const struct change *change, char *reason, size_t size)
{
	const struct nft_filter *filter = &change->filter;
	int error = apply_table(context, change, reason, size);
	char own[INET_ADDRESS_TEXT];

	if (filter->server || !kernel_lacks(error))
		return error;
	inet_format_address(&filter->inner.address, own, sizeof(own));
	if (filter->arp)
		log_info("table arp %s is left out: whoever is on this host's "
			 "networks can find out that it has the address %s",
			 filter->table, own);
	else
		log_warning("table %s is left out, so that whoever is on this "
			    "host's networks can send to %s beside the tunnel: "
			    "the kernel has no nf_tables (modprobe nf_tables)",
			    filter->table, own);
	return 1;
}

static int apply_resolver(struct change_context *context,
			  const struct change *change, char *reason,
			  size_t size)
{
	char buffer[NETNS_PATH_SIZE];
	const char *path = change_resolv_conf_path(context, change, buffer);
	int error;

	error = resolv_conf_apply(path, &change->resolv_conf);
	if (error == -EEXIST)
		snprintf(reason, size,
			 "%s is in the hands of another tunnel: take that down "
			 "first, or write DNS = none in the file",
			 path);
	else if (error)
		resolv_conf_explain(path, error, reason, size);
	return error;
}

int change_apply(struct change_context *context, const struct change *change,
		 char *reason, size_t size)
{
	int error;

	if (size)
		reason[0] = '\0';
	error = change_enter(context, change, reason, size);
	if (error)
		return error;
	switch (change->kind) {
	case CHANGE_TUN:
		return apply_tun(context, change, reason, size);
	case CHANGE_LINK:
		return apply_link(context, change, reason, size);
	case CHANGE_ADDRESS:
		return apply_address(context, change, reason, size);
	case CHANGE_ROUTE:
		return apply_route(context, change, reason, size);
	case CHANGE_RULE:
		return apply_rule(context, change, reason, size);
	case CHANGE_SYSCTL:
		return apply_sysctl(change, reason, size);
	case CHANGE_GATEWAY:
	case CHANGE_KILLSWITCH:
		return apply_table(context, change, reason, size);
	case CHANGE_MARKS:
		return apply_marks(context, change, reason, size);
	case CHANGE_FILTER:
		return apply_filter(context, change, reason, size);
	case CHANGE_RESOLV_CONF:
		return apply_resolver(context, change, reason, size);
	case CHANGE_SYSTEMD_RESOLVED:
		return systemd_resolved_apply(&change->systemd_resolved, reason,
					      size);
	case CHANGE_DIRECTORY:
	case CHANGE_NETNS_MOUNT:
	case CHANGE_NETNS:
	case CHANGE_LOOPBACK:
		return change_netns_apply(context, change, reason, size);
	}
	snprintf(reason, size, "unknown kind of change");
	return -EINVAL;
}

/* The device goes with its last descriptor, the tunnel process's included. */
static int revert_tun(struct change_context *context)
{
	if (context->tun_fd >= 0)
		close(context->tun_fd);
	context->tun_fd = -1;
	if (context->tun_base >= 0)
		close(context->tun_base);
	context->tun_base = -EBADF;
	return 0;
}

static int revert_address(struct change_context *context,
			  const struct change *change, char *reason,
			  size_t size)
{
	char name[INET_PREFIX_TEXT];
	int error;

	error = rtnl_address_del(context->rtnl, change->address.device,
				 &change->address.prefix);
	if (error == 0 || error == -ENODEV || error == -EADDRNOTAVAIL)
		return 0;
	inet_format_prefix(&change->address.prefix, name, sizeof(name));
	return explain_rtnl(context, error, name, reason, size);
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
			const struct change *change, char *reason, size_t size)
{
	char name[INET_PREFIX_TEXT];
	int error;

	error = delete_route(context, &change->route);
	if (error == 0 || error == -ESRCH || error == -ENODEV)
		return 0;
	inet_format_prefix(&change->route.destination, name, sizeof(name));
	return explain_rtnl(context, error, name, reason, size);
}

static int revert_rule(struct change_context *context,
		       const struct change *change, char *reason, size_t size)
{
	int error = rtnl_rule_del(context->rtnl, &change->rule);

	if (error == 0 || error == -ENOENT)
		return 0;
	return explain_rtnl(context, error, "rule", reason, size);
}

static int revert_sysctl(const struct change *change, char *reason, size_t size)
{
	const char *key = change->sysctl.key, *before = change->sysctl.before;
	bool keep = strcmp(change->sysctl.value, before) == 0;
	char now[SYSCTL_VALUE_SIZE];
	int error;

	error = sysctl_read(key, now, sizeof(now));
	/* A setting of a device that is gone. */
	if (error == -ENOENT)
		return 0;
	if (!error && strcmp(now, before) == 0)
		return 0;
	if (!error && !keep && strcmp(now, change->sysctl.value) != 0) {
		snprintf(reason, size,
			 "%s is left at %s, which somebody else has set", key,
			 now);
		return 1;
	}
	if (!error)
		error = sysctl_write(key, before);
	if (error)
		snprintf(reason, size, "%s: %s", key, strerror(-error));
	return error;
}

static int revert_table(struct change_context *context,
			const struct change *change, char *reason, size_t size)
{
	const char *table = table_name(change);
	int error = open_nft(context);

	/* No nf_tables, so no table. */
	if (!context->nft && error == -EPROTONOSUPPORT)
		return 0;
	if (!error)
		error = del_table(context->nft, change);
	if (error == 0 || error == -ENOENT)
		return 0;
	if (context->nft && error == -EPERM && geteuid() == 0) {
		snprintf(reason, size,
			 "table %s is left: another process owns it now",
			 table);
		return 1;
	}
	return explain_nft(context, error, table, reason, size);
}

static int revert_resolver(struct change_context *context,
			   const struct change *change, char *reason,
			   size_t size)
{
	char buffer[NETNS_PATH_SIZE];
	const char *path = change_resolv_conf_path(context, change, buffer);
	int result;

	result = resolv_conf_revert(path, &change->resolv_conf);
	if (result > 0)
		snprintf(reason, size, "%s is left as somebody else has set it",
			 path);
	else if (result == -ENOENT || result == -EBADMSG)
		snprintf(reason, size,
			 "%s: the original that was kept is lost: write the "
			 "file anew",
			 path);
	else if (result < 0 && size)
		resolv_conf_explain(path, result, reason, size);
	return result;
}

int change_revert(struct change_context *context, const struct change *change,
		  char *reason, size_t size)
{
	int error;

	if (size)
		reason[0] = '\0';
	error = change_enter(context, change, reason, size);
	/* Gone, and all in it. */
	if (error)
		return error == -ENOENT ? 0 : error;
	switch (change->kind) {
	case CHANGE_TUN:
		return revert_tun(context);
	case CHANGE_LINK:
		/* Nothing but what goes with the device, which is ours. */
		return 0;
	case CHANGE_ADDRESS:
		return revert_address(context, change, reason, size);
	case CHANGE_ROUTE:
		return revert_route(context, change, reason, size);
	case CHANGE_RULE:
		return revert_rule(context, change, reason, size);
	case CHANGE_SYSCTL:
		return revert_sysctl(change, reason, size);
	case CHANGE_GATEWAY:
	case CHANGE_KILLSWITCH:
	case CHANGE_MARKS:
	case CHANGE_FILTER:
		return revert_table(context, change, reason, size);
	case CHANGE_RESOLV_CONF:
		return revert_resolver(context, change, reason, size);
	case CHANGE_SYSTEMD_RESOLVED:
		return systemd_resolved_revert(&change->systemd_resolved,
					       reason, size);
	case CHANGE_DIRECTORY:
	case CHANGE_NETNS_MOUNT:
	case CHANGE_NETNS:
	case CHANGE_LOOPBACK:
		return change_netns_revert(context, change, reason, size);
	}
	snprintf(reason, size, "unknown kind of change");
	return -EINVAL;
}
