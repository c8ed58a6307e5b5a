/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sanitizers make calls of their own, so that a build with them has no filter:
 * see src/local.mk.
 */
#include "common/syscall_filter.h"

int syscall_filter_new(struct filter **filter)
{
	*filter = NULL;
	return 0;
}

int syscall_filter_add(struct filter *filter,
		       const struct syscall_filter_calls *calls)
{
	(void)filter;
	(void)calls;
	return 0;
}

int syscall_filter_enter(struct filter *filter)
{
	(void)filter;
	return 0;
}

bool syscall_filter_unavailable(int err)
{
	(void)err;
	return false;
}

void syscall_filter_free(struct filter *filter)
{
	(void)filter;
}

int syscall_filter_new_groups(struct filter **filter,
			      const struct syscall_filter_calls *const *groups,
			      size_t count)
{
	(void)groups;
	(void)count;
	return syscall_filter_new(filter);
}

int syscall_filter_enter_groups(
	const struct syscall_filter_calls *const *groups, size_t count)
{
	(void)groups;
	(void)count;
	return 0;
}

int syscall_filter_memory(void)
{
	return 0;
}
