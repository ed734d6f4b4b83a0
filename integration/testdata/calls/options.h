/* Socket options. */
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#define SOL_TCP 6
#define SOL_UDP 17
#define set(level, name, value) call(setsockopt, -1, level, name, &(value), (int)sizeof(value))

static void options(void)
{
	int one = 1, length = 4;
	char byte = 1;
	struct linger linger = {1, 5};
	struct timeval t = {1, 500};
	struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x800, 0, 1), BPF_STMT(BPF_RET | BPF_K, -1U), BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog program = {4, code}, bad = {2, BAD};
	struct packet_mreq mreq = {1, PACKET_MR_MULTICAST, 6, {1, 2, 3, 4, 5, 6}};

	set(SOL_SOCKET, SO_REUSEADDR, one);
	set(SOL_SOCKET, SO_REUSEADDR, byte);
	set(SOL_SOCKET, SO_LINGER, linger);
	set(SOL_SOCKET, SO_RCVTIMEO, t);
	set(SOL_SOCKET, SO_ATTACH_FILTER, program);
	set(SOL_SOCKET, SO_ATTACH_FILTER, bad);
	call(setsockopt, -1, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5);
	call(setsockopt, -1, SOL_SOCKET, SO_KEEPALIVE, BAD, 4);
	call(setsockopt, -1, SOL_SOCKET, SO_KEEPALIVE, NULL, 0);
	call(setsockopt, -1, SOL_SOCKET, SO_KEEPALIVE, &one, -1);
	call(setsockopt, -1, SOL_SOCKET, 999, &one, 4);
	call(setsockopt, -1, 99, 98, &one, 4);
	set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, mreq);
	set(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, one);
	call(getsockopt, -1, SOL_SOCKET, SO_ERROR, BAD, &length);
	call(getsockopt, -1, SOL_TCP, TCP_INFO, BAD, &length);
	call(getsockopt, -1, SOL_SOCKET, 999, BAD, BAD);
}

static void internet_options(void)
{
	int one = 1;
	struct ip_mreq join = {{htonl(0xe0000001)}, {htonl(0x7f000001)}};
	struct ip_mreqn joinn = {{htonl(0xe0000001)}, {htonl(0x7f000001)}, 2};
	struct ip_mreq_source source = {{htonl(0xe0000001)}, {htonl(0x7f000001)}, {htonl(0x0a000001)}};
	struct ipv6_mreq join6 = {IN6ADDR_LOOPBACK_INIT, 3};
	struct group_req group = {2};
	struct icmp_filter { unsigned data; } filter = {0xfffffffa};

	((struct sockaddr_in *)&group.gr_group)->sin_family = AF_INET;
	set(SOL_IP, IP_TTL, one);
	set(SOL_IP, IP_MTU_DISCOVER, one);
	set(SOL_IP, IP_ADD_MEMBERSHIP, join);
	set(SOL_IP, IP_ADD_MEMBERSHIP, joinn);
	set(SOL_IP, IP_MULTICAST_IF, join.imr_interface);
	set(SOL_IP, IP_ADD_SOURCE_MEMBERSHIP, source);
	set(SOL_IP, MCAST_JOIN_GROUP, group);
	set(SOL_IPV6, IPV6_V6ONLY, one);
	set(SOL_IPV6, IPV6_ADD_MEMBERSHIP, join6);
	set(SOL_TCP, TCP_NODELAY, one);
	call(setsockopt, -1, SOL_TCP, TCP_CONGESTION, "cubic", 5);
	set(SOL_TCP, TCP_REPAIR_QUEUE, one);
	set(SOL_UDP, UDP_CORK, one);
	set(SOL_RAW, ICMP_FILTER, filter);
}
