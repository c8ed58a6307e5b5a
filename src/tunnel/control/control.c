/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/control/control.h"

#include <errno.h>

#include "common/clock.h"

int control_send(struct session *session, const struct message *message)
{
	uint8_t record[MESSAGE_SIZE];
	ssize_t length = message_encode(message, record, sizeof(record));

	if (length < 0)
		return (int)length;
	return session_send(session, record, (size_t)length);
}

int control_ping(struct session *session)
{
	struct message ping = {
		.type = MESSAGE_PING,
		.version = MESSAGE_VERSION,
		.timestamp = clock_now_us(),
	};

	return control_send(session, &ping);
}

bool control_ping_pong(struct session *session, const struct message *message,
		       uint32_t *rtt_us)
{
	struct message pong = {
		.type = MESSAGE_PONG,
		.version = MESSAGE_VERSION,
		.id = message->id,
		.timestamp = message->timestamp,
	};
	uint64_t now;

	if (message->type == MESSAGE_PING) {
		control_send(session, &pong);
		return true;
	}
	if (message->type != MESSAGE_PONG)
		return false;
	now = clock_now_us();
	/* A peer can make up a timestamp; it fools only its own figure. */
	if (message->timestamp < now && now - message->timestamp < UINT32_MAX)
		*rtt_us = (uint32_t)(now - message->timestamp);
	return true;
}

void control_answer_error(struct session *session,
			  const struct message *message, int err)
{
	struct message answer = {
		.type = MESSAGE_ERROR,
		.version = MESSAGE_VERSION,
		.id = message->id,
		.code = err == -EOPNOTSUPP ? MESSAGE_CODE_UNKNOWN
					   : MESSAGE_CODE_MALFORMED,
	};

	if (message->type != MESSAGE_ERROR)
		control_send(session, &answer);
}
