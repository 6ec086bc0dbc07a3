/*
 * h2.c: HTTP/2 by nghttp2: some small answers at a time, or one large one.
 */

#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "race.h"


#define RACE_STREAM_WINDOW  (16 * 1024 * 1024)
#define RACE_LINK_WINDOW    (64 * 1024 * 1024)


static void
race_h2_flush(race_reader_t *reader)
{
    ssize_t         n;
    const uint8_t  *bytes;

    for (;;) {
        n = nghttp2_session_mem_send(reader->session, &bytes);

        if (n < 0) {
            race_fail("HTTP/2: %s", nghttp2_strerror((int) n));
        }

        if (n == 0) {
            return;
        }

        race_link_send(&reader->link, bytes, (size_t) n);
    }
}


static void
race_h2_opened(void *data)
{
    race_reader_t                 *reader;
    const nghttp2_settings_entry   settings[] = {
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, RACE_STREAM_WINDOW },
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 }
    };

    reader = data;

    if (nghttp2_submit_settings(reader->session, NGHTTP2_FLAG_NONE, settings,
                                2) != 0
        || nghttp2_session_set_local_window_size(reader->session,
               NGHTTP2_FLAG_NONE, 0, RACE_LINK_WINDOW) != 0)
    {
        race_fail("HTTP/2: no memory");
    }

    race_h2_flush(reader);
    race_reader_ready(reader);
}


static void
race_h2_bytes(void *data, const uint8_t *bytes, size_t n)
{
    ssize_t         rc;
    race_reader_t  *reader;

    reader = data;
    rc = nghttp2_session_mem_recv(reader->session, bytes, n);

    if (rc < 0) {
        race_fail("HTTP/2: %s", nghttp2_strerror((int) rc));
    }

    race_h2_flush(reader);
}


static void
race_h2_lost(void *data)
{
    race_h2_free(data);
    race_reader_lost(data);
}


static race_read_t *
race_h2_read(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}


static int
race_h2_begin(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    race_read_t    *read;
    race_reader_t  *reader;

    reader = data;
    read = race_h2_read(session, frame->hd.stream_id);

    if (read != NULL && !read->begun) {
        race_read_first(reader, read, &reader->link);
    }

    return 0;
}


static int
race_h2_header(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_len, const uint8_t *value,
    size_t value_len, uint8_t flags, void *data)
{
    char          text[4];
    race_read_t  *read;

    (void) flags;                        /* nothing is forwarded or indexed */
    (void) data;
    read = race_h2_read(session, frame->hd.stream_id);

    if (read == NULL) {
        return 0;
    }

    if (name_len == 7 && memcmp(name, ":status", 7) == 0 && value_len == 3) {
        memcpy(text, value, 3);
        text[3] = '\0';
        read->status = (unsigned) strtoul(text, NULL, 10);

    } else if (name_len == 12 && memcmp(name, "dmp-trace-id", 12) == 0
               && value_len == RACE_TRACE)
    {
        memcpy(read->trace, value, RACE_TRACE);
        read->trace[RACE_TRACE] = '\0';
    }

    return 0;
}


static int
race_h2_closed(nghttp2_session *session, int32_t stream, uint32_t error,
    void *data)
{
    race_read_t  *read;

    read = race_h2_read(session, stream);

    if (read != NULL) {

        if (error != NGHTTP2_NO_ERROR) {
            read->status = 0;
        }

        race_read_done(data, read);
    }

    return 0;
}


static int
race_h2_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    (void) session;

    if (frame->hd.type == NGHTTP2_GOAWAY) {
        ((race_reader_t *) data)->left = 0;
    }

    return 0;
}


void
race_h2_free(race_reader_t *reader)
{
    nghttp2_session_del(reader->session);
    reader->session = NULL;
}


void
race_h2_open(race_reader_t *reader, const char *address, SSL_CTX *ctx)
{
    nghttp2_session            *session;
    nghttp2_session_callbacks  *calls;

    if (nghttp2_session_callbacks_new(&calls) != 0) {
        race_fail("HTTP/2: no memory");
    }

    nghttp2_session_callbacks_set_on_begin_headers_callback(calls,
                                                            race_h2_begin);
    nghttp2_session_callbacks_set_on_header_callback(calls, race_h2_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls,
                                                           race_h2_closed);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls,
                                                         race_h2_frame);

    if (nghttp2_session_client_new(&session, calls, reader) != 0) {
        race_fail("HTTP/2: no memory");
    }

    nghttp2_session_callbacks_del(calls);

    reader->session = session;
    reader->link.opened = race_h2_opened;
    reader->link.bytes = race_h2_bytes;
    reader->link.lost = race_h2_lost;
    reader->link.data = reader;

    race_link_open(&reader->link, address, ctx, true);
}


int32_t
race_h2_send(race_reader_t *reader, race_read_t *read, const char *path)
{
    size_t        i;
    int32_t       stream;
    const char   *fields[][2] = {
        { ":method", "GET" }, { ":scheme", "https" },
        { ":authority", "localhost" }, { ":path", path }
    };
    nghttp2_nv    headers[4];

    for (i = 0; i < 4; i++) {
        headers[i].name = (uint8_t *) (uintptr_t) fields[i][0];
        headers[i].value = (uint8_t *) (uintptr_t) fields[i][1];
        headers[i].namelen = strlen(fields[i][0]);
        headers[i].valuelen = strlen(fields[i][1]);
        headers[i].flags = NGHTTP2_NV_FLAG_NONE;
    }

    stream = nghttp2_submit_request(reader->session, NULL, headers, 4, NULL,
                                    read);
    if (stream < 0) {
        race_fail("HTTP/2: %s", nghttp2_strerror(stream));
    }

    race_h2_flush(reader);

    return stream;
}
