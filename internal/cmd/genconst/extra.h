/* Facts of the kernel's own headers that neither its uapi headers nor the C library's give in the same form. */

/* include/linux/net.h, arch/mips/include/asm/socket.h: MIPS has the first two the other way round. */
#ifdef __mips__
#define SOCK_STREAM 2
#define SOCK_DGRAM 1
#else
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#endif
#define SOCK_RAW 3
#define SOCK_RDM 4
#define SOCK_SEQPACKET 5
#define SOCK_DCCP 6
#define SOCK_PACKET 10

/* include/linux/net.h takes them from fcntl.h; arch/alpha and arch/parisc, include/asm/socket.h: their O_NONBLOCK would
   clash with the types. */
#define SOCK_CLOEXEC O_CLOEXEC
#if defined(__alpha__) || defined(__hppa__)
#define SOCK_NONBLOCK 0x40000000
#else
#define SOCK_NONBLOCK O_NONBLOCK
#endif

/* include/uapi/linux/in6.h has it, switched off. */
#define IPV6_USE_MIN_MTU 63

/* include/uapi/linux/soundcard.h makes these with macros that depend on what was included before. */
#include <asm/ioctl.h>
#define SNDCTL_TMR_START _IO('T', 2)
#define SNDCTL_TMR_STOP _IO('T', 3)
#define SNDCTL_TMR_CONTINUE _IO('T', 4)
