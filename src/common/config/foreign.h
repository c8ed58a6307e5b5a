/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of other programs, which somebody has tried: one line that says so is
 * of more use than one for each of their lines.
 */
#ifndef MINIVPN_COMMON_CONFIG_FOREIGN_H
#define MINIVPN_COMMON_CONFIG_FOREIGN_H

#include <stddef.h>

/* What it is and what to do, with the line that gives it away; else NULL. */
const char *foreign_file(const char *text, size_t length, unsigned *line);

#endif
