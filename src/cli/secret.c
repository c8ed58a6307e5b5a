/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

void secret_warn(const char *command)
{
	struct stat status;

	if (!fstat(STDOUT_FILENO, &status) && S_ISREG(status.st_mode) &&
	    status.st_mode & (S_IRWXG | S_IRWXO))
		cli_error("%s: warning: a private key goes to a file that "
			  "others can read: chmod 600 it, or umask 077 first",
			  command);
}

int secret_flush(const char *command)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return CLI_DONE;
	return cli_error("%s: standard output: %s", command,
			 strerror(errno ? errno : EIO));
}
