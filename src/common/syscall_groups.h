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
 * The call that maps memory. i386 has another one of this name, whose arguments
 * are in memory, where a filter can't read them: it is in no list.
 */
#ifdef __NR_mmap2
#define SYSCALL_GROUPS_MMAP SCMP_SYS(mmap2)
#else
#define SYSCALL_GROUPS_MMAP SCMP_SYS(mmap)
#endif

/*
 * A rule that allows one of the calls of sockets as i386 has them: by number
 * (linux/net.h), with the arguments in memory. So there a filter tells these
 * calls apart, but not what they are asked for.
 */
#define SYSCALL_GROUPS_SOCKETCALL(number)                                      \
	{                                                                      \
		SCMP_SYS(socketcall), 1,                                       \
		{                                                              \
			SYSCALL_FILTER_IS(0, number)                           \
		}                                                              \
	}

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
