/* megaseal on messages that lie in a GPU's memory: for programs that have them there already, and go on with them there.
 *
 * Pointers are to the current device's memory, but for those marked "host". Work is put into the caller's stream and the
 * calls return before it is done: until the stream has come past it, nothing may be changed or freed, and nothing of the
 * results is there. Which items failed is in `statuses`, as megaseal_status; one bad item never harms the others. All of it
 * is thread-safe. A build without CUDA has these functions, too: they answer MEGASEAL_ERROR_BACKEND_UNAVAILABLE, as do all
 * where no GPU has passed the self-test, which the first call of a process runs and may take a second for. The thread's
 * last CUDA error (cudaGetLastError) is forgotten. That first call, like any other of the library that uses a GPU, leaves the
 * thread's device (cudaSetDevice) as it was; a context of the driver's API that was current (cuCtxPushCurrent) may be replaced
 * by the device's primary one.
 *
 * Unlike megaseal_batch, a message's tag and its encapsulated key lie apart from its text, so that texts stay aligned.
 * Secrets in scratch memory are wiped in the stream, behind their last use; keys that the caller brings are the caller's. The
 * seed of megaseal_cuda_hpke_seal, and HPKE's pre-shared keys, go to the GPU through the driver's own memory, which nobody
 * wipes. In a graph they would stay, and one seed would make the same ephemeral keys at every launch: while `stream` is being
 * captured (cudaStreamBeginCapture), sealing by HPKE, and opening with a pre-shared key, is refused with
 * MEGASEAL_ERROR_ARGUMENT. Everything else may be captured, once the call has been made outside a capture.
 * Messages end at 2^32 - 1 bytes, and batches at 2^31 - 1 messages. */
#ifndef MEGASEAL_MEGASEAL_CUDA_H
#define MEGASEAL_MEGASEAL_CUDA_H

#include "megaseal.h"

#ifdef __cplusplus
extern "C" {
#endif

/** megaseal_cuda_span: where one message lies. Texts begin at multiples of 16 bytes; what follows a text up to the next
 * multiple of 16 is overwritten in `out` and must be there to be read in `in`. Texts must not overlap. */
typedef struct megaseal_cuda_span {
  uint64_t text;    /**< where the text begins, in `in` and in `out` */
  uint64_t aad;     /**< where the associated data begins, in `aad`; a multiple of 16, and readable to one */
  uint32_t len;     /**< of the text */
  uint32_t aad_len; /**< of the associated data */
} megaseal_cuda_span;

/** megaseal_cuda_batch: the messages of one call. Set struct_size and zero what is not used. Pointers are 16-byte aligned. */
typedef struct megaseal_cuda_batch {
  size_t struct_size; /**< sizeof(megaseal_cuda_batch) */
  size_t num_items;
  const megaseal_cuda_span *spans; /**< num_items */
  const uint8_t *in;
  uint8_t *out;       /**< equals `in`, or does not overlap it. Of a message that was refused: zeros */
  const uint8_t *aad; /**< NULL: every aad_len is 0 */
  uint8_t *tags;      /**< 16 bytes each: sealing writes, opening reads them */
  uint8_t *statuses;  /**< num_items */
} megaseal_cuda_batch;

/** megaseal_cuda_aead_scratch: bytes of scratch memory for so many messages. */
MEGASEAL_API size_t megaseal_cuda_aead_scratch(size_t num_items);
/** megaseal_cuda_aead_seal: ChaCha20-Poly1305 (RFC 8439). Strides are 32 and 12, or 0: one for all (not both, of more than
 * one message, when sealing). In `scratch` messages are sorted by length, which only the GPU knows, so that those side by
 * side end together. NULL where lengths are alike and not short: then kernels for each range of lengths look at every message.
 * `stream` is a cudaStream_t; NULL: the default stream.
 * Errors: ARGUMENT, BACKEND_UNAVAILABLE: no GPU, or it refused the work; nothing is to be relied on then. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_cuda_aead_seal(const megaseal_cuda_batch *batch,
                                                                      const uint8_t *keys, size_t key_stride,
                                                                      const uint8_t *nonces, size_t nonce_stride,
                                                                      void *scratch, void *stream);
/** megaseal_cuda_aead_open: likewise. Item statuses: OK, AUTH_FAILED. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_cuda_aead_open(const megaseal_cuda_batch *batch,
                                                                      const uint8_t *keys, size_t key_stride,
                                                                      const uint8_t *nonces, size_t nonce_stride,
                                                                      void *scratch, void *stream);

/** megaseal_cuda_x25519: out[i] = X25519(secrets[i], points[i]), 32 bytes each, packed; as megaseal_x25519_batch. Strides
 * are 32, or 0: one for all. Item statuses: OK, LOW_ORDER. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_cuda_x25519(uint8_t *out, uint8_t *statuses, size_t num_items,
                                                                   const uint8_t *secrets, size_t secret_stride,
                                                                   const uint8_t *points, size_t point_stride,
                                                                   void *stream);
/** megaseal_cuda_x25519_public: out[i] = X25519(secrets[i], 9). */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_cuda_x25519_public(uint8_t *out, size_t num_items,
                                                                          const uint8_t *secrets, size_t secret_stride,
                                                                          void *stream);

/** megaseal_cuda_hpke_scratch: bytes of scratch memory for HPKE on that many messages under these parameters (host; may be
 * NULL). 16-byte aligned, one call at a time. */
MEGASEAL_API size_t megaseal_cuda_hpke_scratch(size_t num_items, const megaseal_hpke_params *params);
/** megaseal_cuda_hpke_seal: single-shot HPKE as megaseal_hpke_seal_batch, enc and tags apart; no exports. `enc` gets 32 bytes
 * a message. Recipients are raw public keys, recipient_stride 32 or 0, and are not checked for canonical encoding. `params`
 * (host) may be NULL. The ephemeral secrets come from a seed that the call draws from the system. Item statuses: OK,
 * LOW_ORDER. Errors: also RANDOM. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_cuda_hpke_seal(const megaseal_cuda_batch *batch, uint8_t *enc,
                                                                      const megaseal_hpke_params *params,
                                                                      const uint8_t *recipients, size_t recipient_stride,
                                                                      void *scratch, void *stream);
/** megaseal_cuda_tables: prepared recipients, as tables of multiples of their keys in the GPU's memory, by which sealing to
 * them takes about half the work. (megaseal_prepare_recipients makes an engine's, in the host's memory.) Nothing in them is
 * secret. Set struct_size. */
typedef struct megaseal_cuda_tables {
  size_t struct_size; /**< sizeof(megaseal_cuda_tables) */
  void *memory;       /**< megaseal_cuda_tables_size() bytes, 16-byte aligned */
  size_t num_keys;    /**< at most 2^24 */
  megaseal_prepared_size size; /**< SMALL, MEDIUM or LARGE; AUTO is MEDIUM */
} megaseal_cuda_tables;

/** megaseal_cuda_tables_size: bytes of memory for the tables of so many keys, and megaseal_cuda_tables_scratch: of scratch
 * memory to make them in. 0: there are none of that size, or of so many. */
MEGASEAL_API size_t megaseal_cuda_tables_size(size_t num_keys, megaseal_prepared_size size);
MEGASEAL_API size_t megaseal_cuda_tables_scratch(size_t num_keys, megaseal_prepared_size size);
/** megaseal_cuda_prepare_recipients: makes the tables of raw public keys, 32 bytes each, packed; they and scratch memory
 * are 16-byte aligned. A key on the curve's twist, or of low order, has none: sealing to it goes as it does without. `tables` (host) is
 * read at once. Errors: ARGUMENT, BACKEND_UNAVAILABLE. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_cuda_prepare_recipients(const megaseal_cuda_tables *tables,
                                                                               const uint8_t *keys, void *scratch,
                                                                               void *stream);
/** megaseal_cuda_hpke_seal_prepared: as megaseal_cuda_hpke_seal, message i to key key_of[i] of those prepared: num_items
 * numbers below num_keys, which is not checked; NULL: all to the first. Messages to one key cost least side by side. Scratch
 * memory is as for megaseal_cuda_hpke_seal. Any number of calls may use the same tables, also at the same time. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_cuda_hpke_seal_prepared(
    const megaseal_cuda_batch *batch, uint8_t *enc, const megaseal_hpke_params *params,
    const megaseal_cuda_tables *tables, const uint32_t *key_of, void *scratch, void *stream);
/** megaseal_cuda_hpke_open: as megaseal_cuda_hpke_seal; with the recipients' secret keys and the public keys that belong to
 * them. Item statuses: OK, AUTH_FAILED, LOW_ORDER. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_cuda_hpke_open(const megaseal_cuda_batch *batch, const uint8_t *enc,
                                                                      const megaseal_hpke_params *params,
                                                                      const uint8_t *secrets, size_t secret_stride,
                                                                      const uint8_t *publics, size_t public_stride,
                                                                      void *scratch, void *stream);

#ifdef __cplusplus
}
#endif
#endif
