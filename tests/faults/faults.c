/* A file layer that fails on demand, for LD_PRELOAD.

   Calls that change files under one folder are counted: opening to write, write, fsync, truncate,
   chmod, rename. At the call that was chosen, one of four things happens (enum action). Everything
   else goes to the C library. See server.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum action {
    FAIL_ONCE,      /* this call fails with the error chosen */
    FAIL_FROM_HERE, /* so does every later one; a write writes half of its bytes first */
    MOVE_FOLDER,    /* the folder gets another name just before the call */
    KILL            /* the process is killed just before the call */
};

static char folder[PATH_MAX];
static long chosen = -1, seen;
static int error_number, what, fired;
static char watched[4096]; /* by file descriptor */

void faults_arm(const char *path, long call, int error, int action) {
    strncpy(folder, path, sizeof folder - 1);
    chosen = call, error_number = error, what = action, seen = 0, fired = 0;
}

long faults_seen(void) { return seen; }

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int inside(int at, const char *path) {
    char whole[2 * PATH_MAX];
    if (!folder[0] || !path) return 0;
    if (path[0] == '/') {
        snprintf(whole, sizeof whole, "%s", path);
    } else {
        char base[PATH_MAX];
        if (at == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
            ssize_t n = readlink(link, base, sizeof base - 1);
            if (n < 0) return 0;
            base[n] = 0;
        }
        snprintf(whole, sizeof whole, "%s/%s", base, path);
    }
    size_t n = strlen(folder);
    return strncmp(whole, folder, n) == 0 && whole[n] == '/';
}

/* Count a call; whether it has to fail. */
static int fails(void) {
    long number = seen++;
    if (fired && what == FAIL_FROM_HERE) return 1;
    if (number != chosen) return 0;
    fired = 1;
    if (what == KILL) kill(getpid(), SIGKILL);
    if (what == MOVE_FOLDER) {
        char away[PATH_MAX + 8];
        snprintf(away, sizeof away, "%s.moved", folder);
        ((int (*)(const char *, const char *))real("rename"))(folder, away);
        return 0;
    }
    return 1;
}

static int refused(void) {
    if (!fails()) return 0;
    errno = error_number;
    return 1;
}

static int is_watched(int fd) { return fd >= 0 && fd < (int)sizeof watched && watched[fd]; }

static int opened(int at, const char *path, int flags, mode_t mode) {
    int writes = (flags & O_ACCMODE) != O_RDONLY && inside(at, path);
    if (writes && refused()) return -1;
    int fd = ((int (*)(int, const char *, int, mode_t))real("openat"))(at, path, flags, mode);
    if (fd >= 0 && fd < (int)sizeof watched) watched[fd] = (char)writes;
    return fd;
}

#define MODE(flags)                                        \
    mode_t mode = 0;                                       \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {               \
        va_list more;                                      \
        va_start(more, flags);                             \
        mode = va_arg(more, mode_t);                       \
        va_end(more);                                      \
    }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }

ssize_t write(int fd, const void *data, size_t n) {
    ssize_t (*plain)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))real("write");
    if (is_watched(fd) && fails()) {
        if (what == FAIL_FROM_HERE && fired == 1 && n > 1) {
            fired = 2; /* a disk that fills takes a part first */
            return plain(fd, data, n / 2);
        }
        errno = error_number;
        return -1;
    }
    return plain(fd, data, n);
}

#define ON_DESCRIPTOR(name, parameters, arguments)                        \
    int name parameters {                                                 \
        if (is_watched(fd) && refused()) return -1;                       \
        return ((int(*) parameters)real(#name)) arguments;                \
    }
ON_DESCRIPTOR(fsync, (int fd), (fd))
ON_DESCRIPTOR(fdatasync, (int fd), (fd))
ON_DESCRIPTOR(ftruncate64, (int fd, off_t size), (fd, size))
ON_DESCRIPTOR(fchmod, (int fd, mode_t mode), (fd, mode))

#define ON_PATH(name, parameters, arguments, at, path)                    \
    int name parameters {                                                 \
        if (inside(at, path) && refused()) return -1;                     \
        return ((int(*) parameters)real(#name)) arguments;                \
    }
ON_PATH(rename, (const char *from, const char *to), (from, to), AT_FDCWD, to)
ON_PATH(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), b, to)
ON_PATH(chmod, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
ON_PATH(fchmodat, (int at, const char *path, mode_t mode, int flags), (at, path, mode, flags), at, path)
