/* megaseal: seals and opens messages in batches.
 *
 * X25519 (RFC 7748), ChaCha20-Poly1305 (RFC 8439), HPKE (RFC 9180) and libsodium sealed boxes. This header is the
 * manual and the only ABI; megaseal.hpp wraps it for C++20.
 *
 * How calls answer. A function's return value, a megaseal_error, says whether the call ran. An item's status says
 * whether that item succeeded; one bad item never stops or harms the others. The number of failed items is an
 * out-parameter. When a call returns anything but MEGASEAL_ERROR_NONE it has sealed and opened nothing.
 *
 * Sizes are bytes. `num_` counts items, `_len` counts bytes, `out_` marks outputs. Arguments come in the order
 * context, outputs, inputs. A pointer to zero bytes may be NULL.
 *
 * Concurrency. Every handle may be used from several threads at once; create and destroy (or the last release)
 * may not race with other use of the same handle. No call spins; a large batch is shared with the engine's threads,
 * a small one is done on the caller's. What a call reads, keys and pointers among them, nobody may change until it returns.
 * The engine's threads have signals blocked (SIGPROF and those for faults of their own excepted): handlers run on yours.
 * After fork() an engine goes on in the child on the calling thread alone; secret keys
 * and contexts of the parent are wiped there and refused (FORKED), inheritable keys excepted.
 *
 * Memory. The caller owns every buffer. After the first batches of a size, batch calls allocate nothing. Ephemeral
 * secrets, shared secrets and derived keys are wiped before a call returns.
 */
#ifndef MEGASEAL_MEGASEAL_H
#define MEGASEAL_MEGASEAL_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(MEGASEAL_STATIC)
#define MEGASEAL_API __attribute__((visibility("default")))
#else
#define MEGASEAL_API
#endif
#if defined(__GNUC__)
#define MEGASEAL_MUST_USE __attribute__((warn_unused_result))
#else
#define MEGASEAL_MUST_USE
#endif

#define MEGASEAL_VERSION_MAJOR 0
#define MEGASEAL_VERSION_MINOR 1
#define MEGASEAL_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------- */
/* Answers                                                                                                  */
/* ------------------------------------------------------------------------------------------------------- */

/** megaseal_error: whether a call ran. */
typedef enum megaseal_error {
  MEGASEAL_ERROR_NONE = 0,
  MEGASEAL_ERROR_ARGUMENT = 1,            /**< a NULL, a size that overflows, an option out of range */
  MEGASEAL_ERROR_MEMORY = 2,              /**< an allocation failed */
  MEGASEAL_ERROR_BACKEND_UNAVAILABLE = 3, /**< the backend asked for is unknown, or not usable here */
  MEGASEAL_ERROR_RANDOM = 4,              /**< the system's random generator failed */
  MEGASEAL_ERROR_KEY_FORMAT = 5,          /**< text or PEM that holds no key of the expected kind */
  MEGASEAL_ERROR_KEY_NONCANONICAL = 6,    /**< a recipient's key u with u >= 2^255 - 19, or its high bit set */
  MEGASEAL_ERROR_KEY_LOW_ORDER = 7,       /**< a public key of low order: no secret could be shared with it */
  MEGASEAL_ERROR_ROLE = 8,                /**< sealing with a receiver's context, or opening with a sender's */
  MEGASEAL_ERROR_MESSAGE_LIMIT = 9,       /**< the context has no sequence numbers left for this batch */
  MEGASEAL_ERROR_FORKED = 10,             /**< a secret key or a context, made before this process was forked */
  MEGASEAL_ERROR_INT_ = 0x7fffffff        /* makes every int a value, here and below */
} megaseal_error;

/** megaseal_status: how one item fared. Stored as one byte per item. */
typedef enum megaseal_status {
  MEGASEAL_OK = 0,
  MEGASEAL_AUTH_FAILED = 1,      /**< the tag does not verify: altered, or sealed to another key, info, psk or aad */
  MEGASEAL_LOW_ORDER = 2,        /**< the shared secret would be all zeros (RFC 7748 §6.1, RFC 9180 §7.1.4) */
  MEGASEAL_NONCANONICAL = 3,     /**< a recipient's raw key is not the canonical encoding of a field element */
  MEGASEAL_TRUNCATED = 4,        /**< a sealed item shorter than its format's overhead */
  MEGASEAL_TOO_LONG = 5,         /**< longer than the cipher allows (2^38 - 64 bytes; sealed boxes 2^38 - 96) */
  MEGASEAL_BUFFER_TOO_SMALL = 6, /**< the output's capacity is less than the item needs */
  MEGASEAL_OVERLAP = 7,          /**< input and output overlap in another way than the allowed one */
  MEGASEAL_INTERNAL = 8          /**< a defect in megaseal; please report it */
} megaseal_status;

/** megaseal_error_string: a short English description; never NULL, never freed. Thread-safe. */
MEGASEAL_API const char *megaseal_error_string(megaseal_error error);
/** megaseal_status_string: likewise for an item's status. Thread-safe. */
MEGASEAL_API const char *megaseal_status_string(uint8_t status);
/** megaseal_version: "MAJOR.MINOR.PATCH" of the library that is running. Thread-safe. */
MEGASEAL_API const char *megaseal_version(void);

/* ------------------------------------------------------------------------------------------------------- */
/* Engine and backends                                                                                      */
/* ------------------------------------------------------------------------------------------------------- */

/** megaseal_engine: chosen backends and worker threads. Shareable between threads. */
typedef struct megaseal_engine megaseal_engine;

/** megaseal_engine_options: set struct_size to sizeof(megaseal_engine_options) and zero the rest. */
typedef struct megaseal_engine_options {
  size_t struct_size;
  const char *backend;  /**< NULL or "": the best for each operation. A name: that backend for whatever it offers,
                             scalar for the rest; an error when it is unknown or unavailable. */
  uint32_t num_threads; /**< threads a batch may use, the caller's included; 0: one per available CPU; at most 1,024 */
  size_t prepared_cache_bytes; /**< memory for tables of recipients, see megaseal_prepare_recipients; taken as it is
                                    used. 0: MEGASEAL_PREPARED_CACHE_DEFAULT; MEGASEAL_PREPARED_CACHE_OFF: none. An
                                    amount that cannot be had, or holds no table, is none, too. A struct_size that ends
                                    before it means the default. */
  size_t device_memory_bytes;  /**< the most memory to take for a GPU's work, pinned and on the GPU together; the last
                                    engine made before it starts decides. 0: MEGASEAL_DEVICE_MEMORY_DEFAULT;
                                    MEGASEAL_DEVICE_OFF: no GPU is used. With a backend by name no other device is. */
} megaseal_engine_options;

#define MEGASEAL_PREPARED_CACHE_DEFAULT ((size_t)32 << 20)
#define MEGASEAL_PREPARED_CACHE_OFF ((size_t)-1)
#define MEGASEAL_DEVICE_MEMORY_DEFAULT ((size_t)1 << 30)
#define MEGASEAL_DEVICE_OFF ((size_t)-1)

/** megaseal_operation: what a backend is chosen for. */
typedef enum megaseal_operation {
  MEGASEAL_OP_CHACHA20POLY1305_SEAL = 0,
  MEGASEAL_OP_CHACHA20POLY1305_OPEN = 1,
  MEGASEAL_OP_XCHACHA20POLY1305_SEAL = 2,
  MEGASEAL_OP_XCHACHA20POLY1305_OPEN = 3,
  MEGASEAL_OP_X25519_SHARED = 4,
  MEGASEAL_OP_X25519_PUBLIC = 5,
  MEGASEAL_OP_KEYGEN = 6,
  MEGASEAL_OP_HPKE_SEAL = 7,
  MEGASEAL_OP_HPKE_OPEN = 8,
  MEGASEAL_OP_HPKE_EXPORT = 9,
  MEGASEAL_OP_SEALEDBOX_SEAL = 10,
  MEGASEAL_OP_SEALEDBOX_OPEN = 11,
  MEGASEAL_OP_X25519_PREPARED = 12, /**< part of sealing and of X25519, where a recipient has a table */
  MEGASEAL_OP_COUNT_ = 13,          /* may grow */
  MEGASEAL_OP_INT_ = 0x7fffffff
} megaseal_operation;

/** megaseal_backend_state: whether a backend can be used on this machine. */
typedef enum megaseal_backend_state {
  MEGASEAL_BACKEND_AVAILABLE = 0,
  MEGASEAL_BACKEND_UNSUPPORTED = 1,     /**< this machine lacks what it needs */
  MEGASEAL_BACKEND_SELFTEST_FAILED = 2, /**< it gave a wrong known answer and is switched off */
  MEGASEAL_BACKEND_NOT_BUILT = 3        /**< this build leaves it out */
} megaseal_backend_state;

/** megaseal_backend_info: one backend. Strings live as long as the library. */
typedef struct megaseal_backend_info {
  size_t struct_size; /**< in: sizeof(megaseal_backend_info) */
  const char *name;
  megaseal_backend_state state;
  const char *reason; /**< why it is not available, in words; "" when it is */
} megaseal_backend_info;

/** megaseal_engine_create: makes an engine. On success *out_engine is owned by the caller. `options` may be NULL (all
 * defaults). Every backend passes a known-answer self-test before its first use in a process.
 * Errors: ARGUMENT, MEMORY, BACKEND_UNAVAILABLE, RANDOM; *out_engine is then NULL. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_engine_create(megaseal_engine **out_engine,
                                                                     const megaseal_engine_options *options);
/** megaseal_engine_destroy: joins the engine's threads and frees it. NULL is allowed. No call may be running on it. A GPU
 * that is being started (see below) is not waited for. */
MEGASEAL_API void megaseal_engine_destroy(megaseal_engine *engine);

/** megaseal_engine_num_threads: threads a batch on this engine may use, the caller's included. Thread-safe. */
MEGASEAL_API uint32_t megaseal_engine_num_threads(const megaseal_engine *engine);
/** megaseal_backend_name: the backend that `engine` uses for `operation`; where several share the work their names
 * are joined by '+'. Lives as long as the engine. NULL for an unknown operation, for one that no backend offers
 * (X25519_PREPARED alone may be such), or a NULL engine. Thread-safe. */
MEGASEAL_API const char *megaseal_backend_name(const megaseal_engine *engine, megaseal_operation operation);
/** megaseal_operation_name: for example "hpke_seal"; NULL for an unknown operation. Thread-safe. */
MEGASEAL_API const char *megaseal_operation_name(megaseal_operation operation);
/** megaseal_recommended_batch: items per call from which `operation` runs at full speed on all of the engine's
 * threads. Smaller batches work. 0 where megaseal_backend_name is NULL. Thread-safe. */
MEGASEAL_API size_t megaseal_recommended_batch(const megaseal_engine *engine, megaseal_operation operation);
/** megaseal_num_backends: how many backends this version knows, best first, whether usable or not. Thread-safe. */
MEGASEAL_API size_t megaseal_num_backends(void);
/** megaseal_get_backend_info: describes backend `index`. The first call runs the self-tests (some milliseconds).
 * Errors: ARGUMENT. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_get_backend_info(size_t index, megaseal_backend_info *out_info);
/* A GPU beside the CPU. Large batches are shared with it where that is faster, by costs that are measured once per machine
 * and kept in a file (MEGASEAL_DEVICE_COSTS in the environment, or megaseal/device-costs in the user's cache). It is
 * started in the background by the first batch that is large enough; nothing waits for it, neither batches nor the end of
 * the engine, but for exit(), which waits until the start has come to a stop: a second, as a rule. A plugin that contains this
 * library as an archive must not be unloaded meanwhile. What
 * the GPU fails to do the CPU does. Results are the same bytes, and statuses the same, either way. */

/** megaseal_device_state: whether an engine's batches may go to a GPU. */
typedef enum megaseal_device_state {
  MEGASEAL_DEVICE_NONE = 0,        /**< switched off, a backend was named, or this build has no such backend */
  MEGASEAL_DEVICE_READY = 1,
  MEGASEAL_DEVICE_UNAVAILABLE = 2, /**< there is none that can be used here; `reason` says why */
  MEGASEAL_DEVICE_PUT_ASIDE = 3    /**< it failed again and again; `reason` says how */
} megaseal_device_state;

/** megaseal_device_info: the GPU of this process. */
typedef struct megaseal_device_info {
  size_t struct_size; /**< in: sizeof(megaseal_device_info) */
  megaseal_device_state state;
  char name[128];        /**< and its driver */
  char reason[256];      /**< "" while it is ready */
  uint64_t pinned_bytes; /**< taken now, of the host's memory */
  uint64_t device_bytes; /**< and of the GPU's */
  uint64_t max_bytes;    /**< of both together */
  uint64_t num_tiles;    /**< tiles of batches done on it */
  uint64_t num_faults;   /**< tiles that it failed to do, and the CPU did */
  uint32_t num_slots;    /**< tiles it can have in work at a time */
  uint32_t num_abandoned; /**< of those, hung and never to be used again */
} megaseal_device_info;

/** megaseal_engine_device_info: starts the GPU, where that has not been done, and describes it; the first call may take
 * a second. Errors: ARGUMENT, MEMORY. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_engine_device_info(megaseal_engine *engine,
                                                                          megaseal_device_info *out_info);
/** megaseal_device_crossover: items of `len` bytes a call from which `operation` is shared with the GPU; 0: never, or the
 * GPU has not started, or it has been put aside. Of sealed boxes: FORMAT_SEALEDBOX; those over Salsa20 stay on the CPU.
 * Thread-safe. */
MEGASEAL_API size_t megaseal_device_crossover(const megaseal_engine *engine, megaseal_operation operation, size_t len);

/** megaseal_cpu_features: the instruction sets that the CPU has and the system enables, e.g. "sse2 avx2"; lives as
 * long as the library. Thread-safe. */
MEGASEAL_API const char *megaseal_cpu_features(void);

/* ------------------------------------------------------------------------------------------------------- */
/* Batches                                                                                                  */
/* ------------------------------------------------------------------------------------------------------- */

/** megaseal_inputs: one byte string per item, in one of two layouts.
 * Pointers: item i is lens[i] bytes at ptrs[i] (`base` NULL). Packed: item i is base[offsets[i] .. offsets[i+1]),
 * with num_items + 1 offsets that never decrease (`ptrs` NULL). All four NULL: every item is empty. A NULL pointer with
 * a length fails its item: TRUNCATED for an input or aad, BUFFER_TOO_SMALL for an output. */
typedef struct megaseal_inputs {
  const void *const *ptrs;
  const uint64_t *lens;
  const void *base;
  const uint64_t *offsets;
} megaseal_inputs;

/** megaseal_outputs: where each item's result goes, in one of two layouts.
 * Pointers: at ptrs[i], which has room for capacities[i] bytes. Packed: one after the other from `base`, which has
 * room for `capacity` bytes; the call writes num_items + 1 offsets, so that item i is base[offsets[i] ..
 * offsets[i+1]). Sealing sets offsets[i] = start_i + i * overhead, start_i being the plaintext bytes before item i;
 * opening is the reverse, a truncated item taking no room. `lens`, when not NULL, gets each result's length, 0 for
 * a failed item, in both layouts; it may be the array of `capacities`, and is no array of an input's (ARGUMENT). A failed
 * item's output is filled with zeros (as much of it as the capacity holds),
 * except where it was to be made in place: then the input is left as it was. TOO_LONG and OVERLAP write nothing. */
typedef struct megaseal_outputs {
  void *const *ptrs;
  const uint64_t *capacities;
  void *base;
  uint64_t capacity;
  uint64_t *offsets; /* written, num_items + 1 */
  uint64_t *lens;    /* written, num_items, or NULL */
} megaseal_outputs;

/** megaseal_batch: the items of one call. Set struct_size to sizeof(megaseal_batch) and zero what is not used.
 *
 * In place: an item's plaintext and ciphertext may be the same memory exactly: with the AEADs and HPKE contexts
 * plaintext == sealed, with single-shot HPKE plaintext == sealed + 32, with sealed boxes plaintext == sealed + 48.
 * Any other overlap of an item's output with its own input or aad fails that item with MEGASEAL_OVERLAP. Buffers of
 * different items must not overlap; between two packed layouts that is checked (ARGUMENT), otherwise it is the
 * caller's duty, and the plaintext of such items is not to be trusted. Nothing may be written by others while the call
 * runs. A call takes up to 128 KiB of its thread's stack. */
typedef struct megaseal_batch {
  size_t struct_size;
  size_t num_items; /**< 0 is allowed and does nothing but set a packed output's offsets[0]; at most 2^32 - 1 */
  megaseal_inputs in;
  megaseal_inputs aad; /**< associated data; must be unset for sealed boxes */
  megaseal_outputs out;
  uint8_t *out_statuses; /**< num_items bytes; may be NULL for sealing, required for opening */
} megaseal_batch;

/** megaseal_format: the formats of interchange, and the AEADs. */
typedef enum megaseal_format {
  MEGASEAL_FORMAT_CHACHA20POLY1305 = 0,  /**< ct ‖ tag(16); RFC 8439 */
  MEGASEAL_FORMAT_XCHACHA20POLY1305 = 1, /**< ct ‖ tag(16); draft-irtf-cfrg-xchacha */
  MEGASEAL_FORMAT_HPKE = 2,              /**< enc(32) ‖ ct ‖ tag(16); RFC 9180, single-shot, base or PSK mode */
  MEGASEAL_FORMAT_HPKE_CONTEXT = 3,      /**< ct ‖ tag(16); RFC 9180 context, one enc for many */
  MEGASEAL_FORMAT_SEALEDBOX = 4,         /**< epk(32) ‖ tag(16) ‖ ct; crypto_box_curve25519xchacha20poly1305_seal */
  MEGASEAL_FORMAT_SEALEDBOX_SALSA = 5,   /**< epk(32) ‖ tag(16) ‖ ct; crypto_box_seal */
  MEGASEAL_FORMAT_INT_ = 0x7fffffff
} megaseal_format;

/** megaseal_overhead: bytes that sealing adds: 16 or 48; 0 for an unknown format. Thread-safe. */
MEGASEAL_API uint64_t megaseal_overhead(megaseal_format format);
/** megaseal_sealed_len: `len` + overhead; UINT64_MAX when a message of `len` bytes cannot be sealed, or the format is
 * unknown. Thread-safe. */
MEGASEAL_API uint64_t megaseal_sealed_len(megaseal_format format, uint64_t len);

/* ------------------------------------------------------------------------------------------------------- */
/* Keys                                                                                                     */
/* ------------------------------------------------------------------------------------------------------- */

#define MEGASEAL_KEY_LEN 32

/** megaseal_recipient: a checked public key; immutable, reference-counted, shareable between threads. */
typedef struct megaseal_recipient megaseal_recipient;
/** megaseal_secret_key: a secret key in memory that is locked where the system allows it, kept out of core dumps and
 * fenced by guard pages; immutable, reference-counted, shareable between threads. In a child of fork() it is wiped, unless
 * it is inheritable: calls that need it answer FORKED there. Its public key stays, and a child may release it. */
typedef struct megaseal_secret_key megaseal_secret_key;

/** megaseal_recipient_create: checks a public key. Refuses u >= 2^255 - 19 and a set high bit (KEY_NONCANONICAL), and
 * the points of low order (KEY_LOW_ORDER). The caller owns one reference. Errors: also ARGUMENT, MEMORY. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_recipient_create(megaseal_recipient **out_recipient, const uint8_t public_key[MEGASEAL_KEY_LEN]);
/** megaseal_recipient_retain: adds a reference and returns its argument. Thread-safe. */
MEGASEAL_API megaseal_recipient *megaseal_recipient_retain(megaseal_recipient *recipient);
/** megaseal_recipient_release: drops a reference; the last one frees. NULL is allowed. Thread-safe. */
MEGASEAL_API void megaseal_recipient_release(megaseal_recipient *recipient);
/** megaseal_recipient_public_key: the 32 bytes it was made from. Thread-safe. */
MEGASEAL_API void megaseal_recipient_public_key(const megaseal_recipient *recipient,
                                                uint8_t out_public_key[MEGASEAL_KEY_LEN]);

/** megaseal_secret_key_create: copies a 32-byte X25519 secret and computes its public key. The caller owns one
 * reference and should wipe its own copy. Errors: ARGUMENT, MEMORY, BACKEND_UNAVAILABLE (no backend passes its self-test). */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_secret_key_create(megaseal_secret_key **out_key, const uint8_t secret_key[MEGASEAL_KEY_LEN]);
/** megaseal_secret_key_generate: a fresh key from the system's generator. Errors: ARGUMENT, MEMORY, RANDOM,
 * BACKEND_UNAVAILABLE. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_secret_key_generate(megaseal_secret_key **out_key);
/** megaseal_secret_key_create_inheritable: a copy of `key` that is not wiped on fork(), for a server that loads its keys
 * and then forks its workers: its children have the key as well, and so has every other child. The caller owns one
 * reference; `key` may be released. Each process has a copy of its own, and wipes that alone when it drops the last
 * reference. Errors: ARGUMENT, MEMORY, FORKED. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_secret_key_create_inheritable(megaseal_secret_key **out_key, const megaseal_secret_key *key);
/** megaseal_secret_key_retain: adds a reference and returns its argument. Thread-safe. */
MEGASEAL_API megaseal_secret_key *megaseal_secret_key_retain(megaseal_secret_key *key);
/** megaseal_secret_key_release: drops a reference; the last one wipes and frees. NULL is allowed. Thread-safe. */
MEGASEAL_API void megaseal_secret_key_release(megaseal_secret_key *key);
/** megaseal_secret_key_public_key: the public key that belongs to it. Thread-safe. */
MEGASEAL_API void megaseal_secret_key_public_key(const megaseal_secret_key *key,
                                                 uint8_t out_public_key[MEGASEAL_KEY_LEN]);
/** megaseal_secret_key_export: the 32 secret bytes; the caller wipes them. Errors: ARGUMENT, FORKED; out_secret_key is then
 * zeroed. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_secret_key_export(const megaseal_secret_key *key, uint8_t out_secret_key[MEGASEAL_KEY_LEN]);

/** Bytes that the text forms need, the closing NUL included. */
#define MEGASEAL_PUBLIC_KEY_TEXT_LEN 68
#define MEGASEAL_SECRET_KEY_PEM_LEN 128

/** megaseal_public_key_to_text: bech32 with prefix "megaseal", lower case, NUL-terminated. Thread-safe. */
MEGASEAL_API void megaseal_public_key_to_text(char out_text[MEGASEAL_PUBLIC_KEY_TEXT_LEN],
                                              const uint8_t public_key[MEGASEAL_KEY_LEN]);
/** megaseal_public_key_from_text: reads bech32 as above (all lower or all upper case) or 32 bytes in standard base64
 * (padded or not); blanks around it are ignored. The key is checked as by megaseal_recipient_create. Errors:
 * ARGUMENT, KEY_FORMAT, KEY_NONCANONICAL, KEY_LOW_ORDER; out_public_key is then zeroed. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_public_key_from_text(
    uint8_t out_public_key[MEGASEAL_KEY_LEN], const char *text, size_t text_len);
/** megaseal_secret_key_to_pem: PKCS#8 in PEM as `openssl genpkey -algorithm X25519` writes it, NUL-terminated. The
 * caller wipes it. Errors: ARGUMENT, FORKED; out_pem is then empty. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_secret_key_to_pem(char out_pem[MEGASEAL_SECRET_KEY_PEM_LEN], const megaseal_secret_key *key);
/** megaseal_secret_key_from_pem: the first X25519 PRIVATE KEY block in `pem`; text before it is ignored, as PEM has
 * it. When out_consumed is not NULL it gets the bytes up to the end of that block, so that a file with several keys
 * is read by calling again. Encrypted keys and other algorithms are KEY_FORMAT, as is text without any secret key, but for
 * which *out_consumed is pem_len: that was the last one. Errors: ARGUMENT, MEMORY, KEY_FORMAT, BACKEND_UNAVAILABLE; *out_key
 * is then NULL, and *out_consumed 0 in all other cases. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_secret_key_from_pem(megaseal_secret_key **out_key,
                                                                           size_t *out_consumed, const char *pem,
                                                                           size_t pem_len);

/* ------------------------------------------------------------------------------------------------------- */
/* X25519 in batches (RFC 7748)                                                                             */
/* ------------------------------------------------------------------------------------------------------- */

/** megaseal_x25519_batch: out[i] = X25519(secrets[i], points[i]), 32 bytes each, packed. Strides are bytes from one
 * item to the next, 0 for one shared by all, else at least 32. Secrets are clamped; points are taken as RFC 7748 says
 * (high bit ignored, u >= p reduced). A result of all zeros is MEGASEAL_LOW_ORDER in out_statuses (may be NULL) and
 * stays zero. `out` must not overlap the inputs. *out_num_failed may be NULL.
 * Errors: ARGUMENT, MEMORY. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_x25519_batch(megaseal_engine *engine, uint8_t *out, uint8_t *out_statuses, size_t *out_num_failed,
                      size_t num_items, const uint8_t *secrets, size_t secret_stride, const uint8_t *points,
                      size_t point_stride);
/** megaseal_x25519_public_batch: out[i] = X25519(secrets[i], 9). As above. Errors: ARGUMENT, MEMORY. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_x25519_public_batch(megaseal_engine *engine, uint8_t *out,
                                                                           size_t num_items, const uint8_t *secrets,
                                                                           size_t secret_stride);
/** megaseal_keygen_batch: num_items fresh key pairs, 32 + 32 bytes each, packed. The caller wipes the secrets.
 * Errors: ARGUMENT; MEMORY and RANDOM, after which the outputs are zeros. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_keygen_batch(megaseal_engine *engine, uint8_t *out_publics,
                                                                    uint8_t *out_secrets, size_t num_items);

/* ------------------------------------------------------------------------------------------------------- */
/* Prepared recipients                                                                                      */
/* ------------------------------------------------------------------------------------------------------- */

/* Sealing to a public key again and again goes faster by a table of its multiples. An engine makes such tables by
 * itself for recipients to whom it seals often enough, in megaseal_hpke_seal_batch, megaseal_sealedbox_seal_batch and
 * for the points of megaseal_x25519_batch, and keeps them as long as memory allows (prepared_cache_bytes) and the
 * recipient keeps coming. Results are the same bytes with a table as without, and so are statuses; the time a call
 * takes shows which public keys and points came before. */

/** megaseal_prepared_size: which of a backend's tables; a larger one is faster to use, dearer to make, and leaves room
 * for fewer. */
typedef enum megaseal_prepared_size {
  MEGASEAL_PREPARED_AUTO = 0, /**< as large as is worth while for so many keys */
  MEGASEAL_PREPARED_SMALL = 1,
  MEGASEAL_PREPARED_MEDIUM = 2,
  MEGASEAL_PREPARED_LARGE = 3,
  MEGASEAL_PREPARED_INT_ = 0x7fffffff
} megaseal_prepared_size;

/** megaseal_prepare_recipients: makes tables for num_keys raw public keys, 32 bytes each, `stride` bytes apart (at
 * least 32), before anything is sealed to them. *out_num_prepared (may be NULL) gets how many of them have a table of
 * that size, or a larger one, afterwards. The others will do without, and sealing to them works all the same: keys on
 * the curve's twist and keys that sealing refuses have no table; tables made by earlier calls are not thrown out for
 * new ones while their recipients still come; and an engine without a cache or a backend without tables prepares
 * nothing. Tables that this call makes keep their size.
 * Errors: ARGUMENT. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_prepare_recipients(megaseal_engine *engine,
                                                                          size_t *out_num_prepared, size_t num_keys,
                                                                          const uint8_t *public_keys, size_t stride,
                                                                          megaseal_prepared_size size);

/** megaseal_prepared_info: what an engine's tables are worth. Counts run from the engine's creation, and wrap. */
typedef struct megaseal_prepared_info {
  size_t struct_size;         /**< in: sizeof(megaseal_prepared_info) */
  uint64_t capacity_bytes;    /**< that tables may take; 0: there is no cache */
  uint64_t used_bytes;        /**< that tables take now */
  uint64_t table_bytes[3];    /**< of a small, medium and large table; 0: the backend has none */
  uint64_t num_tables;        /**< now */
  uint64_t num_hits;          /**< messages and X25519 results that went by a table */
  uint64_t num_misses;        /**< those that did not, though there is a cache */
  uint64_t num_builds;        /**< tables made */
  uint64_t num_without_table; /**< keys that were tried and have none */
  uint64_t num_evictions;     /**< tables that made room for others */
} megaseal_prepared_info;

/** megaseal_engine_prepared_info: reads the counts, each by itself: while other calls run they need not agree.
 * Errors: ARGUMENT. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_engine_prepared_info(const megaseal_engine *engine,
                                                                            megaseal_prepared_info *out_info);

/* ------------------------------------------------------------------------------------------------------- */
/* AEAD in batches                                                                                          */
/* ------------------------------------------------------------------------------------------------------- */

/** megaseal_aead_keys: key and nonce of each item, 32 bytes, and 12 (ChaCha20) or 24 (XChaCha20). Strides are bytes;
 * 0: one for all. Sealing more than one item with one key and one nonce is refused (ARGUMENT). */
typedef struct megaseal_aead_keys {
  const uint8_t *keys;
  size_t key_stride;
  const uint8_t *nonces;
  size_t nonce_stride;
} megaseal_aead_keys;

/** megaseal_aead_seal_batch: seals with MEGASEAL_FORMAT_CHACHA20POLY1305 or _XCHACHA20POLY1305. Item statuses: OK,
 * TOO_LONG, BUFFER_TOO_SMALL, OVERLAP. *out_num_failed may be NULL. Errors: ARGUMENT, MEMORY. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_aead_seal_batch(megaseal_engine *engine, size_t *out_num_failed, const megaseal_batch *batch,
                         megaseal_format format, const megaseal_aead_keys *keys);
/** megaseal_aead_open_batch: the reverse. No plaintext is written before its tag has verified. Item statuses: also
 * AUTH_FAILED, TRUNCATED. Errors: ARGUMENT, MEMORY. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_aead_open_batch(megaseal_engine *engine, size_t *out_num_failed, const megaseal_batch *batch,
                         megaseal_format format, const megaseal_aead_keys *keys);

/* ------------------------------------------------------------------------------------------------------- */
/* HPKE (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305; base and PSK modes           */
/* ------------------------------------------------------------------------------------------------------- */

/** megaseal_recipients: the recipient of each item: handles[i * step], or raw keys at public_keys + i * stride.
 * step and stride 0: one for all; step is otherwise 1 and stride at least 32. Exactly one of handles and public_keys
 * is set. A raw key that megaseal_recipient_create would refuse fails its items (NONCANONICAL, LOW_ORDER). */
typedef struct megaseal_recipients {
  const megaseal_recipient *const *handles;
  size_t step;
  const uint8_t *public_keys;
  size_t stride;
} megaseal_recipients;

/** megaseal_hpke_params: what the items of a batch share. Set struct_size to sizeof(megaseal_hpke_params) and zero
 * what is not used; NULL instead of the struct means base mode with empty info.
 * PSK mode is chosen by psk: at least 32 bytes, with a psk_id of at least one byte; both or neither.
 * export_len > 0 asks for export_len bytes (at most 8,160) per item under exporter_context (RFC 9180 §5.3). */
typedef struct megaseal_hpke_params {
  size_t struct_size;
  const void *info;
  size_t info_len;
  const void *psk;
  size_t psk_len;
  const void *psk_id;
  size_t psk_id_len;
  const void *exporter_context;
  size_t exporter_context_len;
  size_t export_len;
} megaseal_hpke_params;

#define MEGASEAL_HPKE_MAX_EXPORT_LEN 8160

/** megaseal_hpke_seal_batch: single-shot: every item gets an ephemeral key of its own; sealed item: enc ‖ ct ‖ tag.
 * out_exports gets num_items * export_len bytes (zeros for failed items); when export_len is 0 it is not looked at. Item
 * statuses: OK, LOW_ORDER, NONCANONICAL, TOO_LONG, BUFFER_TOO_SMALL, OVERLAP. *out_num_failed may be NULL.
 * Errors: ARGUMENT, MEMORY, RANDOM. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_hpke_seal_batch(
    megaseal_engine *engine, size_t *out_num_failed, uint8_t *out_exports, const megaseal_batch *batch,
    const megaseal_hpke_params *params, const megaseal_recipients *recipients);
/** megaseal_hpke_open_batch: the reverse. keys[i * key_step] opens item i; key_step is 0 (one for all) or 1. Item
 * statuses: OK, AUTH_FAILED, LOW_ORDER, TRUNCATED, TOO_LONG, BUFFER_TOO_SMALL, OVERLAP. Errors: ARGUMENT, MEMORY, FORKED
 * (one of the keys). Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_hpke_open_batch(
    megaseal_engine *engine, size_t *out_num_failed, uint8_t *out_exports, const megaseal_batch *batch,
    const megaseal_hpke_params *params, const megaseal_secret_key *const *keys, size_t key_step);

/** megaseal_hpke_context: one encapsulation, many messages by sequence number. A sender's or a receiver's. It belongs to
 * the process that made it: in a child of fork() it is wiped, and nothing is left but to destroy it. */
typedef struct megaseal_hpke_context megaseal_hpke_context;

/** megaseal_hpke_sender_create: encapsulates to `recipient`; out_enc goes to the receiver, once. exporter_context and
 * export_len of `params` must be unset. Errors: ARGUMENT, MEMORY, RANDOM. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_hpke_sender_create(
    megaseal_hpke_context **out_context, uint8_t out_enc[MEGASEAL_KEY_LEN], megaseal_engine *engine,
    const megaseal_hpke_params *params, const megaseal_recipient *recipient);
/** megaseal_hpke_receiver_create: decapsulates. Errors: ARGUMENT, MEMORY, KEY_LOW_ORDER (of enc), FORKED. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_hpke_receiver_create(
    megaseal_hpke_context **out_context, megaseal_engine *engine, const megaseal_hpke_params *params,
    const megaseal_secret_key *key, const uint8_t enc[MEGASEAL_KEY_LEN]);
/** megaseal_hpke_context_destroy: wipes and frees. NULL is allowed. */
MEGASEAL_API void megaseal_hpke_context_destroy(megaseal_hpke_context *context);

/** megaseal_hpke_context_seal_batch: reserves num_items consecutive sequence numbers at once and returns the first in
 * *out_first_sequence (may be NULL); item i is sealed under *out_first_sequence + i. A failed item burns its number,
 * and MEMORY those of the whole batch.
 * Item statuses: OK, TOO_LONG, BUFFER_TOO_SMALL, OVERLAP. Errors: ARGUMENT, MEMORY, ROLE, MESSAGE_LIMIT, FORKED.
 * Thread-safe: concurrent calls get disjoint numbers. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_hpke_context_seal_batch(megaseal_hpke_context *context, uint64_t *out_first_sequence,
                                 size_t *out_num_failed, megaseal_engine *engine, const megaseal_batch *batch);
/** megaseal_hpke_context_open_batch: opens item i under sequences[i], in any order and as often as asked: detecting
 * replay is the caller's. Item statuses: OK, AUTH_FAILED, TRUNCATED, TOO_LONG, BUFFER_TOO_SMALL, OVERLAP. Errors:
 * ARGUMENT, MEMORY, ROLE, FORKED. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_hpke_context_open_batch(const megaseal_hpke_context *context, size_t *out_num_failed,
                                 megaseal_engine *engine, const megaseal_batch *batch, const uint64_t *sequences);
/** megaseal_hpke_context_export_batch: num_items exports of export_len bytes (1 to 8,160) each, packed, one per
 * exporter context (RFC 9180 §5.3). Errors: ARGUMENT, MEMORY, FORKED. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_hpke_context_export_batch(
    const megaseal_hpke_context *context, uint8_t *out_exports, megaseal_engine *engine, size_t num_items,
    const megaseal_inputs *exporter_contexts, size_t export_len);

/* ------------------------------------------------------------------------------------------------------- */
/* Sealed boxes, byte for byte libsodium's                                                                  */
/* ------------------------------------------------------------------------------------------------------- */

/** megaseal_sealedbox_seal_batch: format is MEGASEAL_FORMAT_SEALEDBOX or _SEALEDBOX_SALSA. Item statuses as for
 * megaseal_hpke_seal_batch. Errors: ARGUMENT, MEMORY, RANDOM. Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error
megaseal_sealedbox_seal_batch(megaseal_engine *engine, size_t *out_num_failed, const megaseal_batch *batch,
                              megaseal_format format, const megaseal_recipients *recipients);
/** megaseal_sealedbox_open_batch: the reverse; keys as in megaseal_hpke_open_batch. Errors: ARGUMENT, MEMORY, FORKED.
 * Thread-safe. */
MEGASEAL_MUST_USE MEGASEAL_API megaseal_error megaseal_sealedbox_open_batch(
    megaseal_engine *engine, size_t *out_num_failed, const megaseal_batch *batch, megaseal_format format,
    const megaseal_secret_key *const *keys, size_t key_step);

#ifdef __cplusplus
}
#endif

#endif /* MEGASEAL_MEGASEAL_H */
