/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stays outside of a client's tunnel: the networks that this host has
 * links in, and what Exclude names. Each is a throw in the tunnel's table.
 */
#ifndef MINIVPN_HOST_PLAN_OUTSIDE_H
#define MINIVPN_HOST_PLAN_OUTSIDE_H

#include "host/plan/routing.h"

/* A network that a link of this host is in, but for the tun and lo. */
struct plan_link {
	struct inet_prefix network; /* host bits cleared */
	unsigned index;
	bool reached; /* the kernel sends to neighbours in it by that link */
};

struct plan_links {
	struct plan_link *items;
	size_t count, capacity;
};

/* To be freed, also after an error. rtnl NULL: there are none to be seen. */
int plan_links_read(struct rtnl *rtnl, const char *device,
		    struct plan_links *links);
void plan_links_free(struct plan_links *links);

/* The one that covers prefix, or is covered by it; NULL. */
const struct plan_link *plan_links_find(const struct plan_links *links,
					const struct inet_prefix *prefix,
					bool covering);

/*
 * Is a network that a link is in this host's own? One that is public is
 * nobody's to claim by an address on a link, as whoever runs the network there
 * could take any (CVE-2023-36672), but where the file says so (all).
 */
bool plan_links_own(const struct inet_prefix *network, bool all);

/* Does one of them hold prefix, and keep it from the server? */
bool plan_links_keep(const struct plan_links *links,
		     const struct config *config,
		     const struct inet_prefix *prefix);

/* What the tunnel takes. */
struct plan_wanted {
	const struct inet_prefix *routes;
	size_t count;
	bool pushed; /* by the server: not to be trusted */
	bool all;    /* all of a family: then nothing may leave outside */
};

/*
 * Adds what stays outside of such a tunnel, private networks of our links and
 * what Exclude names, as throws at the end of list.
 */
int plan_outside(const struct config *config, const struct plan_wanted *wanted,
		 const struct plan_links *links,
		 const struct plan_routing *routing, struct change_list *list);

#endif
