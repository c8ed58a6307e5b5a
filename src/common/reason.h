/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why something failed, in a line for the person who runs it. It goes with an
 * error, which is for the program.
 */
#ifndef MINIVPN_COMMON_REASON_H
#define MINIVPN_COMMON_REASON_H

#define REASON_SIZE 512

/* All zero: none is given. */
struct reason {
	char text[REASON_SIZE];
};

/* Cut off where it is too long. NULL: nobody wants to know. */
void reason_set(struct reason *reason, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
