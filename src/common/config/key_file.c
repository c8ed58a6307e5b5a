/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config/value.h"

/* A key, the newline behind it, and blanks that somebody has left. */
#define MOST 256

#define BLANKS " \t\r\n"

static char *find(const char *file, const char *name)
{
	const char *directory = secure_getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (directory && !strchr(name, '/')) {
		if (asprintf(&path, "%s/%s", directory, name) < 0)
			return NULL;
		if (!access(path, F_OK))
			return path;
		free(path);
	}
	return value_path_from(file, name);
}

static int parse(char *text, uint8_t key[KEY_SIZE])
{
	size_t length = strcspn(text, BLANKS);

	if (text[length + strspn(text + length, BLANKS)])
		return -EINVAL;
	text[length] = '\0';
	return key_parse(text, key) || key_is_zero(key) ? -EINVAL : 0;
}

static int read_key(int fd, uint8_t key[KEY_SIZE], mode_t *mode)
{
	char text[MOST + 1] = "";
	struct stat status;
	ssize_t length;
	int err;

	if (fstat(fd, &status))
		return -errno;
	*mode = status.st_mode;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	length = read(fd, text, MOST);
	err = length < 0 ? -errno : parse(text, key);
	explicit_bzero(text, sizeof(text));
	return err;
}

int key_file_read(const char *file, const char *name, uint8_t key[KEY_SIZE],
		  char **path, mode_t *mode)
{
	int fd, err;

	*path = find(file, name);
	if (!*path)
		return -ENOMEM;
	/* A pipe has nothing to say, rather than somebody to wait for. */
	fd = open(*path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = read_key(fd, key, mode);
	close(fd);
	return err;
}
