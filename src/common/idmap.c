/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/idmap.h"

#include <stdio.h>

/* A kernel without user namespaces has no such file, and every user. */
static bool has(const char *path, unsigned id)
{
	FILE *map = fopen(path, "re");
	unsigned first, outside, count;
	bool found = !map;

	while (map && fscanf(map, "%u %u %u", &first, &outside, &count) == 3)
		found |= id >= first && id - first < count;
	if (map)
		fclose(map);
	return found;
}

bool idmap_has_user(uid_t uid)
{
	return has("/proc/self/uid_map", uid);
}

bool idmap_has_group(gid_t gid)
{
	return has("/proc/self/gid_map", gid);
}
