/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the nursery keeps of a tunnel's files, so that each tunnel process that
 * it starts has those that were last found good: those on the disk may be
 * changed, and not yet be meant.
 */
#ifndef MINIVPN_HOST_PROCESS_LAUNCHER_FILES_H
#define MINIVPN_HOST_PROCESS_LAUNCHER_FILES_H

#include "common/config/config.h"

struct nursery_files {
	struct config *config; /* NULL: none */
	/* Sealed memfds of the PEM files; -1: not named, or not read. */
	int pems[CONFIG_PEMS];
	/* That of the private key, so that it stays out of the swap. */
	void *key;
	size_t key_size;
};

/* Takes over config, which may be NULL; no PEM file is read. */
void nursery_files_init(struct nursery_files *files, struct config *config);

/*
 * Reads the PEM files that files->config names, as far as that is possible. 0,
 * or -errno of the first that can't be read, enum config_pem in *which.
 */
int nursery_files_read(struct nursery_files *files, int *which);

/*
 * The new text in fd, a sealed memfd, and the PEM files that it names, for the
 * tunnel that now is. files is without any before, and after an error. -errno;
 * *which as above, CONFIG_PEMS: it is no PEM file's.
 */
int nursery_files_load(struct nursery_files *files, struct config *now, int fd,
		       int *which);

/* now becomes what next is, but for what can't change, and next has none. */
int nursery_files_take(struct nursery_files *now, struct nursery_files *next);

void nursery_files_free(struct nursery_files *files);

#endif
