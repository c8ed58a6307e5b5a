/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the tunnel process may go, and which system calls it may make. */
#ifndef MINIVPN_TUNNEL_SANDBOX_CONFINE_H
#define MINIVPN_TUNNEL_SANDBOX_CONFINE_H

#include "tunnel/arguments.h"

/*
 * Standard output and error lead nowhere from now on: with --foreground they
 * are root's terminal, which can be read as well as written to. -errno.
 */
int sandbox_confine_output(void);

/*
 * The root directory is from now on one that is empty, and belongs to nobody:
 * nothing can be made in it either. Needs CAP_SYS_CHROOT and /proc. -errno.
 */
int sandbox_confine_root(void);

/* Bounds of memory, descriptors, processes, files (setrlimit(2)). -errno. */
int sandbox_confine_resources(const struct config *config);

/* sandbox_raise_memory() */
int sandbox_confine_memory(pid_t pid, const struct config *config);

/*
 * From now on every system call but those of the loop fails with EPERM, and
 * those that only an attacker would make end the process. Needs no_new_privs.
 * -errno: -ENOSYS or -EINVAL where the kernel has no filters (seccomp(2)).
 */
int sandbox_confine_calls(const struct tunnel_arguments *arguments);

#endif
