/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/process/server_store.h"

static char directory[] = "/tmp/minivpn-servers-XXXXXX";
static char path[PATH_MAX];

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory) || setenv("MINIVPN_STATEDIR", directory, 1))
		return -1;
	snprintf(path, sizeof(path), "%s/t.servers", directory);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static struct config_host servers[] = {
	{"vpn.example.org", .port = 4433},
	{"2001:db8::5", .port = 443},
};

static struct config client(size_t count)
{
	return (struct config){
		.role = CONFIG_CLIENT,
		.name = "t",
		.device = "tun0",
		.servers = servers,
		.server_count = count,
	};
}

static struct lookup_result found(unsigned host, const char *text)
{
	struct lookup_result result = {.host = host};

	assert_int_equal(inet_parse_endpoint(text, &result.endpoint), 0);
	return result;
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void assert_known(const struct lookup_result *known, unsigned host,
			 const char *text)
{
	char own[INET_ENDPOINT_TEXT];

	assert_int_equal(known->host, host);
	assert_string_equal(
		inet_format_endpoint(&known->endpoint, own, sizeof(own)), text);
}

static void test_nothing_is_known(void **state)
{
	struct lookup_result known[LOOKUP_RESULTS];
	struct config config = client(2);
	struct nft_killswitch last;

	(void)state;
	assert_int_equal(server_store_known(&config, known), 1);
	assert_known(&known[0], 1, "[2001:db8::5]:443");
	assert_int_equal(server_store_last("t", &last), -ENOENT);
	assert_int_equal(server_store_lifted("t"), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_ranges(void **state)
{
	const struct lookup_result list[] = {
		found(0, "203.0.113.5:4433"),
		found(1, "[2001:db8::5]:443"),
	};
	struct config config = client(2);
	struct nft_killswitch last;

	(void)state;
	servers[1].last = 600;
	assert_int_equal(server_store_raised(&config, list, 2), 0);
	assert_int_equal(server_store_last("t", &last), 0);
	assert_int_equal(last.count, 2);
	assert_int_equal(last.last_ports[0], 0);
	assert_int_equal(last.servers[1].port, 443);
	assert_int_equal(last.last_ports[1], 600);
	/* What makes no sense is passed over. */
	write_text("killswitch: tun0\na 203.0.113.5:4433-4432\n"
		   "a 203.0.113.5:4433-x\na 203.0.113.5-7\n");
	assert_int_equal(server_store_last("t", &last), 0);
	assert_int_equal(last.count, 0);
	servers[1].last = 0;
	unlink(path);
}

static void test_there_and_back(void **state)
{
	const struct lookup_result list[] = {
		found(0, "203.0.113.5:4433"),
		found(0, "[2001:db8:2::5]:4433"),
		found(1, "[2001:db8::5]:443"),
	};
	struct lookup_result known[LOOKUP_RESULTS];
	struct config config = client(2);
	struct nft_killswitch last;
	struct stat status;

	(void)state;
	assert_int_equal(server_store_raised(&config, list, 3), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(server_store_known(&config, known), 3);
	assert_known(&known[0], 0, "203.0.113.5:4433");
	assert_known(&known[2], 1, "[2001:db8::5]:443");
	assert_int_equal(server_store_last("t", &last), 0);
	assert_string_equal(last.device, "tun0");
	assert_int_equal(last.count, 3);
	assert_true(inet_endpoint_equal(&last.servers[1], &list[1].endpoint));
	/* Lifted, the addresses stay. */
	assert_int_equal(server_store_lifted("t"), 0);
	assert_int_equal(server_store_last("t", &last), -ENOENT);
	assert_int_equal(server_store_known(&config, known), 3);
}

/* Each attempt says it again. */
static void test_no_news_is_not_written(void **state)
{
	const struct lookup_result list[] = {found(0, "203.0.113.5:4433")};
	struct config config = client(1);
	struct stat before, after;

	(void)state;
	assert_int_equal(server_store_raised(&config, list, 1), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(server_store_raised(&config, list, 1), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(server_store_lifted("t"), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
}

/* The port is the file's, and another name's addresses are not this one's. */
static void test_the_file_has_changed(void **state)
{
	struct lookup_result known[LOOKUP_RESULTS];
	struct config config = client(1);

	(void)state;
	write_text("VPN.example.org 203.0.113.5:20000\n"
		   "old.example.org 203.0.113.6:4433\n"
		   "vpn.example.org 203.0.113.5:20000\n");
	assert_int_equal(server_store_known(&config, known), 1);
	assert_known(&known[0], 0, "203.0.113.5:4433");
}

static void test_nonsense(void **state)
{
	struct lookup_result known[LOOKUP_RESULTS];
	struct config config = client(1);
	struct nft_killswitch last;

	(void)state;
	write_text("killswitch: a-device-with-a-long-name\n"
		   "vpn.example.org\n\n "
		   "vpn.example.org none\n"
		   "vpn.example.org 4433\n"
		   "vpn.example.org 203.0.113.5:4433:1\n"
		   "vpn.example.org 203.0.113.7:1");
	assert_int_equal(server_store_known(&config, known), 1);
	assert_known(&known[0], 0, "203.0.113.7:4433");
	assert_int_equal(server_store_last("t", &last), -ENOENT);
}

static void test_more_than_there_is_room_for(void **state)
{
	struct lookup_result known[LOOKUP_RESULTS];
	struct config config = client(2);
	char text[4096] = "killswitch: tun0\n";
	struct nft_killswitch last;

	(void)state;
	for (int i = 0; i < LOOKUP_RESULTS + 8; i++)
		sprintf(text + strlen(text), "vpn.example.org 192.0.2.%d:1\n",
			i);
	write_text(text);
	assert_int_equal(server_store_known(&config, known), LOOKUP_RESULTS);
	assert_int_equal(server_store_last("t", &last), 0);
	assert_int_equal(last.count, LOOKUP_RESULTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_nothing_is_known, remove_file),
		cmocka_unit_test_teardown(test_there_and_back, remove_file),
		cmocka_unit_test_teardown(test_ranges, remove_file),
		cmocka_unit_test_teardown(test_no_news_is_not_written,
					  remove_file),
		cmocka_unit_test_teardown(test_the_file_has_changed,
					  remove_file),
		cmocka_unit_test_teardown(test_nonsense, remove_file),
		cmocka_unit_test_teardown(test_more_than_there_is_room_for,
					  remove_file),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
