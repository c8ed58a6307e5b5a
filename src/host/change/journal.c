/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/change/journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/log.h"

#define REASON_SIZE 512
/* Bytes above twice of what is in force, before the file is written anew. */
#define SLACK (64 << 10)

/* A whole line in one write(), so that lines are whole or the last is torn. */
static int write_line(struct journal *journal, const char *text)
{
	char line[JOURNAL_LINE_SIZE + 2] = "\n";
	size_t torn = journal->torn, length;
	ssize_t written;
	int error;

	error = journal_line_print(text, line + torn, JOURNAL_LINE_SIZE);
	if (error)
		return error;
	length = strlen(line);
	line[length++] = '\n';
	do {
		written = write(journal->fd, line, length);
	} while (written < 0 && errno == EINTR);
	if (written < 0)
		return -errno;
	if ((size_t)written != length) {
		journal->torn = true;
		return -ENOSPC;
	}
	journal->torn = false;
	journal->size += length;
	return 0;
}

static int write_change(struct journal *journal, char sign,
			const struct change *change)
{
	char text[JOURNAL_TEXT_SIZE] = {sign, ' '};
	int error;

	error = change_print(change, text + 2, sizeof(text) - 2);
	if (!error)
		error = write_line(journal, text);
	/* All before it gets there too; the rest ends with the kernel. */
	if (!error && change_outlives_boot(change) &&
	    fdatasync(journal->fd) < 0 && errno != EINVAL && errno != EROFS)
		error = -errno;
	return error;
}

/* Head and changes into the file, which is empty. */
static int write_all(struct journal *journal)
{
	char head[JOURNAL_TEXT_SIZE];
	int error = journal_head(head, sizeof(head));

	journal->size = 0;
	if (!error)
		error = write_line(journal, head);
	for (size_t i = 0; !error && i < journal->changes.count; i++)
		error = write_change(journal, '+', &journal->changes.items[i]);
	journal->limit = 2 * journal->size + SLACK;
	return error;
}

static void new_path(const struct journal *journal, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s.new", journal->path);
}

static int write_anew(struct journal *journal, const char *path)
{
	struct journal next = *journal;
	int error;

	next.fd = open(path,
		       O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW |
			       O_CLOEXEC,
		       0600);
	if (next.fd < 0)
		return -errno;
	next.torn = false;
	error = write_all(&next);
	if (!error && rename(path, journal->path) < 0)
		error = -errno;
	if (error) {
		close(next.fd);
		unlink(path);
		return error;
	}
	close(journal->fd);
	*journal = next;
	return 0;
}

/*
 * Changes come and go with the network for as long as the tunnel is up: what is
 * undone is left out of a new file, which takes the place of the old one whole.
 */
static void compact(struct journal *journal)
{
	char path[PATH_MAX];
	int error;

	if (!journal->limit || journal->size <= journal->limit)
		return;
	new_path(journal, path);
	error = write_anew(journal, path);
	if (!error)
		return;
	log_warning("%s: can't be shortened: %s", journal->path,
		    strerror(-error));
	journal->limit = 2 * journal->size;
}

int journal_create(const char *path, struct journal **journal)
{
	int fd, error;

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
	error = write_all(*journal);
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
			change_list_remove(&journal->changes,
					   journal->changes.count - 1);
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
	change_list_remove(&journal->changes, journal->changes.count - 1);
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
	ssize_t index = change_list_find(&journal->changes, change);
	int result;

	if (index < 0) {
		snprintf(reason, size, "this change is not in force");
		return index;
	}
	result = change_revert(context, change, reason, size);
	if (result >= 0) {
		strike_out(journal, change);
		change_list_remove(&journal->changes, index);
		compact(journal);
	}
	return result;
}

void journal_forget_oldest(struct journal *journal)
{
	if (!journal->changes.count)
		return;
	strike_out(journal, &journal->changes.items[0]);
	change_list_remove(&journal->changes, 0);
	compact(journal);
}

int journal_replace(struct journal *journal, struct change_context *context,
		    const struct change *old, const struct change *change,
		    char *reason, size_t size)
{
	struct change_list *changes = &journal->changes;
	ssize_t position = change_list_find(changes, old);
	int result = journal_apply(journal, context, change, reason, size);

	if (result || position < 0)
		return result;
	strike_out(journal, &changes->items[position]);
	changes->items[position] = *change;
	change_list_remove(changes, changes->count - 1);
	compact(journal);
	return 0;
}

struct reverting {
	struct journal *journal;
	struct change_context *context;
	const struct change_list *wanted; /* is left alone; NULL: nothing */
	bool say;			  /* what can't be undone */
	int failures;
};

static void say_stuck(const struct change *change, const char *reason)
{
	char text[CHANGE_TEXT_SIZE];

	change_print(change, text, sizeof(text));
	log_error("can't undo \"%s\": %s", text, reason);
}

/* Undone and struck out, unless it is wanted or can't be. */
static bool stays(void *data, const struct change *change)
{
	struct reverting *reverting = data;
	char reason[REASON_SIZE];
	int result;

	if (reverting->wanted &&
	    change_list_find(reverting->wanted, change) >= 0)
		return true;
	if (reverting->failures && change_holds_others(change)) {
		reverting->failures++;
		return true;
	}
	result = change_revert(reverting->context, change, reason,
			       sizeof(reason));
	if (result < 0) {
		reverting->failures++;
		if (reverting->say)
			say_stuck(change, reason);
		return true;
	}
	if (result > 0)
		log_warning("%s", reason);
	strike_out(reverting->journal, change);
	return false;
}

/* Reverts what it can; how many it can't, which are logged where say is set. */
static int revert_what_can(struct journal *journal,
			   struct change_context *context,
			   const struct change_list *wanted, bool say)
{
	struct reverting reverting = {
		.journal = journal,
		.context = context,
		.wanted = wanted,
		.say = say,
	};

	change_context_hold(context);
	change_list_filter(&journal->changes, stays, &reverting);
	change_context_release(context);
	return reverting.failures;
}

void journal_revert_others(struct journal *journal,
			   struct change_context *context,
			   const struct change_list *wanted)
{
	revert_what_can(journal, context, wanted, true);
	compact(journal);
}

int journal_revert_all(struct journal *journal, struct change_context *context)
{
	char path[PATH_MAX];
	/* Once more: the janitor has nobody who would run `down` again. */
	int failures = revert_what_can(journal, context, NULL, false)
			       ? revert_what_can(journal, context, NULL, true)
			       : 0;

	/* Left by one that was killed while it wrote the file anew. */
	new_path(journal, path);
	unlink(path);
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

int journal_resume(const char *path, struct journal **journal)
{
	int error = journal_read(path, journal);

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
	int count, error = journal_read(path, &journal);

	if (error)
		return error == -ENOENT ? 0 : error;
	count = journal->changes.count;
	error = journal_revert_all(journal, context) ? -EIO : count;
	journal_close(journal);
	return error;
}
