/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkey, pubkey and check. */
#include "unit/command.h"

#include "common/config/load.h"
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

#define WITH_FILE "[Server]\nAddress = 10.8.0.1/24\nPrivateKeyFile = s.key\n"
#define KEY	  "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="

/* A path from where the file is, as genkey writes it; what else is refused. */
static void test_key_file(void **state)
{
	static const char *const wrong[] = {
		"",	      "\n",
		KEY " x",     "PrivateKey = " KEY,
		KEY "\n" KEY, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	};
	uint8_t key[KEY_SIZE];
	struct config *config;

	(void)state;
	write_file("s.conf", WITH_FILE);
	assert_int_equal(run(cli_check, "s.conf", NULL), CLI_FAILED);
	assert_string_equal(err, "s.conf:3: PrivateKeyFile = s.key: No such "
				 "file or directory\n");
	write_file("s.key", KEY "\n");
	assert_int_equal(chmod("s.key", 0600), 0);
	assert_int_equal(run(cli_check, "s.conf", NULL), CLI_DONE);
	assert_string_equal(err, "");
	config = load("s.conf");
	assert_int_equal(key_parse(KEY, key), 0);
	assert_memory_equal(config->private_key, key, KEY_SIZE);
	config_free(config);
	assert_int_equal(chmod("s.key", 0640), 0);
	assert_int_equal(run(cli_check, "s.conf", NULL), CLI_DONE);
	assert_non_null(strstr(err, "others can read it: chmod 600 s.key\n"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		write_file("s.key", wrong[i]);
		assert_int_equal(run(cli_check, "s.conf", NULL), CLI_FAILED);
		assert_non_null(strstr(err, "s.key: not a file with a key"));
		assert_null(strstr(err, "nWGx"));
	}
	write_file("s.conf", WITH_FILE "PrivateKey = " KEY "\n");
	write_file("s.key", KEY);
	assert_int_equal(run(cli_check, "s.conf", NULL), CLI_FAILED);
	assert_string_equal(err, "s.conf:3: PrivateKeyFile: not together with "
				 "PrivateKey\n");
}

/* What systemd gives comes before a file of that name. */
static void test_credential(void **state)
{
	uint8_t key[KEY_SIZE];
	struct config *config;
	char path[256];

	(void)state;
	write_file("s.conf", WITH_FILE);
	write_file("s.key", "nothing");
	assert_int_equal(mkdir("given", 0700), 0);
	write_file("given/s.key", KEY);
	assert_non_null(getcwd(path, sizeof(path) - 8));
	strcat(path, "/given");
	setenv("CREDENTIALS_DIRECTORY", path, 1);
	config = load("s.conf");
	assert_int_equal(key_parse(KEY, key), 0);
	assert_memory_equal(config->private_key, key, KEY_SIZE);
	config_free(config);
	/* With a slash it is a path. */
	write_file("s.conf", "[Server]\nAddress = 10.8.0.1/24\n"
			     "PrivateKeyFile = ./s.key\n");
	assert_int_equal(run(cli_check, "s.conf", NULL), CLI_FAILED);
	unsetenv("CREDENTIALS_DIRECTORY");
	unlink("given/s.key");
	rmdir("given");
}

/* The text goes to processes that can open no file, and the key with it. */
static void test_sealed_key(void **state)
{
	struct config *config, *again;
	struct include_text text;
	int fd, sealed;

	(void)state;
	write_file("s.conf", WITH_FILE "# the end");
	write_file("s.key", KEY);
	fd = open("s.conf", O_RDONLY);
	assert_int_equal(config_read("s.conf", fd, NULL, NULL, &text, &config),
			 0);
	close(fd);
	sealed = config_seal(config, &text);
	assert_true(sealed >= 0);
	unlink("s.key");
	assert_int_equal(config_map("s.conf", sealed, NULL, &again), 0);
	assert_memory_equal(config->private_key, again->private_key, KEY_SIZE);
	close(sealed);
	include_free(&text);
	config_free(config);
	config_free(again);
	/* In a file it is nothing. */
	write_file("s.conf", "KeyOfFile = " KEY "\n" WITH_FILE);
	write_file("s.key", KEY);
	assert_int_equal(run(cli_check, "s.conf", NULL), CLI_FAILED);
	assert_non_null(strstr(err, "s.conf:1: KeyOfFile: stands before any "
				    "section\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_key_commands, clean),
		cmocka_unit_test_teardown(test_check, clean),
		cmocka_unit_test_teardown(test_key_file, clean),
		cmocka_unit_test_teardown(test_credential, clean),
		cmocka_unit_test_teardown(test_sealed_key, clean),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
