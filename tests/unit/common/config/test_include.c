/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that a server's file includes: which, in what order, and whose line. */
#include "common/config/include.h"
#include "common/config/load.h"
#include "unit/config_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVER                                                                 \
	"[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n[Peer first]\n"     \
	"PublicKey = %s\n"

/* A directory with glob(7)'s characters in its name, and peers.d in it. */
static char folder[64];
static struct pair first, carol;

static int enter(void **state)
{
	make_keys(state);
	make_pair(&first);
	make_pair(&carol);
	strcpy(folder, "/tmp/minivpn-[t]*-XXXXXX");
	return mkdtemp(folder) && !chdir(folder) && !mkdir("peers.d", 0700)
		       ? 0
		       : -1;
}

static void empty(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char name[512];

	while ((entry = readdir(directory))) {
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0 && unlink(name))
			rmdir(name);
	}
	closedir(directory);
}

static int leave(void **state)
{
	(void)state;
	empty("peers.d");
	empty(".");
	return chdir("/") || rmdir(folder);
}

static int clean(void **state)
{
	(void)state;
	empty("peers.d");
	return 0;
}

static void __attribute__((format(printf, 2, 3)))
put(const char *name, const char *format, ...)
{
	FILE *stream = fopen(name, "w");
	va_list arguments;

	assert_non_null(stream);
	va_start(arguments, format);
	vfprintf(stream, format, arguments);
	va_end(arguments);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(chmod(name, 0600), 0);
}

static void put_peer(const char *path, const char *name, const char *key)
{
	put(path, "[Peer %s]\nPublicKey = %s", name, key);
}

/* A config_report that gathers "PATH:LINE: text", without the folder. */
static void gather_paths(void *data, const char *path, unsigned line,
			 bool warning, const char *text)
{
	char *all = data, *found;
	size_t used = strlen(all);

	snprintf(all + used, 8192 - used, "%s:%u: %s%s\n", path, line,
		 warning ? "warning: " : "", text);
	while ((found = strstr(all, folder)))
		memmove(found, found + strlen(folder) + 1,
			strlen(found + strlen(folder)));
}

/* By its full path, as programs elsewhere name it. */
static struct config *load(char *reported)
{
	struct config *config = NULL;
	char path[128];
	int err;

	snprintf(path, sizeof(path), "%s/s.conf", folder);
	reported[0] = '\0';
	err = config_load(path, gather_paths, reported, &config);
	assert_true(!err == !!config);
	return config;
}

static void assert_wrong(const char *expected)
{
	char reported[8192];

	assert_null(load(reported));
	assert_string_equal(reported, expected);
}

static void test_order(void **state)
{
	static const char *const names[] = {"first", "alice", "bob", "carol"};
	struct config *config = NULL, *again = NULL;
	struct include_text text;
	char reported[8192] = "";
	int fd;

	(void)state;
	put("s.conf", "include = peers.d/*.conf\nInclude = peers.d/z\n" SERVER,
	    server.secret, first.open);
	put_peer("peers.d/b.conf", "bob", bob.open);
	put("peers.d/a.conf", "\xef\xbb\xbf[Peer alice]\nPublicKey = %s\n",
	    alice.open);
	put_peer("peers.d/z", "carol", carol.open);
	put("peers.d/c.conf~", "rubbish\n");
	put("peers.d/.c.conf", "rubbish\n");
	put("peers.d/empty.conf", "%s", "");
	fd = open("s.conf", O_RDONLY | O_CLOEXEC);
	assert_int_equal(config_read("s.conf", fd, gather_paths, reported,
				     &text, &config),
			 0);
	close(fd);
	assert_string_equal(reported, "");
	assert_non_null(config);
	assert_int_equal(config->peer_count, 4);
	assert_int_equal(config->included_count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(config->peers[i].name, names[i]);
	/* Other processes get it as one text, and understand the same. */
	assert_int_equal(config_parse("s.conf", text.text, text.length, NULL,
				      NULL, &again),
			 0);
	assert_int_equal(again->peer_count, 4);
	assert_int_equal(again->peers[3].line, config->peers[3].line);
	config_free(config);
	config_free(again);
	include_free(&text);
}

static void test_mistakes_have_their_place(void **state)
{
	(void)state;
	put("s.conf", "include = peers.d/*\n" SERVER, server.secret,
	    first.open);
	put("peers.d/a",
	    "Address = 10.8.0.9\n[Server]\n\n[Peer alice]\nPublicKey = %s\n"
	    "PublicKey = %s\nAddress = 10.8.0.7",
	    alice.open, alice.open);
	put("peers.d/b",
	    "include = c\n[Peer alice]\nPublicKey = %s\n"
	    "[Peer bob]\nPublicKey = %s\nAddress = 10.8.0.7\nfoo\n",
	    bob.open, first.open);
	assert_wrong(
		"peers.d/a:1: Address: stands before any section\n"
		"peers.d/a:2: [Server]: an included file has [Peer NAME] "
		"sections only\n"
		"peers.d/a:6: PublicKey: given twice, in line 5 too\n"
		"peers.d/b:1: include: not in an included file\n"
		"peers.d/b:2: [Peer alice]: there is one in peers.d/a:4 "
		"already\n"
		"peers.d/b:5: PublicKey: [Peer first] in s.conf:5 has the "
		"same\n"
		"peers.d/b:6: Address: 10.8.0.7/32 is taken: [Peer alice] has "
		"10.8.0.7/32 in peers.d/a:7\n"
		"peers.d/b:7: neither [SECTION] nor KEY = VALUE\n");
}

/* Keys of one section do not go on in the next file. */
static void test_a_file_begins_anew(void **state)
{
	(void)state;
	put("s.conf", "include = peers.d/*\n" SERVER, server.secret,
	    first.open);
	put_peer("peers.d/a", "alice", alice.open);
	put("peers.d/b", "Address = 10.8.0.9\n");
	assert_wrong("peers.d/b:1: Address: stands before any section\n");
}

static void test_what_can_not_be_included(void **state)
{
	(void)state;
	put("s.conf",
	    "include = none\ninclude = none/*\ninclude = peers.d\n"
	    "include =\n" SERVER "include = x\n",
	    server.secret, first.open);
	assert_wrong("s.conf:1: include = none: No such file or directory\n"
		     "s.conf:2: include = none/*: No such file or directory\n"
		     "s.conf:3: include = peers.d: peers.d: Is a directory\n"
		     "s.conf:4: include: has no value\n"
		     "s.conf:10: include: belongs before [Server]\n");
	put("s.conf",
	    "include = peers.d/*\n[Client]\nServer = a\n"
	    "ServerKey = %s\nPrivateKey = %s\n",
	    server.open, alice.secret);
	assert_wrong("s.conf:1: include: belongs in a server's file\n");
	put("s.conf", "include = s.conf\n" SERVER, server.secret, first.open);
	assert_wrong(
		"s.conf:1: include: not in an included file\n"
		"s.conf:2: [Server]: an included file has [Peer NAME] "
		"sections only\n"
		"s.conf:5: [Peer first]: there is one in s.conf:5 already\n"
		"s.conf:6: PublicKey: [Peer first] in s.conf:5 has "
		"the same\n");
}

static void test_modes(void **state)
{
	struct config *config;
	char reported[8192];

	(void)state;
	put("s.conf", "include = peers.d/*\n" SERVER, server.secret,
	    first.open);
	put_peer("peers.d/a", "alice", alice.open);
	put_peer("peers.d/b", "bob", bob.open);
	put("peers.d/c", "%s", "");
	/* A public key may be read by all, and written by nobody else. */
	assert_int_equal(chmod("peers.d/a", 0644), 0);
	assert_int_equal(chmod("peers.d/b", 0620), 0);
	assert_int_equal(chmod("peers.d/c", 0602), 0);
	config = load(reported);
	assert_string_equal(reported,
			    "peers.d/b:1: warning: others can write this file: "
			    "chmod go-w peers.d/b\n"
			    "peers.d/c:1: warning: others can write this file: "
			    "chmod go-w peers.d/c\n");
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_order, clean),
		cmocka_unit_test_teardown(test_mistakes_have_their_place,
					  clean),
		cmocka_unit_test_teardown(test_a_file_begins_anew, clean),
		cmocka_unit_test_teardown(test_what_can_not_be_included, clean),
		cmocka_unit_test_teardown(test_modes, clean),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
