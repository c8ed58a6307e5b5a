/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that is not written to swap, for keys. It is bounded (RLIMIT_MEMLOCK)
 * but for root, and what is forked has to ask for it again.
 */
#ifndef MINIVPN_COMMON_LOCKED_H
#define MINIVPN_COMMON_LOCKED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A small secret, with what else is in its pages; where the limit does not
 * allow it, it is done without.
 */
void locked_keep(const void *secret, size_t size);

/*
 * For copies that libraries make: all that is in memory now, and where later is
 * set, all that will be. Root lifts the limit for that, for what it forks as
 * well; where that is not to be had, what is in the heap and on the stack now.
 * -errno: not even that.
 */
int locked_keep_all(bool later);

#endif
