/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/server_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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
static int take_lock(struct server_file_lock *lock)
{
	struct stat now;

	for (;;) {
		/* A pipe would make us wait. */
		lock->fd = open(lock->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (lock->fd < 0)
			return -errno;
		while (flock(lock->fd, LOCK_EX)) {
			if (errno != EINTR)
				return -errno;
		}
		if (fstat(lock->fd, &lock->status))
			return -errno;
		if (!S_ISREG(lock->status.st_mode))
			return -EINVAL;
		if (!stat(lock->path, &now) &&
		    now.st_dev == lock->status.st_dev &&
		    now.st_ino == lock->status.st_ino)
			return 0;
		close(lock->fd);
	}
}

static int lock_open(struct server_file_lock *lock, const char *path)
{
	*lock = (struct server_file_lock){.fd = -1};
	lock->path = realpath(path, NULL);
	return lock->path ? take_lock(lock) : -errno;
}

static void lock_close(struct server_file_lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	free(lock->path);
	*lock = (struct server_file_lock){.fd = -1};
}

int server_file_open(struct server_file *file, const char *command,
		     const char *file_or_name)
{
	char *path = config_find(file_or_name);
	int error;

	*file = (struct server_file){.lock.fd = -1};
	error = path ? lock_open(&file->lock, path) : -ENOMEM;
	if (error) {
		cli_error("%s: %s: %s", command, path ? path : file_or_name,
			  strerror(-error));
		goto cleanup;
	}
	error = config_read(path, file->lock.fd, report, NULL, &file->text,
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
	lock_close(&file->lock);
	include_free(&file->text);
	config_free(file->config);
	file->config = NULL;
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

/* One file's part of the whole text. */
struct part {
	const char *text;
	size_t length;
};

static struct part part_of(const struct server_file *file,
			   const struct include_file *which)
{
	return (struct part){
		.text = file->text.text + which->offset,
		.length = which->length,
	};
}

/* This is a config_report, too, which keeps the first mistake. */
static void keep(void *data, const char *path, unsigned line, bool warning,
		 const char *text)
{
	struct reason *reason = data;

	(void)path;
	(void)line;
	if (!warning && !*reason->text)
		reason_set(reason, "%s", text);
}

/* Would the whole be right with text instead of what is in one file? */
static int check(struct server_file *file, const struct include_file *which,
		 const char *text, size_t length)
{
	size_t rest = which->offset + which->length;
	size_t size = file->text.length - which->length + length;
	char *whole = malloc(size + 1);
	struct config *config = NULL;
	int err;

	if (!whole)
		return -ENOMEM;
	memcpy(whole, file->text.text, which->offset);
	memcpy(whole + which->offset, text, length);
	memcpy(whole + which->offset + length, file->text.text + rest,
	       file->text.length - rest);
	whole[size] = '\0';
	*file->reason.text = '\0';
	err = config_parse(file->config->path, whole, size, keep, &file->reason,
			   &config);
	config_free(config);
	file_free(whole, size);
	return err;
}

/* Takes over text, which is to replace that of one file. */
static int replace(struct server_file *file, const struct include_file *which,
		   const struct server_file_lock *lock, char *text,
		   size_t length)
{
	int err = check(file, which, text, length);

	if (!err)
		err = server_file_write(lock->path, text, length,
					&lock->status);
	file_free(text, length);
	return err;
}

/* Puts text in the place of what is from start to end. */
static int rewrite(struct server_file *file, const struct include_file *which,
		   const struct server_file_lock *lock, size_t start,
		   size_t end, const char *text)
{
	struct part part = part_of(file, which);
	size_t insert = strlen(text);
	size_t length = part.length - (end - start) + insert;
	char *whole = malloc(length + 1);

	if (!whole)
		return -ENOMEM;
	memcpy(whole, part.text, start);
	memcpy(whole + start, text, insert);
	memcpy(whole + start + insert, part.text + end, part.length - end);
	whole[length] = '\0';
	return replace(file, which, lock, whole, length);
}

int server_file_append(struct server_file *file, const char *section)
{
	const struct include_file *first = &file->text.files[0];
	struct part part = part_of(file, first);
	bool ended = part.length && part.text[part.length - 1] == '\n';
	char *text;
	int err;

	if (asprintf(&text, "%s%s", ended ? "\n" : "\n\n", section) < 0)
		return -ENOMEM;
	err = rewrite(file, first, &file->lock, part.length, part.length, text);
	file_free(text, strlen(text));
	return err;
}

/* Offset of the line behind the one at offset. */
static size_t next_line(const struct part *part, size_t offset)
{
	const char *newline =
		memchr(part->text + offset, '\n', part->length - offset);

	return newline ? (size_t)(newline - part->text) + 1 : part->length;
}

static enum ini_kind kind_at(const struct part *part, size_t offset)
{
	size_t end = next_line(part, offset);

	if (end > offset && part->text[end - 1] == '\n')
		end--;
	return ini_kind(part->text + offset, end - offset);
}

/*
 * Returns where the section with its head at offset ends: before the next head
 * and the comments right above that, which are about it.
 */
static size_t section_end(const struct part *part, size_t offset)
{
	size_t end = next_line(part, offset);
	size_t line;

	for (line = end; line < part->length; line = next_line(part, line)) {
		enum ini_kind kind = kind_at(part, line);

		if (kind == INI_HEAD)
			return end;
		if (kind != INI_COMMENT)
			end = next_line(part, line);
	}
	return part->length;
}

/* What is to be done to the section whose head is in a line. */
struct edit {
	unsigned line;
	const char *key;  /* NULL: it is cut */
	const char *text; /* the key's line from now on, or "" */
};

static int cut(struct server_file *file, const struct include_file *which,
	       const struct server_file_lock *lock, size_t start, size_t before)
{
	struct part part = part_of(file, which);
	size_t end = section_end(&part, start);

	/*
	 * The last section takes along the blank line that append() has put
	 * before it.
	 */
	if (end == part.length && start > before &&
	    kind_at(&part, before) == INI_BLANK)
		start = before;
	return rewrite(file, which, lock, start, end, "");
}

/* Does the line at offset give a value to key? The form is that of ini.h. */
static bool gives(const struct part *part, size_t offset, const char *key)
{
	const char *line = part->text + offset;
	size_t length = next_line(part, offset) - offset;
	size_t name = strlen(key), blanks = strspn(line, " \t\v\f");

	if (length < blanks + name ||
	    strncasecmp(line + blanks, key, name) != 0)
		return false;
	line += blanks + name;
	line += strspn(line, " \t\v\f");
	return *line == '=' || *line == ':';
}

/* It is put in the place of the key's line, or right below the head. */
static int set(struct server_file *file, const struct include_file *which,
	       const struct server_file_lock *lock, size_t head,
	       const struct edit *edit)
{
	struct part part = part_of(file, which);
	size_t end = section_end(&part, head);
	size_t line = next_line(&part, head);
	const bool ended = part.text[line - 1] == '\n';
	char text[64];

	while (line < end && !gives(&part, line, edit->key))
		line = next_line(&part, line);
	if (line < end)
		return rewrite(file, which, lock, line, next_line(&part, line),
			       edit->text);
	snprintf(text, sizeof(text), "%s%s", ended ? "" : "\n", edit->text);
	line = next_line(&part, head);
	return rewrite(file, which, lock, line, line, text);
}

static int apply(struct server_file *file, const struct include_file *which,
		 const struct server_file_lock *lock, const struct edit *edit)
{
	struct part part = part_of(file, which);
	unsigned line = edit->line - (which->first - 1);
	size_t head = 0, before = 0;

	for (; line > 1; line--) {
		before = head;
		head = next_line(&part, head);
	}
	return edit->key ? set(file, which, lock, head, edit)
			 : cut(file, which, lock, head, before);
}

/* Another server's file may include it too, and has another lock. */
static int apply_included(struct server_file *file,
			  const struct include_file *which,
			  const struct edit *edit)
{
	struct part part = part_of(file, which);
	struct server_file_lock lock;
	size_t length = 0;
	char *text = NULL;
	int err = lock_open(&lock, which->path);

	if (!err)
		err = file_read(lock.fd, &text, &length);
	/* But for a byte order mark, which is no part. */
	if (!err &&
	    (length < part.length || length > part.length + 3 ||
	     memcmp(text + length - part.length, part.text, part.length) != 0))
		err = -EBUSY;
	if (!err)
		err = apply(file, which, &lock, edit);
	file_free(text, length);
	lock_close(&lock);
	return err;
}

static int edit(struct server_file *file, const struct edit *edit)
{
	const struct include_file *which =
		include_file(&file->text, edit->line);

	if (which == &file->text.files[0])
		return apply(file, which, &file->lock, edit);
	return apply_included(file, which, edit);
}

int server_file_cut(struct server_file *file, unsigned line)
{
	return edit(file, &(struct edit){.line = line});
}

int server_file_set(struct server_file *file, unsigned line, const char *key,
		    const char *text)
{
	return edit(file,
		    &(struct edit){.line = line, .key = key, .text = text});
}
