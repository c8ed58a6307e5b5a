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
#include "common/reason.h"

/* So many bytes above twice of what is applied, the file is written anew. */
#define SLACK (64 << 10)

/* A line is written at once, so that all are whole but the last. */
static int write_line(struct journal *journal, const char *text)
{
	char line[JOURNAL_LINE_SIZE + 2] = "\n";
	size_t torn = journal->torn, length;
	ssize_t written;
	int err;

	err = journal_line_print(text, line + torn, JOURNAL_LINE_SIZE);
	if (err)
		return err;
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
	int err;

	err = change_encode(change, text + 2, sizeof(text) - 2);
	if (!err)
		err = write_line(journal, text);
	/* Lines before it get there too; the rest ends with the kernel. */
	if (!err && change_outlives_boot(change) &&
	    fdatasync(journal->fd) < 0 && errno != EINVAL && errno != EROFS)
		err = -errno;
	return err;
}

/* Writes head and changes into the file, which is empty. */
static int write_all(struct journal *journal)
{
	char head[JOURNAL_TEXT_SIZE];
	int err = journal_head(head, sizeof(head));

	journal->size = 0;
	if (!err)
		err = write_line(journal, head);
	for (size_t i = 0; !err && i < journal->changes.count; i++)
		err = write_change(journal, '+', &journal->changes.items[i]);
	journal->limit = 2 * journal->size + SLACK;
	return err;
}

static void new_path(const struct journal *journal, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s.new", journal->path);
}

static int write_anew(struct journal *journal, const char *path)
{
	struct journal next = *journal;
	int err;

	next.fd = open(path,
		       O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW |
			       O_CLOEXEC,
		       0600);
	if (next.fd < 0)
		return -errno;
	next.torn = false;
	err = write_all(&next);
	if (!err && rename(path, journal->path) < 0)
		err = -errno;
	if (err) {
		close(next.fd);
		unlink(path);
		return err;
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
	int err;

	if (!journal->limit || journal->size <= journal->limit)
		return;
	new_path(journal, path);
	err = write_anew(journal, path);
	if (!err)
		return;
	log_warning("%s: can't be shortened: %s", journal->path,
		    strerror(-err));
	journal->limit = 2 * journal->size;
}

int journal_create(const char *path, struct journal **journal)
{
	int fd, err;

	fd = open(path,
		  O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW |
			  O_CLOEXEC,
		  0600);
	if (fd < 0)
		return -errno;
	err = journal_new(path, fd, journal);
	if (err) {
		close(fd);
		unlink(path);
		return err;
	}
	err = write_all(*journal);
	if (err) {
		unlink(path);
		journal_close(*journal);
		*journal = NULL;
	}
	return err;
}

/* Errors are not fatal: a change that is undone twice is found undone. */
static void strike_out(struct journal *journal, const struct change *change)
{
	int err = write_change(journal, '-', change);

	if (err)
		log_error("%s: can't be written: %s", journal->path,
			  strerror(-err));
}

/*
 * The kernel may have carried out a request whose answer was lost (netlink(7),
 * ENOBUFS). A change that can't be taken back now stays in the journal.
 */
static bool is_undone(struct change_context *context,
		      const struct change *change, int result)
{
	if (result != -ENOBUFS && result != -ETIMEDOUT && result != -ENOMEM &&
	    result != -EPROTO)
		return true;
	return change_revert(context, change, NULL) >= 0;
}

int journal_apply(struct journal *journal, struct change_context *context,
		  const struct change *change, struct reason *reason)
{
	int result;

	/* Memory and disk come first, so that nothing is done unnoted. */
	result = change_list_add(&journal->changes, change);
	if (!result) {
		result = write_change(journal, '+', change);
		if (result)
			change_list_remove(&journal->changes,
					   journal->changes.count - 1);
	}
	if (result) {
		reason_set(reason, "%s: can't be written: %s", journal->path,
			   strerror(-result));
		return result;
	}
	result = change_apply(context, change, reason);
	if (!result || !is_undone(context, change, result))
		return result;
	strike_out(journal, change);
	change_list_remove(&journal->changes, journal->changes.count - 1);
	return result;
}

int journal_apply_all(struct journal *journal, struct change_context *context,
		      const struct change_list *list, size_t *failed,
		      struct reason *reason)
{
	for (size_t i = 0; i < list->count; i++) {
		int result = journal_apply(journal, context, &list->items[i],
					   reason);

		if (result < 0) {
			*failed = i;
			return result;
		}
	}
	return 0;
}

int journal_revert(struct journal *journal, struct change_context *context,
		   const struct change *change, struct reason *reason)
{
	ssize_t index = change_list_find(&journal->changes, change);
	int result;

	if (index < 0) {
		reason_set(reason, "this change is not in force");
		return index;
	}
	result = change_revert(context, change, reason);
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
		    struct reason *reason)
{
	struct change_list *changes = &journal->changes;
	ssize_t position = change_list_find(changes, old);
	int result = journal_apply(journal, context, change, reason);

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
	bool log;			  /* what can't be undone is logged */
	int failures;
};

static void log_stuck(const struct change *change, const char *reason)
{
	char text[CHANGE_TEXT_SIZE];

	change_print(change, text, sizeof(text));
	log_error("can't undo \"%s\": %s", text, reason);
}

/* Reverts a change and strikes it out, unless it is wanted. */
static bool stays(void *data, const struct change *change)
{
	struct reverting *reverting = data;
	struct reason reason;
	int result;

	if (reverting->wanted &&
	    change_list_find(reverting->wanted, change) >= 0)
		return true;
	if (reverting->failures && change_holds_others(change)) {
		reverting->failures++;
		return true;
	}
	result = change_revert(reverting->context, change, &reason);
	if (result < 0) {
		reverting->failures++;
		if (reverting->log)
			log_stuck(change, reason.text);
		return true;
	}
	if (result > 0)
		log_warning("%s", reason.text);
	strike_out(reverting->journal, change);
	return false;
}

/* Reverts what it can. Returns how many it can't, which are logged if log. */
static int revert_what_can(struct journal *journal,
			   struct change_context *context,
			   const struct change_list *wanted, bool log)
{
	struct reverting reverting = {
		.journal = journal,
		.context = context,
		.wanted = wanted,
		.log = log,
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
	/* It tries twice: the janitor has nobody who would run `down` again. */
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
	int err = journal_read(path, journal);

	if (err)
		return err;
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
	int count, err = journal_read(path, &journal);

	if (err)
		return err == -ENOENT ? 0 : err;
	count = journal->changes.count;
	err = journal_revert_all(journal, context) ? -EIO : count;
	journal_close(journal);
	return err;
}
