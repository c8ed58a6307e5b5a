/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A checksum by which a file of ours is known to be as we have written it. Not
 * for what somebody might want to forge.
 */
#ifndef MINIVPN_COMMON_CRC_H
#define MINIVPN_COMMON_CRC_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-32 as gzip has it (RFC 1952, section 8). It finds every error that is not
 * longer than itself.
 */
uint32_t crc32_of(const void *bytes, size_t length);

#endif
