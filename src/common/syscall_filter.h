/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process gives up by itself, for good: system calls, and being looked
 * into. Which of them is for the process to say: syscall_groups.h. In builds
 * with sanitizers, whose runtime would not work on, all of this does nothing:
 * see src/local.mk.
 */
#ifndef MINIVPN_COMMON_SYSCALL_FILTER_H
#define MINIVPN_COMMON_SYSCALL_FILTER_H

/* It has the names alone: SCMP_SYS() is negative where there is no such call.
 */
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSCALL_FILTER_ARGUMENTS 3

enum syscall_filter_test { SYSCALL_FILTER_TEST_IS, SYSCALL_FILTER_TEST_LACKS };

/* Of the argument's lower 32 bits: all that an int has, and all flags. */
struct syscall_filter_argument {
	unsigned index; /* 0 to 5 */
	enum syscall_filter_test test;
	uint32_t value;
};

#define SYSCALL_FILTER_IS(index, value)                                        \
	{                                                                      \
		index, SYSCALL_FILTER_TEST_IS, (uint32_t)(value)               \
	}
#define SYSCALL_FILTER_LACKS(index, bits)                                      \
	{                                                                      \
		index, SYSCALL_FILTER_TEST_LACKS, (uint32_t)(bits)             \
	}

/* A call that is allowed where its arguments are right: all of them. */
struct syscall_filter_rule {
	int call;
	unsigned count;
	struct syscall_filter_argument arguments[SYSCALL_FILTER_ARGUMENTS];
};

/*
 * A closed list of system calls. Several rules of one call: one of them has to
 * hold. What is in no list fails with EPERM.
 */
struct syscall_filter_calls {
	const int *allowed;
	size_t allowed_count;
	const struct syscall_filter_rule *checked;
	size_t checked_count;
	const int *absent; /* ENOSYS: the C library knows another way */
	size_t absent_count;
	const int *deadly; /* only an attacker calls them: the process ends */
	size_t deadly_count;
};

struct filter;

/* Allows nothing yet. -ENOMEM. */
int syscall_filter_new(struct filter **filter);

/*
 * Adds to the filter; of a call that was added before, what was said first
 * counts, and all rules about its arguments. -E2BIG.
 */
int syscall_filter_add(struct filter *filter,
		       const struct syscall_filter_calls *calls);

/*
 * From now on, for this process and all that it forks; sets no_new_privs. Frees
 * filter. -errno: -ENOSYS or -EINVAL where the kernel, or we for this kind of
 * machine, have no filters (seccomp(2)).
 */
int syscall_filter_enter(struct filter *filter);

/* Of these functions' errors: the system has no filters, or forbids them. */
bool syscall_filter_unavailable(int err);

/* One that was not entered; NULL is allowed. */
void syscall_filter_free(struct filter *filter);

/*
 * A new one with these, in this order. *filter is NULL after an error: -ENOMEM,
 * -E2BIG.
 */
int syscall_filter_new_groups(struct filter **filter,
			      const struct syscall_filter_calls *const *groups,
			      size_t count);

/* Makes such a filter and enters it. -errno, as the two say. */
int syscall_filter_enter_groups(
	const struct syscall_filter_calls *const *groups, size_t count);

/* Neither core dumps nor debuggers but root's get at our memory. -errno. */
int syscall_filter_memory(void);

#endif
