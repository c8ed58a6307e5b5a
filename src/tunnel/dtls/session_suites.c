/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions that may be two at one address: whose is a record? */
#include <string.h>

#include "tunnel/dtls/precheck.h"
#include "tunnel/dtls/session_internal.h"

size_t session_open_only(struct session *session, uint8_t *datagram,
			 size_t length, uint8_t **plain)
{
	/* What is another's would be spoilt by trying to open it. */
	uint8_t copy[PRECHECK_HEADER + PRECHECK_MESSAGE_MAX], *opened;
	struct precheck_record record;
	ssize_t size;
	size_t used;

	if (session->state != STATE_OPEN || !session->record ||
	    length > sizeof(copy) ||
	    !precheck_record(datagram, length, &record) ||
	    record.length != length)
		return 0;
	memcpy(copy, datagram, length);
	size = record_open(session->record, copy, length, &opened, &used);
	if (size <= 0)
		return 0;
	*plain = datagram + (opened - copy);
	memcpy(*plain, opened, (size_t)size);
	return (size_t)size;
}
