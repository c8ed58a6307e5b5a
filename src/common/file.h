/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole small files that hold secrets: read into memory that is wiped, written
 * completely. Not for streams, and not for the log.
 */
#ifndef MINIVPN_COMMON_FILE_H
#define MINIVPN_COMMON_FILE_H

#include <stddef.h>

/* Larger files are refused: 65535 peers fit in a third of it. */
#define FILE_SIZE_MAX (32 << 20)

/*
 * Reads from fd up to its end. *text has length bytes and a zero behind them;
 * file_free() it. -EFBIG, -ENOMEM, or what read(2) says.
 */
int file_read(int fd, char **text, size_t *length);
/* The same with another limit, a power of two. */
int file_read_most(int fd, size_t most, char **text, size_t *length);

/*
 * Opens a regular file to be read; -EINVAL: it is none, and to open a pipe, or
 * to read from it, may wait without end.
 */
int file_open(const char *path);

/* Writes everything or returns -errno. */
int file_write(int fd, const char *text, size_t length);

/* Wipes it first. NULL is allowed. */
void file_free(char *text, size_t length);

#endif
