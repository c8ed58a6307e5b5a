/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A private key in a file of its own, as `genkey` prints it: PrivateKeyFile. It
 * stands alone as it is the one value that is read from elsewhere.
 */
#ifndef MINIVPN_COMMON_CONFIG_KEY_FILE_H
#define MINIVPN_COMMON_CONFIG_KEY_FILE_H

#include <stdint.h>
#include <sys/stat.h>

#include "common/key.h"

/*
 * Reads the key that the tunnel's file says is in name: a path from where that
 * file is, or a credential that systemd has given us (systemd.exec(5), under
 * LoadCredential). *path, malloc'd in any case, is where it was found, *mode
 * its mode. -EINVAL: there is something else in it; -ENOMEM; what open(2) says.
 */
int key_file_read(const char *file, const char *name, uint8_t key[KEY_SIZE],
		  char **path, mode_t *mode);

#endif
