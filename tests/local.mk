# SPDX-License-Identifier: GPL-2.0-or-later
# make check          everything, then one line with what passed and failed
# make check-unit     unit tests alone (cmocka); one of them by
#                     TESTS=tests/unit/common/test_inet
# make check-system   system tests alone; SYSTEM_TESTS='-k nat': those (pytest)

# Seconds after which it is a hang, however busy the machine: a unit test
# program; all system tests (tests/system/run limits each).
UNIT_TIMEOUT = 900
SYSTEM_TIMEOUT = 7200
# At once, each with namespaces of its own, and the next test that nobody has:
# half of a test is waiting.
SYSTEM_SHARDS = 1 2 3 4

# What of them `make distcheck' runs.
DISTCHECK_SYSTEM_TESTS = -m smoke
AM_DISTCHECK_CONFIGURE_FLAGS = 'SYSTEM_TESTS=$(DISTCHECK_SYSTEM_TESTS)'

unit_tests = \
	tests/unit/cli/test_commands \
	tests/unit/cli/test_provision \
	tests/unit/cli/test_status \
	tests/unit/cli/test_status_metrics \
	tests/unit/common/config/test_check \
	tests/unit/common/config/test_config \
	tests/unit/common/config/test_include \
	tests/unit/common/config/test_reload \
	tests/unit/common/config/test_settings \
	tests/unit/common/ipc/test_channel \
	tests/unit/common/test_date \
	tests/unit/common/test_inet \
	tests/unit/common/test_jitter \
	tests/unit/common/test_kernel \
	tests/unit/common/test_key \
	tests/unit/common/test_log \
	tests/unit/common/test_owned \
	tests/unit/common/test_prefix_map \
	tests/unit/common/test_prefix_set \
	tests/unit/common/test_process \
	tests/unit/common/test_siphash \
	tests/unit/common/test_text \
	tests/unit/common/test_units \
	tests/unit/host/change/test_change \
	tests/unit/host/change/test_journal \
	tests/unit/host/change/test_journal_damage \
	tests/unit/host/change/test_journal_size \
	tests/unit/host/change/test_journal_upgrade \
	tests/unit/host/change/test_list \
	tests/unit/host/change/test_place \
	tests/unit/host/change/test_record \
	tests/unit/host/daemon/test_lease_store \
	tests/unit/host/daemon/test_peer_routes \
	tests/unit/host/daemon/test_usage_store \
	tests/unit/host/process/test_server_store \
	tests/unit/host/dns/test_lookup_answer \
	tests/unit/host/process/test_lookup_child \
	tests/unit/host/dns/test_lookup_config \
	tests/unit/host/dns/test_lookup_query \
	tests/unit/host/dns/test_nat64 \
	tests/unit/host/dns/test_public_suffix \
	tests/unit/host/dns/test_resolv_conf \
	tests/unit/host/dns/test_resolv_conf_killed \
	tests/unit/host/dns/test_systemd_resolved \
	tests/unit/host/kernel/test_monitor \
	tests/unit/host/kernel/test_netns \
	tests/unit/host/kernel/test_route \
	tests/unit/host/kernel/test_rtnl \
	tests/unit/host/kernel/test_sysctl \
	tests/unit/host/kernel/test_tun \
	tests/unit/host/kernel/test_udp_socket \
	tests/unit/host/nft/test_block \
	tests/unit/host/nft/test_filter \
	tests/unit/host/nft/test_gateway \
	tests/unit/host/nft/test_killswitch \
	tests/unit/host/nft/test_marks \
	tests/unit/host/nft/test_marks_packets \
	tests/unit/host/nft/test_redirect \
	tests/unit/host/nft/test_statement \
	tests/unit/host/plan/test_filter \
	tests/unit/host/plan/test_marks \
	tests/unit/host/plan/test_plan \
	tests/unit/host/plan/test_server \
	tests/unit/host/process/test_tunnel_policy \
	tests/unit/host/process/test_user \
	tests/unit/tunnel/control/test_keepalive \
	tests/unit/tunnel/control/test_message \
	tests/unit/tunnel/control/test_notice \
	tests/unit/tunnel/control/test_pmtu \
	tests/unit/tunnel/control/test_run_probe \
	tests/unit/tunnel/data/test_coalesce \
	tests/unit/tunnel/data/test_coalesce_flows \
	tests/unit/tunnel/data/test_mss \
	tests/unit/tunnel/data/test_offload_kernel \
	tests/unit/tunnel/data/test_oversize \
	tests/unit/tunnel/data/test_pacing \
	tests/unit/tunnel/data/test_packet \
	tests/unit/tunnel/data/test_path \
	tests/unit/tunnel/data/test_refusal \
	tests/unit/tunnel/data/test_segment \
	tests/unit/tunnel/data/test_traffic_class \
	tests/unit/tunnel/data/test_udp_io \
	tests/unit/tunnel/data/test_yield \
	tests/unit/tunnel/dtls/test_aead \
	tests/unit/tunnel/dtls/test_cookie \
	tests/unit/tunnel/dtls/test_cookie_cost \
	tests/unit/tunnel/dtls/test_credentials \
	tests/unit/tunnel/dtls/test_crl \
	tests/unit/tunnel/dtls/test_poor_path \
	tests/unit/tunnel/dtls/test_precheck \
	tests/unit/tunnel/dtls/test_preshared \
	tests/unit/tunnel/dtls/test_previous_session \
	tests/unit/tunnel/dtls/test_record \
	tests/unit/tunnel/dtls/test_record_peers \
	tests/unit/tunnel/dtls/test_record_window \
	tests/unit/tunnel/dtls/test_session \
	tests/unit/tunnel/dtls/test_ticket \
	tests/unit/tunnel/noise/test_link \
	tests/unit/tunnel/noise/test_noise \
	tests/unit/tunnel/noise/test_replay_set \
	tests/unit/tunnel/server/test_admission \
	tests/unit/tunnel/server/test_backlog \
	tests/unit/tunnel/server/test_flood_filter_bpf \
	tests/unit/tunnel/server/test_heap \
	tests/unit/tunnel/server/test_lease_pool \
	tests/unit/tunnel/server/test_lease_proof \
	tests/unit/tunnel/server/test_out_of_memory \
	tests/unit/tunnel/server/test_peer_table \
	tests/unit/tunnel/server/test_rate_table \
	tests/unit/tunnel/server/test_retry_after \
	tests/unit/tunnel/role/test_expiry \
	tests/unit/tunnel/test_tunnel_prepare

# As of a kernel that lacks what the table takes.
tests_unit_host_change_test_change_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=nft_marks_add

# Memory runs out where the test says so.
tests_unit_tunnel_server_test_out_of_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc

# Refused by the test instead of a device that can't.
tests_unit_tunnel_data_test_udp_io_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendmmsg

# As of a suite that records are not known of.
tests_unit_tunnel_dtls_test_session_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=record_new

# What the library has of a session is for the test alone.
tests_unit_tunnel_dtls_test_preshared_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=gnutls_init

# How often the disk is waited for is counted.
tests_unit_host_change_test_journal_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fdatasync

# Where the journals of the program before are.
tests_unit_host_change_test_journal_upgrade_CPPFLAGS = $(AM_CPPFLAGS) \
	-DJOURNALS='"$(abs_top_srcdir)/tests/unit/host/change/journals"'

# With a library of strangers at the other end.
tests_unit_tunnel_dtls_test_record_openssl_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_tunnel_dtls_test_record_openssl_LDADD = $(LDADD) $(OPENSSL_LIBS)
if HAVE_OPENSSL
openssl_tests = tests/unit/tunnel/dtls/test_record_openssl
endif

# A build with sanitizers has no filters of system calls, and more memory than
# can be searched.
if !SANITIZERS
syscall_filter_tests = \
	tests/unit/host/process/test_confine \
	tests/unit/common/test_syscall_filter \
	tests/unit/common/test_secrets
endif

# What several of them share.
unit_library = tests/unit/libunit.a
tests_unit_libunit_a_SOURCES = \
	tests/unit/certificates.c \
	tests/unit/certificates.h \
	tests/unit/command.h \
	tests/unit/config_file.h \
	tests/unit/dtls_end.c \
	tests/unit/dtls_end.h \
	tests/unit/fake_time.h \
	tests/unit/inner_packet.c \
	tests/unit/inner_packet.h \
	tests/unit/join_lab.c \
	tests/unit/join_lab.h \
	tests/unit/joined.c \
	tests/unit/joined.h \
	tests/unit/journal_fixture.h \
	tests/unit/log_count.h \
	tests/unit/marks_fixture.h \
	tests/unit/memory_link.c \
	tests/unit/memory_link.h \
	tests/unit/netns.h \
	tests/unit/nft_fixture.h \
	tests/unit/open_link.c \
	tests/unit/open_link.h \
	tests/unit/path_lab.h \
	tests/unit/plan_lab.h \
	tests/unit/random_prefix.h \
	tests/unit/resolver_fixture.h \
	tests/unit/rtnl_fixture.h \
	tests/unit/system_call.h

# What is tried with each input of a corpus, with a main() of ours instead of
# libFuzzer's.
fuzz_replays = \
	tests/fuzz/replay_change \
	tests/fuzz/replay_channel \
	tests/fuzz/replay_client \
	tests/fuzz/replay_config \
	tests/fuzz/replay_control \
	tests/fuzz/replay_crl \
	tests/fuzz/replay_datagram \
	tests/fuzz/replay_journal \
	tests/fuzz/replay_leases \
	tests/fuzz/replay_monitor \
	tests/fuzz/replay_netlink \
	tests/fuzz/replay_noise \
	tests/fuzz/replay_offload \
	tests/fuzz/replay_packet \
	tests/fuzz/replay_query \
	tests/fuzz/replay_record \
	tests/fuzz/replay_resolver \
	tests/fuzz/replay_server \
	tests/fuzz/replay_wire

tests_fuzz_replay_change_SOURCES = \
	tests/fuzz/fuzz_change.c \
	tests/fuzz/replay.c

tests_fuzz_replay_channel_SOURCES = \
	tests/fuzz/fuzz_channel.c \
	tests/fuzz/replay.c

tests_fuzz_replay_client_SOURCES = \
	tests/fuzz/fuzz_client.c \
	tests/fuzz/input.h \
	tests/fuzz/replay.c

tests_fuzz_replay_config_SOURCES = \
	tests/fuzz/fuzz_config.c \
	tests/fuzz/replay.c

tests_fuzz_replay_control_SOURCES = \
	tests/fuzz/fuzz_control.c \
	tests/fuzz/input.h \
	tests/fuzz/replay.c

tests_fuzz_replay_crl_SOURCES = \
	tests/fuzz/fuzz_crl.c \
	tests/fuzz/input.h \
	tests/fuzz/replay.c

tests_fuzz_replay_datagram_SOURCES = \
	tests/fuzz/fuzz_datagram.c \
	tests/fuzz/replay.c

tests_fuzz_replay_monitor_SOURCES = \
	tests/fuzz/fuzz_monitor.c \
	tests/fuzz/replay.c

tests_fuzz_replay_journal_SOURCES = \
	tests/fuzz/fuzz_journal.c \
	tests/fuzz/input.h \
	tests/fuzz/replay.c

tests_fuzz_replay_leases_SOURCES = \
	tests/fuzz/fuzz_leases.c \
	tests/fuzz/input.h \
	tests/fuzz/replay.c

tests_fuzz_replay_netlink_SOURCES = \
	tests/fuzz/fuzz_netlink.c \
	tests/fuzz/input.h \
	tests/fuzz/replay.c

tests_fuzz_replay_noise_SOURCES = \
	tests/fuzz/fuzz_noise.c \
	tests/fuzz/input.h \
	tests/fuzz/replay.c

tests_fuzz_replay_offload_SOURCES = \
	tests/fuzz/fuzz_offload.c \
	tests/fuzz/replay.c

tests_fuzz_replay_packet_SOURCES = \
	tests/fuzz/fuzz_packet.c \
	tests/fuzz/replay.c

tests_fuzz_replay_query_SOURCES = \
	tests/fuzz/fuzz_query.c \
	tests/fuzz/replay.c

tests_fuzz_replay_record_SOURCES = \
	tests/fuzz/fuzz_record.c \
	tests/fuzz/replay.c

tests_fuzz_replay_resolver_SOURCES = \
	tests/fuzz/fuzz_resolver.c \
	tests/fuzz/input.h \
	tests/fuzz/replay.c

tests_fuzz_replay_server_SOURCES = \
	tests/fuzz/fuzz_server.c \
	tests/fuzz/input.h \
	tests/fuzz/replay.c

tests_fuzz_replay_wire_SOURCES = \
	tests/fuzz/fuzz_wire.c \
	tests/fuzz/replay.c

# Never installed.
bench_programs = \
	tests/bench/crowd \
	tests/bench/handshakes \
	tests/bench/load \
	tests/bench/minivpn-null
EXTRA_PROGRAMS = $(bench_programs)

# What several of them share.
tests_fuzz_libfuzz_a_SOURCES = \
	tests/fuzz/far_end.c \
	tests/fuzz/far_end.h \
	tests/fuzz/input.h \
	tests/fuzz/role_harness.c \
	tests/fuzz/role_harness.h
tests_fuzz_replay_client_LDADD = tests/fuzz/libfuzz.a $(LDADD)
tests_fuzz_replay_server_LDADD = tests/fuzz/libfuzz.a $(LDADD)

tests_bench_crowd_LDADD = libminivpn.a $(DEPENDENCY_LIBS)
tests_bench_handshakes_LDADD = libminivpn.a $(DEPENDENCY_LIBS)
tests_bench_load_LDADD = libminivpn.a $(DEPENDENCY_LIBS)
# The program with records that are not encrypted: the bench's limit. What of
# the library is here already is not taken from there.
tests_bench_minivpn_null_SOURCES = \
	src/main.c \
	tests/bench/aead_null.c
tests_bench_minivpn_null_LDADD = libminivpn.a $(DEPENDENCY_LIBS)

bench-programs: minivpn$(EXEEXT) $(bench_programs)

# What system tests run beside minivpn.
system_programs = \
	tests/bench/crowd \
	tests/bench/load \
	tests/hostile_tunnel/minivpn-hostile \
	tests/system/flood
tests_system_flood_LDADD =

# The program with a tunnel process that was taken over: tests/system/test_hostile_tunnel.
tests_hostile_tunnel_minivpn_hostile_SOURCES = \
	src/main.c \
	tests/hostile_tunnel/hostile_tunnel.c \
	tests/hostile_tunnel/hostile_tunnel.h \
	tests/hostile_tunnel/messages.c
tests_hostile_tunnel_minivpn_hostile_LDADD = libminivpn.a $(DEPENDENCY_LIBS)

LDADD = tests/unit/libunit.a libminivpn.a $(DEPENDENCY_LIBS) $(CMOCKA_LIBS)

# Not built where cmocka is missing, which check-TESTS then says.
if HAVE_CMOCKA
check_PROGRAMS = $(unit_tests) $(openssl_tests) $(syscall_filter_tests) $(fuzz_replays) \
	$(system_programs)
check_LIBRARIES = $(unit_library) tests/fuzz/libfuzz.a
else
check_PROGRAMS = $(system_programs)
EXTRA_PROGRAMS += $(unit_tests) $(openssl_tests) $(syscall_filter_tests) $(fuzz_replays)
EXTRA_LIBRARIES = $(unit_library) tests/fuzz/libfuzz.a
endif

TESTS = $(unit_tests) $(openssl_tests) $(syscall_filter_tests) tests/fuzz/replay.test \
	tests/completion.test tests/examples.test tests/layers.test \
	tests/security.test
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
TEST_LOG_DRIVER = $(LOG_DRIVER)
LOG_COMPILER = timeout -k 5 $(UNIT_TIMEOUT)
TEST_LOG_COMPILER = $(LOG_COMPILER)
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT;

EXTRA_DIST += \
	contrib/bench \
	tests/bench/NOTES \
	tests/bench/bench.py \
	tests/bench/link.py \
	tests/bench/measure.py \
	tests/bench/peers.py \
	tests/bench/plot.py \
	tests/bench/report.py \
	tests/fuzz/corpus \
	tests/fuzz/replay.test \
	tests/completion.test \
	tests/examples.test \
	tests/layers.test \
	tests/security.test \
	tests/summary \
	tests/system \
	tests/unit/host/change/journals
MOSTLYCLEANFILES = tests/system-*.xml tests/system-*.log tests/system-share/*
CLEANFILES += tests/fault.so

# In place of automake's rule of this name, which would end with the first of
# the two parts that fails.
check-TESTS:
if HAVE_CMOCKA
	@unit=0; system=0; \
	$(MAKE) $(AM_MAKEFLAGS) check-unit || unit=1; \
	$(MAKE) $(AM_MAKEFLAGS) check-system || system=1; \
	$(SHELL) $(srcdir)/tests/summary $$unit $$system \
		"$(SYSTEM_SHARDS:%=tests/system-%.xml)" $(TEST_LOGS:.log=.trs)
else
	@echo "make check: cmocka was missing when configure ran:" \
		"install it (Debian: libcmocka-dev) and configure again" >&2; \
	echo "0 passed, 1 failed"; exit 1
endif

# That those of the bench can be built is a test of them.
check-unit: $(check_PROGRAMS) $(bench_programs) minivpn$(EXEEXT) $(completions)
	@rm -f $(TEST_LOGS) $(TEST_LOGS:.log=.trs) $(TEST_SUITE_LOG)
	@$(MAKE) $(AM_MAKEFLAGS) $(TEST_SUITE_LOG)

# What makes calls of minivpn fail, loaded into it by the tests that want that.
# By hand: a convenience for which libtool would be a large price.
tests/fault.so: $(srcdir)/tests/system/fault.c
	@$(MKDIR_P) tests
	$(AM_V_CCLD)$(CC) -D_GNU_SOURCE $(WARNING_CFLAGS) $(CPPFLAGS) $(CFLAGS) \
		-fPIC -shared -o $@ $(srcdir)/tests/system/fault.c -ldl

# A shell lets what it has put into the background ignore an interrupt.
check-system: minivpn$(EXEEXT) tests/fault.so $(system_programs) \
		tests/bench/load$(EXEEXT)
	@rm -rf tests/system-*.xml tests/system-*.log tests/system-share && \
		$(MKDIR_P) tests/system-share
	@MINIVPN='$(abs_builddir)/minivpn'; \
	MINIVPN_FAULT_LIBRARY='$(abs_builddir)/tests/fault.so'; \
	MINIVPN_FLOOD='$(abs_builddir)/tests/system/flood'; \
	export MINIVPN MINIVPN_FAULT_LIBRARY MINIVPN_FLOOD; \
	status=0; pids=; set -- $(SYSTEM_SHARDS); \
	trap 'kill $$pids; exit 130' INT TERM HUP; \
	for shard; do \
		timeout --foreground -k 10 $(SYSTEM_TIMEOUT) \
			$(srcdir)/tests/system/run $(SYSTEM_TESTS) \
			--share='$(abs_builddir)/tests/system-share' \
			--junitxml='$(abs_builddir)'/tests/system-$$shard.xml \
			>tests/system-$$shard.log 2>&1 & \
		pids="$$pids $$!"; \
	done; \
	for pid in $$pids; do wait $$pid || status=1; done; \
	cat tests/system-*.log; exit $$status

.PHONY: bench-programs check-unit check-system
