/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Built --without-systemd: nobody answers. */
#include <errno.h>
#include <stdio.h>

#include "host/dns/systemd_resolved.h"

bool resolved_answers(void)
{
	return false;
}

int resolved_apply(const struct resolved_link *link, char *reason, size_t size)
{
	snprintf(reason, size,
		 "%s: this minivpn was built without systemd-resolved",
		 link->device);
	return -EOPNOTSUPP;
}

int resolved_revert(const struct resolved_link *link, char *reason, size_t size)
{
	(void)link;
	(void)reason;
	(void)size;
	return 0;
}

int resolved_in_force(const struct resolved_link *link)
{
	(void)link;
	return -EOPNOTSUPP;
}

int resolved_watch_start(struct resolved_watch **watch, struct ev_loop *loop,
			 resolved_changed changed, void *owner)
{
	(void)loop;
	(void)changed;
	(void)owner;
	*watch = NULL;
	return -EOPNOTSUPP;
}

void resolved_watch_stop(struct resolved_watch *watch)
{
	(void)watch;
}
