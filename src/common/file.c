/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/locked.h"

#define FIRST_SIZE 4096

/* Not realloc(), which may leave a copy of a key behind. */
static int grow(char **text, size_t length, size_t *size, size_t most)
{
	size_t bigger = *size ? *size * 2 : FIRST_SIZE;
	char *copy;

	if (bigger > most)
		return -EFBIG;
	copy = malloc(bigger);
	if (!copy)
		return -ENOMEM;
	locked_keep(copy, bigger);
	if (*text)
		memcpy(copy, *text, length);
	file_free(*text, length);
	*text = copy;
	*size = bigger;
	return 0;
}

int file_read(int fd, char **text, size_t *length)
{
	return file_read_most(fd, FILE_SIZE_MAX, text, length);
}

int file_read_most(int fd, size_t most, char **text, size_t *length)
{
	size_t size = 0, used = 0;
	char *buffer = NULL;
	ssize_t got;
	int error;

	do {
		error = used + 1 < size ? 0 : grow(&buffer, used, &size, most);
		if (error)
			goto failed;
		got = read(fd, buffer + used, size - used - 1);
		if (got > 0)
			used += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	if (got < 0) {
		error = -errno;
		goto failed;
	}
	buffer[used] = '\0';
	*text = buffer;
	*length = used;
	return 0;
failed:
	file_free(buffer, used);
	return error;
}

int file_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		err = -errno;
	else if (!S_ISREG(status.st_mode))
		err = -EINVAL;
	if (err)
		close(fd);
	return err ? err : fd;
}

int file_write(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t done = write(fd, text, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		text += done;
		length -= (size_t)done;
	}
	return 0;
}

void file_free(char *text, size_t length)
{
	if (text)
		explicit_bzero(text, length);
	free(text);
}
