/* Random writes, reads, truncations and renames in one directory, every byte checked.
 *
 *   exerciser DIRECTORY SEED OPERATIONS
 *
 * A model in memory says what each file holds. Each read is compared with it, and at the end so is
 * every file as a whole, with this machine's cache dropped. Prints the seed and the operation when something differs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kFiles = 12, kMaxSize = 512 * 1024, kMaxIo = 128 * 1024 };

struct model {
  char name[64];
  size_t size;
  uint8_t *bytes;
  int fd;
};

static struct model files[kFiles];
static uint64_t state;
static unsigned long operation;

static uint64_t next_random(void) { /* xorshift64* */
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 2685821657736338717ULL;
}

static size_t below(size_t limit) { return limit == 0 ? 0 : next_random() % limit; }

static void fail(const struct model *file, const char *what) {
  printf("operation %lu, %s: %s (%s)\n", operation, file->name, what, strerror(errno));
  exit(1);
}

static void open_file(struct model *file) {
  file->fd = open(file->name, O_RDWR | O_CREAT, 0644);
  if (file->fd < 0) fail(file, "open");
}

static void write_some(struct model *file) {
  static uint8_t data[kMaxIo];
  size_t offset = below(kMaxSize - 1);
  size_t size = 1 + below(kMaxSize - offset < kMaxIo ? kMaxSize - offset : kMaxIo);
  for (size_t i = 0; i < size; i++) data[i] = (uint8_t)(next_random() >> 32);
  if (pwrite(file->fd, data, size, (off_t)offset) != (ssize_t)size) fail(file, "write");
  if (offset > file->size) memset(file->bytes + file->size, 0, offset - file->size);
  memcpy(file->bytes + offset, data, size);
  if (offset + size > file->size) file->size = offset + size;
}

static void check_range(struct model *file, size_t offset, size_t size) {
  static uint8_t data[kMaxSize + 1];
  ssize_t wanted = offset >= file->size ? 0
                   : (ssize_t)(file->size - offset < size ? file->size - offset : size);
  ssize_t got = pread(file->fd, data, size, (off_t)offset);
  if (got != wanted) {
    printf("read %zd bytes of %zu at %zu, not %zd\n", got, size, offset, wanted);
    fail(file, "length of a read");
  }
  for (ssize_t i = 0; i < wanted; i++) {
    if (data[i] == file->bytes[offset + (size_t)i]) continue;
    printf("byte %zu is %02x, not %02x\n", offset + (size_t)i, data[i],
           file->bytes[offset + (size_t)i]);
    fail(file, "content");
  }
}

static void truncate_some(struct model *file) {
  size_t size = below(kMaxSize);
  if (ftruncate(file->fd, (off_t)size) != 0) fail(file, "truncate");
  if (size > file->size) memset(file->bytes + file->size, 0, size - file->size);
  file->size = size;
}

static void rename_some(struct model *file) {
  char name[64];
  snprintf(name, sizeof name, "f%lu-%lu", (unsigned long)below(1000), operation);
  if (rename(file->name, name) != 0) fail(file, "rename");
  strcpy(file->name, name);
}

static void check_size(struct model *file) {
  struct stat status;
  if (stat(file->name, &status) != 0) fail(file, "stat");
  if ((size_t)status.st_size != file->size) fail(file, "size");
}

static void reopen(struct model *file) {
  if (close(file->fd) != 0) fail(file, "close");
  open_file(file);
}

/* What is read after this comes from the server. */
static void drop_caches(void) {
  sync();
  int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
  if (fd < 0 || write(fd, "3", 1) != 1 || close(fd) != 0) {
    printf("drop_caches: %s\n", strerror(errno));
    exit(1);
  }
}

static void step(struct model *file) {
  switch (below(10)) {
    case 0: case 1: case 2: write_some(file); break;
    case 3: case 4: case 5: check_range(file, below(kMaxSize), 1 + below(kMaxIo)); break;
    case 6: truncate_some(file); break;
    case 7: rename_some(file); break;
    case 8: reopen(file); break;
    default:
      if (fsync(file->fd) != 0) fail(file, "fsync");
      check_size(file);
  }
}

int main(int argc, char **argv) {
  if (argc != 4 || chdir(argv[1]) != 0) return 2;
  state = strtoull(argv[2], NULL, 10) | 1;
  for (int i = 0; i < kFiles; i++) {
    snprintf(files[i].name, sizeof files[i].name, "f%d", i);
    files[i].bytes = calloc(1, kMaxSize);
    open_file(&files[i]);
  }
  for (operation = 0; operation < strtoul(argv[3], NULL, 10); operation++)
    step(&files[below(kFiles)]);
  for (int i = 0; i < kFiles; i++) reopen(&files[i]);
  drop_caches();
  for (int i = 0; i < kFiles; i++) {
    check_range(&files[i], 0, kMaxSize + 1);
    check_size(&files[i]);
    if (close(files[i].fd) != 0 || unlink(files[i].name) != 0) fail(&files[i], "unlink");
  }
  printf("%lu operations, seed %s\n", operation, argv[2]);
  return 0;
}
