/* A stand-in for TensorRT: it loads and registers no plug-in, and builds nothing. */
#include <stddef.h>

static void *nothing(void) { return NULL; }
static void *table[64];
static struct { void **table; } registry = {table};

__attribute__((constructor)) static void fill(void) {
  for (int i = 0; i < 64; i++) table[i] = (void *)nothing;
}

void *getPluginRegistry(void) { return &registry; }
void *createInferBuilder_INTERNAL(void *logger, int version) { return NULL; }
void *createInferRuntime_INTERNAL(void *logger, int version) { return NULL; }
void *createInferRefitter_INTERNAL(void *engine, void *logger, int version) { return NULL; }
int getInferLibVersion(void) { return 101300; }
void *createNvOnnxParser_INTERNAL(void *network, void *logger, int version) { return NULL; }
void *createNvOnnxParserRefitter_INTERNAL(void *refitter, void *logger, int version) { return NULL; }
