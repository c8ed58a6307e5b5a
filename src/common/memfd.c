/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/locked.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

int memfd_make(const char *text, size_t length)
{
	int fd = memfd_create("file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err = fd < 0 ? -errno : file_write(fd, text, length);

	if (!err && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		err = -errno;
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

int memfd_file(const char *path)
{
	int file = file_open(path);
	char *text = NULL;
	size_t length = 0;
	int fd;

	if (file < 0)
		return file;
	fd = file_read(file, &text, &length);
	close(file);
	if (!fd)
		fd = memfd_make(text, length);
	file_free(text, length);
	return fd;
}

void *memfd_keep(int fd, size_t *size)
{
	struct stat status;
	void *map;

	if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= 0)
		return NULL;
	*size = (size_t)status.st_size;
	/*
	 * The map is private, but has the file's own pages, as none is written
	 * to.
	 */
	map = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	locked_keep(map, *size);
	return map;
}

void memfd_release(void *map, size_t size)
{
	if (map)
		munmap(map, size);
}

int memfd_read(int fd, char **text, size_t *length)
{
	struct stat status;
	size_t size;
	char *copy;
	void *map = NULL;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size < 0 || status.st_size >= FILE_SIZE_MAX)
		return -EFBIG;
	size = (size_t)status.st_size;
	if (size)
		map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	copy = malloc(size + 1);
	if (copy) {
		locked_keep(copy, size);
		if (size)
			memcpy(copy, map, size);
		copy[size] = '\0';
		*text = copy;
		*length = size;
	}
	if (size)
		munmap(map, size);
	return copy ? 0 : -ENOMEM;
}
