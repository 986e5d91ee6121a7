/* The headers in a C99 program of its own, against the shared library. */
#include <megaseal/megaseal.h>
#include <megaseal/megaseal_cuda.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  static const char text[] = "from C";
  uint8_t sealed[sizeof text + 48], opened[sizeof text], statuses[1], public_key[MEGASEAL_KEY_LEN];
  const void *in[1];
  void *out[1];
  uint64_t len = sizeof text, capacity = sizeof sealed;
  megaseal_engine *engine = NULL;
  megaseal_secret_key *key = NULL;
  const megaseal_secret_key *keys[1];
  megaseal_recipients to;
  megaseal_batch batch;

  if (megaseal_engine_create(&engine, NULL) || megaseal_secret_key_generate(&key)) return 1;
  megaseal_secret_key_public_key(key, public_key);
  memset(&to, 0, sizeof to);
  to.public_keys = public_key;
  memset(&batch, 0, sizeof batch);
  batch.struct_size = sizeof batch;
  batch.num_items = 1;
  batch.in.ptrs = in;
  batch.in.lens = &len;
  batch.out.ptrs = out;
  batch.out.capacities = &capacity;
  batch.out_statuses = statuses;
  in[0] = text;
  out[0] = sealed;
  if (megaseal_hpke_seal_batch(engine, NULL, NULL, &batch, NULL, &to) || statuses[0] != MEGASEAL_OK) return 2;
  in[0] = sealed;
  out[0] = opened;
  len = sizeof sealed;
  capacity = sizeof opened;
  keys[0] = key;
  if (megaseal_hpke_open_batch(engine, NULL, NULL, &batch, NULL, keys, 0) || statuses[0] != MEGASEAL_OK) return 3;
  if (memcmp(opened, text, sizeof text) != 0) return 4;
  printf("megaseal %s: %s\n", megaseal_version(), (const char *)opened);
  megaseal_secret_key_release(key);
  megaseal_engine_destroy(engine);
  return 0;
}
