/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file's text for a process that can open no files: in a memfd that nobody
 * can change any more (memfd_create(2), F_ADD_SEALS in fcntl(2)), so that what
 * was checked is what is read.
 */
#ifndef MINIVPN_COMMON_MEMFD_H
#define MINIVPN_COMMON_MEMFD_H

#include <stddef.h>

/* A new descriptor, or -errno. */
int memfd_make(const char *text, size_t length);

/* The text of a regular file; a new descriptor, or -errno. */
int memfd_file(const char *path);

/*
 * Keeps what is in fd out of the swap for as long as it is mapped; NULL where
 * it can't be. memfd_release() with what *size has become.
 */
void *memfd_keep(int fd, size_t *size);
void memfd_release(void *map, size_t size);

/*
 * What is in fd, whose offset, which others share, does not move. *text has
 * length bytes and a zero behind them; file_free() it. -EFBIG, -ENOMEM, or what
 * mmap(2) says.
 */
int memfd_read(int fd, char **text, size_t *length);

#endif
