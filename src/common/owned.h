/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose a directory is: what root finds in one that others can change or
 * replace, a journal to undo or a socket to ask, is theirs to say.
 */
#ifndef MINIVPN_COMMON_OWNED_H
#define MINIVPN_COMMON_OWNED_H

#include "common/reason.h"

/*
 * 0 where nobody but root and the caller can change path, a directory, or put
 * another in its place: neither it, nor a directory or symbolic link on the way
 * to it. In a directory with the sticky bit that is so for each entry's owner.
 * -EPERM: somebody can, which reason says with what to do about it. -ENOENT:
 * nobody can, but it is missing. -ENOTDIR, or what lstat(2) says.
 */
int owned_check(const char *path, struct reason *reason);

#endif
