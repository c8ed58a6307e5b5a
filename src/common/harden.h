/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process gives up by itself, for good: system calls, and being looked
 * into. Which of them is for the process to say (tunnel/sandbox_confine.c,
 * host/confine.c). In builds with sanitizers, whose runtime would not work on,
 * both do nothing: see src/local.mk.
 */
#ifndef MINIVPN_COMMON_HARDEN_H
#define MINIVPN_COMMON_HARDEN_H

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>

#define HARDEN_ARGUMENTS 3

/* Of argument 0 to 5: it is this, as an int; it has none of these bits. */
#define HARDEN_IS(argument, value)                                             \
	{                                                                      \
		argument, SCMP_CMP_EQ, (uint32_t)(value), 0                    \
	}
#define HARDEN_LACKS(argument, bits)                                           \
	{                                                                      \
		argument, SCMP_CMP_MASKED_EQ, bits, 0                          \
	}

/* A call that is allowed where its arguments are right: all of them. */
struct harden_rule {
	int call;
	unsigned count;
	struct scmp_arg_cmp arguments[HARDEN_ARGUMENTS];
};

/*
 * A closed list of system calls. Several rules of one call: one of them has to
 * hold. What is in no list fails with EPERM.
 */
struct harden_calls {
	const int *allowed;
	size_t allowed_count;
	const struct harden_rule *checked;
	size_t checked_count;
	const int *absent; /* ENOSYS: the C library knows another way */
	size_t absent_count;
	const int *deadly; /* only an attacker calls them: the process ends */
	size_t deadly_count;
};

struct harden;

/* -ENOMEM. */
int harden_new(struct harden **harden);

/* Adds to what is allowed. Each call is in one kind of list only. -errno. */
int harden_add(struct harden *harden, const struct harden_calls *calls);

/*
 * From now on, for this process and all that it forks; sets no_new_privs. Frees
 * harden. -errno: -ENOSYS or -EINVAL where the kernel has no filters
 * (seccomp(2)); -ENOMEM where it may be in force in part.
 */
int harden_enter(struct harden *harden);

/* Of these functions' errors: the system has no filters, or forbids them. */
bool harden_unavailable(int err);

/* Neither core dumps nor debuggers but root's get at our memory. -errno. */
int harden_memory(void);

#endif
