/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/client/trial.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "common/clock.h"
#include "tunnel/control/control.h"
#include "tunnel/dtls/session.h"
#include "tunnel/role/role.h"

#define PATIENCE_MS 8000
/* Of the handshake, and until its first datagram is sent again. */
#define HANDSHAKE_MS 5000
#define AGAIN_MS     400
/* The request is repeated as often until it is answered. */
#define REPEAT_MS 300
#define REQUEST	  1

#define DATAGRAM_SIZE 65536

struct run {
	const struct client_trial *trial;
	struct session *session;
	int64_t end, request; /* clock_ms(CLOCK_MONOTONIC) */
	struct settings *settings;
	struct reason *reason;
	int result; /* -EINPROGRESS: not known yet */
	uint8_t datagram[DATAGRAM_SIZE];
};

/* What is not sent is lost, and repeated. */
static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	const struct run *run = owner;

	(void)!write(run->trial->fd, datagram, length);
}

static const uint8_t *preshared_key(void *owner,
				    const struct identity *identity)
{
	const struct run *run = owner;

	(void)identity;
	return run->trial->config->preshared_key;
}

static void send_hello(struct run *run)
{
	const struct message hello = {
		.type = MESSAGE_HELLO,
		.version = MESSAGE_VERSION,
		.id = REQUEST,
	};

	control_send(run->session, &hello);
	run->request = clock_ms(CLOCK_MONOTONIC) + REPEAT_MS;
}

static void send_bye(struct run *run)
{
	const struct message bye = {
		.type = MESSAGE_BYE,
		.version = MESSAGE_VERSION,
		.id = REQUEST + 1,
		.code = MESSAGE_CODE_STOPPING,
	};

	if (session_is_open(run->session))
		control_send(run->session, &bye);
	session_close(run->session);
}

static void take(struct run *run, const uint8_t *record, size_t length)
{
	struct message message;

	if (!message_is_control(record, length) ||
	    message_decode(record, length, &message))
		return;
	if (message.type == MESSAGE_CONFIG && message.id == REQUEST) {
		*run->settings = message.settings;
		run->result = 0;
	} else if (message.type == MESSAGE_BYE ||
		   message.type == MESSAGE_ERROR) {
		reason_set(run->reason, "the server says: %s%s%s",
			   message_code_text(message.code),
			   message.text[0] ? ": " : "", message.text);
		run->result = -EPERM;
	}
}

static void pump(struct run *run)
{
	uint8_t *record;
	size_t length;

	while (run->result == -EINPROGRESS) {
		switch (session_next(run->session, &record, &length)) {
		case SESSION_OPENED:
			send_hello(run);
			break;
		case SESSION_RECORD:
			take(run, record, length);
			break;
		case SESSION_ENDED:
			reason_set(run->reason, "%s",
				   session_reason(run->session));
			run->result = session_error(run->session);
			break;
		case SESSION_NONE:
			return;
		}
	}
}

/* Milliseconds until something is to be done without an answer. */
static int left(const struct run *run, int64_t now)
{
	int64_t until = run->end;
	int timeout = session_timeout(run->session);

	if (session_is_open(run->session) && run->request < until)
		until = run->request;
	if (timeout >= 0 && now + timeout < until)
		until = now + timeout;
	return until > now ? (int)(until - now) : 0;
}

static void step(struct run *run)
{
	struct pollfd readable = {.fd = run->trial->fd, .events = POLLIN};
	int64_t now = clock_ms(CLOCK_MONOTONIC);
	ssize_t got;

	if (now >= run->end) {
		reason_set(run->reason, "the server does not answer");
		run->result = -ETIMEDOUT;
	} else if (poll(&readable, 1, left(run, now)) > 0) {
		/* An ICMP error may be a false one: silence is told later. */
		got = read(run->trial->fd, run->datagram,
			   sizeof(run->datagram));
		if (got > 0)
			session_input(run->session, run->datagram, (size_t)got);
	} else if (!session_is_open(run->session)) {
		session_tick(run->session);
	} else {
		send_hello(run);
	}
	pump(run);
}

int client_trial_run(const struct client_trial *trial,
		     struct settings *settings, struct reason *reason)
{
	static const struct session_hooks hooks = {
		.transmit = transmit,
		.preshared_key = preshared_key,
	};
	struct run run = {
		.trial = trial,
		.settings = settings,
		.reason = reason,
		.end = clock_ms(CLOCK_MONOTONIC) + PATIENCE_MS,
		.result = -EINPROGRESS,
	};
	int err = session_client(&run.session, trial->credentials, &hooks, &run,
				 trial->server_host, ROLE_HANDSHAKE_MTU);

	if (err) {
		reason_set(reason, "no session can be made");
		return err;
	}
	session_set_timeouts(run.session, AGAIN_MS, HANDSHAKE_MS);
	session_start(run.session);
	pump(&run);
	while (run.result == -EINPROGRESS)
		step(&run);
	send_bye(&run);
	session_free(run.session);
	return run.result;
}
