/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the launcher keeps of a tunnel's files, so that each tunnel process that
 * it starts has those that were last found good: those on the disk may be
 * changed, and not yet be meant.
 */
#ifndef MINIVPN_HOST_PROCESS_LAUNCHER_FILES_H
#define MINIVPN_HOST_PROCESS_LAUNCHER_FILES_H

#include "common/config/config.h"
#include "common/reason.h"

struct launcher_files {
	struct config *config; /* NULL: none */
	/*
	 * Sealed memfds of the PEM files, and of what the lists of revoked
	 * certificates are reduced to (tunnel/dtls/crl.h); -1: not named, or
	 * not read.
	 */
	int pems[CONFIG_PEMS];
	/* That of the private key, so that it stays out of the swap. */
	void *key;
	size_t key_size;
};

/* Takes over config, which may be NULL; no PEM file is read. */
void launcher_files_init(struct launcher_files *files, struct config *config);

/*
 * Reads the PEM files that files->config names, as far as that is possible. 0,
 * or -errno with one line for the user in reason, of the first that can't be
 * read.
 */
int launcher_files_read(struct launcher_files *files, struct reason *reason);

/*
 * The new text in fd, a sealed memfd, and the PEM files that it names, for the
 * tunnel that now is. files is without any before, and after an error. -errno,
 * with reason as above, where it is a PEM file's.
 */
int launcher_files_load(struct launcher_files *files, struct config *now,
			int fd, struct reason *reason);

/* now becomes what next is, but for what can't change, and next has none. */
int launcher_files_take(struct launcher_files *now,
			struct launcher_files *next);

void launcher_files_free(struct launcher_files *files);

#endif
