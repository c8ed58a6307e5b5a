/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In a build --without-systemd nobody answers. */
#include <errno.h>
#include <stdio.h>

#include "host/dns/systemd_resolved.h"

#include "common/reason.h"

bool systemd_resolved_answers(void)
{
	return false;
}

int systemd_resolved_apply(const struct systemd_resolved_link *link,
			   struct reason *reason)
{
	reason_set(reason,
		   "%s: this minivpn was built without systemd-resolved",
		   link->device);
	return -EOPNOTSUPP;
}

int systemd_resolved_revert(const struct systemd_resolved_link *link,
			    struct reason *reason)
{
	(void)link;
	(void)reason;
	(void)size;
	return 0;
}

int systemd_resolved_is_applied(const struct systemd_resolved_link *link)
{
	(void)link;
	return -EOPNOTSUPP;
}

int systemd_resolved_watch_start(struct systemd_resolved_watch **watch,
				 struct ev_loop *loop,
				 systemd_resolved_changed changed, void *owner)
{
	(void)loop;
	(void)changed;
	(void)owner;
	*watch = NULL;
	return -EOPNOTSUPP;
}

void systemd_resolved_watch_stop(struct systemd_resolved_watch *watch)
{
	(void)watch;
}
