/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/role/send.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/bytes.h"
#include "tunnel/dtls/dtls.h"

static bool is_client_hello(const uint8_t *datagram, size_t length)
{
	return length > DTLS_HEADER && datagram[DTLS_TYPE] == DTLS_HANDSHAKE &&
	       get16(datagram + DTLS_EPOCH) == 0 &&
	       datagram[DTLS_HEADER] == DTLS_CLIENT_HELLO;
}

static int send_wrapped(struct tunnel *tunnel,
			const struct role_destination *to,
			const uint8_t *datagram, size_t length)
{
	struct noise_choice choice = {
		.secret = to->link ? to->link->secret : to->secret,
		.now = (int64_t)time(NULL),
	};
	uint8_t wrapped[NOISE_WRAP_MOST];
	ssize_t whole = noise_choose(&choice, length,
				     is_client_hello(datagram, length));

	if (to->most && choice.size > to->most)
		choice.size = to->most;
	if (!whole)
		whole = noise_wrap(tunnel->noise, &choice, datagram, length,
				   wrapped, sizeof(wrapped));
	if (whole < 0)
		return (int)whole;
	return udp_io_send(&tunnel->udp[to->socket].io, to->peer, to->local,
			   wrapped, (size_t)whole);
}

int role_send(struct tunnel *tunnel, const struct role_destination *to,
	      const uint8_t *datagram, size_t length)
{
	const struct noise_link *link = to->link;
	uint8_t copy[DTLS_HEADER + DTLS_BODY_MAX], *hidden = copy;
	size_t whole = 0;

	if (!tunnel->noise)
		return udp_io_send(&tunnel->udp[to->socket].io, to->peer,
				   to->local, datagram, length);
	if (link && link->is_known && length <= sizeof(copy)) {
		memcpy(copy, datagram, length);
		whole = noise_hide(tunnel->noise, link->secret, link->to,
				   link->explicit, &hidden, length);
	}
	if (!whole)
		return send_wrapped(tunnel, to, datagram, length);
	return udp_io_send(&tunnel->udp[to->socket].io, to->peer, to->local,
			   hidden, whole);
}
