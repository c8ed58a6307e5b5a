/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A day, or a minute of one, that a person has written down, as the moment at
 * which it is over: "2026-12-31", "2026-12-31 18:00". It is in the time zone
 * that the program was started in, which needs no file afterwards: the tunnel
 * process has none.
 */
#ifndef MINIVPN_COMMON_DATE_H
#define MINIVPN_COMMON_DATE_H

#include <stdint.h>

#define DATE_SIZE 32

/*
 * Unix time of the midnight that ends the day, or of the minute. -EINVAL: it is
 * no date from 1970 to 9999.
 */
int date_parse_end(const char *text, int64_t *end);

/* The reverse; returns text. */
const char *date_format_end(int64_t end, char text[DATE_SIZE]);

/* To be called once, while the files of the time zone can be read. */
void date_prepare(void);

#endif
