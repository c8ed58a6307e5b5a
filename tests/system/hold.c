/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holds a host of the lab: a network namespace, and a mount namespace with an
 * empty /etc, until standard input ends. It is a program of its own, and a
 * static one, as a host is made for every test, four times: unshare(1),
 * mount(8) and a shell would take most of the time of a short one.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(void)
{
	static const char ready[] = "ready\n";
	char nothing;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return fail("unshare");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail("/ private");
	if (mount("tmpfs", "/etc", "tmpfs", 0, "mode=755") < 0)
		return fail("/etc");
	if (write(STDOUT_FILENO, ready, sizeof(ready) - 1) < 0)
		return fail("write");
	while (read(STDIN_FILENO, &nothing, 1) > 0)
		continue;
	return 0;
}
