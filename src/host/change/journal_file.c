/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This is the open file of a journal, and the form of its lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crc.h"
#include "host/change/journal_internal.h"

int journal_new(const char *path, int fd, struct journal **journal)
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

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	close(journal->fd);
	change_list_free(&journal->changes);
	free(journal->path);
	free(journal);
}

/*
 * A digit that has become another one would still be a change that can be read,
 * but one that was never ours: what its checksum does not match is not carried
 * out.
 */
int journal_line_print(const char *text, char *line, size_t size)
{
	int length = snprintf(line, size, "%08x %s",
			      crc32_of(text, strlen(text)), text);

	return length >= 0 && (size_t)length < size ? 0 : -EMSGSIZE;
}

const char *journal_line_text(const char *line)
{
	char again[JOURNAL_LINE_SIZE];

	if (strlen(line) < JOURNAL_SUM_SIZE ||
	    journal_line_print(line + JOURNAL_SUM_SIZE, again, sizeof(again)) ||
	    strcmp(line, again) != 0)
		return NULL;
	return line + JOURNAL_SUM_SIZE;
}
