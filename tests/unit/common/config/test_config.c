/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a file: its form, each key, its defaults, and what is refused. */
#include "unit/config_file.h"

#include "common/config/ini.h"
#include "common/config/load.h"
#include "common/config/value.h"
#include "common/date.h"

#define CLIENT	    "[Client]\nServer = a.example\nServerKey = %s\nPrivateKey = %s\n"
#define CLIENT_KEYS server.open, alice.secret
#define SERVER	    "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
#define SERVER_KEYS server.secret

static void assert_prefix(const struct inet_prefix *prefix, const char *text)
{
	char buffer[INET_PREFIX_TEXT];

	inet_format_prefix(prefix, buffer, sizeof(buffer));
	assert_string_equal(buffer, text);
}

static void assert_address(const struct inet_address *address, const char *text)
{
	char buffer[INET_ADDRESS_TEXT];

	inet_format_address(address, buffer, sizeof(buffer));
	assert_string_equal(buffer, text);
}

static void test_client_defaults(void **state)
{
	struct config *config = right(CLIENT, CLIENT_KEYS);
	uint8_t key[KEY_SIZE];

	(void)state;
	assert_int_equal(config->role, CONFIG_CLIENT);
	assert_string_equal(config->name, "file");
	assert_string_equal(config->path, "dir/file.conf");
	assert_int_equal(config->identity, CONFIG_KEYS);
	assert_int_equal(config->server_count, 1);
	assert_string_equal(config->servers[0].host, "a.example");
	assert_int_equal(config->servers[0].port, 4433);
	assert_int_equal(config->routes_choice, CONFIG_PUSHED);
	assert_int_equal(config->dns_choice, CONFIG_PUSHED);
	assert_int_equal(config->search_choice, CONFIG_PUSHED);
	assert_string_equal(config->device, "tun0");
	assert_int_equal(config->mtu, 0);
	assert_int_equal(config->keepalive, 25);
	assert_true(config->offload);
	assert_int_equal(config->cipher, CONFIG_CIPHER_AUTO);
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	assert_false(config->kill_switch);
	assert_int_equal(config->exclude_count, 0);
	assert_false(config->exclude_lan);
	assert_true(config->inbound);
	assert_null(config->network_namespace);
	assert_int_equal(key_parse(alice.secret, key), 0);
	assert_memory_equal(key, config->private_key, sizeof(key));
	assert_int_equal(key_parse(server.open, key), 0);
	assert_memory_equal(key, config->server_key, sizeof(key));
	config_free(config);
}

/* While a server changes its key. */
static void test_two_server_keys(void **state)
{
	struct config *config =
		right("[Client]\nServer = a\nPrivateKey = %s\nServerKey = %s, "
		      "%s\n",
		      alice.secret, server.open, bob.open);
	uint8_t key[KEY_SIZE];

	(void)state;
	assert_int_equal(key_parse(server.open, key), 0);
	assert_memory_equal(key, config->server_key, sizeof(key));
	assert_int_equal(key_parse(bob.open, key), 0);
	assert_memory_equal(key, config->other_server_key, sizeof(key));
	config_free(config);
	expect("4: ServerKey: the same one twice\n",
	       "[Client]\nServer = a\nPrivateKey = %s\nServerKey = %s, %s\n",
	       alice.secret, bob.open, bob.open);
	expect("4: ServerKey: more than two of them\n",
	       "[Client]\nServer = a\nPrivateKey = %s\n"
	       "ServerKey = %s, %s, %s\n",
	       alice.secret, bob.open, server.open, bob.secret);
	expect("4: ServerKey: this is the public key of this file's own "
	       "PrivateKey, not the server's\n",
	       "[Client]\nServer = a\nPrivateKey = %s\nServerKey = %s, %s\n",
	       alice.secret, server.open, alice.open);
}

static void test_server_defaults(void **state)
{
	struct config *config = right(SERVER, SERVER_KEYS);

	(void)state;
	assert_int_equal(config->role, CONFIG_SERVER);
	assert_prefix(&config->address4, "10.8.0.1/24");
	assert_int_equal(config->address6.address.family, AF_UNSPEC);
	assert_int_equal(config->listen_count, 1);
	assert_int_equal(config->listen[0].address.family, AF_UNSPEC);
	assert_int_equal(config->listen[0].port, 4433);
	assert_null(config->endpoint.host);
	assert_int_equal(config->routes_choice, CONFIG_DEFAULT);
	assert_int_equal(config->dns_choice, CONFIG_NONE);
	assert_int_equal(config->search_choice, CONFIG_NONE);
	assert_int_equal(config->nat, CONFIG_NAT_ANY);
	assert_false(config->client_to_client);
	assert_false(config->copy_dscp);
	assert_int_equal(config->max_clients, 1000);
	assert_int_equal(config->peer_count, 0);
	config_free(config);
}

static void test_whole_server(void **state)
{
	static const struct inet_address nobody;
	const struct config_peer *peer;
	char text[KEY_TEXT_SIZE], date[DATE_SIZE];
	struct config *config = right(
		"\xef\xbb\xbf# comment\r\n"
		"  [ server ]  ; the head\r\n"
		"\tlisten=192.0.2.1:5000, [2001:db8::1]:5001 # two\r\n"
		"Listen = 5002\n"
		"ENDPOINT = vpn.example.org\n"
		"Address = 10.8.0.1/16, fd08::1/64\n"
		"PrivateKey=%s\n"
		"Routes = 10.1.2.3/8,192.168.0.0/16\n"
		"Routes = ::/0\n"
		"DNS = 10.8.0.1\n"
		"Search = example.org, lan\n"
		"NAT = eth0.5\nClientToClient = YES\nMaxClients = 65535\n"
		"Device = vpn-0\nMTU = 1400\nKeepalive = 3600\nOffload = no\n"
		"CopyDSCP = yes\nCipher = chacha20-poly1305\nLog = Debug\n"
		"[Peer alice]\nPublicKey = %s\n"
		"Address = 10.8.3.2, fd08::5\nPresharedKey = %s\n"
		"Subnets = 192.168.4.9/24\nSubnets = fd09::/48\n"
		"Expires = 2026-12-31\n"
		"[pEER bob@x.org]\nDisabled = yes\nPublicKey = %s",
		server.secret, alice.open, alice.secret, bob.open);

	(void)state;
	assert_int_equal(config->listen_count, 3);
	assert_int_equal(config->listen[1].port, 5001);
	assert_string_equal(config->endpoint.host, "vpn.example.org");
	assert_int_equal(config->endpoint.port, 5000);
	assert_prefix(&config->address6, "fd08::1/64");
	assert_int_equal(config->routes_choice, CONFIG_LIST);
	assert_int_equal(config->route_count, 3);
	assert_prefix(&config->routes[0], "10.0.0.0/8");
	assert_prefix(&config->routes[2], "::/0");
	assert_int_equal(config->dns_choice, CONFIG_LIST);
	assert_address(&config->dns[0], "10.8.0.1");
	assert_int_equal(config->search_count, 2);
	assert_string_equal(config->search[1], "lan");
	assert_int_equal(config->nat, CONFIG_NAT_DEVICE);
	assert_string_equal(config->nat_device, "eth0.5");
	assert_true(config->client_to_client);
	assert_int_equal(config->max_clients, 65535);
	assert_string_equal(config->device, "vpn-0");
	assert_int_equal(config->mtu, 1400);
	assert_int_equal(config->keepalive, 3600);
	assert_false(config->offload);
	assert_true(config->copy_dscp);
	assert_int_equal(config->cipher, CONFIG_CHACHA20);
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->peer_count, 2);

	peer = config_peer_by_name(config, "alice");
	assert_non_null(peer);
	assert_int_equal(peer->line, 22);
	assert_address(&peer->address4, "10.8.3.2");
	assert_address(&peer->address6, "fd08::5");
	key_format(peer->preshared_key, text);
	assert_string_equal(text, alice.secret);
	assert_null(config_peer_by_name(config, "bob@x.org")->preshared_key);
	assert_string_equal(date_format_end(peer->expires, date), "2026-12-31");
	assert_false(peer->disabled);
	assert_true(config_peer_by_name(config, "bob@x.org")->disabled);
	assert_int_equal(config_peer_by_name(config, "bob@x.org")->expires, 0);
	assert_int_equal(peer->subnet_count, 2);
	assert_prefix(&peer->subnets[0], "192.168.4.0/24");
	assert_ptr_equal(config_peer_by_key(config, peer->public_key), peer);
	assert_ptr_equal(config_peer_by_address(config, &peer->address4), peer);
	assert_ptr_equal(config_peer_by_address(config, &peer->address6), peer);
	assert_null(config_peer_by_address(config, &config->address4.address));
	assert_null(config_peer_by_address(config, &nobody));
	assert_null(config_peer_by_name(config, "Alice"));
	assert_null(config_peer_by_key(config, config->private_key));
	config_free(config);
}

static void test_whole_client(void **state)
{
	struct config *config =
		right(CLIENT "Server = 192.0.2.1:1, [2001:db8::1]:2, "
			     "2001:db8::2\n"
			     "Routes = none\nDNS = 9.9.9.9, 2620:fe::fe\n"
			     "Search = none\nKillSwitch = yes, lan, exclude\n"
			     "Exclude = 10.1.2.3/8, lan\nExclude = fd09::/48\n"
			     "Inbound = no\n",
		      CLIENT_KEYS);

	(void)state;
	assert_int_equal(config->server_count, 4);
	assert_string_equal(config->servers[1].host, "192.0.2.1");
	assert_int_equal(config->servers[1].port, 1);
	assert_string_equal(config->servers[2].host, "2001:db8::1");
	assert_int_equal(config->servers[2].port, 2);
	assert_string_equal(config->servers[3].host, "2001:db8::2");
	assert_int_equal(config->servers[3].port, 4433);
	assert_int_equal(config->routes_choice, CONFIG_NONE);
	assert_int_equal(config->dns_count, 2);
	assert_int_equal(config->search_choice, CONFIG_NONE);
	assert_true(config->kill_switch && config->kill_switch_lan &&
		    config->kill_switch_exclude && config->exclude_lan);
	assert_int_equal(config->exclude_count, 2);
	assert_prefix(&config->exclude[0], "10.0.0.0/8");
	assert_false(config->inbound);
	config_free(config);
}

static void test_all_at_once(void **state)
{
	(void)state;
	expect("2: [Client]: ServerKey is missing\n"
	       "3: Sever: unknown key in [Client] (did you mean Server?)\n"
	       "4: Server: has no value\n"
	       "7: MTU = 90: not between 576 and 65535\n"
	       "8: PrivateKey: not a key: 44 characters of base64\n"
	       "9: Listen: belongs in [Server], not in [Client]\n"
	       "10: neither [SECTION] nor KEY = VALUE\n"
	       "11: Zweig: unknown key in [Client]\n",
	       "\n[Client]\nSever = x\nServer =\n\n\nMTU = 90\n"
	       "PrivateKey = secret\nListen = 1\nfoo\nZweig = secret\n");
}

static void test_twice(void **state)
{
	(void)state;
	expect("6: MTU: given twice, in line 5 too\n"
	       "7: [Client]: a second one; the first is in line 1\n"
	       "8: Server = b:0: \"b:0\" is not HOST[:PORT]\n"
	       "9: MTU: given twice, in line 5 too\n",
	       CLIENT "MTU = 1400\nMTU = 1400\n[Client]\nServer = b:0\n"
		      "mtu = 1\n",
	       CLIENT_KEYS);
}

static void test_sections(void **state)
{
	(void)state;
	expect("0: neither [Server] nor [Client] in it\n", "%s", "");
	expect("0: neither [Server] nor [Client] in it\n"
	       "1: MTU: stands before any section\n",
	       "MTU = 1\n");
	expect("5: [Server]: a file is a server's or a client's; there is "
	       "[Client] in line 1\n",
	       CLIENT "[Server]\nAddress = nonsense\n", CLIENT_KEYS);
	expect("4: [Sever]: unknown section: there are [Server], [Client] and "
	       "[Peer NAME]\n",
	       SERVER "[Sever]\nAny = thing\n", SERVER_KEYS);
	expect("4: [Peer]: a peer needs a name, as in [Peer alice]\n"
	       "6: [Peer a b]: not a name: up to 63 letters, digits and "
	       ". _ @ -, no . or - first\n"
	       "8: [Peer -a]: not a name: up to 63 letters, digits and "
	       ". _ @ -, no . or - first\n"
	       "10: a section's head must end with ]\n",
	       SERVER "[Peer]\nPublicKey = %s\n[Peer a b]\n"
		      "PublicKey = %s\n[Peer -a]\n"
		      "Subnets = 192.168.1.0/24\n[Peer c\nMTU = 0\n",
	       SERVER_KEYS, alice.open, bob.open);
	expect("5: [Peer]: belongs in a server's file\n",
	       CLIENT "[Peer a]\nPublicKey = %s\n", CLIENT_KEYS, bob.open);
}

/* The line "KEY = VALUE" in a client's or server's file, and what is said. */
struct wrong {
	const char *line, *why;
};

static void test_values_of_clients(void **state)
{
	static const struct wrong wrong[] = {
		{"MTU = 65536", "not between 576 and 65535"},
		{"MTU = 1400x", "not a number"},
		{"MTU = -1", "not a number"},
		{"MTU = 99999999999999999999999", "not between 576 and 65535"},
		{"Keepalive = 0", "not between 1 and 3600"},
		{"Keepalive = auto", "not a number"},
		{"Offload = maybe", "neither yes nor no"},
		{"Cipher = AES", "not one of auto, AES-GCM, ChaCha20-Poly1305"},
		{"Log = loud",
		 "not one of error, warning, notice, info, debug"},
		{"Device = tun%d", "not a device's name: up to 15 letters, "
				   "digits and . _ -"},
		{"Device = sixteen.letters_", "not a device's name: up to 15 "
					      "letters, digits and . _ -"},
		{"Device = all", "not a device's name: up to 15 letters, "
				 "digits and . _ -"},
		{"Routes = 10.0.0.0/33", "\"10.0.0.0/33\" is not a network"},
		{"Routes = 10.0.0.0/8,,", "an empty item in the list"},
		{"Routes = 10.0.0.0/8, default",
		 "\"default\" is not a network"},
		{"DNS = default", "\"default\" is not an address"},
		{"DNS = 1.1.1.1:53", "\"1.1.1.1:53\" is not an address"},
		{"Search = a..b", "\"a..b\" is not a domain"},
		{"Search = 1.1.1.1", "\"1.1.1.1\" is not a domain"},
		{"KillSwitch = on",
		 "\"on\" is neither no, nor yes with exclude "
		 "and lan behind it"},
		{"KillSwitch = lan", "\"lan\" is neither no, nor yes with "
				     "exclude and lan behind it"},
		{"KillSwitch = yes, wan", "\"wan\" is neither no, nor yes with "
					  "exclude and lan behind it"},
		{"Inbound = maybe", "neither yes nor no"},
		{"Exclude = 0.0.0.0/0",
		 "0.0.0.0/0 is everything: say Routes = none "
		 "instead"},
		{"Exclude = home", "\"home\" is not a network"},
		{"Namespace = a/b",
		 "neither a name (up to 63 letters, digits and . _ @ -) nor "
		 "the path of a network namespace"},
		{"Namespace = ..",
		 "neither a name (up to 63 letters, digits and . _ @ -) nor "
		 "the path of a network namespace"},
		{"Server = 10.0.0.256", "\"10.0.0.256\" is not HOST[:PORT]"},
		{"Server = a b", "\"a b\" is not HOST[:PORT]"},
		{"Server = a:65536", "\"a:65536\" is not HOST[:PORT]"},
		{"Server = :4433", "\":4433\" is not HOST[:PORT]"},
		{"Server = 4433", "\"4433\" is not HOST[:PORT]"},
		{"Server = -a.example", "\"-a.example\" is not HOST[:PORT]"},
	};
	char expected[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(expected, sizeof(expected), "5: %s: %s\n",
			 wrong[i].line, wrong[i].why);
		expect(expected, CLIENT "%s\n", CLIENT_KEYS, wrong[i].line);
	}
}

static void test_values_of_servers(void **state)
{
	static const struct wrong wrong[] = {
		{"Listen = 0", "\"0\" is not [ADDRESS:]PORT"},
		{"Listen = host:1", "\"host:1\" is not [ADDRESS:]PORT"},
		{"Listen = 224.0.0.1:1", "224.0.0.1:1 is a multicast address"},
		{"Listen = 1, 1", "1 is said twice"},
		{"Listen = 4433, 192.0.2.1", "192.0.2.1 is said twice"},
		{"Endpoint = a/b", "\"a/b\" is not HOST[:PORT]"},
		{"Address = 10.9.0.1/24", "10.9.0.1/24 is a second IPv4 "
					  "address"},
		{"Address = fd08::1", "fd08::1 lacks the length of its "
				      "network, as in fd08::1/64"},
		{"Address = fd08::1/127", "the length of fd08::1/127 is not "
					  "between 1 and 126"},
		{"Address = fd08::/64", "fd08::/64 is the network itself: say "
					"the server's address in it"},
		{"Address = ff02::1/64", "ff02::1/64 is a multicast address"},
		{"Address = ::1/64", "::1/64 is a loopback address"},
		{"Address = vpn", "\"vpn\" is not ADDRESS/LENGTH"},
		{"NAT = eth 0", "neither yes, no, nor a device"},
		{"ClientToClient = 1", "neither yes nor no"},
		{"MaxClients = 0", "not between 1 and 65535"},
		{"Routes = pushed",
		 "only a client can take what its server says"},
		{"DNS = pushed", "only a client can take what its server says"},
		{"DNS = 1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4, 1.1.1.5",
		 "more than 4 of them"},
		{"Search = a, b, c, d, e", "more than 4 of them"},
	};
	char expected[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(expected, sizeof(expected), "4: %s: %s\n",
			 wrong[i].line, wrong[i].why);
		expect(expected, SERVER "%s\n", SERVER_KEYS, wrong[i].line);
	}
	expect("2: Address = 10.8.0.255/24: 10.8.0.255/24 is the broadcast "
	       "address\n",
	       "[Server]\nAddress = 10.8.0.255/24\nPrivateKey = %s\n",
	       SERVER_KEYS);
	expect("6: Expires = 2026-02-29: not a date: YYYY-MM-DD, with a time "
	       "YYYY-MM-DD HH:MM\n7: Disabled = 1: neither yes nor no\n",
	       SERVER "[Peer a]\nPublicKey = %s\nExpires = 2026-02-29\n"
		      "Disabled = 1\n",
	       SERVER_KEYS, alice.open);
	expect("2: Address = 10.8.0.1/31: the length of 10.8.0.1/31 is not "
	       "between 1 and 30\n",
	       "[Server]\nAddress = 10.8.0.1/31\nPrivateKey = %s\n",
	       SERVER_KEYS);
}

/* Each has sockets, and there are no more than TUNNEL_LISTEN of those. */
static void test_listen_is_bounded(void **state)
{
	struct config *config;

	(void)state;
	config = right(SERVER "Listen = 1, 2, 3, 4\nListen = 5, 6, 7, 8\n",
		       SERVER_KEYS);
	assert_int_equal(config->listen_count, 8);
	config_free(config);
	expect("4: Listen: given 9 times; a server listens on 8 addresses and "
	       "ports at most\n",
	       SERVER "Listen = 1, 2, 3, 4\nListen = 5, 6, 7, 8, 9\n",
	       SERVER_KEYS);
}

#define NO_RANGE                                                               \
	" is not [ADDRESS:]FIRST-LAST: ports from 1 to 65535, the lower one "  \
	"first"

static void test_wrong_ranges(void **state)
{
	static const struct wrong servers[] = {
		{"Listen = 20000-29999",
		 "20000-29999 leads nowhere: say a single "
		 "port before it, which is listened on"},
		{"Listen = 4433, 29999-20000", "\"29999-20000\"" NO_RANGE},
		{"Listen = 4433, 0-100", "\"0-100\"" NO_RANGE},
		{"Listen = 4433, 60000-65536", "\"60000-65536\"" NO_RANGE},
		{"Listen = 4433, 2-3-4", "\"2-3-4\"" NO_RANGE},
		{"Listen = 4433, a:2-3", "\"a:2-3\"" NO_RANGE},
		{"Listen = 4433, 4000-5000", "4000-5000 has port 4433 in it, "
					     "which is listened on already"},
		{"Listen = 4433, 200-300, 300-400", "300-400 overlaps 200-300"},
		{"Listen = 4433, 200-300, 250", "250 is in a range of ports "
						"already"},
		{"Listen = 192.0.2.1:4433, 192.0.2.2:200-300",
		 "192.0.2.2:200-300 is at another address than the port that "
		 "it leads to"},
		{"Listen = 4433, 1-2, 3-4, 5-6, 7-8, 9-10, 11-12, 13-14, 15-16, "
		 "17-18",
		 "more than 8 ranges of ports"},
	};
	static const struct wrong clients[] = {
		{"Server = a:20000-19999",
		 "\"a:20000-19999\" is not HOST:FIRST-LAST: ports from 1 to "
		 "65535, the lower one first"},
		{"Server = a:0-9",
		 "\"a:0-9\" is not HOST:FIRST-LAST: ports from "
		 "1 to 65535, the lower one first"},
		{"Server = a:1-2-3",
		 "\"a:1-2-3\" is not HOST:FIRST-LAST: ports "
		 "from 1 to 65535, the lower one first"},
		{"Hop = 86401", "not between 0 and 86400"},
		{"Hop = 60", "Server names no range of ports, as in "
			     "HOST:20000-29999"},
	};
	char expected[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		snprintf(expected, sizeof(expected), "4: %s: %s\n",
			 servers[i].line, servers[i].why);
		expect(expected, SERVER "%s\n", SERVER_KEYS, servers[i].line);
	}
	for (i = 0; i < sizeof(clients) / sizeof(*clients); i++) {
		snprintf(expected, sizeof(expected), "5: %s: %s\n",
			 clients[i].line, clients[i].why);
		expect(expected, CLIENT "%s\n", CLIENT_KEYS, clients[i].line);
	}
	expect("4: Listen: it leaves no 1024 ports in a row above 32767, from "
	       "which clients go out with NAT = yes\n",
	       SERVER "Listen = 4433, 32000-65000\n", SERVER_KEYS);
	config_free(right(SERVER "Listen = 4433, 32000-65000\nNAT = no\n",
			  SERVER_KEYS));
}

static void test_ranges(void **state)
{
	const struct config_redirect *redirect;
	struct config *config = right(
		SERVER "Endpoint = vpn.example.org:20000-29999\n"
		       "Listen = 4433, 20000-29999, 192.0.2.1:700-700\n"
		       "Listen = [2001:db8::1]:443, [2001:db8::1]:1000-2000\n"
		       "Listen = 192.0.2.1:5000, 5001-5002\n",
		SERVER_KEYS);

	(void)state;
	assert_int_equal(config->listen_count, 3);
	assert_int_equal(config->redirect_count, 4);
	redirect = config->redirects;
	assert_int_equal(redirect[0].address.family, AF_UNSPEC);
	assert_int_equal(redirect[0].ports.first, 20000);
	assert_int_equal(redirect[0].ports.last, 29999);
	assert_int_equal(redirect[0].to, 4433);
	assert_address(&redirect[1].address, "192.0.2.1");
	assert_int_equal(redirect[1].ports.last, 700);
	assert_address(&redirect[2].address, "2001:db8::1");
	assert_int_equal(redirect[2].to, 443);
	/* Without an address it is that of the port it leads to. */
	assert_address(&redirect[3].address, "192.0.2.1");
	assert_int_equal(redirect[3].to, 5000);
	assert_int_equal(config->endpoint.port, 20000);
	assert_int_equal(config->endpoint.last, 29999);
	config_free(config);

	config = right("[Client]\nServer = a-1.example:20000-29999, "
		       "[2001:db8::1]:7-7, b-2\nServerKey = %s\n"
		       "PrivateKey = %s\nHop = 60\n",
		       CLIENT_KEYS);
	assert_string_equal(config->servers[0].host, "a-1.example");
	assert_int_equal(config->servers[0].port, 20000);
	assert_int_equal(config->servers[0].last, 29999);
	assert_int_equal(config->servers[1].port, 7);
	assert_int_equal(config->servers[1].last, 0);
	assert_string_equal(config->servers[2].host, "b-2");
	assert_int_equal(config->servers[2].port, CONFIG_PORT);
	assert_int_equal(config->servers[2].last, 0);
	assert_int_equal(config->hop, 60);
	config_free(config);
}

static void test_words_stand_alone(void **state)
{
	(void)state;
	expect("6: Routes = 10.0.0.0/8: an earlier Routes leaves no room for "
	       "it\n",
	       CLIENT "Routes = none\nRoutes = 10.0.0.0/8\n", CLIENT_KEYS);
	expect("6: DNS = none: stands beside other values\n",
	       CLIENT "DNS = 1.1.1.1\nDNS = none\n", CLIENT_KEYS);
}

static void test_bounds(void **state)
{
	char list[INI_LINE_SIZE + 64] = "10.0.0.0/8";
	struct config *config;
	size_t used;
	int i;

	(void)state;
	for (i = 1; i < SETTINGS_ROUTES; i++) {
		used = strlen(list);
		snprintf(list + used, sizeof(list) - used, ", 10.100.%d.0/24",
			 i);
	}
	config = right(SERVER "Routes = %s\n", SERVER_KEYS, list);
	assert_int_equal(config->route_count, SETTINGS_ROUTES);
	config_free(config);
	expect("5: Routes = 10.0.0.0/8: more than 32 of them\n",
	       SERVER "Routes = %s\nRoutes = 10.0.0.0/8\n", SERVER_KEYS, list);
	config = right(CLIENT "Routes = %s\nRoutes = 10.0.0.0/8\n", CLIENT_KEYS,
		       list);
	assert_int_equal(config->route_count, SETTINGS_ROUTES + 1);
	config_free(config);
}

static void test_long_lines(void **state)
{
	char expected[128], longer[INI_LINE_SIZE + 1];
	char name[SETTINGS_NAME_SIZE + 1];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	snprintf(expected, sizeof(expected),
		 "5: the line is longer than %d characters\n",
		 INI_LINE_SIZE - 2);
	expect(expected, CLIENT "MTU = %s\nMTU = 1400\n", CLIENT_KEYS, longer);
	/* Comments may be as long as they like. */
	config_free(right(CLIENT "# %s\nMTU = 1400 ; %s\n", CLIENT_KEYS, longer,
			  longer));
	memset(name, 'n', sizeof(name));
	name[SETTINGS_NAME_SIZE - 1] = '\0';
	config_free(right(SERVER "[Peer %s]\nPublicKey = %s\n", SERVER_KEYS,
			  name, alice.open));
}

static void test_odd_lines(void **state)
{
	static const char zero[] = "[Client]\nMTU = 14\0000\n";
	struct config *config;
	char reported[8192] = "";

	(void)state;
	/* Indented lines are lines of their own, not continued ones. */
	config = right(CLIENT "MTU = 1400\n   Keepalive = 7\n\tDNS = none\n",
		       CLIENT_KEYS);
	assert_int_equal(config->mtu, 1400);
	assert_int_equal(config->keepalive, 7);
	config_free(config);
	expect("5: neither [SECTION] nor KEY = VALUE\n"
	       "6: : unknown key in [Client]\n"
	       "7: unknown key in [Client]\n"
	       "8: neither [SECTION] nor KEY = VALUE\n",
	       CLIENT "MTU\n= 1400\na\x1b[2Jb = 1\n  1400", CLIENT_KEYS);
	assert_int_equal(config_parse("f.conf", zero, sizeof(zero) - 1, gather,
				      reported, &config),
			 -EINVAL);
	assert_non_null(strstr(reported, "2: a zero byte in the line\n"));
}

/* No piece of a key, from which the rest could be found by trying. */
static void assert_hidden(const char *reported, const char *key)
{
	char piece[17] = "";

	for (size_t i = 0; i + 16 <= strlen(key); i++) {
		memcpy(piece, key + i, 16);
		if (strstr(reported, piece))
			print_error("%s", reported);
		assert_null(strstr(reported, piece));
	}
}

/* A line that is a little wrong: a message goes into the journal. */
static void test_no_key_in_messages(void **state)
{
	static const char *const lines[] = {
		"%s\n",
		"= %s\n",
		"PrivateKey %s\n",
		"PrivateKey%s\n",
		"PrivateKey  -  %s\n",
		"[PrivateKey = %s]\n",
		"[Peer %s]\n",
		"[%s\n",
		"PrivatKey = %s\n",
		"PrivateKey = x%s\n",
		"PrivateKey = \"%s\"\n",
		"PrivateKey = PrivateKey = %s\n",
		"ServerKey = x%s\n",
		"Server = %s\n",
		"Server = a PrivateKey = %s\n",
		"Routes = 10.0.0.0/8, %s\n",
		"MTU = %s\n",
		"Device = %s\n",
		"Namespace = %s,\n",
		"Key = %s\n",
		"Exclude = lan %s\n",
		"DNS = %s\n",
		"ServerName = %s!\n",
		"%s = PrivateKey\n",
		"; x\n%s : x\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		for (size_t cut = 0; cut < 30; cut++) {
			char text[512], line[256], key[KEY_TEXT_SIZE];
			char reported[8192] = "";
			struct config *config;

			snprintf(key, sizeof(key), "%.*s", (int)(44 - cut),
				 bob.secret);
			snprintf(line, sizeof(line), lines[i], key);
			snprintf(text, sizeof(text), "[Client]\nServer = a\n%s",
				 line);
			config = parse("dir/file.conf", text, reported);
			assert_null(config);
			assert_string_not_equal(reported, "");
			assert_hidden(reported, bob.secret);
		}
	}
	/* What is no key is shown. */
	expect("4: Server = a/b: \"a/b\" is not HOST[:PORT]\n",
	       "[Client]\nServerKey = %s\nPrivateKey = %s\nServer = a/b\n",
	       CLIENT_KEYS);
	expect("4: PrivateKey: there is no = behind it\n",
	       "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n"
	       "PrivateKey %s\n",
	       alice.secret, alice.secret);
}

/* Another program's file is one mistake, and not one a line. */
static void test_foreign(void **state)
{
	static const char wide[] = "\xff\xfe[\0C\0l\0";
	char reported[8192] = "";
	struct config *config;

	(void)state;
	expect("2: this is a file of WireGuard's: minivpn has files and keys "
	       "of its own, which \"minivpn init\" and \"minivpn add\" write "
	       "on the server\n",
	       "# mine\n[Interface]\nPrivateKey = x\nAddress = 10.0.0.1/24\n"
	       "[Peer]\nEndpoint = a:1\nAllowedIPs = 0.0.0.0/0\n");
	expect("1: this is a file of OpenVPN's: minivpn has files of its own, "
	       "which \"minivpn init\" and \"minivpn add\" write on the "
	       "server; for certificates see X.509 certificates in "
	       "minivpn.conf(5)\n",
	       "client\ndev tun\nproto udp\nremote vpn.example.org 1194\n"
	       "<ca>\n-----BEGIN CERTIFICATE-----\nx\n</ca>\n");
	assert_int_equal(config_parse("f.conf", wide, sizeof(wide) - 1, gather,
				      reported, &config),
			 -EINVAL);
	assert_string_equal(reported, "1: this is text in UTF-16: iconv -f "
				      "UTF-16 -t UTF-8 FILE converts it\n");
}

static void test_names(void **state)
{
	static const char *const bad[] = {
		"a b.conf",
		".conf",
		"/etc/minivpn/.conf",
		"dir/",
		"-a.conf",
		"thirty.two.characters.are.too.many.conf",
	};
	char name[CONFIG_NAME_SIZE];
	struct config *config = NULL;
	char *path;
	size_t i;

	(void)state;
	assert_int_equal(config_name("/etc/minivpn/home.conf", name), 0);
	assert_string_equal(name, "home");
	assert_int_equal(config_name("home", name), 0);
	assert_string_equal(name, "home");
	assert_int_equal(config_name("a.conf.conf", name), 0);
	assert_string_equal(name, "a.conf");
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(config_name(bad[i], name), -EINVAL);
	assert_int_equal(config_parse("a b.conf", "", 0, NULL, NULL, &config),
			 -EINVAL);

	path = config_find("home");
	assert_string_equal(path, "/etc/minivpn/home.conf");
	free(path);
	path = config_find("home.conf");
	assert_string_equal(path, "home.conf");
	free(path);
	path = config_find("./home");
	assert_string_equal(path, "./home");
	free(path);

	assert_true(config_name_valid("alice.b_c-d@example.org"));
	assert_false(config_name_valid(""));
	assert_false(config_name_valid(".."));
	assert_false(config_name_valid("a/b"));
	assert_false(config_name_valid("a]b"));
	assert_false(config_name_valid("a\nb"));
}

static void test_host(void **state)
{
	struct config_host host;

	(void)state;
	assert_int_equal(value_parse_host("vpn.example.org", &host), 0);
	assert_string_equal(host.host, "vpn.example.org");
	assert_int_equal(host.port, 4433);
	free(host.host);
	assert_int_equal(value_parse_host("[2001:db8::1]:53", &host), 0);
	assert_string_equal(host.host, "2001:db8::1");
	assert_int_equal(host.port, 53);
	free(host.host);
	assert_int_equal(value_parse_host("a:b", &host), -EINVAL);
	assert_int_equal(value_parse_host("", &host), -EINVAL);
	assert_int_equal(value_parse_host("a:", &host), -EINVAL);
	assert_int_equal(value_parse_host("a:2-3", &host), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_defaults),
		cmocka_unit_test(test_two_server_keys),
		cmocka_unit_test(test_server_defaults),
		cmocka_unit_test(test_whole_server),
		cmocka_unit_test(test_whole_client),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_values_of_clients),
		cmocka_unit_test(test_values_of_servers),
		cmocka_unit_test(test_listen_is_bounded),
		cmocka_unit_test(test_wrong_ranges),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_words_stand_alone),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_odd_lines),
		cmocka_unit_test(test_no_key_in_messages),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
