/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/include.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/locked.h"

#define READ_SIZE 4096

/* Not realloc(), which may leave a copy of a key behind. */
static int reserve(struct include_text *text, size_t more)
{
	size_t size = text->size ? text->size : READ_SIZE;
	char *copy;

	while (size < text->length + more)
		size *= 2;
	if (size == text->size)
		return 0;
	if (size > FILE_SIZE_MAX)
		return -EFBIG;
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	locked_keep(copy, size);
	if (text->text)
		memcpy(copy, text->text, text->length);
	file_free(text->text, text->length);
	text->text = copy;
	text->size = size;
	return 0;
}

/* With room for a newline and a zero behind. */
static int read_all(struct include_text *text, int fd)
{
	ssize_t got;
	int err;

	do {
		err = reserve(text, 3);
		if (err)
			return err;
		got = read(fd, text->text + text->length,
			   text->size - text->length - 2);
		if (got > 0)
			text->length += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	return got < 0 ? -errno : 0;
}

static struct include_file *grow(struct include_text *text)
{
	size_t capacity = text->capacity ? text->capacity * 2 : 1;
	struct include_file *files;

	if (text->count == text->capacity) {
		files = reallocarray(text->files, capacity, sizeof(*files));
		if (!files)
			return NULL;
		text->files = files;
		text->capacity = capacity;
	}
	text->files[text->count] = (struct include_file){
		.offset = text->length,
		.first = text->lines + 1,
	};
	return &text->files[text->count];
}

static unsigned count_lines(const char *text, size_t length)
{
	const char *end = text + length;
	unsigned lines = 0;

	for (; text < end; text++) {
		text = memchr(text, '\n', (size_t)(end - text));
		if (!text)
			break;
		lines++;
	}
	return lines;
}

/* A byte order mark is one only where a text begins. */
static void cut_mark(struct include_text *text, const struct include_file *file)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t length = text->length - file->offset;
	char *start = text->text + file->offset;

	if (!text->count || length < 3 || memcmp(start, mark, 3) != 0)
		return;
	memmove(start, start + 3, length - 3);
	text->length -= 3;
}

int include_read(struct include_text *text, const char *path, int fd)
{
	struct include_file *file;
	int err;

	if (text->count >= INCLUDE_FILES_MAX)
		return -EFBIG;
	/* The next file begins a line, and each has one at least. */
	if (text->count) {
		text->text[text->length++] = '\n';
		text->lines++;
	}
	file = grow(text);
	if (!file)
		return -ENOMEM;
	if (fstat(fd, &file->status))
		return -errno;
	err = read_all(text, fd);
	if (err) {
		explicit_bzero(text->text + file->offset,
			       text->length - file->offset);
		text->length = file->offset;
		return err;
	}
	file->path = strdup(path);
	if (!file->path)
		return -ENOMEM;
	cut_mark(text, file);
	text->text[text->length] = '\0';
	file->length = text->length - file->offset;
	text->lines += count_lines(text->text + file->offset, file->length);
	text->count++;
	return 0;
}

int include_open(struct include_text *text, const char *path)
{
	/* A pipe has nothing to say, rather than somebody to wait for. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status))
		err = -errno;
	else if (!S_ISREG(status.st_mode))
		err = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	if (!err)
		err = include_read(text, path, fd);
	close(fd);
	return err;
}

/* The directory's own name is no pattern. NULL: out of memory. */
static char *full_pattern(const char *path, const char *pattern)
{
	const char *slash = strrchr(path, '/');
	size_t directory = slash ? (size_t)(slash - path) + 1 : 0;
	char *full = malloc(2 * directory + strlen(pattern) + 1);
	char *end = full;

	if (!full)
		return NULL;
	if (*pattern == '/')
		directory = 0;
	for (size_t i = 0; i < directory; i++) {
		if (strchr("*?[]\\", path[i]))
			*end++ = '\\';
		*end++ = path[i];
	}
	strcpy(end, pattern);
	return full;
}

static char **copy_paths(const glob_t *found)
{
	char **paths = calloc(found->gl_pathc + 1, sizeof(*paths));

	for (size_t i = 0; paths && i < found->gl_pathc; i++) {
		paths[i] = strdup(found->gl_pathv[i]);
		if (paths[i])
			continue;
		include_find_free(paths, i);
		return NULL;
	}
	return paths;
}

int include_find(const char *path, const char *pattern, char ***paths,
		 size_t *count)
{
	char *full = full_pattern(path, pattern);
	glob_t found = {0};
	int err;

	if (!full)
		return -ENOMEM;
	errno = 0;
	err = glob(full, GLOB_ERR, NULL, &found);
	if (err == GLOB_NOSPACE)
		err = -ENOMEM;
	else if (err == GLOB_ABORTED)
		err = errno ? -errno : -EIO;
	else if (err == GLOB_NOMATCH)
		err = strpbrk(pattern, "*?[") ? 0 : -ENOENT;
	*count = err ? 0 : found.gl_pathc;
	*paths = err ? NULL : copy_paths(&found);
	if (!err && !*paths)
		err = -ENOMEM;
	globfree(&found);
	free(full);
	return err;
}

void include_find_free(char **paths, size_t count)
{
	for (size_t i = 0; paths && i < count; i++)
		free(paths[i]);
	free(paths);
}

struct include_file *include_file(const struct include_text *text,
				  unsigned line)
{
	size_t low = 0, high = text->count;

	if (!high)
		return NULL;
	/* The last one that begins at line or before it. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (text->files[middle].first <= line)
			low = middle;
		else
			high = middle;
	}
	return &text->files[low];
}

void include_free(struct include_text *text)
{
	for (size_t i = 0; i < text->count; i++)
		free(text->files[i].path);
	free(text->files);
	file_free(text->text, text->length);
	*text = (struct include_text){0};
}
