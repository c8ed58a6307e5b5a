/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket alone: what is asked by it is in link.c, address.c and so on. */
#include "host/kernel/rtnl.h"

#include <errno.h>
#include <stdlib.h>

#include "host/kernel/rtnl_internal.h"

int rtnl_open(struct rtnl **rtnl)
{
	struct rtnl *new = calloc(1, sizeof(*new));
	int err;

	if (!new)
		return -ENOMEM;
	err = netlink_open(&new->netlink, NETLINK_ROUTE);
	if (err) {
		free(new);
		return err;
	}
	*rtnl = new;
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (!rtnl)
		return;
	netlink_close(&rtnl->netlink);
	free(rtnl);
}

const char *rtnl_reason(const struct rtnl *rtnl)
{
	return rtnl->netlink.reason;
}
