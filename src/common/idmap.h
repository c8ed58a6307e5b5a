/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which users and groups this user namespace has (user_namespaces(7)). */
#ifndef MINIVPN_COMMON_IDMAP_H
#define MINIVPN_COMMON_IDMAP_H

#include <stdbool.h>
#include <sys/types.h>

bool idmap_has_user(uid_t uid);
bool idmap_has_group(gid_t gid);

#endif
