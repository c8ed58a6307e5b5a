/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's name servers: /etc/resolv.conf replaced whole by ours, the
 * original (file or symbolic link) kept beside it and put back unless somebody
 * else has written the file meanwhile.
 */
#ifndef MINIVPN_HOST_DNS_RESOLV_CONF_H
#define MINIVPN_HOST_DNS_RESOLV_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config/config.h"
#include "common/inet.h"
#include "common/reason.h"
#include "host/dns/resolv_conf_text.h"

#define RESOLV_CONF_PATH "/etc/resolv.conf"

/*
 * path is "/etc/resolv.conf" but in tests. Replaced atomically; written in
 * place, with the original inside as comments, where it is a mount point (ip
 * netns exec) or its directory can't be written. -EEXIST where ours or another
 * tunnel's is there already; -EINVAL for values that have no place in such a
 * file, and where path is no file; -EFBIG.
 */
int resolv_conf_apply(const char *path, const struct resolv_conf *resolv_conf);

/*
 * 0 also where nothing was applied. 1 where somebody else has replaced the
 * file since: theirs stays, the original that was kept is dropped. After a
 * kill at any moment of either function this finds the way back. -ENOENT,
 * -EBADMSG: ours is there, but the original beside it or in it is lost.
 */
int resolv_conf_revert(const char *path, const struct resolv_conf *resolv_conf);

/*
 * As resolv_conf_revert() for tunnel name, of whose changes nothing is known
 * any more: /run is empty after a loss of power, but this file is on disk. The
 * tunnel must not be up. 0: there was nothing to do. 1: the original is
 * back. 2: somebody else has written or edited the file since: that stays,
 * without our mark, and the original that was kept is dropped. -errno as there.
 */
int resolv_conf_heal(const char *path, const char *name);

/*
 * The tunnels whose mark the file bears, or that have an original beside it, up
 * to size of them; their number.
 */
size_t resolv_conf_owners(const char *path, char names[][CONFIG_NAME_SIZE],
			  size_t size);

/*
 * 1: ours is there as it was made. 0: somebody else's file is there, or none,
 * or ours with lines that somebody else has edited. -errno.
 */
int resolv_conf_is_applied(const char *path,
			   const struct resolv_conf *resolv_conf);

/*
 * Why the file could not be written and what to do about it, one line for the
 * user. It reads the file's state once more.
 */
void resolv_conf_explain(const char *path, int error, struct reason *reason);

/* Where the original is: beside the file while ours replaces it, else path. */
int resolv_conf_original_path(const char *path, const char *name,
			      char *original, size_t size);

/*
 * The name servers of the file as it would be without ours; their number, or
 * -errno. Link-local addresses are passed over: these need a scope.
 */
int resolv_conf_original_servers(const char *path, const char *name,
				 struct inet_address *servers, size_t size);

/*
 * Of a file that is not ours: the first server with a scope ("fe80::1%eth0"),
 * which is always asked by that link. 1, 0: there is none, or -errno.
 */
int resolv_conf_find_scoped(const char *path, char *text, size_t size);

#endif
