/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole terminal as a page that is redrawn, with single keys from it. It is
 * as it was again when this ends, by a signal too, and while it is stopped
 * (SIGTSTP). Nothing waits for a terminal that does not read.
 */
#ifndef MINIVPN_CLI_SCREEN_H
#define MINIVPN_CLI_SCREEN_H

#include <stddef.h>

struct screen;

enum screen_event {
	SCREEN_KEY,    /* one of the user's */
	SCREEN_RESIZE, /* it has another size, or shows nothing of ours */
	SCREEN_TIME,   /* time is up */
	SCREEN_END,    /* the terminal is gone */
};

/*
 * -ENOTTY where standard input or output is no terminal, or its cursor can't be
 * moved. Signals are for screen_wait() from now on.
 */
int screen_open(struct screen **screen);

/* Puts the terminal back. NULL is allowed. */
void screen_close(struct screen *screen);

/*
 * Has text shown, lines that end with "\n". What is still being written of the
 * one before comes to its end first, and this is left out then.
 */
void screen_show(struct screen *screen, const char *text, size_t length);

/*
 * Waits for what comes first, until the time of CLOCK_MONOTONIC in
 * milliseconds. Does not return for a signal that ends the program.
 */
enum screen_event screen_wait(struct screen *screen, long long until_ms,
			      char *key);

#endif
