/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/server_probe.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/reason.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/session.h"
#include "tunnel/noise/noise.h"

#define TRIES	   3
#define TRY_MS	   600
#define HELLO_SIZE 1500
#define HELLO_MTU  1200 /* far more than the first one has */

/* The last byte of a record's sequence number. */
#define SEQUENCE_LOW   (DTLS_LENGTH - 1)
#define OFFSET_SESSION (DTLS_HELLO + DTLS_HELLO_SESSION_ID)

#define EXTENSION_PADDING 21
#define EXTENSION_HEADER  4

/* How the server is asked. */
struct line {
	int fd;
	struct noise *noise; /* NULL: without Secret */
};

struct hello {
	uint8_t bytes[HELLO_SIZE];
	size_t length;
};

/* MTUs of Ethernet, PPPoE, tunnels in tunnels, and the least of IPv6. */
static const unsigned sizes[] = {1500, 1492, 1480, 1460, 1440,
				 1420, 1400, 1360, 1320, 1280};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void keep(void *owner, const uint8_t *datagram, size_t length)
{
	struct hello *hello = owner;

	if (length > sizeof(hello->bytes))
		return;
	memcpy(hello->bytes, datagram, length);
	hello->length = length;
}

static int make_hello(const struct config *config, struct hello *hello)
{
	static const struct session_hooks hooks = {.transmit = keep};
	struct credentials *credentials;
	struct session *session;
	struct reason reason;
	int err;

	hello->length = 0;
	err = credentials_new(&credentials, config, &reason);
	if (err)
		return err;
	err = session_client(&session, credentials, &hooks, hello, NULL,
			     HELLO_MTU);
	credentials_free(credentials);
	if (err)
		return err;
	session_start(session);
	session_free(session);
	return hello->length > OFFSET_SESSION ? 0 : -EPROTO;
}

static void add16(uint8_t *bytes, size_t more)
{
	put16(bytes, (uint16_t)(get16(bytes) + more));
}

/* Extensions follow session ID, cookie, suites and compressions. */
static size_t find_extensions(const struct hello *hello)
{
	size_t at = OFFSET_SESSION;

	at += 1 + (size_t)hello->bytes[at];
	at += 1 + (size_t)hello->bytes[at];
	at += 2 + get16(hello->bytes + at);
	at += 1 + (size_t)hello->bytes[at];
	return at;
}

/* Makes it length bytes long; false: it is longer already. */
static bool pad(struct hello *hello, size_t length)
{
	size_t more = length - hello->length, size = more - EXTENSION_HEADER;
	uint8_t *end = hello->bytes + hello->length;

	if (length > sizeof(hello->bytes) ||
	    length < hello->length + EXTENSION_HEADER)
		return false;
	memset(end, 0, more);
	end[1] = EXTENSION_PADDING;
	add16(end + 2, size);
	add16(hello->bytes + DTLS_LENGTH, more);
	/* The upper one of three bytes stays 0. */
	add16(hello->bytes + DTLS_HEADER + DTLS_MESSAGE_LENGTH + 1, more);
	add16(hello->bytes + DTLS_HEADER + DTLS_FRAGMENT_LENGTH + 1, more);
	add16(hello->bytes + find_extensions(hello), more);
	hello->length = length;
	return true;
}

/* -errno. */
static int send_hello(const struct line *line, const struct hello *hello)
{
	struct noise_choice choice = {.now = (int64_t)time(NULL)};
	uint8_t wrapped[NOISE_WRAP_MOST];
	const uint8_t *bytes = hello->bytes;
	ssize_t length = (ssize_t)hello->length;

	if (line->noise) {
		bytes = wrapped;
		length = noise_choose(&choice, hello->length, true);
		if (!length)
			length = noise_wrap(line->noise, &choice, hello->bytes,
					    hello->length, wrapped,
					    sizeof(wrapped));
	}
	if (length < 0)
		return (int)length;
	return send(line->fd, bytes, (size_t)length, MSG_NOSIGNAL) < 0 ? -errno
								       : 0;
}

/* The length of a datagram, or -errno. */
static ssize_t receive(const struct line *line, uint8_t *answer, size_t size)
{
	uint8_t datagram[NOISE_WRAP_MOST];
	unsigned secret;
	ssize_t got;

	if (!line->noise) {
		got = recv(line->fd, answer, size, MSG_DONTWAIT);
		return got < 0 ? -errno : got;
	}
	got = recv(line->fd, datagram, sizeof(datagram), MSG_DONTWAIT);
	if (got < 0)
		return -errno;
	got = noise_unwrap(line->noise, (int64_t)time(NULL), datagram,
			   (size_t)got, answer, &secret);
	return got < 0 ? -EAGAIN : got;
}

/*
 * Waits for an answer: the number of the ClientHello that it is for, or -errno.
 */
static int await(const struct line *line, double until)
{
	uint8_t answer[NOISE_WRAP_MOST];

	for (;;) {
		struct pollfd readable = {.fd = line->fd, .events = POLLIN};
		double left = until - clock_seconds(CLOCK_MONOTONIC) * 1e3;
		ssize_t got;

		if (left <= 0. || poll(&readable, 1, (int)left + 1) <= 0)
			return -ETIMEDOUT;
		got = receive(line, answer, sizeof(answer));
		if (got < 0 && got != -EAGAIN && got != -EINTR)
			return (int)got;
		/* An answer has the number of what it answers (4.2.1). */
		if (got > DTLS_HEADER && answer[DTLS_TYPE] == DTLS_HANDSHAKE &&
		    answer[DTLS_HEADER] == DTLS_HELLO_VERIFY_REQUEST)
			return answer[SEQUENCE_LOW];
	}
}

static int ask(const struct line *line, const struct hello *hello,
	       struct server_probe_result *result)
{
	int answer = -ETIMEDOUT;

	for (unsigned i = 0; answer == -ETIMEDOUT && i < TRIES; i++) {
		double start = clock_seconds(CLOCK_MONOTONIC) * 1e3;

		int err = send_hello(line, hello);

		if (err)
			return err;
		answer = await(line, start + TRY_MS);
		result->ms = clock_seconds(CLOCK_MONOTONIC) * 1e3 - start;
	}
	return answer < 0 ? answer : 0;
}

/* All sizes are sent at once, the largest first. */
static void ask_sizes(const struct line *line, const struct hello *hello,
		      size_t headers, struct server_probe_result *result)
{
	double until =
		clock_seconds(CLOCK_MONOTONIC) * 1e3 + 2. * result->ms + 200.;
	size_t best = SIZES;
	int answer;

	for (size_t i = 0; i < SIZES; i++) {
		struct hello padded = *hello;

		padded.bytes[SEQUENCE_LOW] = (uint8_t)(i + 1);
		/* The kernel refuses what is larger than the link. */
		if (pad(&padded, sizes[i] - headers))
			send_hello(line, &padded);
	}
	while (best > 0 && (answer = await(line, until)) != -ETIMEDOUT) {
		if (answer > 0 && (size_t)answer <= best)
			best = (size_t)answer - 1;
	}
	result->mtu = best < SIZES ? sizes[best] : 0;
}

int server_probe_ask(const struct config *config, int fd, size_t headers,
		     struct server_probe_result *result)
{
	struct line line = {.fd = fd};
	struct hello hello;
	int err;

	memset(result, 0, sizeof(*result));
	err = make_hello(config, &hello);
	if (!err && config->secret_count)
		err = noise_new(&line.noise, config->secrets,
				config->secret_count, false);
	if (!err)
		err = ask(&line, &hello, result);
	/* What is wrapped has a bound. */
	if (!err && !line.noise)
		ask_sizes(&line, &hello, headers, result);
	noise_free(line.noise);
	return err;
}
