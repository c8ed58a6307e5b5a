/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a file into struct config, and tells what is wrong with it, in the
 * order of its lines.
 */
#ifndef MINIVPN_COMMON_CONFIG_LOAD_H
#define MINIVPN_COMMON_CONFIG_LOAD_H

#include <stddef.h>

#include "common/config/config.h"
#include "common/config/diagnostics.h"
#include "common/config/include.h"

/*
 * Reads the file at path. 0 and *config (config_free() it), or -EINVAL where
 * something was reported as wrong, or another -errno where it can't be read
 * (reported too). report may be NULL.
 */
int config_load(const char *path, config_report report, void *data,
		struct config **config);

/*
 * The same from fd, which is the file at path, without a look at the modes of
 * files and at PEM files, which not every process may read. text takes what was
 * read: include_free() it in any case.
 */
int config_read(const char *path, int fd, config_report report, void *data,
		struct include_text *text, struct config **config);

/*
 * A memfd of what config_read() has read, for config_map(): with the key that
 * PrivateKeyFile names, which config must still have. A descriptor, or -errno.
 */
int config_seal(const struct config *config, const struct include_text *text);

/*
 * The same from memory, an include_text's or one of a file that includes
 * nothing; path is only for messages, the name and warnings.
 */
int config_parse(const char *path, const char *text, size_t length,
		 config_report report, void *data, struct config **config);

/* What else has to go on while a long file is read: called again and again. */
struct config_pause {
	void (*run)(void *owner);
	void *owner;
};

/*
 * The same from a memfd that can't be changed any more, without moving its
 * offset, which others share. Nothing is reported. pause may be NULL.
 */
int config_map(const char *path, int fd, const struct config_pause *pause,
	       struct config **config);

#endif
