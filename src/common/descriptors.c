/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/descriptors.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int descriptors_close_others(const int *keep, unsigned count)
{
	int sorted[64], next = 3;

	if (count > sizeof(sorted) / sizeof(*sorted))
		return -E2BIG;
	for (unsigned i = 0; i < count; i++)
		sorted[i] = keep[i];
	qsort(sorted, count, sizeof(*sorted), compare_fds);
	for (unsigned i = 0; i < count; i++) {
		if (sorted[i] < next)
			continue;
		if (sorted[i] > next &&
		    close_range((unsigned)next, (unsigned)sorted[i] - 1, 0))
			return -errno;
		next = sorted[i] + 1;
	}
	return close_range((unsigned)next, ~0U, 0) ? -errno : 0;
}
