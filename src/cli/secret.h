/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Printing private keys. */
#ifndef MINIVPN_CLI_SECRET_H
#define MINIVPN_CLI_SECRET_H

/* Warns where standard output is a file that others can read. */
void secret_warn(const char *command);

/* Flushes standard output: CLI_DONE, or CLI_FAILED after an error. */
int secret_flush(const char *command);

#endif
