/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a new process inherits, and must not keep. */
#ifndef MINIVPN_COMMON_DESCRIPTORS_H
#define MINIVPN_COMMON_DESCRIPTORS_H

/*
 * Closes every descriptor from 3 up that is not in keep (negative ones are
 * passed over). -E2BIG, or as close_range(2).
 */
int descriptors_close_others(const int *keep, unsigned count);

#endif
