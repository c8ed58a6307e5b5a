/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making and printing private keys. */
#ifndef MINIVPN_CLI_SECRET_H
#define MINIVPN_CLI_SECRET_H

/* Before there is one: all that this process has stays out of the swap. */
void secret_keep(void);

/*
 * Before anything is printed: warns where standard output is a file that others
 * can read; what goes there is from now on in memory that can be wiped.
 */
void secret_begin(const char *command);

/* Flushes standard output and wipes it: CLI_DONE, or CLI_FAILED after an error.
 */
int secret_flush(const char *command);

#endif
