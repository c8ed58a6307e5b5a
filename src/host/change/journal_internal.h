/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What journal.c (writing), journal_replay.c and journal_file.c share. */
#ifndef MINIVPN_HOST_CHANGE_JOURNAL_INTERNAL_H
#define MINIVPN_HOST_CHANGE_JOURNAL_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/change/journal.h"

/* A checksum's eight digits and the space behind them. */
#define JOURNAL_SUM_SIZE 9
/* "+ " and a change, the longest text that is behind one; with its zero. */
#define JOURNAL_TEXT_SIZE (CHANGE_ENTRY_SIZE + 2)
#define JOURNAL_LINE_SIZE (JOURNAL_SUM_SIZE + JOURNAL_TEXT_SIZE)

struct journal {
	int fd;
	char *path;
	/* The last line has no end: the next one has to begin with one. */
	bool torn;
	struct change_list changes; /* applied */
	size_t size;		    /* bytes, of what we have written */
	size_t limit;		    /* then it is written anew; 0: never */
};

/* Takes over fd where it succeeds; -ENOMEM. */
int journal_new(const char *path, int fd, struct journal **journal);

/* What the first line says of where and when changes are true: here and now. */
int journal_head(char *text, size_t size);

/* The line, without its end, that a text is written as; -EMSGSIZE. */
int journal_line_print(const char *text, char *line, size_t size);
/* A part of line; NULL where the line is not as it was written. */
const char *journal_line_text(const char *line);

/*
 * Opens and locks (flock(2)) the file that is there and reads what is applied;
 * errors as of journal_heal(), -ENOENT where there is none.
 */
int journal_read(const char *path, struct journal **journal);

#endif
