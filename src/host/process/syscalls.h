/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls of the host process, the janitor, the launcher and the
 * look-up process. The tunnel process has its own: tunnel/sandbox_confine.c.
 */
#ifndef MINIVPN_HOST_PROCESS_SYSCALLS_H
#define MINIVPN_HOST_PROCESS_SYSCALLS_H

#include <sys/types.h>

#include "common/syscall_filter.h"
#include "host/process/user.h"

/* Each as syscall_filter_enter_groups(). */
int syscalls_host(void);
int syscalls_janitor(void);
/*
 * For a child of the launcher, whose filter it has too: it uses what it was
 * given open, and opens no file, makes no socket nor leads one elsewhere, and
 * speaks to no process.
 */
int syscalls_lookup(void);
/* users: whom it may become. */
int syscalls_launcher(const struct user *users, size_t count);

#endif
