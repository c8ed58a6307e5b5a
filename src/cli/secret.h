/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Printing private keys. */
#ifndef MINIVPN_CLI_SECRET_H
#define MINIVPN_CLI_SECRET_H

/*
 * Before anything is printed: warns where standard output is a file that others
 * can read; what goes there is from now on in memory that can be wiped.
 */
void secret_begin(const char *command);

/* Flushes standard output and wipes it: CLI_DONE, or CLI_FAILED after an error.
 */
int secret_flush(const char *command);

#endif
