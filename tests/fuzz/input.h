/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What targets share: the input, which is taken from its front piece by piece,
 * and the check that ends the program where something does not hold.
 */
#ifndef MINIVPN_TESTS_INPUT_H
#define MINIVPN_TESTS_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static inline void check(bool good)
{
	if (!good)
		abort();
}

/* Returns 0 where there is none left. */
static inline uint8_t input_byte(struct input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->at++;
}

/*
 * A piece with two bytes of length before it, or all that is left, copied to
 * the heap so that a sanitizer sees its end. The caller frees it.
 */
static inline uint8_t *input_piece(struct input *input, size_t *length)
{
	size_t wanted = (size_t)input_byte(input) << 8;
	uint8_t *piece;

	wanted |= input_byte(input);
	*length = wanted < input->left ? wanted : input->left;
	piece = malloc(*length ? *length : 1);
	check(piece != NULL);
	memcpy(piece, input->at, *length);
	input->at += *length;
	input->left -= *length;
	return piece;
}

/* All that is left as a string. The caller frees it. */
static inline char *input_text(struct input *input)
{
	char *text = malloc(input->left + 1);

	check(text != NULL);
	memcpy(text, input->at, input->left);
	text[input->left] = '\0';
	input->left = 0;
	return text;
}

#endif
