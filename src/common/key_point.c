/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether 32 bytes are a point of Ed25519's curve (RFC 8032, section 5.1.3),
 * which GnuTLS does not say. Only for public keys: it takes its time by what
 * they are.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/key.h"

#define LIMBS 8

/* A number modulo p = 2^255 - 19, below 2^256; the lowest limb first. */
struct field {
	uint32_t limbs[LIMBS];
};

/* Adds what has run over: 2^256 is 38 modulo p. */
static void fold(struct field *a, uint64_t over)
{
	while (over) {
		uint64_t carry = over * 38;

		for (unsigned i = 0; i < LIMBS && carry; i++) {
			carry += a->limbs[i];
			a->limbs[i] = (uint32_t)carry;
			carry >>= 32;
		}
		over = carry;
	}
}

static struct field multiply(const struct field *a, const struct field *b)
{
	uint32_t product[2 * LIMBS] = {0};
	struct field result;
	uint64_t carry = 0;

	for (unsigned i = 0; i < LIMBS; i++) {
		carry = 0;
		for (unsigned j = 0; j < LIMBS; j++) {
			carry += (uint64_t)a->limbs[i] * b->limbs[j] +
				 product[i + j];
			product[i + j] = (uint32_t)carry;
			carry >>= 32;
		}
		product[i + LIMBS] = (uint32_t)carry;
	}
	carry = 0;
	for (unsigned i = 0; i < LIMBS; i++) {
		carry += product[i] + (uint64_t)product[i + LIMBS] * 38;
		result.limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
	fold(&result, carry);
	return result;
}

static struct field subtract(const struct field *a, const struct field *b)
{
	struct field result = *a;
	const struct field thirty_eight = {{38}};
	int64_t borrow = 0;

	for (unsigned i = 0; i < LIMBS; i++) {
		borrow += (int64_t)a->limbs[i] - b->limbs[i];
		result.limbs[i] = (uint32_t)borrow;
		borrow >>= 32;
	}
	return borrow ? subtract(&result, &thirty_eight) : result;
}

static bool is_below(const struct field *a, const struct field *b)
{
	for (unsigned i = LIMBS; i-- > 0;) {
		if (a->limbs[i] != b->limbs[i])
			return a->limbs[i] < b->limbs[i];
	}
	return false;
}

static const struct field one = {{1}};
static const struct field prime = {{0xffffffed, 0xffffffff, 0xffffffff,
				    0xffffffff, 0xffffffff, 0xffffffff,
				    0xffffffff, 0x7fffffff}};

/* Divides by two as often as goes; whether that is an odd number of times. */
static bool halve(struct field *a)
{
	bool odd = false;

	while (!(a->limbs[0] & 1)) {
		unsigned bits =
			a->limbs[0] ? (unsigned)ffs((int)a->limbs[0]) - 1 : 31;

		for (unsigned i = 0; i < LIMBS - 1; i++)
			a->limbs[i] = a->limbs[i] >> bits |
				      a->limbs[i + 1] << (32 - bits);
		a->limbs[LIMBS - 1] >>= bits;
		odd ^= bits & 1;
	}
	return odd;
}

/*
 * The Jacobi symbol of a and p is 1 for squares; 0 is none here. By the law of
 * quadratic reciprocity, which takes a sixth of the time of a power of a.
 */
static bool is_square(struct field a)
{
	const struct field zero = {{0}};
	struct field by = prime;
	bool square = true;

	while (!is_below(&a, &prime))
		a = subtract(&a, &prime);
	while (memcmp(&a, &zero, sizeof(a)) != 0) {
		unsigned of_eight = by.limbs[0] & 7;

		if (halve(&a) && (of_eight == 3 || of_eight == 5))
			square = !square;
		if (is_below(&a, &by)) {
			struct field larger = by;

			by = a;
			a = larger;
			square ^= (a.limbs[0] & by.limbs[0] & 3) == 3;
		}
		a = subtract(&a, &by);
	}
	return square && !memcmp(&by, &one, sizeof(one));
}

/*
 * There is an x to y where (y^2 - 1) / (d y^2 + 1) is a square, d being
 * -121665/121666; with the whole by 121666, which is a square, and a product in
 * place of the quotient, nothing has to be divided. It is none where y is 1 or
 * -1, a point that anybody can sign for.
 */
bool key_is_public(const uint8_t key[KEY_SIZE])
{
	const struct field by = {{121666}}, times = {{121665}};
	struct field y = {{0}}, square, over, under, product;

	for (unsigned i = 0; i < KEY_SIZE; i++)
		y.limbs[i / 4] |= (uint32_t)key[i] << 8 * (i % 4);
	y.limbs[LIMBS - 1] &= 0x7fffffff;
	if (!is_below(&y, &prime))
		return false;
	square = multiply(&y, &y);
	over = subtract(&square, &one);
	product = multiply(&square, &times);
	under = subtract(&by, &product);
	product = multiply(&over, &under);
	return is_square(product);
}
