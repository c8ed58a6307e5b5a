/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkey, pubkey and check. */
#include "unit/command.h"

#include "common/key.h"

static void feed(const char *text, size_t length)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, length), length);
	close(ends[1]);
	assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
	close(ends[0]);
	clearerr(stdin);
}

static void test_key_commands(void **state)
{
	static const char zero[] =
		"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\0x";
	uint8_t key[KEY_SIZE];

	(void)state;
	assert_int_equal(run(cli_genkey, NULL), CLI_DONE);
	assert_string_equal(err, "");
	assert_int_equal(strlen(out), KEY_TEXT_SIZE);
	out[KEY_TEXT_SIZE - 1] = '\0';
	assert_int_equal(key_parse(out, key), 0);
	assert_int_equal(run(cli_genkey, "x", NULL), CLI_USAGE);

	/* RFC 8032, section 7.1, TEST 1 */
	feed(zero, 44);
	assert_int_equal(run(cli_pubkey, NULL), CLI_DONE);
	assert_string_equal(out,
			    "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n");
	feed("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\r\n", 46);
	assert_int_equal(run(cli_pubkey, NULL), CLI_DONE);
	feed(zero, 46);
	assert_int_equal(run(cli_pubkey, NULL), CLI_FAILED);
	assert_memory_equal(err, "minivpn: pubkey: ", 17);
	feed("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A= x", 46);
	assert_int_equal(run(cli_pubkey, NULL), CLI_FAILED);
	feed("", 0);
	assert_int_equal(run(cli_pubkey, NULL), CLI_FAILED);
	assert_int_equal(run(cli_pubkey, "x", NULL), CLI_USAGE);
}

static void test_check(void **state)
{
	(void)state;
	make_server();
	assert_int_equal(run(cli_check, "s.conf", NULL), CLI_DONE);
	assert_string_equal(out, "s.conf: ok\n");
	assert_string_equal(err, "");
	assert_int_equal(chmod("s.conf", 0644), 0);
	assert_int_equal(run(cli_check, "s.conf", NULL), CLI_DONE);
	assert_string_equal(out, "s.conf: ok\n");
	assert_non_null(strstr(err, "warning: PrivateKey: others can read"));
	write_file("b.conf", "[Server]\nMTU = 1\nNAT = /\n");
	assert_int_equal(run(cli_check, "b.conf", NULL), CLI_FAILED);
	assert_string_equal(out, "");
	assert_non_null(strstr(err, "b.conf:2: MTU = 1: "));
	assert_non_null(strstr(err, "b.conf:3: NAT = /: "));
	write_file("x.conf", "[Server]\nAddress = 10.8.0.1/24\n"
			     "Certificate = c.pem\nKey = c.pem\nCA = c.pem\n");
	assert_int_equal(run(cli_check, "x.conf", NULL), CLI_FAILED);
	assert_non_null(strstr(err, "x.conf:3: Certificate = c.pem: No such "));
	/* The file is there, but is no certificate. */
	write_file("c.pem", "nonsense\n");
	assert_int_equal(run(cli_check, "x.conf", NULL), CLI_FAILED);
	assert_string_equal(out, "");
	assert_int_equal(run(cli_check, NULL), CLI_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_key_commands, clean),
		cmocka_unit_test_teardown(test_check, clean),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
