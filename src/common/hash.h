/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uthash, with one answer to a lack of memory for the whole program: an entry
 * is not added, and the table stays as it was. Without HASH_NONFATAL_OOM uthash
 * ends the process, and which of the two it does depends on what was defined
 * where it is included first: so nothing else may include it. It is a header of
 * macros alone, and has no data of its own.
 */
#ifndef MINIVPN_COMMON_HASH_H
#define MINIVPN_COMMON_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/*
 * Was this entry added? To be asked after each HASH_ADD: an entry that was not
 * is in no table, and is still its maker's to free.
 */
#define HASH_ADDED(entry) ((entry)->hh.tbl != NULL)

#endif
