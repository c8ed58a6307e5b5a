/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/control/notice.h"

#include <string.h>

#include "common/bytes.h"

/* The last that a demultiplexer takes for DTLS (RFC 7983, section 7). */
#define TYPE 63

#define KIND   DTLS_HEADER
#define WAIT   (DTLS_HEADER + 2)
#define RANDOM (DTLS_HEADER + 4)

void notice_encode(const struct notice *notice, uint8_t datagram[NOTICE_SIZE])
{
	memset(datagram, 0, NOTICE_SIZE);
	datagram[DTLS_TYPE] = TYPE;
	put16(datagram + DTLS_VERSION, DTLS_1_2);
	put16(datagram + DTLS_LENGTH, NOTICE_SIZE - DTLS_HEADER);
	datagram[KIND] = (uint8_t)notice->kind;
	put16(datagram + WAIT, notice->wait);
	memcpy(datagram + RANDOM, notice->random, DTLS_RANDOM_SIZE);
}

bool notice_decode(const uint8_t *datagram, size_t length,
		   struct notice *notice)
{
	if (length < NOTICE_SIZE || datagram[DTLS_TYPE] != TYPE ||
	    get16(datagram + DTLS_VERSION) != DTLS_1_2 ||
	    get16(datagram + DTLS_LENGTH) < NOTICE_SIZE - DTLS_HEADER)
		return false;
	if (datagram[KIND] != NOTICE_BUSY && datagram[KIND] != NOTICE_ANEW)
		return false;
	notice->kind = datagram[KIND];
	notice->wait = get16(datagram + WAIT);
	memcpy(notice->random, datagram + RANDOM, DTLS_RANDOM_SIZE);
	return true;
}
