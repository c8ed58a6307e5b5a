/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of a journal, records and texts: what is accepted as a change is
 * printed as the same text, is written as a record, and is the same when that
 * is read.
 */
#include <stdlib.h>
#include <string.h>

#include "host/change/change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_text(const char *text, const struct change *change)
{
	char again[CHANGE_TEXT_SIZE];
	struct change twin;

	check(change_print(change, again, sizeof(again)) == 0);
	check(strcmp(text, again) == 0);
	check(change_parse(again, &twin) == 0);
	check(change_equal(change, &twin));
	check(change_hash(change) == change_hash(&twin));
	check(change_print(change, again, strlen(text)) < 0);
	check(strchr(text, '\n') == NULL);
}

static void check_record(const struct change *change)
{
	char entry[CHANGE_ENTRY_SIZE], again[CHANGE_ENTRY_SIZE];
	struct change twin;

	check(change_encode(change, entry, sizeof(entry)) == 0);
	check(strchr(entry, '\n') == NULL);
	check(change_decode(entry, &twin) == 0);
	check(change_equal(change, &twin));
	check(change_hash(change) == change_hash(&twin));
	check(change_encode(&twin, again, sizeof(again)) == 0);
	check(strcmp(entry, again) == 0);
	check(change_encode(change, again, strlen(entry)) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct change change;

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (change_parse(text, &change) == 0)
		check_text(text, &change);
	if (change_decode(text, &change) == 0)
		check_record(&change);
	free(text);
	return 0;
}
