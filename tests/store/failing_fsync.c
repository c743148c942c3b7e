/* Preloaded into a process: syncs of files whose name ends in FAIL_SUFFIX fail with EIO as soon as
   the file FAIL_FLAG exists, and each such failure adds a byte to FAIL_LOG. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refused(int fd) {
    const char *suffix = getenv("FAIL_SUFFIX"), *flag = getenv("FAIL_FLAG"), *log = getenv("FAIL_LOG");
    char link[64], name[4096];
    ssize_t length;
    int out;
    if (!suffix || !flag || !log || access(flag, F_OK) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, name, sizeof name - 1);
    if (length < (ssize_t)strlen(suffix)) return 0;
    name[length] = 0;
    if (strcmp(name + length - strlen(suffix), suffix) != 0) return 0;
    out = open(log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (out >= 0) {
        if (write(out, "x", 1) != 1) abort();
        close(out);
    }
    errno = EIO;
    return 1;
}

int fsync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return refused(fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return refused(fd) ? -1 : real(fd);
}
