/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A journal with one change of each kind, in a network namespace of its own. */
#ifndef MINIVPN_TEST_JOURNAL_FIXTURE_H
#define MINIVPN_TEST_JOURNAL_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "common/log.h"
#include "common/reason.h"
#include "host/change/journal_internal.h"
#include "unit/log_count.h"
#include "unit/netns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TUN	"ip tuntap add dev tun0 mode tun"
#define LINK	"ip link set dev tun0 addrgenmode none txqueuelen 1000 mtu 1435 up"
#define ADDRESS "ip address add 10.8.0.2/24 dev tun0"
#define HOST	"ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77"
#define HALF	"ip route add 0.0.0.0/1 dev tun0 proto 77"
#define REFUSE	"ip route add unreachable ::/1 proto 77"
#define SYSCTL	"sysctl -w net.ipv4.conf.eth0.rp_filter=2 # was 0"

struct lab {
	/* In memory, where fdatasync() costs nothing. */
	char directory[32], path[64];
	struct change_context context;
	struct journal *journal;
	char *before;
	unsigned log_lines;
};

static inline int enter(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	if (!lab || netns_uplink())
		return -1;
	*state = lab;
	strcpy(lab->directory, "/dev/shm/minivpn-test-XXXXXX");
	if (!mkdtemp(lab->directory) ||
	    sysctl_write("net.ipv4.conf.eth0.rp_filter", "0"))
		return -1;
	snprintf(lab->path, sizeof(lab->path), "%s/journal", lab->directory);
	lab->before = netns_state();
	log_set_sink(count_line, &lab->log_lines);
	return change_context_open(&lab->context) ||
	       journal_create(lab->path, &lab->journal);
}

static inline int leave(void **state)
{
	struct lab *lab = *state;

	log_set_sink(NULL, NULL);
	journal_close(lab->journal);
	change_context_close(&lab->context);
	unlink(lab->path);
	rmdir(lab->directory);
	free(lab->before);
	free(lab);
	return 0;
}

static inline struct change parsed(const char *text)
{
	struct change change;

	if (change_parse(text, &change))
		fail_msg("can't be parsed: %s", text);
	change.may_exist = strcmp(text, HOST) == 0;
	return change;
}

static inline int apply(struct lab *lab, const char *text)
{
	struct change change = parsed(text);
	struct reason reason;

	return journal_apply(lab->journal, &lab->context, &change, &reason);
}

static inline void assert_as_before(const struct lab *lab)
{
	char *now = netns_state();

	assert_non_null(now);
	assert_string_equal(lab->before, now);
	free(now);
}

static inline bool is_there(const struct lab *lab)
{
	struct stat status;

	return stat(lab->path, &status) == 0;
}

/* All descriptors go, the file and the host stay as they are. */
static inline void die(struct lab *lab)
{
	journal_close(lab->journal);
	lab->journal = NULL;
	change_context_close(&lab->context);
	assert_int_equal(change_context_open(&lab->context), 0);
}

static inline char *content(const struct lab *lab)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(lab->path, "r");

	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

/* Was the change with this text taken back? */
static inline bool is_struck(const struct lab *lab, const char *text)
{
	char line[JOURNAL_LINE_SIZE], entry[CHANGE_ENTRY_SIZE];
	struct change change = parsed(text);
	char *all = content(lab);
	bool found;

	assert_int_equal(change_encode(&change, entry, sizeof(entry)), 0);
	snprintf(line, sizeof(line), " - %s\n", entry);
	found = strstr(all, line) != NULL;
	free(all);
	return found;
}

/* A line with its checksum and end; returns what is behind it. */
static inline char *put_line(char *to, const char *text)
{
	assert_int_equal(journal_line_print(text, to, JOURNAL_LINE_SIZE), 0);
	return stpcpy(to + strlen(to), "\n");
}

static inline void rewrite(const struct lab *lab, const char *text,
			   size_t length)
{
	FILE *file = fopen(lab->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static inline void apply_everything(struct lab *lab)
{
	static const char *const texts[] = {TUN,  LINK,	  ADDRESS, HOST,
					    HALF, REFUSE, SYSCTL};

	for (size_t i = 0; i < COUNT(texts); i++)
		if (apply(lab, texts[i]))
			fail_msg("not applied: %s", texts[i]);
}

#endif
