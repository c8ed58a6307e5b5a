/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups of system calls that more than one process of ours may make. What one
 * of them has alone is in its own list: host/process/syscalls.c,
 * tunnel/sandbox_confine.c.
 */
#ifndef MINIVPN_COMMON_SYSCALL_GROUPS_H
#define MINIVPN_COMMON_SYSCALL_GROUPS_H

#include "common/syscall_filter.h"

/*
 * What every process needs that computes, reads and writes what it has open,
 * waits, and ends: memory that is not code, the time, random numbers.
 */
extern const struct syscall_filter_calls syscall_group_basic;

/* An event loop over sockets, timers and descriptors that are there already. */
extern const struct syscall_filter_calls syscall_group_loop;

/* Nothing of ours, nor of a library of ours, makes these: the process ends. */
extern const struct syscall_filter_calls syscall_group_deadly;

#endif
