/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changing a server's file as a careful person would: one at a time, all else
 * in it left as it is, the old or the new file there at any moment.
 */
#ifndef MINIVPN_CLI_SERVER_FILE_H
#define MINIVPN_CLI_SERVER_FILE_H

#include <sys/stat.h>

#include "common/config/config.h"
#include "common/config/include.h"
#include "common/reason.h"

/* A file that nobody else changes meanwhile. */
struct server_file_lock {
	char *path; /* the file itself, no symbolic link */
	int fd;
	struct stat status;
};

struct server_file {
	struct server_file_lock lock;
	struct include_text text; /* with a private key in it */
	struct config *config;
	struct reason reason; /* of the last -EINVAL */
};

/*
 * Opens, locks (waiting for others that hold it), reads and checks a server's
 * file. CLI_DONE, or CLI_FAILED after an error that names the command; file is
 * to be closed in both cases.
 */
int server_file_open(struct server_file *file, const char *command,
		     const char *file_or_name);
void server_file_close(struct server_file *file);

/*
 * Append a section's text; cut the section whose head is in a line, from the
 * included file that has it; or give a key of it, one that can't be given
 * twice, a whole line of text in the place of the one that it has, if any, or
 * none (""). The new text is on disk when they return 0. -EINVAL: it would not
 * be a right file, file->reason says why; -EBUSY: an included file was changed
 * meanwhile.
 */
int server_file_append(struct server_file *file, const char *section);
int server_file_cut(struct server_file *file, unsigned line);
int server_file_set(struct server_file *file, unsigned line, const char *key,
		    const char *text);

/*
 * Makes a file: complete on disk when this returns 0, else not there. like
 * NULL: a new one, 0600; -EEXIST where there is one. Else it replaces path,
 * with the owner and mode of like.
 */
int server_file_write(const char *path, const char *text, size_t length,
		      const struct stat *like);

#endif
