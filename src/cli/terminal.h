/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What standard output is to people: how wide, in which colours; and text on
 * it, cut to a width. Not for what moves the cursor: screen.h.
 */
#ifndef MINIVPN_CLI_TERMINAL_H
#define MINIVPN_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* All zero but utf8: a file or a pipe, which gets whole lines. */
struct terminal {
	unsigned columns; /* 0: lines are not cut */
	unsigned rows;	  /* 0: it is no terminal */
	bool colour;
	bool utf8; /* it shows characters beyond ASCII */
};

enum terminal_style {
	TERMINAL_PLAIN, /* ends the others */
	TERMINAL_HEAD,
	TERMINAL_LABEL,
	TERMINAL_WARNING,
};

/* Of standard output; sets LC_CTYPE, by which characters are told. */
void terminal_find(struct terminal *terminal);

/* Its size as it is now, which the user may change. */
void terminal_find_size(struct terminal *terminal);

/* It has a cursor that can be moved: TERM is set, and is not "dumb". */
bool terminal_has_cursor(void);

/* What begins a style; "" where there are no colours. */
const char *terminal_style(const struct terminal *terminal,
			   enum terminal_style style);

/*
 * Writes text, of which nothing can end the line or command the terminal, in at
 * most width columns (0: in as many as it takes), between characters; what is
 * cut ends with a mark. Returns how many columns it took. out NULL: writes
 * nothing.
 */
unsigned terminal_put(FILE *out, const struct terminal *terminal,
		      const char *text, unsigned width);

#endif
