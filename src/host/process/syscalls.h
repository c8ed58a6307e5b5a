/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls of the host process, of the janitor, of the nursery and of a
 * child of that that resolves names. For confine.c.
 */
#ifndef MINIVPN_HOST_PROCESS_SYSCALLS_H
#define MINIVPN_HOST_PROCESS_SYSCALLS_H

#include <sys/types.h>

#include "common/seccomp.h"
#include "host/process/user.h"

/* Each as harden_enter(). */
int confine_calls_host(void);
int confine_calls_resolver(void);
int confine_calls_janitor(void);
/* users: whom it may become. */
int confine_calls_nursery(const struct user *users, size_t count);

#endif
