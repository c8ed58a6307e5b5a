/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of nft*.c: what we tell the kernel beside what nft(8) does. */
#ifndef MINIVPN_TESTS_NFT_FIXTURE_H
#define MINIVPN_TESTS_NFT_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/nft/gateway.h"
#include "unit/netns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline struct nft *enter_and_open(void)
{
	struct nft *nft;

	assert_int_equal(netns_enter(), 0);
	assert_int_equal(nft_open(&nft), 0);
	return nft;
}

/* Cuts start and what follows up to one of stop, at each place. */
static inline void strip(char *text, const char *start, const char *stop)
{
	char *from = text, *to;

	while ((from = strstr(from, start)) != NULL) {
		to = from + strlen(start);
		to += strcspn(to, stop);
		memmove(from, to, strlen(to) + 1);
	}
}

/*
 * The rule set as nft reads it, without what differs each time, and a table's
 * flags, as text that begins so. Not as JSON: where a table has flags nft 1.0.6
 * may end in the middle.
 */
static inline char *ruleset_without(const char *flags)
{
	static const char *const commands[] = {"nft list ruleset", NULL};
	char *text = netns_output(commands);

	assert_non_null(text);
	strip(text, flags, "\t");
	/* After flags nft sets an empty line. */
	strip(text, "\"minivpn\"\n", "\t");
	strip(text, " # progname ", "\n");
	return text;
}

static inline char *ruleset(void)
{
	return ruleset_without("\tflags owner\n");
}

/*
 * Skips the test where the table that was made has no owner: before Linux 5.12,
 * and before 6.9 where it is to outlive its owner.
 */
static inline void skip_without_owner(void)
{
	char *text =
		netns_output((const char *const[]){"nft list ruleset", NULL});
	bool has = text && strstr(text, "flags owner");

	free(text);
	if (!has)
		skip();
}

static inline void feed(const char *text)
{
	char path[] = "/tmp/minivpn-test-nft-XXXXXX", command[64];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	snprintf(command, sizeof(command), "nft -f %s", path);
	assert_int_equal(netns_run(command), 0);
	unlink(path);
}

/* With its owner a table would end as nft does. */
static inline void feed_without_owner(char *text)
{
	char *flags = strstr(text, "flags owner; ");

	assert_non_null(flags);
	memset(flags, ' ', strlen("flags owner; "));
	feed(text);
}

#endif
