/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/kernel.h"

#include <stdio.h>
#include <sys/utsname.h>

bool kernel_version_damages_runs(const char *release)
{
	unsigned major = 0, minor = 0, patch = 0;

	if (sscanf(release, "%u.%u.%u", &major, &minor, &patch) < 2)
		return false;
	return major == 7 && (minor == 0 || (minor == 1 && patch <= 4));
}

bool kernel_damages_runs(void)
{
	struct utsname name;

	return uname(&name) == 0 && kernel_version_damages_runs(name.release);
}
