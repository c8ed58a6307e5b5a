/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/traffic_class.h"

#include "tunnel/data/headers.h"

enum ecn {
	NOT_ECT = 0,
	ECT_1 = 1,
	ECT_0 = 2,
	CE = 3,
};

static bool is_ipv6(const uint8_t *packet)
{
	return packet[0] >> 4 == 6;
}

/* The class lies across the first two bytes (RFC 8200, section 3). */
static uint8_t read_class(const uint8_t *packet)
{
	if (is_ipv6(packet))
		return (uint8_t)(packet[0] << 4 | packet[1] >> 4);
	return packet[IPV4_TOS];
}

static void write_ecn(uint8_t *packet, enum ecn ecn)
{
	uint16_t old = raw16(packet);
	uint64_t sum;

	if (is_ipv6(packet)) {
		packet[1] = (uint8_t)((packet[1] & ~0x30) | ecn << 4);
		return;
	}
	packet[IPV4_TOS] =
		(uint8_t)((packet[IPV4_TOS] & ~TRAFFIC_CLASS_ECN) | ecn);
	/* The sum is corrected by RFC 1624, equation 3. */
	sum = (uint64_t)(uint16_t)~raw16(packet + IPV4_CHECKSUM) +
	      (uint16_t)~old + raw16(packet);
	put_raw16(packet + IPV4_CHECKSUM, (uint16_t)~checksum_fold(sum));
}

uint8_t traffic_class_outer(const uint8_t *packet, size_t length, bool ecn,
			    bool dscp)
{
	uint8_t shown = 0;

	if (ecn)
		shown |= TRAFFIC_CLASS_ECN;
	if (dscp)
		shown |= (uint8_t)~TRAFFIC_CLASS_ECN;
	return shown && length >= IPV4_HEADER ? read_class(packet) & shown : 0;
}

bool traffic_class_arrive(uint8_t *packet, uint8_t outer)
{
	enum ecn inner = read_class(packet) & TRAFFIC_CLASS_ECN;

	switch ((enum ecn)(outer & TRAFFIC_CLASS_ECN)) {
	case NOT_ECT:
	case ECT_0:
		break;
	case ECT_1:
		/* It may be a sign of congestion as well: less than CE. */
		if (inner == ECT_0)
			write_ecn(packet, ECT_1);
		break;
	case CE:
		if (inner == NOT_ECT)
			return false;
		if (inner != CE)
			write_ecn(packet, CE);
		break;
	}
	return true;
}
