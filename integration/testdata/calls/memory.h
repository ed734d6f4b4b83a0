/* Memory: mappings, locks, policies. */
static void memory(void)
{
	unsigned long nodes[] = {5, 0};
	void *pages[] = {(void *)0x1000, NULL};
	int want[] = {0, 1};
#ifdef SYS_mmap2
	unsigned long args[] = {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0x1000};
	call(mmap, args);
	call(mmap, BAD);
	call(mmap2, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	call(mmap2, NULL, 4096, PROT_NONE, MAP_SHARED, 0, 3);
	call(mmap2, 0x10000, 4096, PROT_EXEC | 0x100, MAP_FIXED | MAP_SHARED_VALIDATE | 0x40000000, 3, 0x80000000);
#else
	call(mmap, NULL, 4096L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
	call(mmap, NULL, 0L, PROT_NONE, MAP_SHARED | MAP_POPULATE, 0, 0x3000L);
	call(mmap, 0x10000L, 4096L, PROT_EXEC | 0x100, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE | MAP_SYNC, 3, 0x1000L);
	call(mmap, NULL, 0L, PROT_READ, MAP_PRIVATE | MAP_HUGETLB | (21L << 26), -1, -1L);
	call(mmap, NULL, 0L, PROT_GROWSDOWN, MAP_STACK | MAP_GROWSDOWN | MAP_NORESERVE | MAP_LOCKED, 5, 0L);
#endif
	call(munmap, BAD, 0L);
	call(mprotect, BAD, 4096L, PROT_READ | PROT_EXEC);
	call(mprotect, NULL, 0L, PROT_NONE);
	call(pkey_mprotect, BAD, 4096L, PROT_READ, -1);
	call(pkey_alloc, 0, 1 | 2);
	call(pkey_alloc, 1, 8);
	call(pkey_free, -1);
	call(mremap, BAD, 4096L, 8192L, 0L);
	call(mremap, BAD, 4096L, 8192L, MREMAP_MAYMOVE | MREMAP_FIXED, 0x2000L);
	call(mremap, BAD, 4096L, 4096L, MREMAP_DONTUNMAP | 0x100L, 0x2000L);
	call(remap_file_pages, BAD, 4096L, PROT_NONE, 5L, 0x10000L);
	call(madvise, BAD, 4096L, MADV_DONTNEED);
	call(madvise, BAD, 4096L, 1000);
	call(mincore, BAD, 4096L, BAD);
	call(msync, BAD, 4096L, MS_SYNC | MS_INVALIDATE);
	call(msync, BAD, 4096L, 8);
	call(mlock, BAD, 4096L);
	call(mlock2, BAD, 4096L, 1);
	call(mlock2, BAD, 4096L, 6);
	call(munlock, BAD, 4096L);
	call(mlockall, 0);
	call(mlockall, 8 | 4);
	call(munlockall);
	call(brk, NULL);
	call(brk, BAD);
	call(mbind, BAD, 4096L, 2L, nodes, 64L, 1 | 2);
	call(mbind, BAD, 4096L, 0x8001L, NULL, 0L, 8);
	call(mbind, BAD, 4096L, 99L, BAD, 64L, 0);
	call(set_mempolicy, 3, nodes, 64L);
	call(set_mempolicy, 0x4002, NULL, 0L);
	call(get_mempolicy, BAD, NULL, 0L, BAD, 2L);
	call(get_mempolicy, NULL, NULL, 0L, NULL, 8L);
	call(set_mempolicy_home_node, 0x1000L, 4096L, 0L, 0L);
	call(migrate_pages, 0, 64L, nodes, nodes);
	call(move_pages, 0, 2L, pages, want, BAD, 2);
	call(move_pages, 0, 1L, BAD, NULL, BAD, 4);
}
