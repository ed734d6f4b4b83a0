/* System V IPC and message queues. */
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static void controls(void)
{
	struct msqid_ds q = {.msg_perm = {.uid = 1, .gid = 2, .mode = 0600}, .msg_qbytes = 5};
	struct shmid_ds m = {.shm_perm = {.uid = 1, .gid = 2, .mode = 0600}};
	struct semid_ds s = {.sem_perm = {.uid = 1, .gid = 2, .mode = 0600}};

	call(msgctl, -1, IPC_RMID, NULL);
	call(msgctl, -1, IPC_SET, &q);
	call(msgctl, -1, IPC_STAT, BAD);
	call(msgctl, -1, IPC_SET, BAD);
	call(msgctl, -1, 99, BAD);
	call(shmctl, -1, IPC_RMID, NULL);
	call(shmctl, -1, IPC_SET, &m);
	call(shmctl, -1, SHM_LOCK, NULL);
	call(shmctl, -1, IPC_STAT, BAD);
	call(semctl, -1, 0, IPC_RMID, 0L);
	call(semctl, -1, 2, SETVAL, 7L);
	call(semctl, -1, 2, GETVAL, 0L);
	call(semctl, -1, 0, IPC_SET, &s);
	call(semctl, -1, 0, GETALL, BAD);
	call(semctl, -1, 0, 99, 5L);
}

static void ipc(void)
{
	struct { long type; char text[100]; } message = {3, "a message\n"};
	struct sembuf ops[] = {{0, 1, 0}, {1, -1, SEM_UNDO | IPC_NOWAIT}};
	struct timespec t = {1, 2};
	int id = -1;

#ifdef SYS_msgsnd
	call(msgsnd, id, &message, 10L, IPC_NOWAIT);
	call(msgsnd, id, &message, 0L, 0);
	call(msgsnd, -1, BAD, 10L, 0);
	call(msgrcv, -1, BAD, 10L, -2L, MSG_NOERROR | MSG_EXCEPT | IPC_NOWAIT);
#endif
	call(semget, IPC_PRIVATE, -1, IPC_CREAT | 0600);
	call(shmget, IPC_PRIVATE, 0L, IPC_CREAT | 0600);
	call(msgget, 0x1234567, 0);
	call(msgget, 0x1234567, 0644);
	call(msgget, -1, IPC_EXCL | 04000 | 0640);
	call(semget, 0x777, 3, IPC_EXCL | 0600);
	call(shmget, 0x778, 4096L, SHM_NORESERVE | 0666);
	call(shmget, 0x778, 4096L, SHM_HUGETLB | (21 << 26) | 0600);
#ifdef SYS_semop
	call(semop, -1, ops, 2L);
	call(semop, -1, BAD, 1L);
	call(semtimedop, -1, ops, 1L, &t);
#endif
#ifdef SYS_semtimedop_time64
	long long wide[] = {1, 2};
	call(semtimedop_time64, -1, ops, 1L, wide);
#endif
	call(shmat, -1, BAD, SHM_RDONLY | SHM_RND);
	call(shmat, -1, NULL, 0x40000 | SHM_EXEC);
	call(shmdt, BAD);
	controls();
	(void)t, (void)ops, (void)message;
}

static void queues(void)
{
	struct mq_attr attr = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 5, .mq_msgsize = 6, .mq_curmsgs = 0};
	struct timespec t = {1, 2};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5};

	call(mq_open, "missing", O_RDWR);
	call(mq_open, "bad/name", O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	call(mq_open, "bad/name", O_RDWR | O_CREAT, 01600, BAD);
	call(mq_open, "bad/name", O_RDWR | O_CREAT, 0, NULL);
	call(mq_unlink, "missing");
	call(mq_timedsend, -1, "mess\0age", 8L, 3, &t);
	call(mq_timedsend, -1, BAD, 8L, 3, NULL);
	call(mq_timedreceive, -1, BAD, 8L, BAD, &t);
	call(mq_notify, -1, &event);
	call(mq_notify, -1, NULL);
	call(mq_getsetattr, -1, &attr, BAD);
	call(mq_getsetattr, -1, BAD, NULL);
}
