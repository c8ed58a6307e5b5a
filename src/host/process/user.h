/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom processes without privileges become. Those of one user can signal each
 * other, and more where they don't defend themselves, so that each sort has one
 * of its own: the system's user minivpn, where a package has made it, or else a
 * number that nobody has, as DynamicUser= of systemd.exec(5) does it.
 */
#ifndef MINIVPN_HOST_PROCESS_USER_H
#define MINIVPN_HOST_PROCESS_USER_H

#include <sys/types.h>

/* Of the same number as a user of USER_FIRST to USER_LAST is its group. */
#define USER_FIRST 61184
#define USER_LAST  65519

struct user {
	uid_t uid;
	gid_t gid;
};

/* The tunnel process's. */
struct user user_of_tunnel(void);

/*
 * One that is neither in the system's list nor any process's, nor taken; nobody
 * (65534) where this user namespace has none of those.
 */
struct user user_unused(uid_t taken);

#endif
