/* Sockets, addresses and messages. */
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <net/if_arp.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

static void addresses(int fd)
{
	struct sockaddr_in in = {AF_INET, htons(80), {htonl(0x7f000001)}};
	struct sockaddr_in6 in6 = {AF_INET6, htons(443), htonl(5), IN6ADDR_LOOPBACK_INIT, 3};
	struct sockaddr_un un = {AF_UNIX, "/run/missing"}, name = {AF_UNIX, "\0abstract"};
	struct sockaddr_nl nl = {AF_NETLINK, 0, 12, 0x10};
	struct sockaddr_ll ll = {AF_PACKET, htons(ETH_P_IP), 1, ARPHRD_ETHER, PACKET_BROADCAST, 6, {1, 2, 3, 4, 5, 6}};
	struct sockaddr_ll other = {AF_PACKET, htons(0x1234), 0, 777, 99, 0};
	struct sockaddr_vm vm = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 1024};
	struct sockaddr_alg alg = {.salg_family = AF_ALG, .salg_type = "hash", .salg_name = "sha256"};
	struct sockaddr odd = {99, "abcdefghijklm"}, none = {AF_UNSPEC, {0}};

	call(connect, fd, &in, sizeof in);
	call(connect, fd, &in, 4);
	call(connect, fd, &in6, sizeof in6);
	call(connect, fd, &in6, 24);
	call(connect, fd, &un, sizeof un);
	call(connect, fd, &un, 7);
	call(connect, fd, &name, 2 + 9);
	call(connect, fd, &un, 2);
	call(connect, fd, &nl, sizeof nl);
	call(connect, fd, &ll, sizeof ll);
	call(connect, fd, &other, sizeof other);
	call(connect, fd, &vm, sizeof vm);
	call(connect, fd, &alg, sizeof alg);
	call(connect, fd, &odd, sizeof odd);
	call(connect, fd, &none, sizeof none);
	call(connect, fd, BAD, 16);
	call(connect, fd, NULL, 16);
	call(connect, fd, &in, 1);
	call(connect, fd, &in, -1);
	call(connect, fd, &un, 200);
	call(bind, fd, &in, sizeof in);
}

static void sockets(void)
{
	int pair[2];

	call(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	call(socket, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_IP);
	call(socket, AF_UNIX, SOCK_SEQPACKET, 0);
	call(socket, AF_UNIX, SOCK_STREAM, 5);
	call(socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	call(socket, AF_NETLINK, SOCK_RAW, 99);
	call(socket, AF_PACKET, SOCK_RAW, 0);
	call(socket, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	call(socket, AF_PACKET, SOCK_PACKET, htons(0x1234));
	call(socket, AF_BLUETOOTH, SOCK_RAW, 1);
	call(socket, AF_CAN, SOCK_RAW, 1);
	call(socket, AF_ALG, SOCK_SEQPACKET, 0);
	call(socket, 99, 99, 99);
	call(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	call(socketpair, AF_INET, SOCK_STREAM, IPPROTO_TCP, BAD);
	call(listen, -1, 5);
#ifdef SYS_accept
	call(accept, -1, BAD, NULL);
#endif
	call(accept4, -1, BAD, BAD, SOCK_CLOEXEC | 1);
	call(accept4, -1, NULL, NULL, SOCK_NONBLOCK);
	call(getsockname, -1, BAD, BAD);
	call(getpeername, -1, BAD, NULL);
	call(shutdown, -1, SHUT_RDWR);
	call(shutdown, -1, 9);
	addresses(-1);
}

static void control_messages(int fd, struct msghdr *m)
{
	union { struct cmsghdr h; char room[128]; } c = {{0}};
	struct cmsghdr *h = &c.h;
	int fds[] = {0, 1};
	struct ucred cred = {7, 8, 9};

	m->msg_control = &c;
	h->cmsg_len = CMSG_LEN(sizeof fds);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(h), fds, sizeof fds);
	m->msg_controllen = CMSG_SPACE(sizeof fds);
	call(sendmsg, fd, m, MSG_DONTWAIT);
	h = (struct cmsghdr *)((char *)&c + CMSG_SPACE(sizeof fds));
	h->cmsg_len = CMSG_LEN(sizeof cred);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_CREDENTIALS;
	memcpy(CMSG_DATA(h), &cred, sizeof cred);
	m->msg_controllen = CMSG_SPACE(sizeof fds) + CMSG_SPACE(sizeof cred);
	call(sendmsg, fd, m, 0);
	m->msg_controllen = 5;
	call(sendmsg, fd, m, 0);
	h = &c.h;
	h->cmsg_level = SOL_IP;
	h->cmsg_type = IP_TTL;
	h->cmsg_len = CMSG_LEN(4);
	m->msg_controllen = CMSG_SPACE(4);
	call(sendmsg, fd, m, 0);
	h->cmsg_level = 77;
	h->cmsg_type = 66;
	call(sendmsg, fd, m, 0);
	h->cmsg_len = 3;
	call(sendmsg, fd, m, 0);
	m->msg_control = BAD;
	call(sendmsg, fd, m, 0);
}

static void messages(void)
{
	struct sockaddr_in in = {AF_INET, htons(80), {htonl(0x0a000001)}};
	struct iovec v[] = {{"one", 3}, {"two!", 4}};
	struct msghdr m = {.msg_name = &in, .msg_namelen = sizeof in, .msg_iov = v, .msg_iovlen = 2, .msg_flags = MSG_OOB};
	struct msghdr empty = {0};
	struct mmsghdr many[] = {{m, 0}, {empty, 5}};
	struct timespec t = {1, 2};

	call(sendto, -1, "hello", 5L, MSG_NOSIGNAL | MSG_MORE, &in, sizeof in);
	call(sendto, -1, "hello", 5L, 0, NULL, 0);
	call(sendto, -1, BAD, 5L, 0x8000000, BAD, 16);
	call(recvfrom, -1, BAD, 5L, MSG_PEEK | MSG_TRUNC, NULL, NULL);
	call(sendmsg, -1, &m, MSG_OOB | MSG_DONTROUTE);
	call(sendmsg, -1, &empty, 0);
	call(sendmsg, -1, BAD, 0);
	control_messages(-1, &m);
	call(sendmmsg, -1, many, 2, MSG_EOR);
	call(sendmmsg, -1, BAD, 2, 0);
	call(recvmsg, -1, &m, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	call(recvmmsg, -1, many, 1, MSG_WAITFORONE, &t);
}
