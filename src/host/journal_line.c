/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line of the journal and its checksum. A digit that has become another one
 * would still be a change that can be read, but one that was never ours: what
 * does not match is not carried out.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/journal_internal.h"

/*
 * CRC-32 as gzip has it (RFC 1952, section 8), bit by bit, as lines are few. It
 * finds every error that is not longer than itself.
 */
static uint32_t checksum(const char *text)
{
	uint32_t sum = UINT32_MAX;

	for (; *text; text++) {
		sum ^= (uint8_t)*text;
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
	}
	return ~sum;
}

int journal_line_print(const char *text, char *line, size_t size)
{
	int length = snprintf(line, size, "%08x %s", checksum(text), text);

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
