/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/locked.h"

static char output[BUFSIZ];

void secret_keep(void)
{
	/*
	 * A user may have a limit, which is borne: what is made here does not
	 * live for long.
	 */
	locked_keep_all(true);
}

void secret_begin(const char *command)
{
	struct stat status;

	setvbuf(stdout, output, _IOFBF, sizeof(output));
	if (!fstat(STDOUT_FILENO, &status) && S_ISREG(status.st_mode) &&
	    status.st_mode & (S_IRWXG | S_IRWXO))
		cli_error("%s: warning: a private key goes to a file that "
			  "others can read: chmod 600 it, or umask 077 first",
			  command);
}

int secret_flush(const char *command)
{
	int error;

	errno = 0;
	error = fflush(stdout) || ferror(stdout) ? errno ? errno : EIO : 0;
	explicit_bzero(output, sizeof(output));
	return error ? cli_error("%s: standard output: %s", command,
				 strerror(error))
		     : CLI_DONE;
}
