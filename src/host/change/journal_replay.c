/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A journal that an earlier run has left, whatever has become of it. */
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
#include "host/change/journal_internal.h"

#define HEAD_FORMAT "minivpn-journal %u boot %s netns %" PRIu64 ":%" PRIu64
/* Before 0.2 a change was its text alone. */
#define VERSION	    3
#define VERSION_OLD 2
#define BOOT_SIZE   40
/* So many lines that can't be read are logged, and so much of each. */
#define LOG_LINES 8
#define LOG_BYTES 160

/* What the head line tells of where and when the changes are true. */
struct place {
	unsigned version;
	char boot[BOOT_SIZE];
	uint64_t device, inode; /* of the network namespace */
};

static int place_now(struct place *place)
{
	struct stat status;
	ssize_t length;
	int fd;

	place->version = VERSION;
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

static void place_print(const struct place *place, char *text, size_t size)
{
	snprintf(text, size, HEAD_FORMAT, place->version, place->boot,
		 place->device, place->inode);
}

static int place_parse(const char *text, struct place *place)
{
	char again[JOURNAL_TEXT_SIZE];

	_Static_assert(BOOT_SIZE == 40, "%39s");
	if (sscanf(text,
		   "minivpn-journal %9u boot %39s netns %20" SCNu64
		   ":%20" SCNu64,
		   &place->version, place->boot, &place->device,
		   &place->inode) != 4 ||
	    (place->version != VERSION && place->version != VERSION_OLD))
		return -EINVAL;
	place_print(place, again, sizeof(again));
	return strcmp(text, again) == 0 ? 0 : -EINVAL;
}

int journal_head(char *text, size_t size)
{
	struct place place;
	int err = place_now(&place);

	if (!err)
		place_print(&place, text, size);
	return err;
}

/* Nothing but what root (or we) alone can have written is carried out. */
static int open_existing(const char *path)
{
	struct stat status;
	int fd, err = 0;

	fd = open(path,
		  O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	/* Janitor and `down` may heal at once: one after the other. */
	if (fstat(fd, &status) < 0)
		err = -errno;
	else if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
		 status.st_mode & (S_IWGRP | S_IWOTH))
		err = -EPERM;
	else if (flock(fd, LOCK_EX) < 0 || fstat(fd, &status) < 0)
		err = -errno;
	else if (status.st_nlink == 0)
		err = -ENOENT;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* Puts one change into the list; -EINVAL where it can't be read. */
static int replay_change(struct journal *journal, const char *text)
{
	struct change change;
	ssize_t index;

	if ((text[0] != '+' && text[0] != '-') || text[1] != ' ' ||
	    change_decode(text + 2, &change))
		return -EINVAL;
	if (text[0] == '+')
		return change_list_add(&journal->changes, &change);
	index = change_list_find(&journal->changes, &change);
	if (index < 0)
		return -EINVAL;
	/* One by one they would move all that are behind them. */
	change_list_strike(&journal->changes, (size_t)index);
	return 0;
}

static bool all(void *data, const struct change *change)
{
	(void)data;
	(void)change;
	return true;
}

/*
 * Reads the next line without its end, cut where it is longer than any of ours.
 * Returns its length, 0 at the end of the file. *whole: it did have an end.
 */
static size_t next_line(FILE *file, char line[JOURNAL_LINE_SIZE], bool *whole)
{
	size_t length = 0, kept;
	int c;

	while ((c = getc_unlocked(file)) != EOF) {
		if (length < JOURNAL_LINE_SIZE - 1)
			line[length] = (char)c;
		length++;
		if (c == '\n')
			break;
	}
	*whole = c == '\n';
	kept = length < JOURNAL_LINE_SIZE ? length : JOURNAL_LINE_SIZE - 1;
	line[*whole && length == kept ? kept - 1 : kept] = '\0';
	return length;
}

/* A file full of nonsense is not to fill the log as well. */
static void log_unreadable(const struct journal *journal, unsigned number,
			   const char *line, unsigned *logged)
{
	char text[LOG_BYTES];

	snprintf(text, sizeof(text), "%s", line);
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (++*logged <= LOG_LINES)
		log_warning("%s:%u: not as it was written, passed over: %s",
			    journal->path, number, text);
	else if (*logged == LOG_LINES + 1)
		log_warning("%s: more lines that can't be read are passed over",
			    journal->path);
}

/* A line that has its end: the first is the head. -EINVAL as above. */
static int replay_line(struct journal *journal, unsigned number,
		       const char *line, size_t length, struct place *place)
{
	const char *text;

	/* It is longer than any of ours, or has a zero in it. */
	if (length > JOURNAL_LINE_SIZE - 1 || strlen(line) != length - 1)
		return -EINVAL;
	text = journal_line_text(line);
	if (!text)
		return -EINVAL;
	return number == 1 ? place_parse(text, place)
			   : replay_change(journal, text);
}

/* Reads what is applied; *place is zero where the head can't be read. */
static int replay(struct journal *journal, FILE *file, struct place *place)
{
	unsigned number = 0, logged = 0;
	char line[JOURNAL_LINE_SIZE];
	int err = 0;
	size_t length;
	bool whole;

	memset(place, 0, sizeof(*place));
	while (err != -ENOMEM && (length = next_line(file, line, &whole)) > 0) {
		number++;
		journal->torn = !whole;
		/* What is cut short was never applied, or is found undone. */
		if (!whole || length == 1)
			continue;
		err = replay_line(journal, number, line, length, place);
		if (err == -EINVAL)
			log_unreadable(journal, number, line, &logged);
		if (err == -EINVAL && number == 1)
			memset(place, 0, sizeof(*place));
	}
	change_list_filter(&journal->changes, all, NULL);
	if (ferror(file))
		err = -EIO;
	return err == -EINVAL ? 0 : err;
}

static int read_file(struct journal *journal, struct place *place)
{
	FILE *file;
	int err, fd;

	fd = fcntl(journal->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		err = -errno;
		close(fd);
		return err;
	}
	err = replay(journal, file, place);
	fclose(file);
	return err;
}

static bool outlives_boot(void *data, const struct change *change)
{
	(void)data;
	return change_outlives_boot(change);
}

/* After a boot all is as it was, but what is in files. */
static void forget_volatile(struct journal *journal)
{
	size_t count = journal->changes.count;

	change_list_filter(&journal->changes, outlives_boot, NULL);
	log_notice("%s: of another boot, with which %zu changes have gone",
		   journal->path, count - journal->changes.count);
}

/* -EXDEV: the changes are true somewhere else. */
static int read_changes(struct journal *journal)
{
	struct place then, now;
	int err;

	err = place_now(&now);
	if (!err)
		err = read_file(journal, &then);
	if (err)
		return err;
	/* Where the head is lost, what does not match is still left alone. */
	if (then.boot[0] && strcmp(then.boot, now.boot) != 0)
		forget_volatile(journal);
	else if (then.boot[0] &&
		 (then.device != now.device || then.inode != now.inode))
		return -EXDEV;
	return 0;
}

int journal_read(const char *path, struct journal **journal)
{
	int fd = open_existing(path), err;

	if (fd < 0)
		return fd;
	err = journal_new(path, fd, journal);
	if (err) {
		close(fd);
		return err;
	}
	err = read_changes(*journal);
	if (err) {
		journal_close(*journal);
		*journal = NULL;
	}
	return err;
}
