/* Transfers, polling, asynchronous I/O. */
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>

static void transfers(void)
{
	int fd = open("file", O_RDWR), pair[2];
	long offset = 3;
	long long at = 4, to = -1;
	struct iovec v[] = {{"one", 3}, {"t\0o", 3}, {NULL, 0}, {BAD, 7}};

	pipe(pair);
	call(read, -1, BAD, 10L);
	call(write, fd, "some\ntext", 9L);
	call(write, fd, BAD, 9L);
	call(write, fd, NULL, 0L);
	call(readv, -1, v, 2);
	call(writev, fd, v, 2);
	call(writev, fd, v, 4);
	call(writev, fd, BAD, 2);
	call(pread64, fd, BAD, 4L, wide(0x100000001LL));
	call(pwrite64, fd, "abc", 3L, wide(8));
	call(pwrite64, fd, "abc", 3L, wide(-8));
	call(preadv, fd, v, 0, 1L, 0L);
	call(pwritev, fd, v, 2, 1L, 0L);
	call(preadv2, -1, v, 1, -1L, -1L, 1 | 2 | 0x100);
	call(pwritev2, -1, v, 1, 2L, 0L, 0x10);
	call(fsync, fd);
	call(fdatasync, -1);
	call(sync_file_range, fd, wide(4096), wide(-1), 7);
	call(sync_file_range, fd, wide(4096), wide(8192), 8);
	call(syncfs, -1);
	call(fadvise64, fd, wide(1), 2L, POSIX_FADV_WILLNEED);
	call(readahead, fd, wide(0x1000), 100L);
	call(sendfile, 1000, fd, &offset, 5L);
	call(sendfile, 1000, fd, NULL, 5L);
	call(sendfile, 1000, fd, BAD, 5L);
	call(splice, fd, &at, 1000, &to, 100L, 1 | 2 | 4 | 8);
	call(splice, fd, NULL, 1000, BAD, 100L, 0x10);
	call(tee, pair[0], 1000, 5L, 2);
	call(vmsplice, pair[1], v, 2L, 8);
	call(vmsplice, -1, v, 1L, 0);
	call(copy_file_range, fd, &at, -1, &to, 100L, 0);
	call(copy_file_range, -1, NULL, fd, NULL, 1L, 1);
}

static void polling(void)
{
	struct pollfd p[] = {{0, POLLIN | POLLPRI, 0}, {-1, POLLOUT, 0}, {1000, POLLRDHUP | 0x4000, 0}};
	struct epoll_event e = {EPOLLIN | EPOLLET | EPOLLONESHOT, {.u64 = 0x1234567890LL}}, f = {EPOLLOUT | 0x800000, {.fd = -1}};
	struct timespec soon = {0, 1000}, wrong = {-1, 5}, none = {0, 0};
	struct timeval tv = {0, 500};
	unsigned long mask = 0x4006;
	struct { unsigned long *m; long n; } six = {&mask, 8};
	fd_set in;
	int ep = call(epoll_create1, EPOLL_CLOEXEC);

	FD_ZERO(&in);
	FD_SET(0, &in);
	FD_SET(5, &in);
	call(epoll_create, 5);
	call(epoll_create1, 5);
	call(epoll_ctl, ep, EPOLL_CTL_ADD, 0, &e);
	call(epoll_ctl, ep, EPOLL_CTL_MOD, -1, &f);
	call(epoll_ctl, ep, EPOLL_CTL_DEL, 0, &e);
	call(epoll_ctl, ep, EPOLL_CTL_ADD, 0, BAD);
	call(epoll_ctl, ep, 9, 0, &e);
	call(poll, p, 3, 0);
	call(poll, NULL, 0, 1);
	call(poll, BAD, 1, -5);
	call(ppoll, p, 2, &soon, &mask, 8L);
	call(ppoll, p, 1, &wrong, NULL, 8L);
#ifdef SYS__newselect
	call(_newselect, 6, &in, NULL, NULL, &tv);
#else
	call(select, 6, &in, NULL, NULL, &tv);
	call(select, -1, BAD, NULL, &in, NULL);
#endif
	call(pselect6, 6, &in, NULL, NULL, &none, &six);
	call(pselect6, 0, NULL, NULL, NULL, &wrong, NULL);
	call(epoll_wait, ep, BAD, 1, 0);
	call(epoll_wait, -1, NULL, -1, -1);
	call(epoll_pwait, ep, BAD, 1, 0, &mask, 8L);
	call(epoll_pwait, -1, BAD, 1, 0, NULL, 8L);
	call(eventfd2, 7, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	call(eventfd2, 7, 8);
	call(eventfd, 3);
	call(signalfd4, -1, &mask, 8L, SFD_CLOEXEC | SFD_NONBLOCK);
	call(signalfd4, -1, BAD, 8L, 1);
	call(signalfd, -1, &mask, 8L);
}

static void asynchronous(void)
{
	struct iovec v[] = {{"one", 3}};
	struct iocb c[] = {
		{.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = 3, .aio_buf = 0x1000, .aio_nbytes = 10, .aio_offset = 20, .aio_data = 5, .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = 6},
		{.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = 4, .aio_buf = (uintptr_t)"abcd", .aio_nbytes = 4},
		{.aio_lio_opcode = IOCB_CMD_PWRITEV, .aio_fildes = 4, .aio_buf = (uintptr_t)v, .aio_nbytes = 1, .aio_reqprio = 7},
		{.aio_lio_opcode = IOCB_CMD_FSYNC, .aio_fildes = 5},
		{.aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = 5, .aio_buf = 4 | 1},
		{.aio_lio_opcode = 77, .aio_fildes = 5},
	};
	struct iocb *list[] = {&c[0], &c[1], &c[2], &c[3], &c[4], &c[5], NULL, BAD};
	struct timespec t = {1, 2};
	struct io_uring_params p = {.flags = IORING_SETUP_CQSIZE | IORING_SETUP_ATTACH_WQ | 0x80000000, .cq_entries = 8, .wq_fd = 5};
	unsigned long context = 0, mask = 2;

	call(io_setup, 0, &context);
	call(io_setup, 10, BAD);
	call(io_submit, 0x1234L, 8L, list);
	call(io_submit, 0x1234L, 0L, list);
	call(io_submit, 0x1234L, 2L, BAD);
	call(io_cancel, 0x1234L, &c[1], BAD);
	call(io_cancel, 0x1234L, BAD, BAD);
	call(io_getevents, 0x1234L, 1L, 2L, BAD, &t);
	call(io_pgetevents, 0x1234L, 1L, 2L, BAD, NULL, NULL);
	call(io_destroy, 0x1234L);
	call(io_uring_setup, 0, &p);
	call(io_uring_setup, 4, BAD);
	call(io_uring_enter, -1, 1, 2, IORING_ENTER_GETEVENTS | 0x100, &mask, 8L);
	call(io_uring_enter, -1, 1, 2, 0, NULL, 0L);
	call(io_uring_register, -1, IORING_REGISTER_BUFFERS, v, 1);
	call(io_uring_register, -1, IORING_UNREGISTER_FILES, NULL, 0);
	call(io_uring_register, -1, 99, BAD, 3);
}
