/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls of the host process, of a child of it that resolves names,
 * of the janitor and of the nursery. For confine.c.
 */
#ifndef MINIVPN_HOST_CONFINE_CALLS_H
#define MINIVPN_HOST_CONFINE_CALLS_H

#include <sys/types.h>

#include "common/harden.h"

/* Each as harden_enter(). */
int confine_calls_host(void);
int confine_calls_resolver(void);
int confine_calls_janitor(void);
int confine_calls_nursery(uid_t uid, gid_t gid);

#endif
