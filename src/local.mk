# SPDX-License-Identifier: GPL-2.0-or-later
# The program: a library of everything but main.c, so that tests link with it.

sbin_PROGRAMS = minivpn
minivpn_SOURCES = src/main.c
minivpn_LDADD = libminivpn.a $(DEPENDENCY_LIBS)

# The sanitizers' runtime makes system calls, and writes files, of its own.
if SANITIZERS
sandbox_confine = src/tunnel/sandbox_confine_none.c
syscall_filter = src/common/syscall_filter_none.c
else
sandbox_confine = src/tunnel/sandbox_confine.c
syscall_filter = src/common/syscall_filter.c
endif
EXTRA_libminivpn_a_SOURCES = \
	src/common/syscall_filter.c \
	src/common/syscall_filter_none.c \
	\
	src/tunnel/sandbox_confine.c \
	src/tunnel/sandbox_confine_none.c

# sd-bus, where systemd's library is to be had.
resolved_with = \
	src/host/dns/systemd_resolved.c \
	src/host/dns/systemd_resolved_bus.c \
	src/host/dns/systemd_resolved_bus.h \
	src/host/dns/systemd_resolved_watch.c \
	src/host/process/systemd.c
resolved_without = \
	src/host/dns/systemd_resolved_none.c \
	src/host/process/systemd_none.c
if SYSTEMD
resolved = $(resolved_with)
else
resolved = $(resolved_without)
endif
EXTRA_libminivpn_a_SOURCES += $(resolved_with) $(resolved_without)

# The Public Suffix List, where libpsl is to be had.
if PSL
suffix = src/host/dns/public_suffix_psl.c
else
suffix = src/host/dns/public_suffix_none.c
endif
EXTRA_libminivpn_a_SOURCES += src/host/dns/public_suffix_none.c src/host/dns/public_suffix_psl.c

# AES-GCM with what the newest processors have, where libipsec-mb is to be had.
if IPSEC_MB
aead_ipsec_mb = src/tunnel/dtls/aead_ipsec_mb.c
else
aead_ipsec_mb = src/tunnel/dtls/aead_ipsec_mb_none.c
endif
EXTRA_libminivpn_a_SOURCES += src/tunnel/dtls/aead_ipsec_mb.c src/tunnel/dtls/aead_ipsec_mb_none.c

noinst_LIBRARIES = libminivpn.a
libminivpn_a_SOURCES = \
	src/cli/check.c \
	src/cli/cli.h \
	src/cli/clients.c \
	src/cli/clients.h \
	src/cli/disconnect.c \
	src/cli/doctor.c \
	src/cli/down.c \
	src/cli/init.c \
	src/cli/json_field.h \
	src/cli/keys.c \
	src/cli/list.c \
	src/cli/provision.c \
	src/cli/quantity.c \
	src/cli/quantity.h \
	src/cli/rates.c \
	src/cli/rates.h \
	src/cli/reload.c \
	src/cli/screen.c \
	src/cli/screen.h \
	src/cli/secret.c \
	src/cli/secret.h \
	src/cli/server_file.c \
	src/cli/server_file.h \
	src/cli/ssh_session.c \
	src/cli/ssh_session.h \
	src/cli/status.c \
	src/cli/status_metrics.c \
	src/cli/status_metrics.h \
	src/cli/status_page.c \
	src/cli/status_page.h \
	src/cli/status_table.c \
	src/cli/status_table.h \
	src/cli/status_watch.c \
	src/cli/status_watch.h \
	src/cli/table.c \
	src/cli/table.h \
	src/cli/terminal.c \
	src/cli/terminal.h \
	src/cli/up.c \
	src/cli/util.c \
	\
	src/common/bytes.h \
	src/common/clock.c \
	src/common/clock.h \
	\
	src/common/config/check.c \
	src/common/config/check.h \
	src/common/config/check_addresses.c \
	src/common/config/config.c \
	src/common/config/config.h \
	src/common/config/diagnostics.c \
	src/common/config/diagnostics.h \
	src/common/config/foreign.c \
	src/common/config/foreign.h \
	src/common/config/include.c \
	src/common/config/include.h \
	src/common/config/ini.c \
	src/common/config/ini.h \
	src/common/config/key_file.c \
	src/common/config/key_file.h \
	src/common/config/load.c \
	src/common/config/load.h \
	src/common/config/reload.c \
	src/common/config/reload.h \
	src/common/config/schema.c \
	src/common/config/schema.h \
	src/common/config/settings.h \
	src/common/config/settings_bound.c \
	src/common/config/settings_bound.h \
	src/common/config/value.c \
	src/common/config/value.h \
	src/common/config/value_list.c \
	\
	src/common/crc.c \
	src/common/crc.h \
	src/common/date.c \
	src/common/date.h \
	src/common/file.c \
	src/common/file.h \
	src/common/hash.h \
	src/common/idmap.c \
	src/common/idmap.h \
	src/common/inet.c \
	src/common/inet.h \
	\
	src/common/ipc/channel.c \
	src/common/ipc/channel.h \
	src/common/ipc/channel_check.c \
	src/common/ipc/control_socket.c \
	src/common/ipc/control_socket.h \
	src/common/ipc/traffic.c \
	src/common/ipc/traffic.h \
	\
	src/common/jitter.c \
	src/common/jitter.h \
	src/common/kernel.c \
	src/common/kernel.h \
	src/common/key.c \
	src/common/key.h \
	src/common/key_point.c \
	src/common/locked.c \
	src/common/locked.h \
	src/common/log.c \
	src/common/log.h \
	src/common/memfd.c \
	src/common/memfd.h \
	src/common/owned.c \
	src/common/owned.h \
	src/common/prefix_map.c \
	src/common/prefix_map.h \
	src/common/prefix_set.c \
	src/common/prefix_set.h \
	src/common/process.c \
	src/common/process.h \
	src/common/rate.c \
	src/common/rate.h \
	src/common/syscall_filter.h \
	src/common/reason.c \
	src/common/reason.h \
	src/common/siphash.c \
	src/common/siphash.h \
	src/common/syscall_groups.c \
	src/common/syscall_groups.h \
	src/common/text.c \
	src/common/text.h \
	src/common/ticket_key.c \
	src/common/ticket_key.h \
	src/common/tunnel_sockets.h \
	src/common/units.c \
	src/common/units.h \
	\
	src/host/change/address.c \
	src/host/change/change.c \
	src/host/change/change.h \
	src/host/change/change_internal.h \
	src/host/change/context.c \
	src/host/change/journal.c \
	src/host/change/journal.h \
	src/host/change/journal_file.c \
	src/host/change/journal_internal.h \
	src/host/change/journal_replay.c \
	src/host/change/kind_support.c \
	src/host/change/kinds.c \
	src/host/change/list.c \
	src/host/change/namespace.c \
	src/host/change/nft_table.c \
	src/host/change/place.c \
	src/host/change/record.c \
	src/host/change/resolver.c \
	src/host/change/route.c \
	src/host/change/sysctl.c \
	src/host/change/text.c \
	src/host/change/transition.c \
	src/host/change/transition.h \
	src/host/change/tun_link.c \
	\
	src/host/daemon/block.c \
	src/host/daemon/block.h \
	src/host/daemon/client.c \
	src/host/daemon/client.h \
	src/host/daemon/control.c \
	src/host/daemon/control.h \
	src/host/daemon/daemon.c \
	src/host/daemon/daemon_internal.h \
	src/host/daemon/firewall.c \
	src/host/daemon/firewall.h \
	src/host/daemon/host.c \
	src/host/daemon/killswitch.c \
	src/host/daemon/killswitch.h \
	src/host/daemon/killswitch_file.c \
	src/host/daemon/killswitch_file.h \
	src/host/daemon/lease_store.c \
	src/host/daemon/lease_store.h \
	src/host/daemon/leases.c \
	src/host/daemon/leases.h \
	src/host/daemon/lifecycle.c \
	src/host/daemon/lifecycle.h \
	src/host/daemon/monitor.c \
	src/host/daemon/monitor.h \
	src/host/daemon/mtu.c \
	src/host/daemon/mtu.h \
	src/host/daemon/name_servers.c \
	src/host/daemon/name_servers.h \
	src/host/daemon/namespace.c \
	src/host/daemon/namespace.h \
	src/host/daemon/peer_routes.c \
	src/host/daemon/peer_routes.h \
	src/host/daemon/reload.c \
	src/host/daemon/reload.h \
	src/host/daemon/restore.c \
	src/host/daemon/restore.h \
	src/host/daemon/routing.c \
	src/host/daemon/routing.h \
	src/host/daemon/server.c \
	src/host/daemon/server.h \
	src/host/daemon/status.c \
	src/host/daemon/status.h \
	src/host/daemon/tunnel.c \
	src/host/daemon/tunnel.h \
	src/host/daemon/uplink.c \
	src/host/daemon/uplink.h \
	src/host/daemon/usage.c \
	src/host/daemon/usage.h \
	src/host/daemon/usage_store.c \
	src/host/daemon/usage_store.h \
	src/host/daemon/warning.c \
	src/host/daemon/warning.h \
	\
	src/host/dns/lookup.c \
	src/host/dns/lookup.h \
	src/host/dns/lookup_config.c \
	src/host/dns/lookup_config.h \
	src/host/dns/lookup_query.c \
	src/host/dns/lookup_query.h \
	src/host/dns/nat64.c \
	src/host/dns/nat64.h \
	src/host/dns/public_suffix.h \
	src/host/dns/resolv_conf.c \
	src/host/dns/resolv_conf.h \
	src/host/dns/resolv_conf_text.c \
	src/host/dns/resolv_conf_text.h \
	src/host/dns/resolv_conf_watch.c \
	src/host/dns/resolv_conf_watch.h \
	src/host/dns/systemd_resolved.h \
	src/host/dns/systemd_resolved_text.c \
	\
	src/host/doctor/client.c \
	src/host/doctor/doctor.c \
	src/host/doctor/doctor.h \
	src/host/doctor/doctor_internal.h \
	src/host/doctor/finding.c \
	src/host/doctor/finding.h \
	src/host/doctor/machine.c \
	src/host/doctor/server.c \
	src/host/doctor/trial.c \
	\
	src/host/host.h \
	\
	src/host/kernel/address.c \
	src/host/kernel/link.c \
	src/host/kernel/monitor.c \
	src/host/kernel/monitor.h \
	src/host/kernel/netlink.c \
	src/host/kernel/netlink.h \
	src/host/kernel/netns.c \
	src/host/kernel/netns.h \
	src/host/kernel/port_steering.c \
	src/host/kernel/port_steering.h \
	src/host/kernel/route.c \
	src/host/kernel/route_search.c \
	src/host/kernel/route_search.h \
	src/host/kernel/rtnl.c \
	src/host/kernel/rtnl.h \
	src/host/kernel/rtnl_internal.h \
	src/host/kernel/rule.c \
	src/host/kernel/sysctl.c \
	src/host/kernel/sysctl.h \
	src/host/kernel/tun.c \
	src/host/kernel/tun.h \
	src/host/kernel/udp_socket.c \
	src/host/kernel/udp_socket.h \
	\
	src/host/nft/block.c \
	src/host/nft/block.h \
	src/host/nft/expression.c \
	src/host/nft/expression.h \
	src/host/nft/filter.c \
	src/host/nft/filter.h \
	src/host/nft/foreign_rules.c \
	src/host/nft/foreign_rules.h \
	src/host/nft/forward_check.c \
	src/host/nft/forward_check.h \
	src/host/nft/gateway.c \
	src/host/nft/gateway.h \
	src/host/nft/killswitch.c \
	src/host/nft/killswitch.h \
	src/host/nft/marks.c \
	src/host/nft/marks.h \
	src/host/nft/nft.h \
	src/host/nft/redirect.c \
	src/host/nft/redirect.h \
	src/host/nft/statement.c \
	src/host/nft/statement.h \
	src/host/nft/table.c \
	src/host/nft/table.h \
	src/host/nft/transaction.c \
	src/host/nft/transaction.h \
	\
	src/host/plan/block.c \
	src/host/plan/client.c \
	src/host/plan/dns.c \
	src/host/plan/dry_run.c \
	src/host/plan/dry_run.h \
	src/host/plan/filter.c \
	src/host/plan/killswitch.c \
	src/host/plan/marks.c \
	src/host/plan/namespace.c \
	src/host/plan/namespace.h \
	src/host/plan/outside.c \
	src/host/plan/outside.h \
	src/host/plan/plan.c \
	src/host/plan/plan.h \
	src/host/plan/plan_internal.h \
	src/host/plan/pushed.c \
	src/host/plan/redirect.c \
	src/host/plan/routing.c \
	src/host/plan/routing.h \
	src/host/plan/server.c \
	\
	src/host/process/confine.c \
	src/host/process/confine.h \
	src/host/process/janitor.c \
	src/host/process/janitor.h \
	src/host/process/launcher.c \
	src/host/process/launcher.h \
	src/host/process/launcher_files.c \
	src/host/process/launcher_files.h \
	src/host/process/lock.c \
	src/host/process/lock.h \
	src/host/process/log_file.c \
	src/host/process/log_file.h \
	src/host/process/lookup_child.c \
	src/host/process/lookup_child.h \
	src/host/process/notify.c \
	src/host/process/notify.h \
	src/host/process/server_store.c \
	src/host/process/server_store.h \
	src/host/process/syscalls.c \
	src/host/process/syscalls.h \
	src/host/process/systemd.h \
	src/host/process/tunnel_policy.c \
	src/host/process/tunnel_policy.h \
	src/host/process/user.c \
	src/host/process/user.h \
	\
	src/tunnel/arguments.h \
	\
	src/tunnel/client/attempt.c \
	src/tunnel/client/client.c \
	src/tunnel/client/client.h \
	src/tunnel/client/client_internal.h \
	src/tunnel/client/connected.c \
	src/tunnel/client/hop.c \
	src/tunnel/client/race.c \
	src/tunnel/client/settings.c \
	src/tunnel/client/trial.c \
	src/tunnel/client/trial.h \
	\
	src/tunnel/control/control.c \
	src/tunnel/control/control.h \
	src/tunnel/control/keepalive.c \
	src/tunnel/control/keepalive.h \
	src/tunnel/control/message.c \
	src/tunnel/control/message.h \
	src/tunnel/control/notice.c \
	src/tunnel/control/notice.h \
	src/tunnel/control/pmtu.c \
	src/tunnel/control/pmtu.h \
	src/tunnel/control/pmtu_session.c \
	src/tunnel/control/pmtu_session.h \
	src/tunnel/control/run_probe.c \
	src/tunnel/control/run_probe.h \
	src/tunnel/control/run_probe_session.c \
	src/tunnel/control/run_probe_session.h \
	\
	src/tunnel/data/checksum.c \
	src/tunnel/data/checksum.h \
	src/tunnel/data/coalesce.c \
	src/tunnel/data/coalesce.h \
	src/tunnel/data/coalesce_packet.c \
	src/tunnel/data/coalesce_packet.h \
	src/tunnel/data/headers.h \
	src/tunnel/data/mss.c \
	src/tunnel/data/mss.h \
	src/tunnel/data/oversize.c \
	src/tunnel/data/oversize.h \
	src/tunnel/data/pacing.c \
	src/tunnel/data/pacing.h \
	src/tunnel/data/packet.c \
	src/tunnel/data/packet.h \
	src/tunnel/data/path.c \
	src/tunnel/data/path.h \
	src/tunnel/data/refusal.c \
	src/tunnel/data/refusal.h \
	src/tunnel/data/segment.c \
	src/tunnel/data/segment.h \
	src/tunnel/data/traffic_class.c \
	src/tunnel/data/traffic_class.h \
	src/tunnel/data/tun_io.c \
	src/tunnel/data/tun_io.h \
	src/tunnel/data/udp_io.h \
	src/tunnel/data/udp_receive.c \
	src/tunnel/data/udp_send.c \
	src/tunnel/data/yield.c \
	src/tunnel/data/yield.h \
	\
	src/tunnel/dtls/aead.c \
	src/tunnel/dtls/aead.h \
	src/tunnel/dtls/aead_internal.h \
	src/tunnel/dtls/alert.c \
	src/tunnel/dtls/alert.h \
	src/tunnel/dtls/certificate.c \
	src/tunnel/dtls/certificate.h \
	src/tunnel/dtls/certificate_name.c \
	src/tunnel/dtls/certificate_name.h \
	src/tunnel/dtls/cookie.c \
	src/tunnel/dtls/cookie.h \
	src/tunnel/dtls/credentials.c \
	src/tunnel/dtls/credentials.h \
	src/tunnel/dtls/crl.c \
	src/tunnel/dtls/crl.h \
	src/tunnel/dtls/crl_internal.h \
	src/tunnel/dtls/crl_load.c \
	src/tunnel/dtls/dtls.h \
	src/tunnel/dtls/own_certificate.c \
	src/tunnel/dtls/own_certificate.h \
	src/tunnel/dtls/pem_kind.c \
	src/tunnel/dtls/pem_kind.h \
	src/tunnel/dtls/precheck.c \
	src/tunnel/dtls/precheck.h \
	src/tunnel/dtls/preshared.c \
	src/tunnel/dtls/preshared.h \
	src/tunnel/dtls/previous_session.c \
	src/tunnel/dtls/previous_session.h \
	src/tunnel/dtls/reassembly.c \
	src/tunnel/dtls/reassembly.h \
	src/tunnel/dtls/record.c \
	src/tunnel/dtls/record.h \
	src/tunnel/dtls/server_probe.c \
	src/tunnel/dtls/server_probe.h \
	src/tunnel/dtls/session.c \
	src/tunnel/dtls/session.h \
	src/tunnel/dtls/ticket.c \
	src/tunnel/dtls/ticket.h \
	src/tunnel/dtls/transport.c \
	src/tunnel/dtls/transport.h \
	\
	src/tunnel/noise/header.c \
	src/tunnel/noise/link.c \
	src/tunnel/noise/link.h \
	src/tunnel/noise/noise.c \
	src/tunnel/noise/noise.h \
	src/tunnel/noise/noise_internal.h \
	src/tunnel/noise/replay_set.c \
	src/tunnel/noise/replay_set.h \
	\
	src/tunnel/reload.c \
	src/tunnel/reload.h \
	\
	src/tunnel/role/expiry.c \
	src/tunnel/role/expiry.h \
	src/tunnel/role/receive.c \
	src/tunnel/role/receive.h \
	src/tunnel/role/role.c \
	src/tunnel/role/role.h \
	src/tunnel/role/send.c \
	src/tunnel/role/send.h \
	\
	src/tunnel/sandbox.c \
	src/tunnel/sandbox.h \
	src/tunnel/sandbox_confine.h \
	\
	src/tunnel/server/admission.c \
	src/tunnel/server/admission.h \
	src/tunnel/server/association.c \
	src/tunnel/server/backlog.c \
	src/tunnel/server/backlog.h \
	src/tunnel/server/connected.c \
	src/tunnel/server/flood_filter.c \
	src/tunnel/server/flood_filter.h \
	src/tunnel/server/flood_filter_bpf.c \
	src/tunnel/server/flood_filter_bpf.h \
	src/tunnel/server/handshake.c \
	src/tunnel/server/handshake_queue.c \
	src/tunnel/server/handshake_queue.h \
	src/tunnel/server/heap.c \
	src/tunnel/server/heap.h \
	src/tunnel/server/lease_pool.c \
	src/tunnel/server/lease_pool.h \
	src/tunnel/server/lease_proof.c \
	src/tunnel/server/lease_proof.h \
	src/tunnel/server/lease_range.c \
	src/tunnel/server/lease_range.h \
	src/tunnel/server/lifetime.c \
	src/tunnel/server/log_budget.c \
	src/tunnel/server/log_budget.h \
	src/tunnel/server/peer.c \
	src/tunnel/server/peer_table.c \
	src/tunnel/server/peer_table.h \
	src/tunnel/server/presence.c \
	src/tunnel/server/presence.h \
	src/tunnel/server/push.c \
	src/tunnel/server/rate_table.c \
	src/tunnel/server/rate_table.h \
	src/tunnel/server/recall.c \
	src/tunnel/server/reload.c \
	src/tunnel/server/retry_after.c \
	src/tunnel/server/retry_after.h \
	src/tunnel/server/roaming.c \
	src/tunnel/server/server.c \
	src/tunnel/server/server.h \
	src/tunnel/server/server_internal.h \
	src/tunnel/server/usage.c \
	src/tunnel/server/usage.h \
	\
	src/tunnel/tunnel.c \
	src/tunnel/tunnel.h \
	\
	$(syscall_filter) \
	$(resolved) \
	$(suffix) \
	$(aead_ipsec_mb) \
	$(sandbox_confine)
