/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This is the table of the kinds of changes. */
#include "host/change/change_internal.h"

#include <assert.h>

const struct change_operations *change_operations(enum change_kind kind)
{
	static const struct change_operations *const kinds[CHANGE_KINDS] = {
		[CHANGE_TUN] = &change_tun,
		[CHANGE_LINK] = &change_link,
		[CHANGE_ADDRESS] = &change_address,
		[CHANGE_ROUTE] = &change_route,
		[CHANGE_RULE] = &change_rule,
		[CHANGE_SYSCTL] = &change_sysctl,
		[CHANGE_GATEWAY] = &change_gateway,
		[CHANGE_KILLSWITCH] = &change_killswitch,
		[CHANGE_MARKS] = &change_marks,
		[CHANGE_FILTER] = &change_filter,
		[CHANGE_REDIRECT] = &change_redirect,
		[CHANGE_RESOLV_CONF] = &change_resolv_conf,
		[CHANGE_SYSTEMD_RESOLVED] = &change_systemd_resolved,
		[CHANGE_DIRECTORY] = &change_directory,
		[CHANGE_NETNS_MOUNT] = &change_netns_mount,
		[CHANGE_NETNS] = &change_netns,
		[CHANGE_LOOPBACK] = &change_loopback,
	};

	assert(kind < CHANGE_KINDS);
	return kinds[kind];
}
