/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells when somebody may have written resolv.conf, or put another file in its
 * place. What it is now, and whose, is for the one who is told to find out.
 */
#ifndef MINIVPN_HOST_DNS_RESOLV_CONF_WATCH_H
#define MINIVPN_HOST_DNS_RESOLV_CONF_WATCH_H

#include <ev.h>

struct resolv_conf_watch;
typedef void (*resolv_conf_changed)(void *owner);

/*
 * path must stay. changed is called a moment after the last event of a burst:
 * other programs write in several steps. -ENOMEM, or as inotify(7).
 */
int resolv_conf_watch_start(struct resolv_conf_watch **watch,
			    struct ev_loop *loop, const char *path,
			    resolv_conf_changed changed, void *owner);
/* NULL is allowed. */
void resolv_conf_watch_stop(struct resolv_conf_watch *watch);

#endif
