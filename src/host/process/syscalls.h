/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls of the host process, of the janitor, of the launcher and of
 * a child of that that resolves names. For confine.c.
 */
#ifndef MINIVPN_HOST_PROCESS_SYSCALLS_H
#define MINIVPN_HOST_PROCESS_SYSCALLS_H

#include <sys/types.h>

#include "common/seccomp.h"
#include "host/process/user.h"

/* Each as syscall_filter_enter(). */
int syscalls_host(void);
int syscalls_lookup(void);
int syscalls_janitor(void);
/* users: whom it may become. */
int syscalls_launcher(const struct user *users, size_t count);

#endif
