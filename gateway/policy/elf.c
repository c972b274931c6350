/* Checking a shared object. See elf.h. */
#include "policy/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 128 };

#if UINTPTR_MAX > 0xffffffff
enum { CLASS = ELFCLASS64 };
#else
enum { CLASS = ELFCLASS32 };
#endif

/* The header of the running program, which the linker provides: its class, byte order and machine
 * are the right ones. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static bool elf_reads(int fd, void *to, size_t n, uint64_t at)
{
	ssize_t got = pread(fd, to, n, (off_t)at);
	return got == (ssize_t)n;
}

/* Whether n items of that size, from that offset on, lie within the file. */
static bool elf_has(uint64_t file, uint64_t offset, uint64_t n, uint64_t size)
{
	return offset <= file && (!n || size <= (file - offset) / n);
}

static const char *elf_look_header(const ElfW(Ehdr) * h, uint64_t size)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return "it is no shared object";
	if (h->e_ident[EI_CLASS] != CLASS || h->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
		h->e_machine != __ehdr_start.e_machine)
		return "it was built for another kind of machine";
	if (h->e_type != ET_DYN || h->e_phentsize != sizeof(ElfW(Phdr)) || h->e_phnum == 0 ||
		h->e_phnum > SEGMENTS_MAX)
		return "it is no shared object";
	if (!elf_has(size, h->e_phoff, h->e_phnum, h->e_phentsize) ||
		!elf_has(size, h->e_shoff, h->e_shnum, h->e_shentsize))
		return "the file is cut short";
	return NULL;
}

static const char *elf_look_segments(int fd, const ElfW(Ehdr) * h, uint64_t size)
{
	ElfW(Phdr) v[SEGMENTS_MAX];
	if (!elf_reads(fd, v, h->e_phnum * sizeof(v[0]), h->e_phoff))
		return "the file is cut short";
	for (unsigned i = 0; i < h->e_phnum; i++) {
		bool mapped = v[i].p_type == PT_LOAD || v[i].p_type == PT_DYNAMIC ||
			v[i].p_type == PT_TLS;
		if (mapped && !elf_has(size, v[i].p_offset, 1, v[i].p_filesz))
			return "the file is cut short";
		if (v[i].p_type == PT_LOAD && v[i].p_filesz > v[i].p_memsz)
			return "its segments are broken";
	}
	return NULL;
}

static const char *elf_look_in(int fd, const struct stat *st)
{
	ElfW(Ehdr) h;
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	if (!elf_reads(fd, &h, sizeof(h), 0))
		return st->st_size ? "the file is cut short" : "the file is empty";
	const char *why = elf_look_header(&h, (uint64_t)st->st_size);
	return why ? why : elf_look_segments(fd, &h, (uint64_t)st->st_size);
}

const char *elf_look(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return strerror(errno);
	const char *why = fstat(fd, st) < 0 ? strerror(errno) : elf_look_in(fd, st);
	(void)close(fd);
	return why;
}
