/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file and those that it includes as one text, whose lines are counted
 * through; and back from such a number to a file and its line. That one text is
 * what goes to processes that can open no files. Not for what the lines mean.
 */
#ifndef MINIVPN_COMMON_CONFIG_INCLUDE_H
#define MINIVPN_COMMON_CONFIG_INCLUDE_H

#include <stddef.h>
#include <sys/stat.h>

/* More than there can be peers. */
#define INCLUDE_FILES_MAX (1 << 17)

struct include_file {
	char *path;	       /* as it was opened */
	size_t offset, length; /* of its text, without what was put behind */
	unsigned first;	       /* its first line's number */
	struct stat status;
	/* Of the first secret in it; 0 and NULL: there is none. */
	unsigned secret_line;
	const char *secret_key;
};

/* All zero: nothing is read yet. */
struct include_text {
	char *text; /* with secrets in it; a zero behind length bytes */
	size_t length, size;
	unsigned lines;
	struct include_file *files; /* the including one first */
	size_t count, capacity;
};

/*
 * Adds what is in fd, up to its end, as the file at path. -EFBIG where the
 * whole or the number of files is too large, -ENOMEM, or what read(2) says.
 */
int include_read(struct include_text *text, const char *path, int fd);

/* Opens and adds a file: a regular one, or -EISDIR, -EINVAL. */
int include_open(struct include_text *text, const char *path);

/*
 * The files that a pattern (glob(7)) names, relative to the directory of the
 * file at path, in the order of their bytes: *paths is malloc'd, *count may be
 * 0 where it has a wildcard. -ENOENT, -ENOMEM, or why a directory can't be
 * read.
 */
int include_find(const char *path, const char *pattern, char ***paths,
		 size_t *count);
void include_find_free(char **paths, size_t count);

/* Whose line it is; the first file for line 0. NULL where nothing is read. */
struct include_file *include_file(const struct include_text *text,
				  unsigned line);

void include_free(struct include_text *text);

#endif
