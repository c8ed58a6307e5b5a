/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A memory link whose ends know each other by key, up to an open session. */
#ifndef MINIVPN_TESTS_OPEN_LINK_H
#define MINIVPN_TESTS_OPEN_LINK_H

#include "unit/memory_link.h"

/* Makes fresh keys for both ends; each program calls it once. */
void open_link_keys(void);

/* The public key of an end, KEY_SIZE bytes. */
const uint8_t *open_link_key(enum link_side side);

/* This begins a handshake on a link, which frees the credentials. */
void start_link(struct memory_link *link, enum config_cipher cipher);

/* A link without losses, which the caller frees, with both ends open. */
struct memory_link *open_link(enum config_cipher cipher);

/* This checks that one record from side arrives whole at the other. */
void check_data(struct memory_link *link, enum link_side side);

#endif
