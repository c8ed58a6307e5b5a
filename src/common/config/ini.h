/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The form of a tunnel's file, with line numbers: "[SECTION]" heads and
 * "KEY = VALUE" entries, blanks around each of no meaning; comments from a "#"
 * or ";" at the start of a line or behind a blank to its end. A line is never
 * continued on the next one. Whole files may stand between a line "<NAME>" and
 * one "</NAME>". What the words mean is the schema's business.
 */
#ifndef MINIVPN_COMMON_CONFIG_INI_H
#define MINIVPN_COMMON_CONFIG_INI_H

#include <stddef.h>

/* Without comments; with the zero. Longer lines are a mistake. */
#define INI_LINE_SIZE 4096

/* line counts from 1; the texts are valid during the call only. */
struct ini_hooks {
	/* head NULL: one that can't be read, a mistake that has been told. */
	void (*section)(void *data, unsigned line, const char *head);
	void (*entry)(void *data, unsigned line, const char *key,
		      const char *value);
	/* What stands between "<NAME>", in this line, and "</NAME>". */
	void (*block)(void *data, unsigned line, const char *name,
		      const char *text, size_t length);
	/* A line that is none of these; reading goes on with the next one. */
	void (*mistake)(void *data, unsigned line, const char *why);
};

/* Calls the hooks in the order of the text, and wipes its own copies. */
int ini_read(const char *text, size_t length, const struct ini_hooks *hooks,
	     void *data);

enum ini_kind {
	INI_BLANK,
	INI_COMMENT, /* and nothing else */
	INI_HEAD,
	INI_OTHER,
};

/* What one line, without its newline, is. */
enum ini_kind ini_kind(const char *line, size_t length);

#endif
