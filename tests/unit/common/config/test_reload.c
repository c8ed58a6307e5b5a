/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two files of one tunnel, and a file's text for one that can open none. */
#include "unit/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config/reload.h"
#include "common/file.h"
#include "common/memfd.h"

static struct config *server_of(const char *lines)
{
	return right("[Server]\nPrivateKey = %s\n%s[Peer alice]\n"
		     "PublicKey = %s\n",
		     server.secret, lines, alice.open);
}

static struct config *client_of(const char *lines)
{
	return right("[Client]\nPrivateKey = %s\nServerKey = %s\n%s",
		     alice.secret, server.open, lines);
}

static struct config *x509_of(const char *lines)
{
	return right("[Client]\nServer = a.example\nCertificate = /c\n"
		     "Key = /k\nCA = /a\n%s",
		     lines);
}

/* expected NULL: all is taken up. Frees both. */
static void expect_waiting(struct config *now, struct config *next,
			   const char *expected)
{
	char *text = config_unreloadable(now, next);

	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(text);
	free(text);
	config_free(now);
	config_free(next);
}

static void test_what_waits(void **state)
{
	(void)state;
	expect_waiting(server_of("Address = 10.8.0.1/24\n"),
		       server_of("Address = 10.9.0.1/16, fd09::1/64\n"
				 "NAT = no\nRoutes = default\nMTU = 1300\n"
				 "DNS = 10.9.0.1\nCipher = aes-gcm\n"
				 "Keepalive = 5\nMaxClients = 7\n"
				 "ClientToClient = yes\nLog = debug\n"),
		       NULL);
	expect_waiting(server_of("Address = 10.8.0.1/24\n"),
		       server_of("Address = 10.8.0.1/24\nListen = 4434\n"
				 "Device = tun7\nOffload = no\n"),
		       "Listen, Device, Offload");
	expect_waiting(client_of("Server = a.example\n"),
		       client_of("Server = a.example\nRoutes = default\n"
				 "KillSwitch = yes\nDNS = none\n"),
		       NULL);
	expect_waiting(client_of("Server = a.example\n"),
		       client_of("Server = a.example:4434\n"), "Server");
	expect_waiting(client_of("Server = a.example\n"),
		       client_of("Server = a.example\nServer = b.example\n"),
		       "Server");
}

static void test_keys_do_not_wait(void **state)
{
	struct config *next = client_of("Server = a.example\n");

	(void)state;
	memset(next->private_key, 7, KEY_SIZE);
	memset(next->server_key, 8, KEY_SIZE);
	expect_waiting(client_of("Server = a.example\n"), next, NULL);
	expect_waiting(x509_of(""), x509_of("CRL = /r\n"), NULL);
}

static void test_what_is_kept(void **state)
{
	struct config *now = server_of("Address = 10.8.0.1/24\n");
	struct config *next = server_of("Address = 10.9.0.1/24\nDevice = tun7\n"
					"Listen = 1\nListen = 2\nMTU = 1300\n");

	(void)state;
	assert_true(config_reloadable(now, next));
	assert_int_equal(config_keep_unreloadable(now, next), 0);
	assert_string_equal(next->device, "tun0");
	assert_int_equal(next->listen_count, 1);
	assert_int_equal(next->listen[0].port, CONFIG_PORT);
	assert_int_equal(next->mtu, 1300);
	assert_int_equal(next->address4.address.bytes[1], 9);
	/* And back, where it was not taken after all. */
	assert_int_equal(config_keep_unreloadable(now, next), 0);
	assert_string_equal(now->device, "tun0");
	assert_int_equal(now->listen[0].port, CONFIG_PORT);
	assert_string_equal(next->device, "tun7");
	assert_int_equal(next->listen_count, 2);
	config_free(now);
	config_free(next);
}

static void test_another_tunnel(void **state)
{
	struct config *by_key = client_of("Server = a.example\n");
	struct config *by_x509 = x509_of("");
	struct config *other = server_of("Address = 10.8.0.1/24\n");

	(void)state;
	assert_false(config_reloadable(by_key, other));
	assert_int_equal(config_keep_unreloadable(by_key, other), -EINVAL);
	assert_false(config_reloadable(by_key, by_x509));
	assert_int_equal(config_keep_unreloadable(by_x509, by_key), -EINVAL);
	assert_string_equal(config_pem_path(by_x509, CONFIG_PEM_KEY), "/k");
	assert_null(config_pem_path(by_x509, CONFIG_PEM_CRL));
	assert_null(config_pem_path(by_key, CONFIG_PEM_CERTIFICATE));
	config_free(by_key);
	config_free(by_x509);
	config_free(other);
}

static void test_hidden_key(void **state)
{
	static const uint8_t none[KEY_SIZE];
	struct config *config = server_of("Address = 10.8.0.1/24\n");

	(void)state;
	config_hide_key(config);
	assert_memory_equal(config->private_key, none, KEY_SIZE);
	config_free(config);
	config = server_of("Address = 10.8.0.1/24\nSecret = "
			   "CuKr6g8LKv4D8NUvQCiIKZnH6k/n7QTB/ixRBCG0Kf8=\n");
	assert_memory_not_equal(config->secrets[0], none, KEY_SIZE);
	config_hide_keys(config);
	assert_memory_equal(config->secrets[0], none, KEY_SIZE);
	assert_int_equal(config->secret_count, 1);
	config_free(config);
	config = server_of("Address = 10.8.0.1/24\n[Peer a]\nPublicKey = "
			   "AO5Fn0XLrio2glfXR8OqtbJnWnejeWZ5zZ6P0dTRyeI=\n"
			   "PresharedKey = "
			   "CuKr6g8LKv4D8NUvQCiIKZnH6k/n7QTB/ixRBCG0Kf8=\n");
	assert_non_null(config->peers[0].preshared_key);
	config_hide_keys(config);
	assert_memory_equal(config->private_key, none, KEY_SIZE);
	assert_null(config->peers[0].preshared_key);
	config_free(config);
}

static void test_sealed_text(void **state)
{
	char *text;
	size_t length;
	int fd = memfd_make("a text", 6), copy;

	(void)state;
	assert_true(fd >= 0);
	copy = dup(fd);
	assert_int_equal(write(fd, "b", 1), -1);
	assert_int_equal(ftruncate(fd, 2), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	/* Who shares it can't lead us astray. */
	assert_int_equal(lseek(copy, 3, SEEK_SET), 3);
	assert_int_equal(memfd_read(fd, &text, &length), 0);
	assert_int_equal(length, 6);
	assert_string_equal(text, "a text");
	assert_int_equal(lseek(copy, 0, SEEK_CUR), 3);
	file_free(text, length);
	close(copy);
	close(fd);
	fd = memfd_make("", 0);
	assert_int_equal(memfd_read(fd, &text, &length), 0);
	assert_int_equal(length, 0);
	assert_string_equal(text, "");
	file_free(text, length);
	close(fd);
	assert_true(memfd_read(-1, &text, &length) < 0);
}

static void test_sealed_file(void **state)
{
	char path[] = "/tmp/minivpn-XXXXXX";
	int fd = mkstemp(path);
	char *text;
	size_t length;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "pem", 3), 3);
	close(fd);
	fd = memfd_file(path);
	assert_int_equal(memfd_read(fd, &text, &length), 0);
	assert_string_equal(text, "pem");
	file_free(text, length);
	close(fd);
	unlink(path);
	assert_int_equal(memfd_file(path), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(memfd_file(path), -EINVAL);
	unlink(path);
	assert_int_equal(memfd_file("/dev/zero"), -EINVAL);
	assert_int_equal(memfd_file("/"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_waits),
		cmocka_unit_test(test_keys_do_not_wait),
		cmocka_unit_test(test_what_is_kept),
		cmocka_unit_test(test_another_tunnel),
		cmocka_unit_test(test_hidden_key),
		cmocka_unit_test(test_sealed_text),
		cmocka_unit_test(test_sealed_file),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
