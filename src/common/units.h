/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes and times as they stand in a line of the log: in two figures or so, for
 * whoever reads it, and never to be read back.
 */
#ifndef MINIVPN_COMMON_UNITS_H
#define MINIVPN_COMMON_UNITS_H

#include <stdint.h>

#define UNITS_SIZE 32

/* Each writes into text, and returns it. */

/* "812 B", "1.2 GiB" */
const char *units_bytes(char text[UNITS_SIZE], uint64_t bytes);

/* "42 s", "3 min", "3 h 12 min", "2 d 4 h"; what is negative is 0 s. */
const char *units_duration(char text[UNITS_SIZE], double seconds);

#endif
