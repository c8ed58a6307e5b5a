/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

#define HEAD_FORMAT "minivpn-journal 1 boot %s netns %" PRIu64 ":%" PRIu64
#define BOOT_SIZE   40
#define LINE_SIZE   (CHANGE_TEXT_SIZE + 4)
#define REASON_SIZE 512

struct journal {
	int fd;
	char *path;
	/* The last line has no end: the next one has to begin with one. */
	bool torn;
	struct change_list changes; /* in force */
};

/* What the head line says of where and when the changes are true. */
struct place {
	char boot[BOOT_SIZE];
	uint64_t device, inode; /* of the network namespace */
};

static int place_now(struct place *place)
{
	struct stat status;
	ssize_t length;
	int fd;

	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, place->boot, sizeof(place->boot) - 1);
	close(fd);
	if (length <= 0)
		return -EIO;
	place->boot[length] = '\0';
	place->boot[strcspn(place->boot, "\n")] = '\0';
	if (stat("/proc/self/ns/net", &status) < 0)
		return -errno;
	place->device = status.st_dev;
	place->inode = status.st_ino;
	return 0;
}

static void place_print(const struct place *place, char *line, size_t size)
{
	snprintf(line, size, HEAD_FORMAT, place->boot, place->device,
		 place->inode);
}

static int place_parse(const char *line, struct place *place)
{
	char again[LINE_SIZE];

	_Static_assert(BOOT_SIZE == 40, "%39s");
	if (sscanf(line,
		   "minivpn-journal 1 boot %39s netns %20" SCNu64 ":%20" SCNu64,
		   place->boot, &place->device, &place->inode) != 3)
		return -EINVAL;
	place_print(place, again, sizeof(again));
	return strcmp(line, again) == 0 ? 0 : -EINVAL;
}

/* A whole line in one write(), so that lines are whole or the last is torn. */
static int write_line(struct journal *journal, const char *line)
{
	char text[LINE_SIZE];
	ssize_t written;
	int length;

	length = snprintf(text, sizeof(text), "%s%s\n",
			  journal->torn ? "\n" : "", line);
	if (length < 0 || (size_t)length >= sizeof(text))
		return -EMSGSIZE;
	do {
		written = write(journal->fd, text, length);
	} while (written < 0 && errno == EINTR);
	if (written < 0)
		return -errno;
	if (written != length) {
		journal->torn = true;
		return -ENOSPC;
	}
	journal->torn = false;
	/* resolv.conf outlives a crash of the kernel: so must its entry. */
	if (fdatasync(journal->fd) < 0 && errno != EINVAL && errno != EROFS)
		return -errno;
	return 0;
}

static int write_change(struct journal *journal, char sign,
			const struct change *change)
{
	char line[LINE_SIZE - 2] = {sign, ' '};
	int error;

	error = change_print(change, line + 2, sizeof(line) - 2);
	return error ? error : write_line(journal, line);
}

static int journal_new(const char *path, int fd, struct journal **journal)
{
	struct journal *new = calloc(1, sizeof(*new));

	if (new)
		new->path = strdup(path);
	if (!new || !new->path) {
		free(new);
		return -ENOMEM;
	}
	new->fd = fd;
	*journal = new;
	return 0;
}

int journal_create(const char *path, struct journal **journal)
{
	struct place place;
	char head[LINE_SIZE];
	int fd, error;

	error = place_now(&place);
	if (error)
		return error;
	fd = open(path,
		  O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW |
			  O_CLOEXEC,
		  0600);
	if (fd < 0)
		return -errno;
	error = journal_new(path, fd, journal);
	if (error) {
		close(fd);
		unlink(path);
		return error;
	}
	place_print(&place, head, sizeof(head));
	error = write_line(*journal, head);
	if (error) {
		unlink(path);
		journal_close(*journal);
		*journal = NULL;
	}
	return error;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	close(journal->fd);
	change_list_free(&journal->changes);
	free(journal->path);
	free(journal);
}

static void remove_change(struct change_list *list, size_t index)
{
	list->count--;
	memmove(&list->items[index], &list->items[index + 1],
		(list->count - index) * sizeof(*list->items));
}

/* The index of the newest equal change, or -ENOENT. */
static ssize_t find_change(const struct change_list *list,
			   const struct change *change)
{
	for (size_t i = list->count; i > 0; i--)
		if (change_equal(&list->items[i - 1], change))
			return i - 1;
	return -ENOENT;
}

/* Not fatal: a change that is undone twice is found undone. */
static void strike_out(struct journal *journal, const struct change *change)
{
	int error = write_change(journal, '-', change);

	if (error)
		log_error("%s: can't be written: %s", journal->path,
			  strerror(-error));
}

/*
 * Whether a change that was not applied is not in force either: the kernel may
 * have carried out a request whose answer was lost (netlink(7), ENOBUFS). One
 * that can't be taken back now stays in the journal.
 */
static bool is_undone(struct change_context *context,
		      const struct change *change, int result)
{
	if (result != -ENOBUFS && result != -ETIMEDOUT && result != -ENOMEM &&
	    result != -EPROTO)
		return true;
	return change_revert(context, change, NULL, 0) >= 0;
}

int journal_apply(struct journal *journal, struct change_context *context,
		  const struct change *change, char *reason, size_t size)
{
	int result;

	/* First the memory and the disk, so that nothing is done unnoted. */
	result = change_list_add(&journal->changes, change);
	if (!result) {
		result = write_change(journal, '+', change);
		if (result)
			journal->changes.count--;
	}
	if (result) {
		snprintf(reason, size, "%s: can't be written: %s",
			 journal->path, strerror(-result));
		return result;
	}
	result = change_apply(context, change, reason, size);
	if (!result || !is_undone(context, change, result))
		return result;
	strike_out(journal, change);
	journal->changes.count--;
	return result;
}

int journal_apply_all(struct journal *journal, struct change_context *context,
		      const struct change_list *list, size_t *failed,
		      char *reason, size_t size)
{
	for (size_t i = 0; i < list->count; i++) {
		int result = journal_apply(journal, context, &list->items[i],
					   reason, size);

		if (result < 0) {
			*failed = i;
			return result;
		}
	}
	return 0;
}

int journal_revert(struct journal *journal, struct change_context *context,
		   const struct change *change, char *reason, size_t size)
{
	ssize_t index = find_change(&journal->changes, change);
	int result;

	if (index < 0) {
		snprintf(reason, size, "this change is not in force");
		return index;
	}
	result = change_revert(context, change, reason, size);
	if (result >= 0) {
		strike_out(journal, change);
		remove_change(&journal->changes, index);
	}
	return result;
}

/* Reverts what it can; how many it can't, which are logged where say is set. */
static int revert_what_can(struct journal *journal,
			   struct change_context *context, bool say)
{
	struct change_list *list = &journal->changes;
	char reason[REASON_SIZE], text[CHANGE_TEXT_SIZE];
	int failures = 0;

	for (size_t i = list->count; i > 0; i--) {
		const struct change *change = &list->items[i - 1];
		int result =
			change_revert(context, change, reason, sizeof(reason));

		if (result < 0) {
			failures++;
			if (!say)
				continue;
			change_print(change, text, sizeof(text));
			log_error("can't undo \"%s\": %s", text, reason);
			continue;
		}
		if (result > 0)
			log_warning("%s", reason);
		strike_out(journal, change);
		remove_change(list, i - 1);
	}
	return failures;
}

int journal_revert_all(struct journal *journal, struct change_context *context)
{
	/* Once more: the janitor has nobody who would run `down` again. */
	int failures = revert_what_can(journal, context, false)
			       ? revert_what_can(journal, context, true)
			       : 0;

	if (failures) {
		log_error("%s is kept: run minivpn down again once the cause "
			  "is gone",
			  journal->path);
	} else if (unlink(journal->path) < 0 && errno != ENOENT) {
		log_error("%s: can't be removed: %s", journal->path,
			  strerror(errno));
		failures++;
	}
	return failures;
}

const struct change_list *journal_changes(const struct journal *journal)
{
	return &journal->changes;
}

/* Only what root (or we) alone can have written is carried out. */
static int open_existing(const char *path)
{
	struct stat status;
	int fd, error = 0;

	fd = open(path,
		  O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	/* Two that heal at once (janitor, down): one after the other. */
	if (fstat(fd, &status) < 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
		 status.st_mode & (S_IWGRP | S_IWOTH))
		error = -EPERM;
	else if (flock(fd, LOCK_EX) < 0 || fstat(fd, &status) < 0)
		error = -errno;
	else if (status.st_nlink == 0)
		error = -ENOENT;
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

/* One line of the file into the list; -EINVAL where it can't be read. */
static int replay_line(struct journal *journal, const char *line)
{
	struct change change;
	ssize_t index;

	if ((line[0] != '+' && line[0] != '-') || line[1] != ' ' ||
	    change_parse(line + 2, &change))
		return -EINVAL;
	if (line[0] == '+')
		return change_list_add(&journal->changes, &change);
	index = find_change(&journal->changes, &change);
	if (index < 0)
		return -EINVAL;
	remove_change(&journal->changes, index);
	return 0;
}

/* Reads what is in force; *place is zero where the head can't be read. */
static int replay(struct journal *journal, FILE *file, struct place *place)
{
	char *line = NULL;
	size_t capacity = 0;
	unsigned number = 0;
	ssize_t length;
	int error = 0;

	memset(place, 0, sizeof(*place));
	while (error != -ENOMEM &&
	       (length = getline(&line, &capacity, file)) > 0) {
		number++;
		journal->torn = line[length - 1] != '\n';
		if (!journal->torn)
			line[--length] = '\0';
		/* Cut short: never applied, or found undone. */
		if (journal->torn || length == 0)
			continue;
		if (number == 1)
			error = place_parse(line, place);
		else if (strlen(line) != (size_t)length)
			error = -EINVAL;
		else
			error = replay_line(journal, line);
		if (error == -EINVAL)
			log_warning("%s:%u: can't be read, passed over",
				    journal->path, number);
		if (error == -EINVAL && number == 1)
			memset(place, 0, sizeof(*place));
	}
	if (ferror(file))
		error = -EIO;
	free(line);
	return error == -EINVAL ? 0 : error;
}

static int read_file(struct journal *journal, struct place *place)
{
	FILE *file;
	int error, fd;

	fd = fcntl(journal->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		error = -errno;
		close(fd);
		return error;
	}
	error = replay(journal, file, place);
	fclose(file);
	return error;
}

/* After a boot all is as it was, but what is in files. */
static void forget_volatile(struct change_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].kind == CHANGE_RESOLVER)
			list->items[kept++] = list->items[i];
	list->count = kept;
}

/* -EXDEV: the changes are true somewhere else. */
static int read_changes(struct journal *journal)
{
	struct place then, now;
	int error;

	error = place_now(&now);
	if (!error)
		error = read_file(journal, &then);
	if (error)
		return error;
	/* Where the head is lost, what does not match is still left alone. */
	if (then.boot[0] && strcmp(then.boot, now.boot) != 0)
		forget_volatile(&journal->changes);
	else if (then.boot[0] &&
		 (then.device != now.device || then.inode != now.inode))
		return -EXDEV;
	return 0;
}

static int read_existing(const char *path, struct journal **journal)
{
	int fd = open_existing(path), error;

	if (fd < 0)
		return fd;
	error = journal_new(path, fd, journal);
	if (error) {
		close(fd);
		return error;
	}
	error = read_changes(*journal);
	if (error) {
		journal_close(*journal);
		*journal = NULL;
	}
	return error;
}

int journal_resume(const char *path, struct journal **journal)
{
	int error = read_existing(path, journal);

	if (error)
		return error;
	if ((*journal)->changes.count) {
		flock((*journal)->fd, LOCK_UN);
		return 0;
	}
	/* Nothing in it is true any more, the head least of all. */
	unlink(path);
	journal_close(*journal);
	*journal = NULL;
	return -ENOENT;
}

int journal_heal(const char *path, struct change_context *context)
{
	struct journal *journal;
	int count, error = read_existing(path, &journal);

	if (error)
		return error == -ENOENT ? 0 : error;
	count = journal->changes.count;
	error = journal_revert_all(journal, context) ? -EIO : count;
	journal_close(journal);
	return error;
}
