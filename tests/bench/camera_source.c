/* Many cheap H.264 cameras for the ingest benchmark: RTSP over TCP, RTP interleaved, one process.
 *
 *   camera_source PORT CLIP FMTP BYTES_PER_MS
 *
 * CLIP holds frames that are packetised already (tests/bench/clip.py): little-endian u32 wire bytes, u32 packets,
 * u32 keyframe, then the interleaved packets. Only sequence number, timestamp and SSRC are patched here.
 * BYTES_PER_MS is what the link of one camera takes: 12500 is 100 Mbit/s, 1400 lets packets trickle.
 * Any path is a camera. Prints "ready" when it listens and one JSON line of counters on SIGTERM.
 *
 * A camera keeps at most QUEUE_BYTES that the reader did not take; a frame that finds no room is dropped, counted, and
 * missing in the sequence numbers, as with a real camera.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAMES_PER_SECOND = 25,
    FRAME_US = 1000000 / FRAMES_PER_SECOND,
    FRAME_TICKS = 90000 / FRAMES_PER_SECOND,
    SPREAD_US = 2000000, /* cameras asked to play at once begin within one GOP of each other */
    REPORT_FRAMES = 5 * FRAMES_PER_SECOND,
    QUEUE_BYTES = 4 << 20,
    REQUEST_BYTES = 8192,
    MAX_CAMERAS = 1024,
    MAX_CATCH_UP_MS = 20, /* a late tick does not turn into a burst that no link could carry */
    EVENTS = 64,
};

struct frame {
    uint32_t size, packets, keyframe;
    const unsigned char *wire;
};

struct camera {
    int fd, playing;
    uint32_t number, frame, frames_sent, timestamp, octets;
    uint16_t sequence;
    uint64_t due_us;
    unsigned char *queue;
    size_t filled, sent;
    char request[REQUEST_BYTES];
    size_t request_bytes;
};

static struct frame *frames;
static uint32_t frame_count;
static struct camera *cameras[MAX_CAMERAS];
static uint32_t camera_count;
static const char *format_parameters;
static uint64_t bytes_per_ms;
static uint64_t frames_sent, frames_dropped, latest_us;
static volatile sig_atomic_t stopping;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void on_term(int number) {
    (void)number;
    stopping = 1;
}

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void load_clip(const char *path) {
    FILE *file = fopen(path, "rb");
    uint32_t head[3];
    if (!file)
        die(path);
    while (fread(head, sizeof head, 1, file) == 1) {
        unsigned char *wire = malloc(head[0]);
        frames = realloc(frames, (frame_count + 1) * sizeof *frames);
        if (!wire || !frames || fread(wire, 1, head[0], file) != head[0])
            die("clip");
        frames[frame_count++] = (struct frame){head[0], head[1], head[2], wire};
    }
    fclose(file);
}

static unsigned char *room(struct camera *camera, size_t size) {
    if (camera->sent == camera->filled)
        camera->sent = camera->filled = 0;
    if (camera->filled + size > QUEUE_BYTES) {
        memmove(camera->queue, camera->queue + camera->sent, camera->filled - camera->sent);
        camera->filled -= camera->sent;
        camera->sent = 0;
    }
    if (camera->filled + size > QUEUE_BYTES)
        return NULL;
    camera->filled += size;
    return camera->queue + camera->filled - size;
}

static void put16(unsigned char *at, uint16_t value) {
    value = htons(value);
    memcpy(at, &value, sizeof value);
}

static void put32(unsigned char *at, uint32_t value) {
    value = htonl(value);
    memcpy(at, &value, sizeof value);
}

/* RFC 3550 section 6.4.1, without report blocks. */
static void queue_sender_report(struct camera *camera) {
    unsigned char *at = room(camera, 32);
    struct timespec wall;
    if (!at)
        return;
    clock_gettime(CLOCK_REALTIME, &wall);
    memcpy(at, "$\x01\x00\x1c\x80\xc8\x00\x06", 8);
    put32(at + 8, camera->number);
    put32(at + 12, (uint32_t)(wall.tv_sec + 2208988800u));
    put32(at + 16, (uint32_t)(((uint64_t)wall.tv_nsec << 32) / 1000000000u));
    put32(at + 20, camera->timestamp);
    put32(at + 24, camera->frames_sent);
    put32(at + 28, camera->octets);
}

static void queue_frame(struct camera *camera) {
    const struct frame *frame = &frames[camera->frame];
    unsigned char *wire = room(camera, frame->size);
    camera->frame = (camera->frame + 1) % frame_count;
    camera->timestamp += FRAME_TICKS;
    if (!wire) {
        camera->sequence += frame->packets;
        frames_dropped++;
        return;
    }
    memcpy(wire, frame->wire, frame->size);
    for (size_t at = 0; at < frame->size; at += 4 + (wire[at + 2] << 8 | wire[at + 3])) {
        put16(wire + at + 6, camera->sequence++);
        put32(wire + at + 8, camera->timestamp);
        put32(wire + at + 12, camera->number);
    }
    camera->octets += frame->size;
    frames_sent++;
    if (camera->frames_sent++ % REPORT_FRAMES == 0)
        queue_sender_report(camera);
}

static void hang_up(struct camera *camera) {
    close(camera->fd);
    camera->fd = -1;
}

static void send_queued(struct camera *camera, size_t budget) {
    size_t size = camera->filled - camera->sent;
    ssize_t sent = send(camera->fd, camera->queue + camera->sent, size < budget ? size : budget, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0)
        camera->sent += sent;
    else if (errno != EAGAIN)
        hang_up(camera);
}

static void tick(uint64_t now, uint64_t elapsed_us) {
    size_t budget = bytes_per_ms * (elapsed_us < MAX_CATCH_UP_MS * 1000 ? elapsed_us : MAX_CATCH_UP_MS * 1000) / 1000;
    for (uint32_t number = 0; number < camera_count; number++) {
        struct camera *camera = cameras[number];
        if (camera->fd < 0)
            continue;
        while (camera->playing && camera->due_us <= now) {
            latest_us = now - camera->due_us > latest_us ? now - camera->due_us : latest_us;
            queue_frame(camera);
            camera->due_us += FRAME_US;
        }
        if (camera->filled > camera->sent)
            send_queued(camera, budget);
    }
}

static void play(struct camera *camera) {
    uint32_t skipped = camera->number * 7 % frame_count;
    while (!frames[skipped].keyframe)
        skipped = (skipped + 1) % frame_count;
    camera->frame = skipped;
    camera->due_us = now_us() + (uint64_t)camera->number * 618034 % SPREAD_US;
    camera->playing = 1;
}

static void answer(struct camera *camera, char *request) {
    char method[32] = "", url[512] = "", reply[4096], body[1024];
    char *sequence = strcasestr(request, "\r\nCSeq:");
    int known = sscanf(request, "%31s %511s", method, url), size;
    if (known != 2 || !sequence) {
        hang_up(camera);
        return;
    }
    size = snprintf(reply, sizeof reply, "RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: %u;timeout=60\r\n", atoi(sequence + 7), camera->number + 1);
    if (!strcmp(method, "OPTIONS"))
        size += snprintf(reply + size, sizeof reply - size, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n\r\n");
    else if (!strcmp(method, "DESCRIBE")) {
        int length = snprintf(body, sizeof body,
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n"
            "a=rtpmap:96 H264/90000\r\na=fmtp:96 %s\r\na=control:track\r\n", format_parameters);
        size += snprintf(reply + size, sizeof reply - size,
            "Content-Base: %s/\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", url, length, body);
    } else if (!strcmp(method, "SETUP"))
        size += snprintf(reply + size, sizeof reply - size, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n");
    else
        size += snprintf(reply + size, sizeof reply - size, "\r\n");
    unsigned char *at = room(camera, size);
    if (!at) {
        hang_up(camera);
        return;
    }
    memcpy(at, reply, size);
    if (!strcmp(method, "PLAY") && !camera->playing)
        play(camera);
}

/* Requests have no body: each ends with an empty line. What else the reader sends (RTCP) is passed over by the next "RTSP". */
static void read_requests(struct camera *camera) {
    ssize_t got = recv(camera->fd, camera->request + camera->request_bytes, REQUEST_BYTES - 1 - camera->request_bytes, MSG_DONTWAIT);
    char *end;
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            hang_up(camera);
        return;
    }
    camera->request_bytes += got;
    while (camera->request_bytes >= 4 && camera->request[0] == '$') { /* interleaved receiver reports of ffmpeg */
        size_t size = 4 + ((unsigned char)camera->request[2] << 8 | (unsigned char)camera->request[3]);
        if (size > camera->request_bytes)
            return;
        memmove(camera->request, camera->request + size, camera->request_bytes -= size);
    }
    camera->request[camera->request_bytes] = 0;
    while (camera->fd >= 0 && (end = strstr(camera->request, "\r\n\r\n"))) {
        size_t size = end + 4 - camera->request;
        end[2] = 0;
        answer(camera, camera->request);
        memmove(camera->request, camera->request + size, camera->request_bytes + 1 - size);
        camera->request_bytes -= size;
    }
    if (camera->request_bytes == REQUEST_BYTES - 1)
        hang_up(camera);
}

static void take_connection(int listening, int polled) {
    int fd = accept(listening, NULL, NULL), on = 1;
    struct camera *camera;
    if (fd < 0)
        return;
    if (camera_count == MAX_CAMERAS) {
        close(fd);
        return;
    }
    camera = calloc(1, sizeof *camera);
    if (!camera || !(camera->queue = malloc(QUEUE_BYTES)))
        die("memory");
    camera->fd = fd;
    camera->number = camera_count;
    cameras[camera_count++] = camera;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(polled, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = camera}))
        die("epoll_ctl");
}

static int listen_on(int port) {
    int listening = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listening < 0 || bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, MAX_CAMERAS))
        die("listen");
    return listening;
}

int main(int count, char **arguments) {
    struct epoll_event events[EVENTS];
    struct rlimit files = {65536, 65536};
    int listening, polled;
    uint64_t ticked;
    if (count != 5) {
        fprintf(stderr, "camera_source PORT CLIP FMTP BYTES_PER_MS\n");
        return 2;
    }
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGTERM, on_term);
    load_clip(arguments[2]);
    format_parameters = arguments[3];
    bytes_per_ms = strtoull(arguments[4], NULL, 10);
    listening = listen_on(atoi(arguments[1]));
    polled = epoll_create1(0);
    epoll_ctl(polled, EPOLL_CTL_ADD, listening, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
    puts("ready");
    fflush(stdout);
    for (ticked = now_us(); !stopping;) {
        int found = epoll_wait(polled, events, EVENTS, 1);
        uint64_t now = now_us();
        for (int number = 0; number < found; number++) {
            struct camera *camera = events[number].data.ptr;
            if (!camera)
                take_connection(listening, polled);
            else if (camera->fd >= 0)
                read_requests(camera);
        }
        if (now - ticked >= 1000) {
            tick(now, now - ticked);
            ticked = now;
        }
    }
    printf("{\"connections\": %u, \"frames_sent\": %llu, \"frames_dropped\": %llu, \"latest_ms\": %llu}\n", camera_count,
        (unsigned long long)frames_sent, (unsigned long long)frames_dropped, (unsigned long long)latest_us / 1000);
    return 0;
}
