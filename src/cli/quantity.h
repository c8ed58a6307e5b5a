/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes and times as people read them. Each returns its buffer. */
#ifndef MINIVPN_CLI_QUANTITY_H
#define MINIVPN_CLI_QUANTITY_H

#include <stdint.h>

#define QUANTITY_SIZE	   24
#define QUANTITY_LONG_SIZE 96

/* "1.2 GiB": at most 7 characters below a million TiB. */
const char *quantity_bytes(char text[QUANTITY_SIZE], double bytes);

/* "12 s", "5 min", "3 h", "12 d". */
const char *quantity_time(char text[QUANTITY_SIZE], double seconds);

/* "1 day, 2 hours, 3 minutes" or "4 seconds". */
const char *quantity_duration(char text[QUANTITY_LONG_SIZE], double seconds);

/* "0.24 ms", "23 ms", "1.2 s". */
const char *quantity_round_trip(char text[QUANTITY_SIZE], double ms);

/* "2026-12-01 12:00:00 UTC"; "" where no calendar has it. */
const char *quantity_date(char text[QUANTITY_LONG_SIZE], int64_t unix_time);

#endif
