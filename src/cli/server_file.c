/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/server_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/config/ini.h"
#include "common/config/load.h"
#include "common/file.h"

/* This is a config_report. */
static void report(void *data, const char *path, unsigned line, bool warning,
		   const char *text)
{
	(void)data;
	if (warning)
		return;
	if (line)
		fprintf(stderr, "%s:%u: %s\n", path, line, text);
	else
		fprintf(stderr, "%s: %s\n", path, text);
}

/*
 * Whoever replaces the file leaves its lock on the old one: once we have the
 * lock, it must still be the file's.
 */
static int open_locked(struct server_file *file)
{
	struct stat now;

	for (;;) {
		file->lock = open(file->path, O_RDONLY | O_CLOEXEC);
		if (file->lock < 0)
			return -errno;
		while (flock(file->lock, LOCK_EX)) {
			if (errno != EINTR)
				return -errno;
		}
		if (fstat(file->lock, &file->status))
			return -errno;
		if (!S_ISREG(file->status.st_mode))
			return -EINVAL;
		if (!stat(file->path, &now) &&
		    now.st_dev == file->status.st_dev &&
		    now.st_ino == file->status.st_ino)
			return 0;
		close(file->lock);
	}
}

static int read_locked(struct server_file *file, const char *path)
{
	int error;

	file->path = realpath(path, NULL);
	error = file->path ? open_locked(file) : -errno;
	if (!error)
		error = file_read(file->lock, &file->text, &file->length);
	return error;
}

int server_file_open(struct server_file *file, const char *command,
		     const char *file_or_name)
{
	char *path = config_find(file_or_name);
	int error;

	*file = (struct server_file){.lock = -1};
	error = path ? read_locked(file, path) : -ENOMEM;
	if (error) {
		cli_error("%s: %s: %s", command, path ? path : file_or_name,
			  strerror(-error));
		goto cleanup;
	}
	error = config_parse(path, file->text, file->length, report, NULL,
			     &file->config);
	if (error == -EINVAL)
		cli_error("%s: %s: has to be put right first", command, path);
	else if (error)
		cli_error("%s: %s: %s", command, path, strerror(-error));
	else if (file->config->role != CONFIG_SERVER)
		error = cli_error("%s: %s: a client's file, not a server's",
				  command, path);
cleanup:
	free(path);
	return error ? CLI_FAILED : CLI_DONE;
}

void server_file_close(struct server_file *file)
{
	if (file->lock >= 0)
		close(file->lock);
	file_free(file->text, file->length);
	config_free(file->config);
	free(file->path);
	*file = (struct server_file){.lock = -1};
}

static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory =
		slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int error = 0;
	int fd;

	if (!directory)
		return -ENOMEM;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		error = -errno;
	if (fd >= 0)
		close(fd);
	free(directory);
	return error;
}

static int fill(int fd, const char *text, size_t length,
		const struct stat *like)
{
	/*
	 * The owner comes before the mode, which could give rights to the wrong
	 * group.
	 */
	if (like && fchown(fd, like->st_uid, like->st_gid))
		return -errno;
	if (like && fchmod(fd, like->st_mode & 07777))
		return -errno;
	if (file_write(fd, text, length))
		return -EIO;
	return fsync(fd) ? -errno : 0;
}

/* link() never replaces what is there. */
static int publish(const char *temporary, const char *path, bool replace)
{
	if (replace)
		return rename(temporary, path) ? -errno : 0;
	if (link(temporary, path))
		return -errno;
	unlink(temporary);
	return 0;
}

int server_file_write(const char *path, const char *text, size_t length,
		      const struct stat *like)
{
	static const char suffix[] = ".XXXXXX";
	size_t size = strlen(path) + sizeof(suffix);
	char *temporary = malloc(size);
	int error, fd;

	if (!temporary)
		return -ENOMEM;
	snprintf(temporary, size, "%s%s", path, suffix);
	fd = mkstemp(temporary);
	if (fd < 0) {
		error = -errno;
		goto cleanup;
	}
	error = fill(fd, text, length, like);
	if (close(fd) && !error)
		error = -errno;
	if (!error)
		error = publish(temporary, path, like);
	if (error)
		unlink(temporary);
	else
		error = sync_directory(path);
cleanup:
	free(temporary);
	return error;
}

/* This takes over text, which is to replace the file's. */
static int replace(struct server_file *file, char *text, size_t length)
{
	struct config *config = NULL;
	int error;

	error = config_parse(file->config->path, text, length, NULL, NULL,
			     &config);
	config_free(config);
	if (!error)
		error = server_file_write(file->path, text, length,
					  &file->status);
	file_free(text, length);
	return error;
}

int server_file_append(struct server_file *file, const char *section)
{
	bool ended = file->length && file->text[file->length - 1] == '\n';
	const char *gap = ended ? "\n" : "\n\n";
	size_t length = file->length + strlen(gap) + strlen(section);
	char *text = malloc(length + 1);

	if (!text)
		return -ENOMEM;
	memcpy(text, file->text, file->length);
	snprintf(text + file->length, length + 1 - file->length, "%s%s", gap,
		 section);
	return replace(file, text, length);
}

/* Returns the offset of the line behind the one at offset. */
static size_t next_line(const struct server_file *file, size_t offset)
{
	const char *newline =
		memchr(file->text + offset, '\n', file->length - offset);

	return newline ? (size_t)(newline - file->text) + 1 : file->length;
}

static enum ini_kind kind_at(const struct server_file *file, size_t offset)
{
	size_t end = next_line(file, offset);

	if (end > offset && file->text[end - 1] == '\n')
		end--;
	return ini_kind(file->text + offset, end - offset);
}

/*
 * Returns where the section with its head at offset ends: before the next head
 * and the comments right above that, which are about it.
 */
static size_t section_end(const struct server_file *file, size_t offset)
{
	size_t end = next_line(file, offset);
	size_t line;

	for (line = end; line < file->length; line = next_line(file, line)) {
		enum ini_kind kind = kind_at(file, line);

		if (kind == INI_HEAD)
			return end;
		if (kind != INI_COMMENT)
			end = next_line(file, line);
	}
	return file->length;
}

int server_file_cut(struct server_file *file, unsigned line)
{
	size_t start = 0, before = 0, end, length;
	char *text;

	for (; line > 1; line--) {
		before = start;
		start = next_line(file, start);
	}
	end = section_end(file, start);
	/*
	 * The last section takes along the blank line that append() has put
	 * before it.
	 */
	if (end == file->length && start > before &&
	    kind_at(file, before) == INI_BLANK)
		start = before;
	length = start + file->length - end;
	text = malloc(length + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, file->text, start);
	memcpy(text + start, file->text + end, file->length - end);
	text[length] = '\0';
	return replace(file, text, length);
}
