/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keys say of each other, and the files that they name. */
#include "common/config/load.h"
#include "unit/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENT "[Client]\nServer = a\nServerKey = %s\nPrivateKey = %s\n"
#define X509   "Certificate = c.pem\nKey = k.pem\nCA = /x/ca.pem\n"

static void test_missing(void **state)
{
	(void)state;
	expect("2: [Server]: Address is missing\n"
	       "2: [Server]: PrivateKey is missing (\"minivpn genkey\" makes "
	       "one), or Certificate, Key and CA\n"
	       "4: [Peer alice]: PublicKey is missing\n",
	       "\n[Server]\n\n[Peer alice]\nAddress = 10.8.0.7\n");
	expect("1: [Client]: Server is missing\n"
	       "1: [Client]: PrivateKey is missing (\"minivpn genkey\" makes "
	       "one), or Certificate, Key and CA\n"
	       "1: [Client]: ServerKey is missing\n",
	       "[Client]\n");
}

static void test_x509(void **state)
{
	struct config *config;

	(void)state;
	config = right("[Client]\nServer = a\n" X509 "CRL = crl.pem\n"
		       "ServerName = vpn.example.org\n");
	assert_int_equal(config->identity, CONFIG_X509);
	assert_string_equal(config->certificate, "dir/c.pem");
	assert_string_equal(config->key, "dir/k.pem");
	assert_string_equal(config->ca, "/x/ca.pem");
	assert_string_equal(config->crl, "dir/crl.pem");
	assert_string_equal(config->server_name, "vpn.example.org");
	config_free(config);
	config_free(right("[Server]\nAddress = 10.8.0.1/24\n" X509
			  "[Peer alice]\nAddress = 10.8.0.9\n"));
	expect("1: [Server]: Certificate is missing\n"
	       "1: [Server]: CA is missing\n",
	       "[Server]\nAddress = 10.8.0.1/24\nKey = k.pem\n");
	expect("6: PrivateKey: not together with Certificate, Key and CA\n"
	       "8: PublicKey: not together with Certificate, Key and CA\n",
	       "[Server]\nAddress = 10.8.0.1/24\n" X509
	       "PrivateKey = %s\n[Peer alice]\nPublicKey = %s\n",
	       server.secret, alice.open);
}

static void test_keys(void **state)
{
	(void)state;
	expect("3: ServerKey: this is the public key of this file's own "
	       "PrivateKey, not the server's\n",
	       "[Client]\nServer = a\nServerKey = %s\nPrivateKey = %s\n",
	       alice.open, alice.secret);
	expect("3: PrivateKey: the key is all zero\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = "
	       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	expect("7: PublicKey: this is the server's own\n"
	       "9: PublicKey: [Peer a] in line 4 has the same\n"
	       "10: [Peer a]: there is one in line 4 already\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "[Peer a]\nPublicKey = %s\n[Peer b]\nPublicKey = %s\n"
	       "[Peer c]\nPublicKey = %s\n[Peer a]\nPublicKey = %s\n",
	       server.secret, alice.open, server.open, alice.open, bob.open);
}

static void test_mtu(void **state)
{
	(void)state;
	expect("4: MTU = 1279: less than 1280, which IPv6 needs\n",
	       "[Server]\nAddress = 10.8.0.1/24, fd08::1/64\n"
	       "PrivateKey = %s\nMTU = 1279\n",
	       server.secret);
	config_free(right("[Server]\nAddress = 10.8.0.1/24\n"
			  "PrivateKey = %s\nMTU = 576\n",
			  server.secret));
}

static void test_addresses(void **state)
{
	(void)state;
	expect("6: Address = 10.9.0.2: not in the network of the server's "
	       "Address\n"
	       "9: Address = 10.8.0.1: this is the server's own\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "[Peer a]\nPublicKey = %s\nAddress = 10.9.0.2\n"
	       "[Peer b]\nPublicKey = %s\nAddress = 10.8.0.1\n",
	       server.secret, alice.open, bob.open);
	expect("6: Address = fd08::: this is the network itself\n"
	       "9: Address = 10.8.0.255: this is the broadcast address\n",
	       "[Server]\nAddress = 10.8.0.1/24, fd08::1/64\nPrivateKey = %s\n"
	       "[Peer a]\nPublicKey = %s\nAddress = 10.8.0.8, fd08::\n"
	       "[Peer b]\nPublicKey = %s\nAddress = 10.8.0.255\n",
	       server.secret, alice.open, bob.open);
	expect("6: Address = fd08::2: not in the network of the server's "
	       "Address\n"
	       "9: Address: 10.8.0.8/32 is taken: [Peer a] has 10.8.0.8/32 in "
	       "line 6\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "[Peer a]\nPublicKey = %s\nAddress = 10.8.0.8, fd08::2\n"
	       "[Peer b]\nPublicKey = %s\nAddress = 10.8.0.8\n",
	       server.secret, alice.open, bob.open);
	expect("6: Address = 10.8.0.0/28: 10.8.0.0/28 is a network: networks "
	       "behind a peer are Subnets\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "[Peer a]\nPublicKey = %s\nAddress = 10.8.0.0/28\n",
	       server.secret, alice.open);
}

static void test_subnets(void **state)
{
	(void)state;
	expect("6: Subnets: 10.8.0.0/16 overlaps the network of the server's "
	       "Address\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "[Peer a]\nPublicKey = %s\nSubnets = 10.8.7.0/16\n",
	       server.secret, alice.open);
	/* The wide one clashes with both, wherever it stands. */
	expect("9: Subnets: 172.16.0.0/12 is taken: [Peer a] has "
	       "172.16.3.0/24 in line 6\n"
	       "9: Subnets: 172.16.0.0/12 is taken: [Peer a] has "
	       "172.20.0.0/16 in line 6\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "[Peer a]\nPublicKey = %s\n"
	       "Subnets = 172.20.0.0/16, 11.0.0.0/8, 192.168.0.0/16, 172.16.3.0/24\n"
	       "[Peer b]\nPublicKey = %s\nSubnets = 172.16.0.0/12, fd09::/64\n",
	       server.secret, alice.open, bob.open);
	expect("6: Subnets = 0.0.0.0/0: 0.0.0.0/0 can't be behind a peer\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "[Peer a]\nPublicKey = %s\nSubnets = 0.0.0.0/0\n",
	       server.secret, alice.open);
}

/* A peer's mistakes are told once, not again by what follows from them. */
static void test_no_echo(void **state)
{
	(void)state;
	expect("2: Address = 10.8.0.1: 10.8.0.1 lacks the length of its "
	       "network, as in 10.8.0.1/24\n"
	       "5: PublicKey: not a key: 44 characters of base64\n",
	       "[Server]\nAddress = 10.8.0.1\nPrivateKey = %s\n"
	       "[Peer a]\nPublicKey = x\nAddress = 10.8.0.2\n",
	       server.secret);
}

static void test_siblings(void **state)
{
	struct config *config;

	(void)state;
	config = right("[Server]\nAddress = 10.8.0.1/24, fd08::1/64\n"
		       "PrivateKey = %s\nTicketKey = %s\n"
		       "Siblings = 10.8.0.2, fd08::2\nPeerRoutes = yes\n",
		       server.secret, bob.secret);
	assert_int_equal(config->sibling_count, 2);
	assert_true(config->peer_routes);
	assert_true(config->has_ticket_key);
	config_free(config);
	expect("4: Siblings = 10.8.0.1: this is the server's own\n"
	       "4: Siblings = 10.9.0.1: not in the network of the server's "
	       "Address\n"
	       "4: Siblings: TicketKey is missing, by which one knows what "
	       "another has granted\n"
	       "7: Address = 10.8.0.3: this is a sibling's\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "Siblings = 10.8.0.1, 10.9.0.1, 10.8.0.3\n"
	       "[Peer alice]\nPublicKey = %s\nAddress = 10.8.0.3\n",
	       server.secret, alice.open);
	expect("5: Siblings: each has an IPv4 and an IPv6 address, as this "
	       "server has\n",
	       "[Server]\nAddress = 10.8.0.1/24, fd08::1/64\n"
	       "PrivateKey = %s\nTicketKey = %s\nSiblings = 10.8.0.2\n",
	       server.secret, bob.secret);
	expect("4: Siblings = 10.8.0.2, 10.8.0.2: 10.8.0.2 is said twice\n"
	       "5: TicketKey: not a key: 44 characters of base64\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "Siblings = 10.8.0.2, 10.8.0.2\nTicketKey = x\n",
	       server.secret);
}

static void test_secrets(void **state)
{
	struct config *config;
	char text[KEY_TEXT_SIZE];

	(void)state;
	config = right("[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
		       "Secret = %s, %s\n",
		       server.secret, alice.secret, bob.secret);
	assert_int_equal(config->secret_count, 2);
	key_format(config->secrets[1], text);
	assert_string_equal(text, bob.secret);
	config_free(config);
	config = right("[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
		       "Secret = %s\nSecret = %s\n",
		       server.secret, alice.secret, bob.secret);
	assert_int_equal(config->secret_count, 2);
	config_free(config);
	config = right("[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n",
		       server.secret);
	assert_int_equal(config->secret_count, 0);
	config_free(config);
	expect("4: Secret: more than 2 of them\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "Secret = %s, %s, %s\n",
	       server.secret, alice.secret, bob.secret, server.secret);
	expect("4: Secret: the same one twice\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "Secret = %s, %s\n",
	       server.secret, bob.secret, bob.secret);
	expect("4: Secret: not a key: 44 characters of base64\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "Secret = sesame\n",
	       server.secret);
}

static void test_many_peers(void **state)
{
	struct config *config;
	char *text = NULL;
	size_t length;
	FILE *stream = open_memstream(&text, &length);
	char reported[8192];
	struct pair pair;
	int i;

	(void)state;
	fprintf(stream, "[Server]\nAddress = 10.8.0.1/16\nPrivateKey = %s\n",
		server.secret);
	for (i = 0; i < 200; i++) {
		make_pair(&pair);
		fprintf(stream,
			"[Peer p%d]\nPublicKey = %s\nAddress = 10.8.1.%d\n", i,
			pair.open, i);
	}
	assert_int_equal(fclose(stream), 0);
	config = parse("many.conf", text, reported);
	assert_string_equal(reported, "");
	assert_int_equal(config->peer_count, 200);
	assert_non_null(config_peer_by_name(config, "p199"));
	config_free(config);
	free(text);
}

/* A directory of the test's own. */
static char folder[64];

static int make_folder(void **state)
{
	make_keys(state);
	strcpy(folder, "/tmp/minivpn-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void put(const char *name, mode_t mode, const char *text)
{
	char path[128];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	stream = fopen(path, "w");
	assert_non_null(stream);
	fputs(text, stream);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int load(const char *name, char *reported)
{
	struct config *config = NULL;
	char path[128];
	int error;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	reported[0] = '\0';
	error = config_load(path, gather, reported, &config);
	config_free(config);
	return error;
}

static void drop(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}

static void test_load_keys(void **state)
{
	char text[256], reported[8192], expected[256];

	(void)state;
	snprintf(text, sizeof(text),
		 "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n",
		 server.secret);
	put("s.conf", 0600, text);
	assert_int_equal(load("s.conf", reported), 0);
	assert_string_equal(reported, "");
	put("s.conf", 0640, text);
	assert_int_equal(load("s.conf", reported), 0);
	snprintf(expected, sizeof(expected),
		 "3: warning: PrivateKey: others can read this file: "
		 "chmod 600 %s/s.conf\n",
		 folder);
	assert_string_equal(reported, expected);
	drop("s.conf");
	assert_int_equal(load("s.conf", reported), -ENOENT);
	assert_string_equal(reported, "0: No such file or directory\n");
	assert_int_equal(load(".", reported), -EISDIR);
}

static void test_load_x509(void **state)
{
	char reported[8192], expected[512];

	(void)state;
	put("c.conf", 0644,
	    "[Client]\nServer = a\n"
	    "Certificate = c.pem\nKey = k.pem\nCA = a.pem\n");
	put("c.pem", 0644, "");
	put("k.pem", 0604, "");
	assert_int_equal(load("c.conf", reported), -EINVAL);
	snprintf(expected, sizeof(expected),
		 "4: warning: Key = %s/k.pem: others can read it: "
		 "chmod 600 %s/k.pem\n"
		 "5: CA = %s/a.pem: No such file or directory\n",
		 folder, folder, folder);
	assert_string_equal(reported, expected);
	drop("c.conf");
	drop("c.pem");
	drop("k.pem");
}

/* As many networks as a kill switch has room for, and one more. */
static void test_kill_switch_exclude(void **state)
{
	char list[2048] = "";
	size_t length = 0;

	(void)state;
	/* No two of them are halves of one. */
	for (unsigned i = 0; i < CONFIG_KILL_SWITCH_EXCLUDE; i++)
		length += (size_t)sprintf(list + length, "%s203.0.%u.0/25",
					  i ? ", " : "", i);
	/* What is part of another does not count. */
	length += (size_t)sprintf(list + length, ", 203.0.1.9, lan");
	config_free(right(CLIENT "KillSwitch = yes, exclude\nExclude = %s\n",
			  server.open, alice.secret, list));
	sprintf(list + length, ", 198.51.100.1");
	config_free(right(CLIENT "KillSwitch = yes, lan\nExclude = %s\n",
			  server.open, alice.secret, list));
	expect("5: KillSwitch = yes, exclude: Exclude has 65 networks, and the "
	       "kill switch has room for 64: say fewer and larger ones\n",
	       CLIENT "KillSwitch = yes, exclude\nExclude = %s\n", server.open,
	       alice.secret, list);
}

/* One file has all of it. */
static void test_inner_files(void **state)
{
	struct config *config;

	(void)state;
	config = right("[Client]\nServer = a\n<ca>\n# A [B]\nca = 1\n</ca>\n"
		       "<cert>\ncertificate\n</cert>\nMTU = 1400\n"
		       "  <KEY>\r\nsecret\r\n  </KEY>\r\nKeepalive = 7\n");
	assert_int_equal(config->identity, CONFIG_X509);
	assert_string_equal(config->ca, "dir/file.conf <ca>");
	assert_string_equal(config->pem_texts[CONFIG_PEM_CA].text,
			    "# A [B]\nca = 1\n");
	assert_string_equal(config->pem_texts[CONFIG_PEM_CERTIFICATE].text,
			    "certificate\n");
	assert_string_equal(config->pem_texts[CONFIG_PEM_KEY].text,
			    "secret\r\n");
	assert_int_equal(config->mtu, 1400);
	assert_int_equal(config->keepalive, 7);
	config_hide_key(config);
	assert_null(config->pem_texts[CONFIG_PEM_KEY].text);
	config_free(config);
	expect("1: [Client]: ServerKey is missing\n"
	       "4: a block has no end, </...>\n",
	       "[Client]\nServer = a\nPrivateKey = %s\n<ca>\n"
	       "</key>\nMTU = 7\n",
	       alice.secret);
	expect("1: [Client]: ServerKey is missing\n"
	       "4: a block <...>: in [Server] and [Client] there may be "
	       "<certificate>, <key>, <ca> and <crl>\n",
	       "[Client]\nServer = a\nPrivateKey = %s\n<ce>\nx\n</ce>\n",
	       alice.secret);
	expect("4: <ca>: given twice, in line 2 too\n",
	       "[Client]\n<ca>\n</ca>\n<ca>\n</ca>\nServer = a\n"
	       "Certificate = c\nKey = k\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inner_files),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_x509),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_subnets),
		cmocka_unit_test(test_no_echo),
		cmocka_unit_test(test_siblings),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_many_peers),
		cmocka_unit_test(test_load_keys),
		cmocka_unit_test(test_load_x509),
		cmocka_unit_test(test_kill_switch_exclude),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
