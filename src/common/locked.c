/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/locked.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

void locked_keep(const void *secret, size_t size)
{
	(void)mlock(secret, size);
}

/*
 * The limit has room for small allocations, such as GnuTLS's of keys, and for
 * what functions have left on the stack. Libraries and large buffers hold no
 * secrets.
 */
static int lock_heap_and_stack(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t from, to;
	char line[512];
	int err = maps ? 0 : -errno;

	while (!err && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2 &&
		    (strstr(line, "[heap]") || strstr(line, "[stack]")))
			err = mlock((void *)from, to - from) < 0 ? -errno : 0;
	}
	if (maps)
		fclose(maps);
	return err;
}

int locked_keep_all(bool later)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit limit;
	/*
	 * MCL_ONFAULT leaves out what nobody has touched yet, most of all of
	 * libraries.
	 */
	int flags = MCL_CURRENT | MCL_ONFAULT | (later ? MCL_FUTURE : 0);

	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	/* Under a limit, memory that is asked for later would be refused. */
	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 ||
	    limit.rlim_cur != RLIM_INFINITY)
		return lock_heap_and_stack();
	return mlockall(flags) < 0 ? -errno : 0;
}
