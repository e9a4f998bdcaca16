/* The floor of the ingest benchmark: receive what N cameras send and write the same bytes to N files, and nothing else.
 *
 *   receive_floor PORT CAMERAS DIRECTORY TICK_MS
 *
 * Every TICK_MS each socket is read until it is empty, and what a read returned is written. Files are closed and begun anew
 * every 10 s, like the segments of the other variants. Prints "ready" when every camera plays; ends on SIGTERM.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    FILE_MS = 10000,
    READ_BYTES = 256 << 10,
    MAX_CAMERAS = 1024,
};

static int sockets[MAX_CAMERAS], files[MAX_CAMERAS];
static unsigned char buffer[READ_BYTES];
static volatile sig_atomic_t stopping;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void on_term(int number) {
    (void)number;
    stopping = 1;
}

/* Send one request and wait for the empty line that ends its answer. */
static void ask(int fd, const char *method, int port, int camera, const char *header, int sequence) {
    char text[512];
    int size = snprintf(text, sizeof text, "%s rtsp://127.0.0.1:%d/cam/%d RTSP/1.0\r\nCSeq: %d\r\n%s\r\n", method, port, camera, sequence, header);
    const char *end = "\r\n\r\n", *expected = end;
    if (send(fd, text, size, MSG_NOSIGNAL) != size)
        die("send");
    while (*expected) {
        char octet;
        if (recv(fd, &octet, 1, 0) != 1)
            die("answer");
        expected = octet == *expected ? expected + 1 : octet == *end ? end + 1 : end;
    }
}

static int connect_camera(int port, int camera) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        die("connect");
    ask(fd, "SETUP", port, camera, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", 1);
    ask(fd, "PLAY", port, camera, "", 2);
    return fd;
}

static void begin_file(const char *directory, int camera, unsigned number) {
    char path[4096];
    if (files[camera])
        close(files[camera]);
    snprintf(path, sizeof path, "%s/%d-%u.rtp", directory, camera, number);
    files[camera] = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (files[camera] < 0)
        die(path);
}

static void drain(int camera) {
    ssize_t got;
    do {
        got = recv(sockets[camera], buffer, READ_BYTES, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            die("recv");
        if (got > 0 && write(files[camera], buffer, got) != got)
            die("write");
    } while (got == READ_BYTES);
}

int main(int count, char **arguments) {
    struct rlimit limit = {65536, 65536};
    struct timespec due;
    int port, cameras, tick_ms;
    unsigned ticks_per_file;
    if (count != 5 || (cameras = atoi(arguments[2])) < 1 || cameras > MAX_CAMERAS || (tick_ms = atoi(arguments[4])) < 1 || tick_ms > 500) {
        fprintf(stderr, "receive_floor PORT CAMERAS DIRECTORY TICK_MS\n");
        return 2;
    }
    port = atoi(arguments[1]);
    ticks_per_file = FILE_MS / tick_ms;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGTERM, on_term);
    for (int camera = 0; camera < cameras; camera++)
        sockets[camera] = connect_camera(port, camera);
    puts("ready");
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (unsigned tick = 0; !stopping; tick++) {
        for (int camera = 0; camera < cameras; camera++) {
            /* a camera's own moment, so that they do not all begin a file at once */
            if (tick == 0 || tick % ticks_per_file == (unsigned)camera % ticks_per_file)
                begin_file(arguments[3], camera, tick / ticks_per_file);
            drain(camera);
        }
        due.tv_nsec += tick_ms * 1000000L;
        if (due.tv_nsec >= 1000000000) {
            due.tv_nsec -= 1000000000;
            due.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
    return 0;
}
