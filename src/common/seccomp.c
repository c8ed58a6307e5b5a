/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter is assembled here and not by libseccomp: version 2.5 of that,
 * where an allocation fails, loads a part of the filter and reports success, or
 * never returns. This one allocates once.
 */
#include "common/seccomp.h"

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

/* Where a number is that of another machine's calls, it means another call. */
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

/* The calls of the x32 ABI, which x86-64 kernels have as well (syscall(2)). */
#define X32_CALLS 0x40000000u

#define LENGTH_MAX 1024

struct harden {
	struct sock_filter code[LENGTH_MAX];
	unsigned length; /* may be past LENGTH_MAX: then it is too long */
};

static void put(struct harden *harden, unsigned code, uint32_t value,
		unsigned if_true, unsigned if_false)
{
	if (harden->length < LENGTH_MAX)
		harden->code[harden->length] = (struct sock_filter){
			.code = (uint16_t)code,
			.jt = (uint8_t)if_true,
			.jf = (uint8_t)if_false,
			.k = value,
		};
	harden->length++;
}

static void put_load(struct harden *harden, size_t offset)
{
	put(harden, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void put_load_call(struct harden *harden)
{
	put_load(harden, offsetof(struct seccomp_data, nr));
}

static void put_return(struct harden *harden, uint32_t action)
{
	put(harden, BPF_RET | BPF_K, action, 0, 0);
}

static void put_list(struct harden *harden, uint32_t action, const int *list,
		     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i] < 0)
			continue;
		put(harden, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)list[i], 0, 1);
		put_return(harden, action);
	}
}

/* Past the tests that are left, of two lines each, and "allowed". */
static void put_test(struct harden *harden,
		     const struct harden_argument *argument, unsigned left)
{
	size_t offset = offsetof(struct seccomp_data, args) +
			argument->index * sizeof(uint64_t);
	unsigned past = 2 * left + 1;

	if (__BYTE_ORDER == __BIG_ENDIAN)
		offset += sizeof(uint32_t);
	put_load(harden, offset);
	if (argument->test == HARDEN_TEST_IS)
		put(harden, BPF_JMP | BPF_JEQ | BPF_K, argument->value, 0,
		    past);
	else
		put(harden, BPF_JMP | BPF_JSET | BPF_K, argument->value, past,
		    0);
}

static void put_rule(struct harden *harden, const struct harden_rule *rule)
{
	if (rule->call < 0)
		return;
	put(harden, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->call, 0,
	    2 * rule->count + 2);
	for (unsigned i = 0; i < rule->count; i++)
		put_test(harden, &rule->arguments[i], rule->count - 1 - i);
	put_return(harden, SECCOMP_RET_ALLOW);
	/* What the tests have overwritten. */
	put_load_call(harden);
}

int harden_new(struct harden **harden)
{
	struct harden *new = calloc(1, sizeof(*new));

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
	*harden = new;
	return 0;
}

int harden_add(struct harden *harden, const struct harden_calls *calls)
{
	put_list(harden, SECCOMP_RET_ALLOW, calls->allowed,
		 calls->allowed_count);
	for (size_t i = 0; i < calls->checked_count; i++)
		put_rule(harden, &calls->checked[i]);
	put_list(harden, SECCOMP_RET_ERRNO | ENOSYS, calls->absent,
		 calls->absent_count);
	put_list(harden, SECCOMP_RET_KILL_PROCESS, calls->deadly,
		 calls->deadly_count);
	return harden->length < LENGTH_MAX ? 0 : -E2BIG;
}

int harden_enter(struct harden *harden)
{
	struct sock_fprog program = {.filter = harden->code};
	int err = 0;

	put_return(harden, SECCOMP_RET_ERRNO | EPERM);
	program.len = (unsigned short)harden->length;
	if (!MACHINE)
		err = -ENOSYS;
	else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		 syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		err = -errno;
	harden_free(harden);
	return err;
}

bool harden_unavailable(int err)
{
	return err == -ENOSYS || err == -EINVAL || err == -EPERM;
}

void harden_free(struct harden *harden)
{
	free(harden);
}

int harden_memory(void)
{
	const struct rlimit none = {0, 0};

	/* A core_pattern with a pipe passes over the limit (core(5)). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return 0;
}
