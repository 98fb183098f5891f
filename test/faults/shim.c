/*
 * Preloaded into the server: lets chosen calls on files fail, write less than asked, or take their time, and moves the clock.
 * What to do stands in a file that the test writes and all processes of the server map (SHIM_CONTROL); see shim.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, LINK = 16, SYNCFS = 32 };
enum { SHORT = -1 };

struct control {
  volatile uint32_t armed;
  volatile uint32_t calls;
  volatile int32_t error;
  volatile uint32_t delay;
  volatile uint32_t first;
  volatile uint32_t times;
  volatile uint32_t counter;
  volatile uint32_t hits;
  volatile int64_t clock;
  volatile uint32_t destroy;
  char unused[20];
  volatile char path[192];
  volatile char last[256];
};

static struct control *control;

__attribute__((constructor)) static void start(void) {
  const char *file = getenv("SHIM_CONTROL");
  if (file == NULL) return;
  int fd = open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (at != MAP_FAILED) control = at;
}

#define NEXT(name) \
  static __typeof__(name) *next; \
  if (next == NULL) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* Whether this call is one to spoil. */
static int turn(uint32_t call, const char *path) {
  if (control == NULL || !control->armed || (control->calls & call) == 0) return 0;
  if (path == NULL || strstr(path, (const char *)control->path) == NULL || strstr(path, "-shm") != NULL) return 0;
  uint32_t n = __sync_add_and_fetch(&control->counter, 1);
  if (n < control->first || n - control->first >= control->times) return 0;
  __sync_add_and_fetch(&control->hits, 1);
  snprintf((char *)control->last, sizeof control->last, "%s", path);
  if (control->delay > 0) {
    struct timespec wait = {control->delay / 1000, (control->delay % 1000) * 1000000L};
    nanosleep(&wait, NULL);
  }
  return control->error != 0;
}

static int turn_fd(uint32_t call, int fd) {
  if (control == NULL || !control->armed || (control->calls & call) == 0) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0 || path[0] != '/') return 0;
  path[n] = 0;
  return turn(call, path);
}

#define FAIL (errno = control->error, -1)

#define OPENER(name)                                      \
  int name(const char *path, int flags, ...) {            \
    NEXT(name);                                           \
    va_list more;                                         \
    va_start(more, flags);                                \
    mode_t mode = va_arg(more, mode_t);                   \
    va_end(more);                                         \
    if (turn(OPEN, path)) return FAIL;                    \
    return next(path, flags, mode);                       \
  }
OPENER(open)
OPENER(open64)

ssize_t write(int fd, const void *bytes, size_t length) {
  NEXT(write);
  if (turn_fd(WRITE, fd)) {
    if (control->error != SHORT) return FAIL;
    length = (length + 1) / 2;
  }
  return next(fd, bytes, length);
}

#define POSITIONED(name)                                                        \
  ssize_t name(int fd, const void *bytes, size_t length, off_t at) {            \
    NEXT(name);                                                                 \
    if (turn_fd(WRITE, fd)) {                                                   \
      if (control->error != SHORT) return FAIL;                                 \
      length = (length + 1) / 2;                                                \
    }                                                                           \
    return next(fd, bytes, length, at);                                         \
  }
POSITIONED(pwrite)
POSITIONED(pwrite64)

ssize_t writev(int fd, const struct iovec *parts, int count) {
  NEXT(writev);
  if (turn_fd(WRITE, fd)) {
    if (control->error != SHORT) return FAIL;
    return write(fd, parts[0].iov_base, (parts[0].iov_len + 1) / 2);
  }
  return next(fd, parts, count);
}

#define VECTORED(name)                                                          \
  ssize_t name(int fd, const struct iovec *parts, int count, off_t at) {        \
    NEXT(name);                                                                 \
    if (turn_fd(WRITE, fd)) {                                                   \
      if (control->error != SHORT) return FAIL;                                 \
      return pwrite(fd, parts[0].iov_base, (parts[0].iov_len + 1) / 2, at);     \
    }                                                                           \
    return next(fd, parts, count, at);                                          \
  }
VECTORED(pwritev)
VECTORED(pwritev64)

#define SYNCER(name)                                                            \
  int name(int fd) {                                                            \
    NEXT(name);                                                                 \
    if (turn_fd(SYNC, fd)) {                                                    \
      struct stat stat;                                                         \
      /* What was not synced is lost: of a new file, all of it. */              \
      if (control->destroy && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && \
          (strstr((const char *)control->last, "/Maildir/tmp/") || strstr((const char *)control->last, "/spool/"))) \
        (void)!ftruncate(fd, 0);                                                \
      return FAIL;                                                              \
    }                                                                           \
    return next(fd);                                                            \
  }
SYNCER(fsync)
SYNCER(fdatasync)

int syncfs(int fd) {
  NEXT(syncfs);
  if (turn_fd(SYNCFS, fd)) return FAIL;
  return next(fd);
}

int rename(const char *from, const char *to) {
  NEXT(rename);
  if (turn(RENAME, to)) return FAIL;
  return next(from, to);
}

int link(const char *from, const char *to) {
  NEXT(link);
  if (turn(LINK, to)) return FAIL;
  return next(from, to);
}

int unlink(const char *path) {
  NEXT(unlink);
  if (turn(LINK, path)) return FAIL;
  return next(path);
}

static int64_t shift(void) { return control == NULL ? 0 : control->clock; }

int clock_gettime(clockid_t clock, struct timespec *now) {
  NEXT(clock_gettime);
  int result = next(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  NEXT(gettimeofday);
  int result = next(now, zone);
  if (result == 0) now->tv_sec += shift();
  return result;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}
