/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the log of a tunnel in the background goes: RUNDIR/NAME.log, bounded
 * in size, and syslog.
 */
#ifndef MINIVPN_HOST_PROCESS_LOG_FILE_H
#define MINIVPN_HOST_PROCESS_LOG_FILE_H

/* The file is renamed to NAME.log.old when it is larger than this. */
#define LOG_FILE_LIMIT (1 << 20)

struct log_file;

/* Opens the file and makes it the log's sink. */
int log_file_open(struct log_file **log, const char *tunnel);

/* The log goes to stderr again. NULL is allowed. */
void log_file_close(struct log_file *log);

#endif
