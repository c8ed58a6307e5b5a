/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file is that was to be a certificate, a key or a list in PEM, for the
 * message to whoever has put another one there. Nothing of it is used, and
 * nothing of its content is shown.
 */
#ifndef MINIVPN_TUNNEL_DTLS_PEM_KIND_H
#define MINIVPN_TUNNEL_DTLS_PEM_KIND_H

#include <stddef.h>

#include "common/config/config.h"

/* With its zero. */
#define PEM_KIND_SIZE 192

/*
 * What it is instead of what wanted says, and what to do: "is a certificate in
 * DER: openssl x509 ...". "": it may be what was wanted, or anything.
 */
void pem_kind(const char *text, size_t length, enum config_pem wanted,
	      char kind[PEM_KIND_SIZE]);

#endif
