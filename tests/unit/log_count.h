/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sink for the log that counts its lines. */
#ifndef MINIVPN_TESTS_LOG_COUNT_H
#define MINIVPN_TESTS_LOG_COUNT_H

#include "common/log.h"

/* count: an unsigned. */
static inline void count_line(void *count, enum log_level level,
			      const char *line)
{
	(void)level;
	(void)line;
	++*(unsigned *)count;
}

#endif
