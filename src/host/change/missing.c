/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a change is still there: see change_missing() in change.h. */
#include <errno.h>
#include <string.h>

#include "host/change/namespace.h"

/* A link that is not set up has lost its routes, and its IPv6 addresses. */
static int link_missing(struct change_context *context,
			const struct change *change)
{
	struct rtnl_link link;
	int error = rtnl_link_read(context->rtnl, change->link.device, &link);

	if (error)
		return error;
	return !(link.flags & IFF_UP) ||
	       (change->link.mtu && change->link.mtu != link.mtu);
}

/* Under its name there may be another one by now. */
static int tun_missing(struct change_context *context,
		       const struct change *change)
{
	struct rtnl_link link;
	int error = rtnl_link_read(context->rtnl, change->link.device, &link);

	if (error)
		return error == -ENODEV ? 1 : error;
	return context->tun_index && link.index != context->tun_index;
}

/* has: as rtnl_route_has() and others answer. Gone with its device: gone. */
static int unless(int has)
{
	if (has == -ENODEV)
		return 1;
	return has < 0 ? has : !has;
}

static int table_missing(struct change_context *context,
			 const struct change *change)
{
	/* It was opened when the change was made. */
	if (!context->nft)
		return 0;
	if (change->kind == CHANGE_FILTER)
		return unless(nft_filter_has(context->nft, &change->filter));
	if (change->kind == CHANGE_MARKS)
		return unless(nft_marks_has(context->nft, &change->marks));
	if (change->kind == CHANGE_KILLSWITCH)
		return unless(
			nft_killswitch_has(context->nft, &change->killswitch));
	return unless(nft_gateway_has(context->nft, &change->gateway));
}

/*
 * As it was before us. A third value is what somebody has chosen, and stays; a
 * setting that was not to be written (value is before) is not looked after.
 */
static int sysctl_missing(const struct change *change)
{
	char now[SYSCTL_VALUE_SIZE];
	int error;

	if (strcmp(change->sysctl.value, change->sysctl.before) == 0)
		return 0;
	error = sysctl_read(change->sysctl.key, now, sizeof(now));
	/* Gone with its device. */
	if (error)
		return error == -ENOENT ? 0 : error;
	return strcmp(now, change->sysctl.before) == 0;
}

int change_missing(struct change_context *context, const struct change *change)
{
	int error = change_enter(context, change, NULL, 0);

	if (error)
		return error == -ENOENT ? 0 : error;
	switch (change->kind) {
	case CHANGE_TUN:
		return tun_missing(context, change);
	case CHANGE_LINK:
		return link_missing(context, change);
	case CHANGE_ADDRESS:
		return unless(rtnl_address_has(context->rtnl,
					       change->address.device,
					       &change->address.prefix));
	case CHANGE_ROUTE:
		return unless(rtnl_route_has(context->rtnl, &change->route));
	case CHANGE_RULE:
		return unless(rtnl_rule_has(context->rtnl, &change->rule));
	case CHANGE_GATEWAY:
	case CHANGE_KILLSWITCH:
	case CHANGE_MARKS:
	case CHANGE_FILTER:
		return table_missing(context, change);
	case CHANGE_SYSCTL:
		return sysctl_missing(change);
	case CHANGE_RESOLV_CONF:
	case CHANGE_SYSTEMD_RESOLVED:
	case CHANGE_DIRECTORY:
	case CHANGE_NETNS_MOUNT:
	case CHANGE_NETNS:
	case CHANGE_LOOPBACK:
		break;
	}
	return 0;
}
