/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of config: what is reported of a text, and fresh keys for it. */
#ifndef MINIVPN_TESTS_CONFIG_FILE_H
#define MINIVPN_TESTS_CONFIG_FILE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/config/config.h"
#include "common/config/load.h"
#include "common/key.h"

struct pair {
	char secret[KEY_TEXT_SIZE], open[KEY_TEXT_SIZE];
};

static struct pair server, alice, bob;

static inline void make_pair(struct pair *pair)
{
	uint8_t key[KEY_SIZE], public_key[KEY_SIZE];

	assert_int_equal(key_generate(key), 0);
	assert_int_equal(key_public(key, public_key), 0);
	key_format(key, pair->secret);
	key_format(public_key, pair->open);
}

static inline int make_keys(void **state)
{
	(void)state;
	make_pair(&server);
	make_pair(&alice);
	make_pair(&bob);
	return 0;
}

/*
 * This is a config_report that gathers "LINE: text" lines in a text of 8 KiB.
 */
static inline void gather(void *data, const char *path, unsigned line,
			  bool warning, const char *text)
{
	size_t used = strlen(data);

	assert_non_null(path);
	snprintf((char *)data + used, 8192 - used, "%u: %s%s\n", line,
		 warning ? "warning: " : "", text);
}

/* The config of the text, or NULL where it is wrong; reported: 8 KiB. */
static inline struct config *parse(const char *path, const char *text,
				   char *reported)
{
	struct config *config = NULL;
	int error;

	reported[0] = '\0';
	error = config_parse(path, text, strlen(text), gather, reported,
			     &config);
	assert_int_equal(error, *reported ? -EINVAL : 0);
	assert_true(!error == !!config);
	return config;
}

/* Parses the format's text as FILE.conf and compares what is reported. */
static inline void __attribute__((format(printf, 2, 3)))
expect(const char *expected, const char *format, ...)
{
	char reported[8192];
	va_list arguments;
	char *text;

	va_start(arguments, format);
	assert_true(vasprintf(&text, format, arguments) >= 0);
	va_end(arguments);
	config_free(parse("dir/file.conf", text, reported));
	assert_string_equal(reported, expected);
	free(text);
}

/* The same, and it has to be right. */
static inline struct config *__attribute__((format(printf, 1, 2)))
right(const char *format, ...)
{
	char reported[8192];
	struct config *config;
	va_list arguments;
	char *text;

	va_start(arguments, format);
	assert_true(vasprintf(&text, format, arguments) >= 0);
	va_end(arguments);
	config = parse("dir/file.conf", text, reported);
	assert_string_equal(reported, "");
	free(text);
	return config;
}

#endif
