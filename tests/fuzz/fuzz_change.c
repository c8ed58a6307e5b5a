/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of a journal: what is accepted as a change is printed as the same text,
 * and its kind is one that there is.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), again[CHANGE_TEXT_SIZE];
	struct change change, twin;

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (change_parse(text, &change) == 0) {
		check(change_print(&change, again, sizeof(again)) == 0);
		check(strcmp(text, again) == 0);
		check(change_parse(again, &twin) == 0);
		check(change_equal(&change, &twin));
		check(change_hash(&change) == change_hash(&twin));
		check(change_print(&change, again, strlen(text)) < 0);
		check(strchr(text, '\n') == NULL);
	}
	free(text);
	return 0;
}
