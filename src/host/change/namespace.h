/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes about and in another network namespace. Only for change*.c. */
#ifndef MINIVPN_HOST_CHANGE_NAMESPACE_H
#define MINIVPN_HOST_CHANGE_NAMESPACE_H

#include "host/change/change.h"

/* Of the kinds from CHANGE_DIRECTORY on; as change_apply(), change_revert(). */
int change_netns_apply(struct change_context *context,
		       const struct change *change, char *reason, size_t size);
int change_netns_revert(struct change_context *context,
			const struct change *change, char *reason, size_t size);

/* Where the change needs it, change_context_enter(), with a reason. */
int change_enter(struct change_context *context, const struct change *change,
		 char *reason, size_t size);

/* A tun device in context->place, its descriptor in context->tun_fd. */
int change_tun_inside(struct change_context *context, const char *device);

/* The file of the change: buffer, or what stays with context. */
const char *change_resolv_conf_path(const struct change_context *context,
				    const struct change *change,
				    char buffer[NETNS_PATH_SIZE]);

/*
 * Between a change as it is printed for our own namespace and the same in
 * another one, word for word; the first gives -ENOSPC, -EINVAL.
 */
int change_place_put(const struct change *change, char *text, size_t size);
int change_place_take(const char *text, struct netns *place,
		      char plain[CHANGE_TEXT_SIZE]);

/* Nothing but these is ours to make. */
bool change_directory_valid(const char *directory);

#endif
