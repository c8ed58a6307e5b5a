/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter is assembled here and not by libseccomp: version 2.5 of that,
 * where an allocation fails, loads a part of the filter and reports success, or
 * never returns. This one allocates once.
 */
#include "common/syscall_filter.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The same number means another call on another machine, so that its calls are
 * all refused.
 */
#if defined(__x86_64__) && !defined(__ILP32__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define MACHINE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define MACHINE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#else
#define MACHINE 0
#endif

/*
 * Calls of the x32 ABI, which x86-64 kernels have as well, bear this bit
 * (syscall(2)).
 */
#define X32_CALLS 0x40000000u

#define LENGTH_MAX 1024

struct filter {
	struct sock_filter code[LENGTH_MAX];
	unsigned length; /* may be past LENGTH_MAX: then it is too long */
};

static void put(struct filter *filter, unsigned code, uint32_t value,
		unsigned if_true, unsigned if_false)
{
	if (filter->length < LENGTH_MAX)
		filter->code[filter->length] = (struct sock_filter){
			.code = (uint16_t)code,
			.jt = (uint8_t)if_true,
			.jf = (uint8_t)if_false,
			.k = value,
		};
	filter->length++;
}

static void put_load(struct filter *filter, size_t offset)
{
	put(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void put_load_call(struct filter *filter)
{
	put_load(filter, offsetof(struct seccomp_data, nr));
}

static void put_return(struct filter *filter, uint32_t action)
{
	put(filter, BPF_RET | BPF_K, action, 0, 0);
}

static void put_list(struct filter *filter, uint32_t action, const int *list,
		     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i] < 0)
			continue;
		put(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)list[i], 0, 1);
		put_return(filter, action);
	}
}

/*
 * Where it fails it jumps past the tests that are left, of two lines each, and
 * "allowed".
 */
static void put_test(struct filter *filter,
		     const struct syscall_filter_argument *argument,
		     unsigned left)
{
	size_t offset = offsetof(struct seccomp_data, args) +
			argument->index * sizeof(uint64_t);
	unsigned past = 2 * left + 1;

	if (__BYTE_ORDER == __BIG_ENDIAN)
		offset += sizeof(uint32_t);
	put_load(filter, offset);
	if (argument->test == SYSCALL_FILTER_TEST_IS)
		put(filter, BPF_JMP | BPF_JEQ | BPF_K, argument->value, 0,
		    past);
	else
		put(filter, BPF_JMP | BPF_JSET | BPF_K, argument->value, past,
		    0);
}

static void put_rule(struct filter *filter,
		     const struct syscall_filter_rule *rule)
{
	if (rule->call < 0)
		return;
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->call, 0,
	    2 * rule->count + 2);
	for (unsigned i = 0; i < rule->count; i++)
		put_test(filter, &rule->arguments[i], rule->count - 1 - i);
	put_return(filter, SECCOMP_RET_ALLOW);
	/* The tests have overwritten the number of the call. */
	put_load_call(filter);
}

int syscall_filter_new(struct filter **filter)
{
	struct filter *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	put_load(new, offsetof(struct seccomp_data, arch));
	put(new, BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0);
	put_return(new, SECCOMP_RET_KILL_PROCESS);
	put_load_call(new);
	if (MACHINE == AUDIT_ARCH_X86_64) {
		put(new, BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1);
		put_return(new, SECCOMP_RET_KILL_PROCESS);
	}
	*filter = new;
	return 0;
}

int syscall_filter_add(struct filter *filter,
		       const struct syscall_filter_calls *calls)
{
	put_list(filter, SECCOMP_RET_ALLOW, calls->allowed,
		 calls->allowed_count);
	for (size_t i = 0; i < calls->checked_count; i++)
		put_rule(filter, &calls->checked[i]);
	put_list(filter, SECCOMP_RET_ERRNO | ENOSYS, calls->absent,
		 calls->absent_count);
	put_list(filter, SECCOMP_RET_KILL_PROCESS, calls->deadly,
		 calls->deadly_count);
	return filter->length < LENGTH_MAX ? 0 : -E2BIG;
}

int syscall_filter_enter(struct filter *filter)
{
	struct sock_fprog program = {.filter = filter->code};
	int err = 0;

	put_return(filter, SECCOMP_RET_ERRNO | EPERM);
	program.len = (unsigned short)filter->length;
	if (!MACHINE)
		err = -ENOSYS;
	else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		 syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		err = -errno;
	syscall_filter_free(filter);
	return err;
}

bool syscall_filter_unavailable(int err)
{
	return err == -ENOSYS || err == -EINVAL || err == -EPERM;
}

void syscall_filter_free(struct filter *filter)
{
	free(filter);
}

int syscall_filter_new_groups(struct filter **filter,
			      const struct syscall_filter_calls *const *groups,
			      size_t count)
{
	int err = syscall_filter_new(filter);

	if (err) {
		*filter = NULL;
		return err;
	}
	for (size_t i = 0; !err && i < count; i++)
		err = syscall_filter_add(*filter, groups[i]);
	if (err) {
		syscall_filter_free(*filter);
		*filter = NULL;
	}
	return err;
}

int syscall_filter_enter_groups(
	const struct syscall_filter_calls *const *groups, size_t count)
{
	struct filter *filter;
	int err = syscall_filter_new_groups(&filter, groups, count);

	return err ? err : syscall_filter_enter(filter);
}

int syscall_filter_memory(void)
{
	const struct rlimit none = {0, 0};

	/*
	 * The limit alone would not do: a core_pattern with a pipe ignores it
	 * (core(5)).
	 */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return 0;
}
