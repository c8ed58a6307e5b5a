# SPDX-License-Identifier: GPL-2.0-or-later
# The program: a library of everything but main.c, so that tests link with it.

sbin_PROGRAMS = minivpn
minivpn_SOURCES = src/main.c
minivpn_LDADD = libminivpn.a $(DEPENDENCY_LIBS)

# The sanitizers' runtime makes system calls, and writes files, of its own.
if SANITIZERS
sandbox_confine = src/tunnel/sandbox_confine_none.c
harden = src/common/harden_none.c
else
sandbox_confine = src/tunnel/sandbox_confine.c
harden = src/common/harden.c
endif
EXTRA_libminivpn_a_SOURCES = \
	src/common/harden.c \
	src/common/harden_none.c \
	src/tunnel/sandbox_confine.c \
	src/tunnel/sandbox_confine_none.c

# sd-bus, where systemd's library is to be had.
resolved_with = \
	src/host/resolved.c \
	src/host/resolved_bus.c \
	src/host/resolved_bus.h \
	src/host/resolved_watch.c \
	src/host/systemd.c
resolved_without = \
	src/host/resolved_none.c \
	src/host/systemd_none.c
if SYSTEMD
resolved = $(resolved_with)
else
resolved = $(resolved_without)
endif
EXTRA_libminivpn_a_SOURCES += $(resolved_with) $(resolved_without)

# The Public Suffix List, where libpsl is to be had.
if PSL
suffix = src/host/suffix_psl.c
else
suffix = src/host/suffix_none.c
endif
EXTRA_libminivpn_a_SOURCES += src/host/suffix_none.c src/host/suffix_psl.c

# AES-GCM with what the newest processors have, where libipsec-mb is to be had.
if IPSEC_MB
aead_gcm = src/tunnel/aead_gcm.c
else
aead_gcm = src/tunnel/aead_gcm_none.c
endif
EXTRA_libminivpn_a_SOURCES += src/tunnel/aead_gcm.c src/tunnel/aead_gcm_none.c

noinst_LIBRARIES = libminivpn.a
libminivpn_a_SOURCES = \
	src/cli/check.c \
	src/cli/cli.h \
	src/cli/doctor.c \
	src/cli/down.c \
	src/cli/init.c \
	src/cli/keys.c \
	src/cli/provision.c \
	src/cli/reload.c \
	src/cli/secret.c \
	src/cli/secret.h \
	src/cli/server_file.c \
	src/cli/server_file.h \
	src/cli/ssh_session.c \
	src/cli/ssh_session.h \
	src/cli/status.c \
	src/cli/up.c \
	src/cli/util.c \
	\
	src/common/channel.c \
	src/common/channel.h \
	src/common/channel_check.c \
	src/common/config.c \
	src/common/config.h \
	src/common/config_addresses.c \
	src/common/config_bound.c \
	src/common/config_check.c \
	src/common/config_check.h \
	src/common/config_load.c \
	src/common/config_reload.c \
	src/common/control.c \
	src/common/control.h \
	src/common/crc.c \
	src/common/crc.h \
	src/common/descriptors.c \
	src/common/descriptors.h \
	src/common/fds.c \
	src/common/fds.h \
	src/common/file.c \
	src/common/file.h \
	$(harden) \
	src/common/harden.h \
	src/common/idmap.c \
	src/common/idmap.h \
	src/common/inet.c \
	src/common/inet.h \
	src/common/inifile.c \
	src/common/inifile.h \
	src/common/key.c \
	src/common/key.h \
	src/common/locked.c \
	src/common/locked.h \
	src/common/log.c \
	src/common/log.h \
	src/common/owned.c \
	src/common/owned.h \
	src/common/prefix_set.c \
	src/common/prefix_set.h \
	src/common/rate.c \
	src/common/rate.h \
	src/common/report.c \
	src/common/report.h \
	src/common/schema.c \
	src/common/schema.h \
	src/common/sealed.c \
	src/common/sealed.h \
	src/common/siphash.c \
	src/common/siphash.h \
	src/common/settings.h \
	src/common/traffic.c \
	src/common/traffic.h \
	src/common/value.c \
	src/common/value.h \
	src/common/value_list.c \
	\
	src/host/change.c \
	src/host/change.h \
	src/host/change_missing.c \
	src/host/change_netns.c \
	src/host/change_netns.h \
	src/host/change_place.c \
	src/host/change_equal.c \
	src/host/change_list.c \
	src/host/change_text.c \
	src/host/confine.c \
	src/host/confine.h \
	src/host/confine_calls.c \
	src/host/confine_calls.h \
	src/host/confine_calls_resolver.c \
	src/host/doctor.c \
	src/host/doctor.h \
	src/host/doctor_client.c \
	src/host/doctor_machine.c \
	src/host/doctor_network.c \
	src/host/doctor_server.c \
	src/host/dry_run.c \
	src/host/guard.c \
	src/host/guard.h \
	src/host/host.c \
	src/host/host.h \
	src/host/host_block.c \
	src/host/host_client.c \
	src/host/host_control.c \
	src/host/host_dns.c \
	src/host/host_dns.h \
	src/host/host_forward.c \
	src/host/host_killswitch.c \
	src/host/host_lease.c \
	src/host/host_monitor.c \
	src/host/host_mtu.c \
	src/host/host_netns.c \
	src/host/host_private.h \
	src/host/host_reload.c \
	src/host/host_restore.c \
	src/host/host_routing.c \
	src/host/host_server.c \
	src/host/host_status.c \
	src/host/host_transition.c \
	src/host/host_tunnel.c \
	src/host/host_uplink.c \
	src/host/host_warning.c \
	src/host/janitor.c \
	src/host/janitor.h \
	src/host/journal.c \
	src/host/journal.h \
	src/host/journal_internal.h \
	src/host/journal_line.c \
	src/host/journal_read.c \
	src/host/lease_store.c \
	src/host/lease_store.h \
	src/host/killswitch.c \
	src/host/killswitch.h \
	src/host/lock.c \
	src/host/lock.h \
	src/host/log_file.c \
	src/host/log_file.h \
	src/host/monitor.c \
	src/host/monitor.h \
	src/host/monitor_reading.c \
	src/host/nat64.c \
	src/host/nat64.h \
	src/host/netlink.c \
	src/host/netlink.h \
	src/host/netns.c \
	src/host/netns.h \
	src/host/nft.c \
	src/host/nft.h \
	src/host/nft_batch.c \
	src/host/nft_batch.h \
	src/host/nft_block.c \
	src/host/nft_block.h \
	src/host/nft_expression.c \
	src/host/nft_expression.h \
	src/host/nft_forward.c \
	src/host/nft_forward.h \
	src/host/nft_internal.h \
	src/host/nft_killswitch.c \
	src/host/nft_killswitch.h \
	src/host/nft_killswitch_print.c \
	src/host/nft_killswitch_rules.c \
	src/host/nft_killswitch_rules.h \
	src/host/nft_filter.c \
	src/host/nft_filter.h \
	src/host/nft_match.c \
	src/host/nft_match.h \
	src/host/nft_marks.c \
	src/host/nft_marks.h \
	src/host/nft_marks_print.c \
	src/host/nft_obstacle.c \
	src/host/nft_obstacle.h \
	src/host/nft_print.c \
	src/host/nft_reading.c \
	src/host/nft_reading.h \
	src/host/nft_rule.c \
	src/host/nft_rule.h \
	src/host/notify.c \
	src/host/notify.h \
	src/host/nursery.c \
	src/host/nursery.h \
	src/host/nursery_files.c \
	src/host/nursery_files.h \
	src/host/plan.c \
	src/host/plan.h \
	src/host/plan_client.c \
	src/host/plan_killswitch.c \
	src/host/plan_lease.c \
	src/host/plan_filter.c \
	src/host/plan_marks.c \
	src/host/plan_netns.c \
	src/host/plan_netns.h \
	src/host/plan_parts.h \
	src/host/plan_resolved.c \
	src/host/plan_block.c \
	src/host/plan_routing.c \
	src/host/plan_routing.h \
	src/host/plan_server.c \
	src/host/resolve.c \
	src/host/resolve.h \
	src/host/resolve_answer.c \
	src/host/resolve_answer.h \
	src/host/resolve_child.c \
	src/host/resolve_child.h \
	src/host/resolve_config.c \
	src/host/resolve_config.h \
	src/host/resolve_query.c \
	src/host/resolve_query.h \
	$(resolved) \
	src/host/resolved.h \
	src/host/resolved_text.c \
	src/host/resolver.c \
	src/host/resolver.h \
	src/host/resolver_text.c \
	src/host/resolver_text.h \
	src/host/resolver_watch.c \
	src/host/resolver_watch.h \
	src/host/routes.c \
	src/host/routes.h \
	src/host/rtnl.c \
	src/host/rtnl.h \
	src/host/rtnl_internal.h \
	src/host/rtnl_reading.c \
	src/host/rtnl_route.c \
	src/host/rtnl_rule.c \
	src/host/server_store.c \
	src/host/server_store.h \
	src/host/socket.c \
	src/host/socket.h \
	src/host/socket_sort.c \
	src/host/socket_sort.h \
	$(suffix) \
	src/host/suffix.h \
	src/host/sysctl.c \
	src/host/sysctl.h \
	src/host/systemd.h \
	src/host/tun.c \
	src/host/tun.h \
	src/host/user.c \
	src/host/user.h \
	\
	src/tunnel/aead.c \
	src/tunnel/aead.h \
	src/tunnel/admission.c \
	src/tunnel/admission.h \
	$(aead_gcm) \
	src/tunnel/aead_gcm.h \
	src/tunnel/alert.c \
	src/tunnel/alert.h \
	src/tunnel/backlog.c \
	src/tunnel/backlog.h \
	src/tunnel/certificate.c \
	src/tunnel/certificate.h \
	src/tunnel/checksum.c \
	src/tunnel/checksum.h \
	src/tunnel/client.c \
	src/tunnel/client_live.c \
	src/tunnel/client_race.c \
	src/tunnel/client_private.h \
	src/tunnel/client_reload.c \
	src/tunnel/client_settings.c \
	src/tunnel/cookie.c \
	src/tunnel/cookie.h \
	src/tunnel/credentials.c \
	src/tunnel/credentials.h \
	src/tunnel/crl.c \
	src/tunnel/crl.h \
	src/tunnel/expiry.c \
	src/tunnel/expiry.h \
	src/tunnel/fit.c \
	src/tunnel/fit.h \
	src/tunnel/give_way.c \
	src/tunnel/give_way.h \
	src/tunnel/heap.c \
	src/tunnel/heap.h \
	src/tunnel/hello.c \
	src/tunnel/hello.h \
	src/tunnel/hook.c \
	src/tunnel/hook.h \
	src/tunnel/keepalive.c \
	src/tunnel/keepalive.h \
	src/tunnel/late.c \
	src/tunnel/late.h \
	src/tunnel/lease.c \
	src/tunnel/lease.h \
	src/tunnel/lease_range.c \
	src/tunnel/lease_range.h \
	src/tunnel/mss.c \
	src/tunnel/mss.h \
	src/tunnel/offload.h \
	src/tunnel/offload_arrival.c \
	src/tunnel/offload_arrival.h \
	src/tunnel/offload_cut.c \
	src/tunnel/offload_join.c \
	src/tunnel/offload_private.h \
	src/tunnel/pace.c \
	src/tunnel/pace.h \
	src/tunnel/packet.c \
	src/tunnel/packet.h \
	src/tunnel/path.c \
	src/tunnel/path.h \
	src/tunnel/peer.c \
	src/tunnel/peer.h \
	src/tunnel/pmtu.c \
	src/tunnel/pmtu.h \
	src/tunnel/prober.c \
	src/tunnel/prober.h \
	src/tunnel/rate_table.c \
	src/tunnel/rate_table.h \
	src/tunnel/receive.c \
	src/tunnel/receive.h \
	src/tunnel/record.c \
	src/tunnel/record.h \
	src/tunnel/record_library.c \
	src/tunnel/record_library.h \
	src/tunnel/record_window.c \
	src/tunnel/reload.c \
	src/tunnel/reload.h \
	src/tunnel/refusal.c \
	src/tunnel/refusal.h \
	src/tunnel/sandbox.c \
	src/tunnel/sandbox.h \
	$(sandbox_confine) \
	src/tunnel/sandbox_confine.h \
	src/tunnel/screen.c \
	src/tunnel/screen.h \
	src/tunnel/server.c \
	src/tunnel/server_handshake.c \
	src/tunnel/server_lifetime.c \
	src/tunnel/server_peer.c \
	src/tunnel/server_private.h \
	src/tunnel/server_push.c \
	src/tunnel/server_reload.c \
	src/tunnel/server_settings.c \
	src/tunnel/server_sieve.c \
	src/tunnel/server_strangers.c \
	src/tunnel/session.c \
	src/tunnel/session.h \
	src/tunnel/session_judge.c \
	src/tunnel/session_private.h \
	src/tunnel/session_only.c \
	src/tunnel/session_ticket.c \
	src/tunnel/sieve.c \
	src/tunnel/sieve.h \
	src/tunnel/slice.c \
	src/tunnel/slice.h \
	src/tunnel/ticket.c \
	src/tunnel/ticket.h \
	src/tunnel/traffic_class.c \
	src/tunnel/traffic_class.h \
	src/tunnel/transport.c \
	src/tunnel/transport.h \
	src/tunnel/tun_io.c \
	src/tunnel/tun_io.h \
	src/tunnel/tunnel.c \
	src/tunnel/tunnel.h \
	src/tunnel/tunnel_private.h \
	src/tunnel/udp_batch.c \
	src/tunnel/udp_io.c \
	src/tunnel/udp_io.h \
	src/tunnel/wire.c \
	src/tunnel/wire.h
