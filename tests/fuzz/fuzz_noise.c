/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Noise: the first byte of the input chooses what the rest is. A datagram of a
 * stranger, which must not be unwrapped, and whose header says something or
 * other; a datagram of ours, which comes out as it went in, but not with any
 * bit of it changed; a datagram that may be a record, which then comes back as
 * it was.
 */
#include "input.h"

#include <errno.h>

#include "tunnel/noise/noise.h"

#define NOW  1800000000
#define ROOM 16 /* in front of a record, more than it needs */

static void make(struct noise **noise, bool server)
{
	static const uint8_t secrets[2][NOISE_SECRET_SIZE] = {{1}, {2}};

	check(noise_new(noise, secrets, 2, server) == 0);
}

static void stranger(struct noise *noise, const uint8_t *data, size_t size)
{
	uint8_t *out = malloc(size + 1), *record = malloc(ROOM + size);
	struct noise_header header;
	unsigned secret;

	check(out != NULL && record != NULL);
	check(noise_unwrap(noise, NOW, data, size, out, &secret) == -EBADMSG);
	memcpy(record + ROOM, data, size);
	if (noise_read(noise, 0, data, size, &header)) {
		size_t explicit = header.cid & 8, length;
		uint8_t *at = record + ROOM;

		length = noise_restore(&header, explicit, &at, size);
		check(!length || length == size + 1 + explicit);
		check(at >= record + ROOM - NOISE_HEADROOM);
	}
	free(out);
	free(record);
}

static void wrapped(struct noise *from, struct noise *to, struct input *input)
{
	struct noise_choice choice = {.now = NOW};
	uint8_t out[NOISE_WRAP_MOST], back[NOISE_WRAP_MOST];
	unsigned change = input_byte(input), secret;
	ssize_t length;

	choice.secret = input_byte(input) % 2;
	choice.size = (size_t)input_byte(input) * 5;
	memcpy(choice.salt, input->at, input->left < 12 ? input->left : 12);
	length = noise_wrap(from, &choice, input->at, input->left, out,
			    sizeof(out));
	if (length < 0) {
		check(length == -EMSGSIZE);
		return;
	}
	out[(change * 7) % (unsigned)length] ^= 0x10;
	check(noise_unwrap(to, NOW, out, (size_t)length, back, &secret) ==
	      -EBADMSG);
	out[(change * 7) % (unsigned)length] ^= 0x10;
	check(noise_unwrap(to, NOW, out, (size_t)length, back, &secret) ==
	      (ssize_t)input->left);
	check(secret == choice.secret);
	check(!memcmp(back, input->at, input->left));
	check(noise_unwrap(to, NOW, out, (size_t)length, back, &secret) ==
	      -EALREADY);
}

static void record(struct noise *from, struct noise *to, struct input *input)
{
	size_t explicit = input_byte(input) & 8, size = input->left, length;
	uint8_t *bytes = malloc(size + 1), *at = bytes;
	struct noise_header header;

	check(bytes != NULL);
	memcpy(bytes, input->at, size);
	length = noise_hide(from, 1, 77, explicit, &at, size);
	if (length) {
		check(length == size - explicit - 1);
		check(noise_read(to, 1, at, length, &header));
		check(header.cid == 77);
		check(noise_restore(&header, explicit, &at, length) == size);
	}
	check(at == bytes);
	check(!memcmp(bytes, input->at, size));
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct noise *client, *server;
	unsigned kind = input_byte(&input) % 3;

	make(&client, false);
	make(&server, true);
	if (kind == 0)
		stranger(server, input.at, input.left);
	else if (kind == 1)
		wrapped(client, server, &input);
	else
		record(client, server, &input);
	noise_free(client);
	noise_free(server);
	return 0;
}
