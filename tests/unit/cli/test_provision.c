/* SPDX-License-Identifier: GPL-2.0-or-later */
/* init, add and remove: what they write, refuse, and leave alone. */
#include "unit/command.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/date.h"
#include "common/inet.h"
#include "common/ipc/control_socket.h"
#include "common/key.h"

#define GIVEN                                                                  \
	"[Server]\nAddress = 10.8.0.1/24, fd08::1/64\nEndpoint = a\n"          \
	"PrivateKey = nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n"

static void test_init(void **state)
{
	struct stat status;
	struct config *config;
	char before[4096], after[4096];

	(void)state;
	umask(0);
	make_server();
	umask(022);
	assert_string_equal(err, "");
	assert_non_null(strstr(out, "minivpn add s.conf NAME"));
	assert_int_equal(stat("s.conf", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_nlink, 1);
	assert_int_equal(count_files(), 3);
	config = load("s.conf");
	assert_int_equal(config->role, CONFIG_SERVER);
	assert_string_equal(config->endpoint.host, "vpn.example.org");
	assert_int_equal(config->endpoint.port, 5000);
	assert_int_equal(config->listen[0].port, 5000);
	assert_int_equal(config->address4.length, 24);
	assert_int_equal(config->address4.address.bytes[0], 10);
	assert_int_not_equal(config->address4.address.bytes[1], 0);
	assert_int_equal(config->address4.address.bytes[3], 1);
	assert_int_equal(config->address6.length, 64);
	assert_int_equal(config->address6.address.bytes[0], 0xfd);
	assert_int_equal(config->nat, CONFIG_NAT_ANY);
	assert_int_equal(config->routes_choice, CONFIG_DEFAULT);
	config_free(config);

	read_file("s.conf", before, sizeof(before));
	assert_int_equal(run(cli_init, "s.conf", "--endpoint=other", NULL),
			 CLI_FAILED);
	assert_string_equal(out, "");
	assert_string_equal(err, "minivpn: init: s.conf: is there already, and "
				 "is left as it is\n");
	read_file("s.conf", after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(count_files(), 3);
}

static void test_init_differs(void **state)
{
	struct config *a, *b;

	(void)state;
	assert_int_equal(
		run(cli_init, "--endpoint=[2001:db8::1]:1", "a.conf", NULL),
		CLI_DONE);
	assert_int_equal(run(cli_init, "b.conf", "--endpoint=192.0.2.1", NULL),
			 CLI_DONE);
	a = load("a.conf");
	b = load("b.conf");
	assert_string_equal(a->endpoint.host, "2001:db8::1");
	assert_int_equal(b->endpoint.port, 4433);
	assert_memory_not_equal(a->private_key, b->private_key, KEY_SIZE);
	assert_false(inet_prefix_equal(&a->address6, &b->address6));
	config_free(a);
	config_free(b);
}

static void test_init_wrong(void **state)
{
	(void)state;
	assert_int_equal(run(cli_init, "s.conf", NULL), CLI_USAGE);
	assert_int_equal(run(cli_init, "--endpoint", "x", NULL), CLI_USAGE);
	assert_int_equal(run(cli_init, "s.conf", "--endpoint", NULL),
			 CLI_USAGE);
	assert_int_equal(run(cli_init, "a", "b", "--endpoint", "x", NULL),
			 CLI_USAGE);
	assert_int_equal(run(cli_init, "s.conf", "--endpoint", "a:0", NULL),
			 CLI_FAILED);
	assert_int_equal(run(cli_init, "a b.conf", "--endpoint", "a", NULL),
			 CLI_FAILED);
	assert_int_equal(run(cli_init, "none/s.conf", "--endpoint", "a", NULL),
			 CLI_FAILED);
	assert_string_equal(err, "minivpn: init: none/s.conf: No such file or "
				 "directory\n");
	assert_int_equal(count_files(), 2);
}

/* The DNS of a server's file that was made with this option is as expected. */
static void assert_dns(const char *option, const char *expected)
{
	struct config *config;
	char text[4096];

	unlink("d.conf");
	assert_int_equal(
		run(cli_init, "d.conf", "--endpoint", "a", option, NULL),
		CLI_DONE);
	read_file("d.conf", text, sizeof(text));
	assert_non_null(strstr(text, expected));
	config = load("d.conf");
	if (strstr(expected, "none"))
		assert_int_equal(config->dns_count, 0);
	else
		assert_true(config->dns_count > 0);
	config_free(config);
}

static void test_init_dns(void **state)
{
	(void)state;
	assert_dns(NULL,
		   "\nDNS        = 9.9.9.9, 149.112.112.112, 2620:fe::fe\n");
	assert_dns("--dns=none", "\nDNS        = none\n");
	assert_dns("--dns=10.1.2.3", "\nDNS        = 10.1.2.3\n");
	assert_dns("--dns=192.0.2.1, 2001:DB8::1,10.0.0.1,fd00::53",
		   "\nDNS        = 192.0.2.1, 2001:db8::1, 10.0.0.1, "
		   "fd00::53\n");
	assert_int_equal(run(cli_init, "--dns", "192.0.2.7", "e.conf",
			     "--endpoint", "a", NULL),
			 CLI_DONE);
}

static void test_init_dns_wrong(void **state)
{
	static const struct {
		const char *option, *said;
	} cases[] = {
		{"--dns=dns.example", "\"dns.example\" is not an address"},
		{"--dns=", "\"\" is not an address"},
		{"--dns=192.0.2.1,", "\"\" is not an address"},
		{"--dns=192.0.2.1 192.0.2.2",
		 "\"192.0.2.1 192.0.2.2\" is not an address"},
		{"--dns=192.0.2.1,none", "\"none\" is not an address"},
		{"--dns=127.0.0.53", "127.0.0.53 is a loopback address"},
		{"--dns=0.0.0.0", "0.0.0.0 is no host's address"},
		{"--dns=ff02::fb", "ff02::fb is a multicast address"},
		{"--dns=192.0.2.1,fe80::1", "fe80::1 is a link-local address"},
		{"--dns=1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5",
		 "more than 4 addresses"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(run(cli_init, "s.conf", "--endpoint", "a",
				     cases[i].option, NULL),
				 CLI_FAILED);
		assert_memory_equal(err, "minivpn: init: --dns: ", 22);
		assert_non_null(strstr(err, cases[i].said));
		assert_int_equal(access("s.conf", F_OK), -1);
	}
	assert_int_equal(
		run(cli_init, "s.conf", "--endpoint", "a", "--dns", NULL),
		CLI_USAGE);
}

static void test_add(void **state)
{
	uint8_t key[KEY_SIZE];
	struct config *server, *client;
	const struct config_peer *peer;

	(void)state;
	make_server();
	assert_int_equal(run(cli_add, "s.conf", "alice", NULL), CLI_DONE);
	assert_string_equal(err, "");
	write_file("c.conf", out);
	server = load("s.conf");
	client = load("c.conf");
	assert_int_equal(client->role, CONFIG_CLIENT);
	assert_string_equal(client->servers[0].host, "vpn.example.org");
	assert_int_equal(client->servers[0].port, 5000);
	assert_int_equal(client->routes_choice, CONFIG_PUSHED);
	assert_int_equal(client->dns_choice, CONFIG_PUSHED);
	assert_int_equal(key_public(server->private_key, key), 0);
	assert_memory_equal(key, client->server_key, sizeof(key));
	assert_int_equal(key_public(client->private_key, key), 0);
	peer = config_peer_by_key(server, key);
	assert_non_null(peer);
	assert_string_equal(peer->name, "alice");
	assert_memory_equal(peer->preshared_key, client->preshared_key,
			    KEY_SIZE);
	assert_int_equal(peer->address4.family, AF_UNSPEC);
	/* init has made one, and it is the client's as well. */
	assert_int_equal(server->secret_count, 1);
	assert_int_equal(client->secret_count, 1);
	assert_memory_equal(server->secrets, client->secrets, KEY_SIZE);
	config_free(server);
	config_free(client);
}

/* All that is said of it stands in its section; the file is its owner's. */
static void test_add_with_options(void **state)
{
	struct config *server, *client;
	const struct config_peer *peer;
	char date[DATE_SIZE];
	struct stat status;

	(void)state;
	write_file("s.conf", GIVEN);
	umask(0);
	assert_int_equal(run(cli_add, "--expires", "2099-12-31", "s.conf",
			     "--address=10.8.0.9, fd08::9", "alice", "--output",
			     "c.conf", NULL),
			 CLI_DONE);
	umask(022);
	assert_string_equal(err, "");
	assert_string_equal(out, "c.conf: written: give it to alice, and keep "
				 "it secret\n");
	assert_int_equal(stat("c.conf", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	server = load("s.conf");
	client = load("c.conf");
	peer = config_peer_by_name(server, "alice");
	assert_int_equal(peer->address4.bytes[3], 9);
	assert_int_equal(peer->address6.bytes[15], 9);
	assert_string_equal(date_format_end(peer->expires, date), "2099-12-31");
	assert_memory_equal(peer->preshared_key, client->preshared_key,
			    KEY_SIZE);
	config_free(server);
	config_free(client);
}

/* The owner's key never was here: the file lacks it, and says so. */
static void test_add_by_key(void **state)
{
	static const char key[] =
		"PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
	struct config *server;
	char text[KEY_TEXT_SIZE];

	(void)state;
	write_file("s.conf", GIVEN);
	assert_int_equal(run(cli_add, "s.conf", "alice", "--key", key, NULL),
			 CLI_DONE);
	assert_non_null(strstr(out, key));
	assert_non_null(strstr(out, "\n# PrivateKey =\n"));
	assert_null(strstr(out, "\nPrivateKey"));
	write_file("c.conf", out);
	assert_int_equal(run(cli_check, "c.conf", NULL), CLI_FAILED);
	assert_non_null(strstr(err, "PrivateKey is missing"));
	server = load("s.conf");
	key_format(server->peers[0].public_key, text);
	assert_string_equal(text, key);
	config_free(server);
}

/* Nothing is made, neither here nor there. */
static void test_add_with_wrong_options(void **state)
{
	static const struct {
		const char *option, *said;
	} cases[] = {
		{"--address=10.9.0.9", "Address = 10.9.0.9: not in the network "
				       "of the server's Address"},
		{"--address=10.8.0.1", "Address = 10.8.0.1: this is the "
				       "server's own"},
		{"--address=10.8.0.7", "Address: 10.8.0.7/32 is taken: [Peer "
				       "bob] has 10.8.0.7/32 in line "},
		{"--address=", "Address: has no value"},
		{"--expires=tomorrow", "Expires = tomorrow: not a date: "},
		{"--key=alice", "PublicKey: not a key: "},
		{"--key=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
		 "PublicKey: [Peer bob] in line "},
		{"--output=s.conf", "s.conf: is there already, and is left as "
				    "it is"},
		{"--output=no/c.conf", "no/c.conf: No such file or directory"},
	};
	static const char server[] =
		GIVEN "[Peer bob]\nAddress = 10.8.0.7\nPublicKey = "
		      "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
	char after[4096];

	(void)state;
	write_file("s.conf", server);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(run(cli_add, "s.conf", "alice",
				     "--output=c.conf", cases[i].option, NULL),
				 CLI_FAILED);
		assert_string_equal(out, "");
		assert_memory_equal(err, "minivpn: add: ", 14);
		if (!strstr(err, cases[i].said))
			assert_string_equal(err, cases[i].said);
		read_file("s.conf", after, sizeof(after));
		assert_string_equal(server, after);
		assert_int_equal(access("c.conf", F_OK), -1);
	}
	assert_int_equal(run(cli_add, "s.conf", "alice",
			     "--address=10.8.0.9\nSubnets = 10.0.0.0/8", NULL),
			 CLI_USAGE);
	assert_int_equal(run(cli_add, "s.conf", "alice", "--key", NULL),
			 CLI_USAGE);
	assert_int_equal(count_files(), 3);
}

static void test_add_keeps(void **state)
{
	static const char head[] = "; mine\n[Server]\nAddress=10.8.0.1/24\n"
				   "Endpoint = [2001:db8::1]\n"
				   "PrivateKey = ";
	char key[KEY_TEXT_SIZE], text[1024], after[2048], real[256];
	struct stat status;

	(void)state;
	assert_int_equal(run(cli_genkey, NULL), CLI_DONE);
	snprintf(key, sizeof(key), "%.44s", out);
	/* No newline at the end, a mode of its own, and behind a link. */
	snprintf(text, sizeof(text), "%s%s\n\n# last", head, key);
	write_file("real.conf", text);
	assert_int_equal(chmod("real.conf", 0640), 0);
	assert_int_equal(symlink("real.conf", "link.conf"), 0);
	assert_int_equal(run(cli_add, "link.conf", "bob", NULL), CLI_DONE);
	assert_non_null(strstr(out, "\nServer     = [2001:db8::1]:4433\n"));
	read_file("real.conf", after, sizeof(after));
	assert_memory_equal(after, text, strlen(text));
	assert_memory_equal(after + strlen(text), "\n\n[Peer bob]\n", 13);
	assert_int_equal(stat("real.conf", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(readlink("link.conf", real, sizeof(real)), 9);
	assert_int_equal(count_files(), 4);
}

static void test_add_refuses(void **state)
{
	static const char x509[] = "[Server]\nAddress = 10.8.0.1/24\n"
				   "Endpoint = a\nCertificate = c\nKey = k\n"
				   "CA = a\n";
	char before[4096], after[4096];

	(void)state;
	make_server();
	assert_int_equal(run(cli_add, "s.conf", "alice", NULL), CLI_DONE);
	write_file("c.conf", out);
	read_file("s.conf", before, sizeof(before));
	assert_int_equal(run(cli_add, "s.conf", "alice", NULL), CLI_FAILED);
	assert_non_null(strstr(err, "there is a [Peer alice] already\n"));
	assert_string_equal(out, "");
	assert_int_equal(run(cli_add, "s.conf", "a]b", NULL), CLI_FAILED);
	assert_int_equal(run(cli_add, "s.conf", NULL), CLI_USAGE);
	read_file("s.conf", after, sizeof(after));
	assert_string_equal(before, after);

	assert_int_equal(run(cli_add, "c.conf", "bob", NULL), CLI_FAILED);
	assert_string_equal(err, "minivpn: add: c.conf: a client's file, not a "
				 "server's\n");
	assert_int_equal(run(cli_add, "none.conf", "bob", NULL), CLI_FAILED);
	assert_string_equal(err, "minivpn: add: none.conf: No such file or "
				 "directory\n");
	write_file("x.conf", x509);
	assert_int_equal(run(cli_add, "x.conf", "bob", NULL), CLI_FAILED);
	assert_non_null(strstr(err, "CA sign one with the CN \"bob\""));
	write_file("b.conf", "[Server]\nMTU = 1\n");
	assert_int_equal(run(cli_add, "b.conf", "bob", NULL), CLI_FAILED);
	assert_non_null(strstr(err, "b.conf:2: MTU = 1: not between"));
	assert_non_null(strstr(err, "has to be put right first\n"));
}

static void test_add_needs_endpoint(void **state)
{
	char text[512], key[KEY_TEXT_SIZE];

	(void)state;
	assert_int_equal(run(cli_genkey, NULL), CLI_DONE);
	snprintf(key, sizeof(key), "%.44s", out);
	snprintf(text, sizeof(text),
		 "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n", key);
	write_file("s.conf", text);
	assert_int_equal(run(cli_add, "s.conf", "bob", NULL), CLI_FAILED);
	assert_non_null(strstr(err, "Write \"Endpoint = HOST[:PORT]\" into "
				    "[Server]\n"));
}

static void test_add_warns(void **state)
{
	mode_t mask;
	int saved;

	(void)state;
	make_server();
	unlink("out");
	mask = umask(022);
	saved = open("out", O_WRONLY | O_CREAT, 0644);
	close(saved);
	umask(mask);
	assert_int_equal(run(cli_add, "s.conf", "alice", NULL), CLI_DONE);
	assert_non_null(strstr(err, "others can read"));
	assert_int_equal(run(cli_genkey, NULL), CLI_DONE);
	assert_non_null(strstr(err, "others can read"));
}

static void test_add_to_full_disk(void **state)
{
	int saved, saved_err, status;
	char *words[] = {(char *)"add", (char *)"s.conf", (char *)"alice",
			 NULL};

	(void)state;
	make_server();
	saved = redirect(STDOUT_FILENO, "/dev/full");
	saved_err = redirect(STDERR_FILENO, "err");
	status = cli_add(3, words);
	restore(STDOUT_FILENO, saved);
	restore(STDERR_FILENO, saved_err);
	clearerr(stdout);
	assert_int_equal(status, CLI_FAILED);
	read_file("err", err, sizeof(err));
	assert_non_null(strstr(err, "minivpn remove s.conf alice"));
}

static void test_add_at_once(void **state)
{
	struct config *config;
	char name[16];
	int i, j, status;

	(void)state;
	make_server();
	for (i = 0; i < 4; i++) {
		if (fork())
			continue;
		redirect(STDOUT_FILENO, "/dev/null");
		for (j = 0, status = 0; j < 5; j++) {
			char *words[] = {(char *)"add", (char *)"s.conf", name,
					 NULL};

			snprintf(name, sizeof(name), "p%d.%d", i, j);
			status |= cli_add(3, words);
		}
		_exit(status);
	}
	for (i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	config = load("s.conf");
	assert_int_equal(config->peer_count, 20);
	config_free(config);
	assert_int_equal(count_files(), 3);
}

static void test_remove_undoes_add(void **state)
{
	char before[4096], after[4096];

	(void)state;
	make_server();
	read_file("s.conf", before, sizeof(before));
	assert_int_equal(run(cli_add, "s.conf", "alice", NULL), CLI_DONE);
	assert_int_equal(run(cli_remove, "s.conf", "alice", NULL), CLI_DONE);
	assert_string_equal(out, "");
	assert_string_equal(err, "");
	read_file("s.conf", after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(run(cli_remove, "s.conf", "alice", NULL), CLI_FAILED);
	assert_string_equal(err, "minivpn: remove: s.conf: there is no [Peer "
				 "alice]\n");
	assert_int_equal(run(cli_remove, "s.conf", NULL), CLI_USAGE);
}

static void test_remove_exactly(void **state)
{
	static const char before[] = "[Server]\nAddress = 10.8.0.1/24\n"
				     "Certificate = c\nKey = k\nCA = a\n\n"
				     "# of alice\n[Peer alice]\n\n"
				     "# of bob\n"
				     "  [ PEER  bob ] ; his\n"
				     "# his subnet\n"
				     "Subnets = 192.168.4.0/24\n"
				     "# [Peer no head]\n\n"
				     "  # of carol\n; too\n[Peer carol]\n"
				     "Address = 10.8.0.9\n";
	static const char after[] = "[Server]\nAddress = 10.8.0.1/24\n"
				    "Certificate = c\nKey = k\nCA = a\n\n"
				    "# of alice\n[Peer alice]\n\n"
				    "# of bob\n"
				    "  # of carol\n; too\n[Peer carol]\n"
				    "Address = 10.8.0.9\n";
	char text[4096];

	(void)state;
	write_file("s.conf", before);
	assert_int_equal(run(cli_remove, "s.conf", "bob", NULL), CLI_DONE);
	assert_non_null(strstr(err, "warning: bob still gets in"));
	read_file("s.conf", text, sizeof(text));
	assert_string_equal(text, after);
	assert_int_equal(run(cli_remove, "s.conf", "dave", NULL), CLI_FAILED);
	assert_non_null(strstr(err, "revoke its certificate"));
}

/* A peer is cut where it stands; the file that includes it is left alone. */
static void test_remove_from_included(void **state)
{
	static const char server[] = "include = *.peer\n[Server]\n"
				     "Address = 10.8.0.1/24\n"
				     "Certificate = c\nKey = k\nCA = a\n"
				     "[Peer carol]\n";
	char text[4096];

	(void)state;
	write_file("c", "");
	write_file("k", "");
	write_file("a", "");
	write_file("s.conf", server);
	write_file("1.peer", "# of alice\n[Peer alice]");
	write_file("2.peer", "\xef\xbb\xbf[Peer bob]\n\n# of dave\n"
			     "[Peer dave]\nAddress = 10.8.0.9\n");
	assert_int_equal(run(cli_remove, "s.conf", "bob", NULL), CLI_DONE);
	read_file("2.peer", text, sizeof(text));
	assert_string_equal(text,
			    "# of dave\n[Peer dave]\nAddress = 10.8.0.9\n");
	assert_int_equal(run(cli_remove, "s.conf", "alice", NULL), CLI_DONE);
	read_file("1.peer", text, sizeof(text));
	assert_string_equal(text, "# of alice\n");
	read_file("s.conf", text, sizeof(text));
	assert_string_equal(text, server);
	assert_int_equal(run(cli_remove, "s.conf", "carol", NULL), CLI_DONE);
	read_file("s.conf", text, sizeof(text));
	assert_null(strstr(text, "carol"));
	assert_int_equal(count_files(), 8);
}

/* before becomes after by the command, and nothing by the same again. */
static void assert_change(int (*command)(int argc, char **argv),
			  const char *before, const char *after)
{
	char text[4096];

	write_file("s.conf", before);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run(command, "s.conf", "bob", NULL), CLI_DONE);
		assert_string_equal(err, "");
		assert_string_equal(out, "");
		read_file("s.conf", text, sizeof(text));
		assert_string_equal(text, after);
	}
}

#define X509                                                                   \
	"[Server]\nAddress = 10.8.0.1/24\nCertificate = c\nKey = k\nCA = a\n"

static void test_disable_and_enable(void **state)
{
	static const char enabled[] = X509 "[Peer al]\n\n# his\n[ PEER bob ]\n"
					   "# Disabled = no\n\n[Peer cy]\n"
					   "Disabled = yes\n",
			  disabled[] =
				  X509 "[Peer al]\n\n# his\n[ PEER bob ]\n"
				       "Disabled = yes\n# Disabled = no\n\n"
				       "[Peer cy]\nDisabled = yes\n";

	(void)state;
	assert_change(cli_disable, enabled, disabled);
	assert_change(cli_enable, disabled, enabled);
	assert_change(cli_enable, enabled, enabled);
	/* Its own way of writing it; the end of a file without a newline. */
	assert_change(cli_disable,
		      X509 "[Peer bob]\nAddress=10.8.0.9\n\tdisABLed :no\r\n",
		      X509 "[Peer bob]\nAddress=10.8.0.9\nDisabled = yes\n");
	assert_change(cli_enable,
		      X509 "[Peer bob]\n disABLed: yes ; so\r\n[Peer cy]",
		      X509 "[Peer bob]\n[Peer cy]");
	assert_change(cli_enable, X509 "[Peer bob]\nDisabled = yes",
		      X509 "[Peer bob]\n");
	assert_change(cli_disable, X509 "[Peer bob]",
		      X509 "[Peer bob]\nDisabled = yes\n");
	/* Whose certificate is enough has no section yet. */
	assert_change(cli_disable, X509, X509 "\n[Peer bob]\nDisabled = yes\n");
	write_file("s.conf", X509);
	assert_int_equal(run(cli_enable, "s.conf", "bob", NULL), CLI_FAILED);
	assert_string_equal(err, "minivpn: enable: s.conf: there is no [Peer "
				 "bob]\n");
	assert_int_equal(run(cli_disable, "s.conf", "a]b", NULL), CLI_FAILED);
	assert_int_equal(run(cli_disable, "s.conf", NULL), CLI_USAGE);
	assert_int_equal(count_files(), 3);
}

static void test_disable_of_a_key(void **state)
{
	struct config *config;
	char before[4096], after[4096];

	(void)state;
	make_server();
	assert_int_equal(run(cli_disable, "s.conf", "alice", NULL), CLI_FAILED);
	assert_string_equal(err, "minivpn: disable: s.conf: there is no [Peer "
				 "alice]\n");
	assert_int_equal(run(cli_add, "s.conf", "alice", NULL), CLI_DONE);
	read_file("s.conf", before, sizeof(before));
	assert_int_equal(run(cli_disable, "s.conf", "alice", NULL), CLI_DONE);
	config = load("s.conf");
	assert_true(config->peers[0].disabled);
	config_free(config);
	assert_int_equal(run(cli_enable, "s.conf", "alice", NULL), CLI_DONE);
	read_file("s.conf", after, sizeof(after));
	assert_string_equal(before, after);
}

static void test_enable_of_an_expired(void **state)
{
	(void)state;
	write_file("s.conf", X509 "[Peer bob]\nDisabled = yes\n"
				  "Expires = 2020-12-31\n");
	assert_int_equal(run(cli_enable, "s.conf", "bob", NULL), CLI_DONE);
	assert_string_equal(err, "minivpn: enable: warning: bob stays out all "
				 "the same: Expires = 2020-12-31\n");
}

static void test_disable_in_included(void **state)
{
	char text[4096];

	(void)state;
	write_file("s.conf", "include = *.peer\n" X509 "[Peer carol]\n");
	write_file("1.peer", "# of alice\n[Peer alice]\n");
	write_file("2.peer", "\xef\xbb\xbf[Peer bob]\n\n[Peer dave]\n");
	assert_int_equal(run(cli_disable, "s.conf", "dave", NULL), CLI_DONE);
	read_file("2.peer", text, sizeof(text));
	assert_string_equal(text,
			    "[Peer bob]\n\n[Peer dave]\nDisabled = yes\n");
	assert_int_equal(run(cli_enable, "s.conf", "dave", NULL), CLI_DONE);
	read_file("2.peer", text, sizeof(text));
	assert_string_equal(text, "[Peer bob]\n\n[Peer dave]\n");
	read_file("1.peer", text, sizeof(text));
	assert_string_equal(text, "# of alice\n[Peer alice]\n");
}

static void test_add_beside_included(void **state)
{
	char text[4096];

	(void)state;
	make_server();
	read_file("s.conf", text, sizeof(text) - 64);
	memmove(text + 17, text, strlen(text) + 1);
	memcpy(text, "include = *.peer\n", 17);
	write_file("s.conf", text);
	write_file("1.peer", "\n[Peer bob]\n"
			     "PublicKey = AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA"
			     "QEBAQE=");
	assert_int_equal(run(cli_add, "s.conf", "bob", NULL), CLI_FAILED);
	assert_string_equal(err, "minivpn: add: 1.peer:2: there is a [Peer "
				 "bob] already\n");
	assert_int_equal(run(cli_add, "s.conf", "alice", NULL), CLI_DONE);
	read_file("s.conf", text, sizeof(text));
	assert_non_null(strstr(text, "[Peer alice]"));
	assert_int_equal(run(cli_check, "s.conf", NULL), CLI_DONE);
	assert_string_equal(out, "s.conf: ok, with 1 that it includes\n");
}

/*
 * This is a server that answers one request; what it was asked is in "asked".
 */
static pid_t serve(const char *answer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listening = socket(AF_UNIX, SOCK_STREAM, 0);
	char asked[CONTROL_REQUEST_SIZE] = "";
	pid_t child;
	int fd;

	assert_int_equal(control_path(address.sun_path,
				      sizeof(address.sun_path), "s", "sock"),
			 0);
	unlink(address.sun_path);
	assert_int_equal(
		bind(listening, (struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(listening, 1), 0);
	child = fork();
	if (child) {
		close(listening);
		return child;
	}
	fd = accept(listening, NULL, NULL);
	if (read(fd, asked, sizeof(asked) - 1) < 0)
		_exit(1);
	if (write(fd, answer, strlen(answer)) < 0)
		_exit(1);
	_exit(!strstr(asked, "\"reload\""));
}

static void test_running_server(void **state)
{
	int status;
	pid_t child;

	(void)state;
	make_server();
	child = serve("{\"ok\":true}\n");
	assert_int_equal(run(cli_add, "s.conf", "alice", NULL), CLI_DONE);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(err, "minivpn: add: s is up and has taken it up\n");
	assert_memory_equal(out, "# alice's", 9);

	child = serve("{\"ok\":false,\"error\":\"reload: no\"}\n");
	assert_int_equal(run(cli_remove, "s.conf", "alice", NULL), CLI_FAILED);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_string_equal(err, "minivpn: remove: the file is changed, but s, "
				 "which is up, has not taken it up: reload: "
				 "no\n");

	/* Its socket is still there, but nobody listens. */
	assert_int_equal(run(cli_add, "s.conf", "alice", NULL), CLI_DONE);
	assert_string_equal(err, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_init, clean),
		cmocka_unit_test_teardown(test_init_differs, clean),
		cmocka_unit_test_teardown(test_init_wrong, clean),
		cmocka_unit_test_teardown(test_init_dns, clean),
		cmocka_unit_test_teardown(test_init_dns_wrong, clean),
		cmocka_unit_test_teardown(test_add, clean),
		cmocka_unit_test_teardown(test_add_with_options, clean),
		cmocka_unit_test_teardown(test_add_by_key, clean),
		cmocka_unit_test_teardown(test_add_with_wrong_options, clean),
		cmocka_unit_test_teardown(test_add_keeps, clean),
		cmocka_unit_test_teardown(test_add_refuses, clean),
		cmocka_unit_test_teardown(test_add_needs_endpoint, clean),
		cmocka_unit_test_teardown(test_add_warns, clean),
		cmocka_unit_test_teardown(test_add_to_full_disk, clean),
		cmocka_unit_test_teardown(test_add_at_once, clean),
		cmocka_unit_test_teardown(test_remove_undoes_add, clean),
		cmocka_unit_test_teardown(test_remove_exactly, clean),
		cmocka_unit_test_teardown(test_remove_from_included, clean),
		cmocka_unit_test_teardown(test_disable_and_enable, clean),
		cmocka_unit_test_teardown(test_disable_of_a_key, clean),
		cmocka_unit_test_teardown(test_enable_of_an_expired, clean),
		cmocka_unit_test_teardown(test_disable_in_included, clean),
		cmocka_unit_test_teardown(test_add_beside_included, clean),
		cmocka_unit_test_teardown(test_running_server, clean),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
