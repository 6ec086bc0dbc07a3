/*
 * dmp_index.h: the document index, kept in the store: whose a document is,
 * what the rules must know of it, and which attachments are its own.
 *
 * Names are keyed hashes; what is said of a document is sealed under the
 * patient's key, so that the store's owner can hide an entry, but make none.
 */

#ifndef DMP_INDEX_H
#define DMP_INDEX_H

#include <dmp/dmp.h>
#include <dmp/dmp_document.h>


#define DMP_INDEX_HASH_LEN  22           /* characters of base64url */
#define DMP_INDEX_TEXT_MAX  16384        /* bytes of one document's facts */

/*
 * Keyed hash of a resource of that record host: "DocumentReference/ID",
 * "Binary/ID", "Bundle/ID".  HMAC-SHA256 under the pseudonym key over
 * "dmp-index", NUL, host, NUL, resource; its first 16 bytes.  host holds no
 * NUL.  key has DMP_KEY_LEN bytes.
 */
dmp_rc_t dmp_index_hash(const unsigned char *key, dmp_str_t host,
    dmp_str_t resource, char out[DMP_INDEX_HASH_LEN]);

/*
 * What is kept of a document, as one JSON object.  attachments are those of
 * the host's own, as "Binary/ID" and "Bundle/ID": not those of the document,
 * which may be any address.
 */
void dmp_index_write(dmp_buf_t *buf, const dmp_document_t *document,
    const dmp_str_t *attachments, unsigned n_attachments);

/*
 * Reads it back.  Strings of *document point into text, which is changed, and
 * must live as long; *document is not to be copied.  document->indexed is set,
 * attachments are as they were written, no INS is named.  DMP_E_SYNTAX or
 * DMP_E_UNKNOWN when it is not what dmp_index_write() writes: then *document
 * may not be shown to anybody.
 */
dmp_rc_t dmp_index_read(char *text, size_t len, dmp_document_t *document);

/* Whether the document has that attachment of the host's own. */
bool dmp_index_has(const dmp_document_t *document, dmp_str_t attachment);

#endif
