/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define ROOT "/proc/sys/"

struct path {
	char text[sizeof(ROOT) + SYSCTL_KEY_SIZE];
};

/* Nothing below ROOT is named "", "." or "..": nothing leads out of it. */
static int check_parts(const char *relative)
{
	static const char *const refused[] = {"", ".", ".."};

	while (relative) {
		size_t length = strcspn(relative, "/");

		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]);
		     i++) {
			if (strlen(refused[i]) == length &&
			    memcmp(relative, refused[i], length) == 0)
				return -EINVAL;
		}
		relative = relative[length] ? relative + length + 1 : NULL;
	}
	return 0;
}

static int make_path(const char *key, struct path *path)
{
	char *c = path->text + strlen(ROOT);

	if (strlen(key) >= SYSCTL_KEY_SIZE)
		return -ENAMETOOLONG;
	strcpy(path->text, ROOT);
	for (; *key; key++, c++) {
		*c = *key;
		if (*key == '.')
			*c = '/';
		else if (*key == '/')
			*c = '.';
	}
	*c = '\0';
	return check_parts(path->text + strlen(ROOT));
}

int sysctl_read(const char *key, char *value, size_t size)
{
	/* One byte more shows a value that is cut. */
	char buffer[SYSCTL_VALUE_SIZE + 2];
	struct path path;
	ssize_t got;
	size_t length;
	int fd, err = make_path(key, &path);

	if (err)
		return err;
	fd = open(path.text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, buffer, sizeof(buffer) - 1);
	err = got < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	buffer[got] = '\0';
	length = strcspn(buffer, "\n");
	if (length >= SYSCTL_VALUE_SIZE || length >= size)
		return -EOVERFLOW;
	/* A value goes into one line of the journal. */
	if ((size_t)got > length + 1)
		return -EINVAL;
	memcpy(value, buffer, length);
	value[length] = '\0';
	return 0;
}

int sysctl_write(const char *key, const char *value)
{
	size_t length = strlen(value);
	struct path path;
	ssize_t written;
	int fd, err = make_path(key, &path);

	if (err)
		return err;
	if (length >= SYSCTL_VALUE_SIZE)
		return -EOVERFLOW;
	if (length == 0 || strchr(value, '\n'))
		return -EINVAL;
	fd = open(path.text, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The kernel takes a value in one write or not at all. */
	written = write(fd, value, length);
	err = written < 0 ? -errno : 0;
	close(fd);
	if (!err && (size_t)written != length)
		return -EIO;
	return err;
}
